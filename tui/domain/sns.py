"""AWS SNS: topics for which Tocsin may confirm a subscription, and the URL that confirms one.

https://docs.aws.amazon.com/sns/latest/dg/http-subscription-confirmation-json.html
"""

import re
from urllib.parse import urlencode

from tui.domain.errors import Invalid

_TOPIC = re.compile(r"arn:(aws|aws-cn|aws-us-gov):sns:([a-z0-9-]{1,40}):[0-9]{12}:[A-Za-z0-9_-]{1,256}")
_TOKEN = re.compile("[A-Za-z0-9_-]{1,1000}")


def parse_topic(given: str) -> str:
    """Return the ARN of a topic. Raises Invalid (`sns_topics`)."""
    topic = given.strip()
    if not _TOPIC.fullmatch(topic):
        raise Invalid(
            "sns_topics",
            f"{topic!r} is not the ARN of an SNS topic, like arn:aws:sns:eu-west-1:111122223333:findings",
        )
    return topic


def confirmation_url(topic: str, token: str) -> str | None:
    """Return the URL that confirms a subscription; None for a token or topic of the wrong form.

    Made from the topic, not from the message: its host is always SNS in the region of the topic.
    """
    arn = _TOPIC.fullmatch(topic)
    if arn is None or not _TOKEN.fullmatch(token):
        return None
    suffix = ".cn" if arn[1] == "aws-cn" else ""
    query = urlencode({"Action": "ConfirmSubscription", "TopicArn": topic, "Token": token})
    return f"https://sns.{arn[2]}.amazonaws.com{suffix}/?{query}"
