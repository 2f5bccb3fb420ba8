"""An alert that nobody received is queued again when its tool reports it again: `shared/field-cases/03`."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands.conftest import Receiver, Tocsin
from tests.conftest import destination

FIRING = {
    "version": "4",
    "groupKey": "k",
    "status": "firing",
    "receiver": "r",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "InstanceDown", "severity": "critical", "instance": "a:9100"},
            "annotations": {"summary": "a is down"},
            "startsAt": "2024-05-02T14:19:01Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": "00000000000000aa",
        }
    ],
}
AT_ONCE = {"TOCSIN_RETRY_DELAYS": "0,0"}


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "firing.json"
    path.write_text(json.dumps(FIRING))
    return str(path)


def send(tocsin: Tocsin, file: str, **env: str) -> dict[str, Any]:
    [receipt] = tocsin.json("send", "--format", "alertmanager", file, env=env)
    return receipt


def test_a_repeat_of_a_failed_alert_is_sent_again(tocsin: Tocsin, receiver: Receiver, file: str) -> None:
    tocsin.add(destination(url=receiver.url))
    receiver.status = 503
    assert send(tocsin, file)["repeated"] is False
    tocsin("dispatch", "--drain", env=AT_ONCE)
    assert len(receiver.requests) == 3
    receiver.status = 200
    off = send(tocsin, file, TOCSIN_REVIVE_AFTER="off")
    assert (off["repeated"], off["revived"]) == (True, [])
    receipt = send(tocsin, file)
    assert receipt["repeated"] is True
    assert [delivery["id"] for delivery in receipt["revived"]] == [receipt["deliveries"][0]["id"]]
    tocsin("dispatch", "--drain", env=AT_ONCE)
    titles = [request.payload["title"].split(":")[0] for request in receiver.requests]
    assert titles == [*["New Alert"] * 3, "[Re-sent]"]
    assert send(tocsin, file)["revived"] == []
    [delivery] = tocsin.json("alert", "show", receipt["alertId"])["deliveries"]
    assert (delivery["state"], delivery["round"]) == ("delivered", 2)
    assert delivery["revivedAt"] is not None
    assert "reported again" in tocsin("alert", "show", receipt["alertId"]).stdout


def test_a_repeat_of_an_alert_that_was_not_routed_is_routed(
    tocsin: Tocsin, receiver: Receiver, file: str
) -> None:
    assert send(tocsin, file)["notRouted"] == "there was no destination yet"
    tocsin.add(destination(url=receiver.url))
    done = tocsin("send", "--format", "alertmanager", file)
    assert done.stdout.endswith("  already stored, for soc; queued for soc\n")
    tocsin("dispatch", "--drain")
    assert [request.payload["title"].split(":")[0] for request in receiver.requests] == ["New Alert"]
