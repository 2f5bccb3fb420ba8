"""Questions that tools ask before they send alerts: is this URL right, and does its owner want them?

A handshake needs the same token or signature as an alert, and stores nothing. The answer repeats text of
the request, so it is JSON or plain text that no browser acts on.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tui.delivery.fetch import NotFetched
from tui.domain.alert import decode_json
from tui.domain.sns import confirmation_url
from tui.domain.text import storable, visible
from tui.intake.answers import Json
from tui.intake.formats.expression import Expression
from tui.intake.formats.values import candidates

log = logging.getLogger(__name__)

_LONGEST = 64 * 1024
"""No handshake is longer. Bodies beyond are not searched."""
_TOPIC_AND_TOKEN = Expression("[TopicArn, Token]")
_INERT = {"X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, slots=True)
class Handshake:
    """One tool's question and the answer to it.

    A request asks it if it has the method and `header` (with the value `value`, if given), the URL parameter
    `query`, or a body that contains `mark`; and if `answer` finds something in {header, query, body}.
    """

    tool: str
    page: str
    """Where the tool documents it."""
    answer: Expression
    method: str = "POST"
    header: str = ""
    value: str = ""
    query: str = ""
    mark: bytes = b""
    as_text: bool = False
    answer_headers: Mapping[str, Expression] = field(default_factory=dict[str, Expression])

    def is_announced(self, request: Request) -> bool:
        if self.header:
            given = request.headers.get(self.header)
            return given is not None and self.value in ("", given)
        return not self.query or self.query in request.query_params


HANDSHAKES = (
    Handshake(
        "Okta event hooks",
        "https://developer.okta.com/docs/concepts/event-hooks/#one-time-verification-request",
        method="GET",
        header="x-okta-verification-challenge",
        answer=Expression("{verification: header}"),
    ),
    Handshake(
        "CloudEvents, Azure Event Grid with the CloudEvents schema",
        "https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md#4-abuse-protection",
        method="OPTIONS",
        header="webhook-request-origin",
        answer=Expression("''"),
        as_text=True,
        answer_headers={
            "Allow": Expression("'POST'"),
            "WebHook-Allowed-Origin": Expression("header"),
            "WebHook-Allowed-Rate": Expression("'*'"),
        },
    ),
    Handshake(
        "Azure Event Grid",
        "https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema",
        header="aeg-event-type",
        value="SubscriptionValidation",
        answer=Expression("body[0].data.validationCode && {validationResponse: body[0].data.validationCode}"),
    ),
    Handshake(
        "Microsoft Graph change notifications",
        "https://learn.microsoft.com/graph/change-notifications-delivery-webhooks#notificationurl-validation",
        query="validationToken",
        answer=Expression("query"),
        as_text=True,
    ),
    Handshake(
        "Slack's Events API, and tools that copy it",
        "https://api.slack.com/events/url_verification",
        mark=b"url_verification",
        answer=Expression("body.type == 'url_verification' && body.challenge && {challenge: body.challenge}"),
    ),
    Handshake(
        "GitHub",
        "https://docs.github.com/en/webhooks/webhook-events-and-payloads#ping",
        header="x-github-event",
        value="ping",
        answer=Expression("{ping: body.zen}"),
    ),
)


_BEFORE_BODY = tuple(shake for shake in HANDSHAKES if shake.method != "POST" or shake.query)
_IN_BODY = tuple(shake for shake in HANDSHAKES if shake not in _BEFORE_BODY)
_SNS = "x-amz-sns-message-type"
_HEADERS = frozenset(name.encode() for name in (*(shake.header for shake in _IN_BODY if shake.header), _SNS))
_MARKS = tuple(shake.mark for shake in _IN_BODY if shake.mark)


@dataclass(frozen=True, slots=True)
class Handshakes:
    topics: frozenset[str] = frozenset()
    """ARNs of the SNS topics whose subscriptions Tocsin confirms. Others become alerts, for a person."""
    confirm: Callable[[str], Awaitable[None]] | None = None
    """Opens the URL that confirms a subscription. Raises NotFetched."""

    def answer_before_body(self, request: Request) -> Response | None:
        """Return the answer to a handshake that method, headers and URL contain; None if this is none."""
        if request.method == "POST" and not request.scope["query_string"]:  # as good as all alerts
            return None
        for shake in _BEFORE_BODY:
            if shake.method == request.method and shake.is_announced(request):
                return _answer(shake, request, None)
        return None

    async def answer(self, request: Request, body: bytes) -> Response | None:
        """Return the answer to a handshake in the body of a POST; None if this is none."""
        if len(body) > _LONGEST:
            return None
        announced = not _HEADERS.isdisjoint([name for name, _ in request.scope["headers"]])
        if not announced and not any(mark in body for mark in _MARKS):  # as good as all alerts
            return None
        parsed = _parsed(body)
        for shake in _IN_BODY:
            if shake.mark in body and shake.is_announced(request):
                answer = _answer(shake, request, parsed)
                if answer:
                    return answer
        if request.headers.get(_SNS) == "SubscriptionConfirmation":
            return await self._confirm(parsed)
        return None

    async def _confirm(self, message: Any) -> Response | None:
        """Confirm a subscription to an allowed topic; None if a person has to."""
        topic, token = candidates(_TOPIC_AND_TOKEN.of(message) or ["", ""])
        if self.confirm is None or not isinstance(topic, str) or topic not in self.topics:
            return None
        url = confirmation_url(topic, str(token))
        if url is None:
            return None
        try:
            await self.confirm(url)
        except NotFetched as error:
            log.warning("cannot confirm the SNS subscription to %s: %s", topic, visible(str(error)))
            return None
        log.info("confirmed the SNS subscription to %s", topic)
        return Json({"confirmed": topic}, 200, _INERT)


def _answer(shake: Handshake, request: Request, body: Any) -> Response | None:
    asked = {
        "header": request.headers.get(shake.header) if shake.header else None,
        "query": request.query_params.get(shake.query) if shake.query else None,
        "body": body,
    }
    found = shake.answer.of(asked)
    if found is None or found is False or found in ([], {}):
        return None
    headers = {name: str(value.of(asked)) for name, value in shake.answer_headers.items()} | _INERT
    if shake.as_text:
        return PlainTextResponse(storable(str(found)), 200, headers)
    return Json(found, 200, headers)


def _parsed(body: bytes) -> Any:
    try:
        return decode_json(body.decode())
    except (ValueError, RecursionError):
        return None
