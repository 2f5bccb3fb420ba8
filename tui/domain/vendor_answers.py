"""What the answers of known vendors mean, and what to do about them.

The texts are those that vendors document or are known to send (seen 2026-11-29): Slack's changelog of
2016-05-17 on incoming webhooks, Discord's JSON error codes, Telegram's Bot API, Splunk's HEC reference.
"""

import re
from dataclasses import dataclass

LABELS = {
    "slack": "Slack",
    "teams": "Microsoft Teams",
    "discord": "Discord",
    "google-chat": "Google Chat",
    "mattermost": "Mattermost",
    "telegram": "Telegram",
    "pagerduty": "PagerDuty",
    "opsgenie": "Opsgenie and Jira Service Management",
    "ntfy": "ntfy",
    "splunk-hec": "Splunk",
    "grafana-irm": "Grafana IRM",
}
"""The vendors by the name of their shape."""

_REJECTS_CONTENT = (400, 415, 422)
_FORMAT = ""
"""The advice of an answer that says only that the request is not in the vendor's format."""
_RENDER = "To see the request, press v on the alert or run `tocsin shape render`."


@dataclass(frozen=True, slots=True)
class _Answer:
    vendor: str
    phrases: str
    """Alternatives, separated by `|`: whole words in any case."""
    advice: str = _FORMAT
    telling: bool = True
    """Whether only this vendor answers so. Other answers are matched only if the vendor is known."""

    def matches(self, said: str) -> bool:
        return re.search(rf"(?<![\w-])(?:{self.phrases})(?![\w-])", said) is not None


_ANSWERS = (
    _Answer("slack", "no_text|missing_text_or_fallback_or_attachments"),
    _Answer("slack", "invalid_payload"),
    _Answer("slack", "msg_blocks_too_long", f"The texts are too long for Slack. Shorten them. {_RENDER}"),
    _Answer(
        "slack", "invalid_blocks|invalid_blocks_format", f"Slack rejects a block of the message. {_RENDER}"
    ),
    _Answer(
        "slack",
        "no_service|no_team|no_active_hooks|invalid_token",
        "The webhook was deleted or disabled. Create a new one in Slack and set its URL here.",
        telling=False,
    ),
    _Answer(
        "slack",
        "channel_not_found",
        "The channel of the webhook does not exist. Create a webhook for another channel and set its URL.",
    ),
    _Answer(
        "slack",
        "channel_is_archived",
        "The channel of the webhook is archived. Unarchive it, or create a webhook for another channel.",
    ),
    _Answer(
        "slack",
        "action_prohibited|posting_to_general_channel_denied|team_disabled",
        "A setting of the Slack workspace forbids this message. Ask its administrator.",
    ),
    _Answer("teams", "triggerinputschemamismatch"),
    _Answer("teams", "workflowtriggerisnotenabled", "The workflow is turned off. Turn it on in Teams."),
    _Answer(
        "teams",
        "directapiauthorizationrequired",
        "The URL is incomplete. Copy it from the workflow with everything after the question mark.",
    ),
    _Answer(
        "teams",
        "webhook message delivery failed with error",
        "This URL is of an Office 365 connector, which Microsoft is retiring. Create a workflow instead.",
    ),
    _Answer("discord", "cannot send an empty message"),
    _Answer("discord", "invalid form body", f"Discord rejects a field that its answer names. {_RENDER}"),
    _Answer(
        "discord",
        "unknown webhook",
        "The webhook was deleted. Create a new one in Discord and set its URL here.",
    ),
    _Answer("discord", "invalid webhook token", "The URL is incomplete. Copy it from Discord again."),
    _Answer("google-chat", "invalid json payload received|message cannot be empty", telling=False),
    _Answer("mattermost", "no text specified|incoming_webhook.text.app_error"),
    _Answer(
        "mattermost",
        "invalid webhook",
        "The webhook was deleted. Create a new one in Mattermost and set its URL here.",
        telling=False,
    ),
    _Answer("telegram", "message text is empty"),
    _Answer(
        "telegram",
        "chat not found|chat_id is empty",
        "Check chat_id at the end of the URL. The bot must be a member of the chat.",
    ),
    _Answer(
        "telegram",
        "bot was blocked|bot was kicked|bot is not a member|bot can't initiate conversation",
        "The bot may not write to this chat. Add it to the chat, or start a conversation with it.",
    ),
    _Answer("telegram", "can't parse entities|message is too long", f"Telegram rejects the text. {_RENDER}"),
    _Answer(
        "telegram",
        "unauthorized|not found",
        "The token in the URL is not that of a bot. Copy it from @BotFather.",
        telling=False,
    ),
    _Answer(
        "pagerduty",
        "routing_key",
        "Check the header X-Routing-Key. It must be the key of an Events API V2 integration.",
        telling=False,
    ),
    _Answer("pagerduty", "event object is invalid", f"PagerDuty rejects the event. {_RENDER}"),
    _Answer(
        "ntfy",
        "topic invalid|invalid topic",
        "Check the topic at the end of the URL: up to 64 letters, digits, - and _.",
        telling=False,
    ),
    _Answer("splunk-hec", "event field is required|invalid data format", telling=False),
    _Answer(
        "splunk-hec",
        "token is required|invalid authorization|invalid token|token disabled",
        "Check the header Authorization. It must be `Splunk`, a space and the token of the collector.",
        telling=False,
    ),
    _Answer(
        "splunk-hec",
        "incorrect index",
        "The token may not write to this index. Allow it in the settings of the token.",
        telling=False,
    ),
    _Answer(
        "splunk-hec",
        "data channel is missing",
        "The token uses indexer acknowledgment. Turn it off, or send the header X-Splunk-Request-Channel.",
        telling=False,
    ),
)


def advise(status: int, body: bytes, *, sent_as: str, expected: str) -> str:
    """Return what to do about a rejection; "" if no vendor is recognized.

    `sent_as` is the shape of the request, `expected` the one for its URL ("" for any).
    """
    said = body[:4096].decode(errors="replace").lower()
    known = {expected, sent_as} & LABELS.keys()
    found = next((each for each in _ANSWERS if _fits(each, known) and each.matches(said)), None)
    vendor = found.vendor if found else expected
    is_other = vendor != sent_as and (sent_as in LABELS or sent_as == "panther")
    if vendor in LABELS and is_other and status in _REJECTS_CONTENT:
        return wrong_shape(vendor)
    if found is None:
        return ""
    return found.advice or f"{LABELS[vendor]} could not read the message. {_RENDER}"


def wrong_shape(vendor: str) -> str:
    """Return the advice for a destination that sends in another shape than its receiver expects."""
    return (
        f"This receiver expects the format of {LABELS[vendor]}. Set Sends as to {vendor} in the form, or use "
        f"`tocsin destination edit` with --shape {vendor}."
    )


def _fits(answer: _Answer, known: set[str]) -> bool:
    return answer.vendor in known or (answer.telling and not known)
