"""The URL that confirms a subscription goes to SNS and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.domain.errors import Invalid
from tui.domain.sns import confirmation_url, parse_topic

TOPIC = "arn:aws:sns:eu-west-1:111122223333:findings"


@pytest.mark.parametrize(
    ("topic", "host"),
    [
        (TOPIC, "https://sns.eu-west-1.amazonaws.com/?"),
        (
            TOPIC.replace("aws:sns:eu-west-1", "aws-us-gov:sns:us-gov-west-1"),
            "https://sns.us-gov-west-1.amazonaws.com/?",
        ),
        (
            TOPIC.replace("aws:sns:eu-west-1", "aws-cn:sns:cn-north-1"),
            "https://sns.cn-north-1.amazonaws.com.cn/?",
        ),
    ],
)
def test_the_host_is_sns_in_the_region_of_the_topic(topic: str, host: str) -> None:
    assert parse_topic(f" {topic} ") == topic
    assert (confirmation_url(topic, "t0k") or "").startswith(host)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "findings",
        TOPIC.replace("eu-west-1", "evil.example/"),
        TOPIC.replace("eu-west-1", "eu-west-1.evil"),
        TOPIC.replace(":sns:", ":sqs:"),
        f"{TOPIC}:subscription",
        f"{TOPIC}\n",
    ],
)
def test_what_is_no_topic(given: str) -> None:
    assert confirmation_url(given, "t0k") is None
    if given.strip() != TOPIC:
        with pytest.raises(Invalid, match="is not the ARN of an SNS topic"):
            parse_topic(given)


@given(token=st.text())
def test_no_token_changes_the_host_or_the_action(token: str) -> None:
    url = confirmation_url(TOPIC, token)
    start = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn="
    assert url is None or (url.startswith(start) and url.endswith(f"&Token={token}"))
