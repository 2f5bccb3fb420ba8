"""Tocsin's own form: no severity, time, tag or type costs an alert, unless the strict form is asked for."""

import json
from typing import Any

import httpx
import pytest

from tests.conftest import NOW
from tests.intake.conftest import stored
from tests.intake.test_formats import results
from tests.store.bench import Bench
from tui.domain.alert import Alert, format_time
from tui.domain.errors import Invalid

DEEP: Any = []
for _ in range(500):
    DEEP = [DEEP]

# given; severity, type, tags and time (None: now); what stays in the context
UNDERSTOOD = [
    ({"severity": 0}, ("MEDIUM", "RULE", (), None), {"unknownSeverity": 0}),
    ({"severity": 9.5}, ("MEDIUM", "RULE", (), None), {"unknownSeverity": 9.5}),
    ({"severity": "0"}, ("MEDIUM", "RULE", (), None), {"unknownSeverity": "0"}),
    ({"severity": "purple"}, ("MEDIUM", "RULE", (), None), {"unknownSeverity": "purple"}),
    ({"severity": ""}, ("MEDIUM", "RULE", (), None), {"unknownSeverity": ""}),
    ({"severity": None}, ("MEDIUM", "RULE", (), None), {"unknownSeverity": None}),
    ({"severity": True}, ("MEDIUM", "RULE", (), None), {"unknownSeverity": True}),
    ({"severity": {"id": 4}}, ("MEDIUM", "RULE", (), None), {"unknownSeverity": {"id": 4}}),
    ({"severity": "sev-1"}, ("CRITICAL", "RULE", (), None), {}),
    ({"severity": ["warning"]}, ("MEDIUM", "RULE", (), None), {}),
    ({"severity": 0, "alertContext": {"a": 1}}, ("MEDIUM", "RULE", (), None), {"a": 1, "unknownSeverity": 0}),
    ({"createdAt": 1769850900}, ("INFO", "RULE", (), "2026-01-31T09:15:00.000Z"), {}),
    ({"createdAt": "2026-01-31 09:15:00"}, ("INFO", "RULE", (), "2026-01-31T09:15:00.000Z"), {}),
    ({"createdAt": "soon"}, ("INFO", "RULE", (), None), {"unknownTime": "soon"}),
    ({"createdAt": True}, ("INFO", "RULE", (), None), {"unknownTime": True}),
    ({"createdAt": None}, ("INFO", "RULE", (), None), {}),
    ({"tags": "prod"}, ("INFO", "RULE", ("prod",), None), {}),
    ({"tags": {"env": "prod"}}, ("INFO", "RULE", ("env=prod",), None), {}),
    ({"tags": ["a", 5]}, ("INFO", "RULE", ("a", "5"), None), {}),
    ({"tags": ["a", None]}, ("INFO", "RULE", ("a",), None), {"unknownTags": ["a", None]}),
    ({"tags": DEEP}, ("INFO", "RULE", (), None), {"unknownTags": DEEP}),
    ({"type": "alarm"}, ("INFO", "RULE", (), None), {"unknownType": "alarm"}),
    ({"type": 7, "severity": "high"}, ("HIGH", "RULE", (), None), {"unknownType": 7}),
    ({"type": None}, ("INFO", "RULE", (), None), {}),
    ({"type": "policy", "severity": 0}, ("MEDIUM", "POLICY", (), None), {"unknownSeverity": 0}),
]


@pytest.mark.parametrize(("given", "expected", "kept"), UNDERSTOOD, ids=lambda value: str(value)[:40])
def test_a_value_costs_no_alert_and_what_is_not_understood_is_said(
    given: dict[str, Any], expected: tuple[object, ...], kept: dict[str, Any]
) -> None:
    for wrap in (lambda one: one, lambda one: {"message": json.dumps(one)}):
        (alert,) = results(wrap({"title": "t", **given}))
        assert isinstance(alert, Alert)
        time = None if alert.created_at == NOW else format_time(alert.created_at)
        assert (alert.title, alert.severity, alert.type, alert.tags, time) == ("t", *expected)
        assert json.loads(alert.context) == kept
        unknown = [key for key in kept if key.startswith("unknown")]
        assert alert.description.count("Tocsin did not understand the ") == len(unknown)


NOT_UNDERSTOOD = [given for given, _, kept in UNDERSTOOD if kept]


@pytest.mark.parametrize("given", NOT_UNDERSTOOD, ids=lambda value: str(value)[:40])
def test_the_strict_form_refuses_what_it_does_not_know(given: dict[str, Any]) -> None:
    (refused,) = results({"title": "t", **given}, name="tocsin")
    assert isinstance(refused, Invalid)
    assert refused.field in given


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_http_stores_it_and_a_dry_run_says_so(client: httpx.Client, bench: Bench) -> None:
    document = {"title": "t", "severity": 0, "createdAt": "soon"}
    assert client.post("/alerts?format=tocsin", json=document).status_code == 422
    [explained] = client.post("/alerts?dryRun=true", json=document).json()
    assert (explained["severity"], explained["from"]) == ("MEDIUM", {"title": ["title"]})
    assert explained["notes"] == [
        'Tocsin did not understand the severity "0" and used MEDIUM.',
        'Tocsin did not understand the time "soon" and used the current time.',
    ]
    assert stored(bench) == []
    assert client.post("/alerts", json=document).status_code == 202
    assert stored(bench) == ["t"]
