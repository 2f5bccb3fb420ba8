"""kill -9: whatever the moment, nothing is lost and every request on the wire has its row."""

import json

import pytest

from tests.drills.conftest import HeldReceiver, Installation


@pytest.fixture(autouse=True)
def soc(installation: Installation, receiver: HeldReceiver) -> None:
    installation.run("destination", "add", "soc", receiver.url, "--timeout", "1")


def test_what_was_in_flight_is_shown_as_abandoned_and_sent_again(
    installation: Installation, receiver: HeldReceiver
):
    receiver.may_answer.clear()
    installation.run("send", "--title", "Root login")
    dispatcher = installation.start("dispatch")
    receiver.wait_for_requests(1)

    installation.kill(dispatcher)

    (alert,) = installation.alerts()
    (delivery,) = alert["deliveries"]
    assert delivery["state"] == "in_flight"
    receiver.may_answer.set()
    installation.let_leases_run_out()
    installation.run("dispatch", "--drain")
    (alert,) = installation.alerts()
    (delivery,) = alert["deliveries"]
    assert delivery["state"] == "delivered"
    assert [(a["number"], a["outcome"]) for a in sorted(delivery["attempts"], key=lambda a: a["number"])] == [
        (1, "abandoned"),
        (2, "delivered"),
    ]
    assert receiver.by_webhook_id == {delivery["id"]: 2}


def test_a_delivery_that_kills_its_dispatcher_every_time_ends_as_failed(
    installation: Installation, receiver: HeldReceiver
):
    receiver.may_answer.clear()
    installation.run("send", "--title", "Poison")
    for _ in range(11):
        dispatcher = installation.start("dispatch")
        receiver.wait_for_requests(1)
        installation.kill(dispatcher)
        installation.let_leases_run_out()

    installation.run("dispatch", "--drain")

    (alert,) = installation.alerts()
    (delivery,) = alert["deliveries"]
    assert delivery["state"] == "failed"
    assert [attempt["outcome"] for attempt in delivery["attempts"]] == ["abandoned"] * 11
    assert sum(receiver.by_webhook_id.values()) == 11
    assert "ERROR dispatcher: delivery failed for good" in installation.log.read_text()


def test_kills_under_load_lose_no_alert_and_leave_no_gap(installation: Installation, receiver: HeldReceiver):
    alerts = 200
    lines = "\n".join(json.dumps({"title": f"alert {number}"}) for number in range(alerts))
    installation.run("send", "-", input=lines)
    for requests in (1, 20, 35, 3, 50):
        dispatcher = installation.start("dispatch")
        receiver.wait_for_requests(requests)
        installation.kill(dispatcher)
        installation.let_leases_run_out()

    installation.run("dispatch", "--drain")

    assert installation.sql("SELECT state, count(*) FROM delivery GROUP BY state") == [("delivered", alerts)]
    assert len(receiver.by_webhook_id) == alerts
    recorded = installation.sql("SELECT count(*) FROM attempt")[0][0]
    assert sum(receiver.by_webhook_id.values()) <= recorded
    gaps = (
        "SELECT 1 FROM attempt GROUP BY delivery_id, round HAVING min(number) <> 1 OR max(number) <> count(*)"
    )
    assert installation.sql(gaps) == []
    assert installation.sql("SELECT 1 FROM attempt WHERE outcome IS NULL") == []
    installation.run("db", "check")


def test_an_alert_that_send_has_acknowledged_survives_any_kill(
    installation: Installation, receiver: HeldReceiver
):
    sender = installation.start("send", "--wait", "--title", "Root login")
    receiver.may_answer.clear()
    receiver.wait_for_requests(1)

    installation.kill(sender)

    assert [alert["title"] for alert in installation.alerts()] == ["Root login"]
