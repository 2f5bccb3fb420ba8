"""A dry run says what would be stored and why, over HTTP and for `tocsin send`, and stores nothing."""

import json
from typing import Any

import httpx
import pytest

from tests.conftest import NOW
from tests.intake.conftest import Serve
from tests.store.bench import Bench
from tui.domain.alert import format_time
from tui.intake.dry_run import FROM_KEY, GENERATED, MOST_EXPLAINED, OF_RULE, OF_TOOL, OWN

ONE_ENGINE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
LOAD = {
    "status": "firing",
    "fingerprint": "f1",
    "startsAt": "2026-01-31T09:15:00Z",
    "labels": {"alertname": "HighLoad", "severity": "critical"},
    "annotations": {"summary": "Load is high"},
}
GROUP = {"version": "4", "groupKey": "k", "receiver": "r", "status": "firing", "alerts": [LOAD]}
RESOLVED = {**GROUP, "alerts": [{**LOAD, "status": "resolved", "endsAt": "2026-01-31T09:20:00Z"}]}
SURICATA = {
    "timestamp": "2026-01-31T09:15:00+0000",
    "event_type": "alert",
    "flow_id": 1,
    "alert": {"signature": "ET TROJAN", "severity": 1},
}
IN_SNS = {
    "Type": "Notification",
    "MessageId": "m1",
    "TopicArn": "arn:aws:sns:eu-west-1:111122223333:t",
    "Timestamp": "2026-01-31T09:15:00Z",
    "Message": json.dumps({"message": "disk full", "level": "error"}),
}
FOUND: dict[str, tuple[Any, str, dict[str, str], str]] = {
    "Tocsin's own": (
        {"title": "x", "severity": "LOW", "alertId": "a-1"},
        "tocsin",
        {"title": "title", "severity": "severity", "alertId": "alertId"},
        OWN,
    ),
    "Tocsin's own by its rule": ({"id": "rule"}, "tocsin", {"title": "id"}, GENERATED),
    "an entry of an array": (
        [{"title": "x", "severity": "LOW"}],
        "tocsin",
        {"title": "title", "severity": "severity"},
        GENERATED,
    ),
    "one of several keys": (
        {"message": "disk full", "level": "error", "alert_id": "42"},
        "plain",
        {"title": "message", "severity": "level", "alertId": "alert_id"},
        OF_RULE,
    ),
    "nothing known": ({"message": "x", "level": "odd", "n": 1}, "plain", {"title": "message"}, GENERATED),
    "an item of a group": (
        GROUP,
        "alertmanager",
        {
            "title": "annotations.summary",
            "severity": "labels.severity",
            "createdAt": "startsAt",
            "alertId": "fingerprint, startsAt, status",
        },
        OF_TOOL,
    ),
    "a recovery": (
        RESOLVED,
        "alertmanager",
        {
            "title": "annotations.summary",
            "severity": "status",
            "createdAt": "endsAt",
            "alertId": "fingerprint, startsAt, status",
        },
        OF_TOOL,
    ),
    "a number on a scale": (
        SURICATA,
        "suricata",
        {"title": "alert.signature", "severity": "alert.severity", "createdAt": "timestamp"},
        GENERATED,
    ),
    "an envelope": (
        IN_SNS,
        "plain",
        {"title": "message", "severity": "level", "createdAt": "Timestamp", "alertId": "MessageId"},
        OF_TOOL,
    ),
}


def dry_run(client: httpx.Client, body: object, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/alerts?dryRun=true", json=body, headers=named)


@ONE_ENGINE
@pytest.mark.parametrize("name", FOUND)
def test_it_names_the_keys_that_fields_came_from(client: httpx.Client, name: str) -> None:
    document, format, origins, identity = FOUND[name]
    [explained] = dry_run(client, document).json()
    assert (explained["format"], explained["identity"]) == (format, identity)
    found = {key: ", ".join(keys) for key, keys in explained["from"].items()}
    assert found == origins
    assert (explained["alertId"] is None) is (identity == GENERATED)


def test_it_answers_what_storing_would_and_stores_nothing(bench: Bench, serve: Serve) -> None:
    client = serve()
    bench.add(name="soc")
    bench.add(name="pager", paused=True)
    alert = {"title": "Root login", "severity": "HIGH", "alertId": "a-1"}

    for repeated in (False, True):
        answer = dry_run(client, [alert, {"title": "other"}])
        first, other = answer.json()
        assert answer.status_code == 200
        assert first == {
            "item": "item 1",
            "format": "tocsin",
            "title": "Root login",
            "severity": "HIGH",
            "type": "RULE",
            "createdAt": format_time(NOW),
            "alertId": "a-1",
            "identity": OWN,
            "from": {"title": ["title"], "severity": ["severity"], "alertId": ["alertId"]},
            "notes": [],
            "repeated": repeated,
            "notRouted": None,
            "destinations": [
                {"destination": "pager", "destinationId": 2, "paused": True},
                {"destination": "soc", "destinationId": 1, "paused": False},
            ],
            "folded": [],
            "revived": [],
        }
        assert other["repeated"] is False
        assert bench.rows("SELECT count(*) FROM alert") == [(int(repeated),)]
        client.post("/alerts", json=alert)
    [own, again] = dry_run(client, [{"title": "b", "alertId": "b"}] * 2).json()
    assert (own["repeated"], again["repeated"]) == (False, True)


@ONE_ENGINE
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ([{"title": "x"}, {"oops": 1}], 422),
        ([{"title": "x", "destinations": ["nowhere"]}], 422),
        ([{"title": "x", "alertId": "a"}, {"title": "y", "alertId": "a"}], 409),
        ([{"title": "x"}] * (MOST_EXPLAINED + 1), 413),
    ],
    ids=["no title", "an unknown destination", "a conflict", "too many"],
)
def test_it_refuses_what_storing_would_refuse(client: httpx.Client, body: object, status: int) -> None:
    assert dry_run(client, body).status_code == status


@ONE_ENGINE
def test_a_slip_in_its_name_or_value_stores_nothing(bench: Bench, client: httpx.Client) -> None:
    for value in ("1", "yes", "True", ""):
        assert client.post(f"/alerts?dryRun={value}", json={"title": "x"}).status_code == 422
    assert bench.rows("SELECT count(*) FROM alert") == [(0,)]
    assert client.post("/alerts?dryRun=false", json={"title": "x"}).status_code == 202


@ONE_ENGINE
def test_the_id_of_a_request_with_a_key_is_derived_from_it(client: httpx.Client) -> None:
    [explained] = dry_run(client, {"title": "x"}, Idempotency_Key="k").json()
    [receipt] = client.post("/alerts", json={"title": "x"}, headers={"Idempotency-Key": "k"}).json()
    assert (explained["alertId"], explained["identity"]) == (receipt["alertId"], FROM_KEY)
    [explained] = dry_run(client, {"title": "x"}, Idempotency_Key="k").json()
    assert explained["repeated"]
