"""Plays a vendor: checks a request against its published limits, and answers as the vendor does."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tui.serving import limits
from tui.serving.limits import Seen


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Vendor:
    check: Callable[[Seen], Iterator[str]]
    """Yields what is wrong with a request."""
    accept: Callable[[Seen], Reply]
    refuse: Callable[[str], Reply]
    limit: Callable[[int], Reply]
    """The answer of status 429, with the seconds to wait."""


def _json(status: int, value: object, *headers: tuple[str, str]) -> Reply:
    return Reply(status, json.dumps(value), (("Content-Type", "application/json"), *headers))


def _plain_limit(seconds: int) -> Reply:
    return Reply(429, "rate limited", (("Retry-After", str(seconds)),))


def _text(text: str, status: int = 200) -> Callable[[Seen], Reply]:
    return lambda _: Reply(status, text)


_SPLUNK: dict[str, tuple[int, object]] = {
    "Token is required": (401, {"text": "Token is required", "code": 2}),
    "Event field is required": (
        400,
        {"text": "Event field is required", "code": 12, "invalid-event-number": 0},
    ),
}


def _slack_refusal(why: str) -> Reply:
    """Slack names a kind of mistake, and nothing more."""
    return Reply(400, why if why in ("no_text", "msg_blocks_too_long") else "invalid_blocks")


def _teams_refusal(why: str) -> Reply:
    about = (
        f"The input body for trigger 'manual' of type 'Request' did not match its schema definition: {why}"
    )
    return _json(400, {"error": {"code": "TriggerInputSchemaMismatch", "message": about}})


def _discord_refusal(why: str) -> Reply:
    if why == "Cannot send an empty message":
        return _json(400, {"message": why, "code": 50006})
    return _json(400, {"message": "Invalid Form Body", "code": 50035, "errors": why})


VENDORS: dict[str, Vendor] = {
    "slack": Vendor(limits.slack, _text("ok"), _slack_refusal, _plain_limit),
    "teams": Vendor(limits.teams, _text("", 202), _teams_refusal, _plain_limit),
    "discord": Vendor(
        limits.discord,
        _text("", 204),
        _discord_refusal,
        lambda seconds: _json(
            429,
            {"message": "You are being rate limited.", "retry_after": seconds, "global": False},
            ("Retry-After", str(seconds)),
        ),
    ),
    "google-chat": Vendor(
        limits.google_chat,
        lambda _: _json(200, {"name": "spaces/AAAA/messages/BBBB"}),
        lambda why: _json(400, {"error": {"code": 400, "message": why, "status": "INVALID_ARGUMENT"}}),
        lambda _: _json(429, {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}),
    ),
    "mattermost": Vendor(
        limits.mattermost,
        _text("ok"),
        lambda why: _json(400, {"message": why, "status_code": 400}),
        _plain_limit,
    ),
    "telegram": Vendor(
        limits.telegram,
        lambda _: _json(200, {"ok": True, "result": {"message_id": 1}}),
        lambda why: _json(400, {"ok": False, "error_code": 400, "description": why}),
        lambda seconds: _json(
            429,
            {
                "ok": False,
                "error_code": 429,
                "description": f"Too Many Requests: retry after {seconds}",
                "parameters": {"retry_after": seconds},
            },
        ),
    ),
    "pagerduty": Vendor(
        limits.pagerduty,
        lambda seen: _json(
            202,
            {
                "status": "success",
                "message": "Event processed",
                "dedup_key": limits.object_of(seen).get("dedup_key", ""),
            },
        ),
        lambda why: _json(
            400, {"status": "invalid event", "message": "Event object is invalid", "errors": [why]}
        ),
        lambda _: _json(
            429, {"status": "throttle exceeded", "message": "Requests for this service exceeded"}
        ),
    ),
    "opsgenie": Vendor(
        limits.opsgenie,
        lambda _: _json(202, {"result": "Request will be processed", "took": 0.1, "requestId": "1"}),
        lambda why: _json(422, {"message": why, "took": 0.0, "requestId": "1"}),
        lambda _: _json(429, {"message": "You are making too many requests!"}),
    ),
    "ntfy": Vendor(
        limits.ntfy,
        lambda seen: _json(
            200, {"id": "1", "event": "message", "topic": limits.object_of(seen).get("topic")}
        ),
        lambda why: _json(400, {"code": 40001, "http": 400, "error": why}),
        lambda _: _json(429, {"code": 42901, "http": 429, "error": "limit reached: too many requests"}),
    ),
    "cloudevents": Vendor(limits.cloudevents, _text("", 204), lambda why: Reply(415, why), _plain_limit),
    "splunk-hec": Vendor(
        limits.splunk,
        lambda _: _json(200, {"text": "Success", "code": 0}),
        lambda why: _json(*_SPLUNK.get(why, (400, {"text": why, "code": 6}))),
        lambda _: _json(503, {"text": "Server is busy", "code": 9}),
    ),
    "generic": Vendor(limits.any_object, _text("ok"), lambda why: Reply(400, why), _plain_limit),
    "grafana-irm": Vendor(limits.grafana_irm, _text("Ok."), lambda why: Reply(400, why), _plain_limit),
    "ocsf": Vendor(limits.ocsf, _text("ok"), lambda why: Reply(400, why), _plain_limit),
}
