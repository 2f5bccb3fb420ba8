"""Alerts that every shape meets, and a check by the vendor of the same name."""

import json
from typing import Any

from tui.delivery.shapes import library
from tui.delivery.shapes.shape import Rendered
from tui.domain.alert import Alert, Severity
from tui.domain.alert_type import AlertType
from tui.serving.limits import Seen
from tui.serving.vendors import VENDORS

URL = "https://receiver.example/services/T0/mytopic?chat_id=42"
SHAPES = [name for name in library.names() if name != "panther"]
HOSTILE = (
    '<!channel> @everyone "}],\\ {{ 7*7 }} {% for %} </b><script> & *_`~|> \u202e\x00\x1b[31m \ud83d 😀\r\n'
)


def alert(**fields: Any) -> Alert:
    given = {
        "alert_id": "4c2f",
        "rule_id": "AWS.Root",
        "severity": Severity.HIGH,
        "type": AlertType.RULE,
        "created_at": 1_764_411_000_123,
    }
    return Alert(**(given | fields))


def long(text: str) -> Alert:
    """An alert in which everything is as long as `text` repeated makes it."""
    many = (text * (70_000 // len(text)))[:64_000]
    context = json.dumps({"key": many, "fingerprint": many[:2000]}, ensure_ascii=False)
    return alert(
        title=many,
        name=many[:3000],
        rule_id=many[:1000] or "r",
        description=many,
        runbook=many,
        link="https://soc.example/" + "a" * 5000,
        tags=tuple(many[:300] for _ in range(100)),
        context=context,
        dedup_key=many[:900].strip() or None,
    )


SAMPLES: dict[str, Alert] = {
    "an alert": alert(
        title="Root login from <1.2.3.4> & a *new* country",
        name="AWS root login",
        description="Somebody logged in as root.\nMFA: _no_",
        runbook="Ask the owner.",
        link="https://soc.example/alerts/4c2f",
        tags=("aws", "root"),
        context='{"sourceIP":"1.2.3.4","fingerprint":"f1"}',
        version="7",
    ),
    "an empty alert": alert(severity=Severity.INFO, rule_id="r"),
    "a resolved alert": alert(
        title="Resolved: disk full",
        severity=Severity.INFO,
        tags=("resolved", "host=db1"),
        context='{"fingerprint":"f1","status":"resolved"}',
    ),
    "the longest alert": long("long "),
    "the longest alert of emoji": long("😀🚨"),
    "the longest alert of signs": long('<&>"*_\\'),
    "a hostile alert": alert(
        title=HOSTILE,
        name=HOSTILE,
        description=HOSTILE,
        runbook=HOSTILE,
        tags=(HOSTILE,),
        link="javascript:x",
    ),
}


def render(name: str, to: Alert, *, round: int = 1) -> Rendered:
    return library.find(name).render(to, URL, webhook_id="dlv_1", round=round, secret=lambda _: "R0UT1NG")


def objections(name: str, rendered: Rendered) -> list[str]:
    """Return what the vendor says against a request. Its body must be JSON."""
    body = json.loads(rendered.body.decode())
    headers = {"authorization": "Splunk t", **{key.lower(): value for key, value in rendered.headers}}
    query = rendered.url.partition("?")[2]
    return list(VENDORS[name].check(Seen("/", query, headers, body, len(rendered.body))))
