"""kill -9 at any moment loses nothing, and every request sent has its row."""

import pytest

from tests.drills.installation import Installation
from tests.drills.receiver import Receiver


@pytest.fixture(autouse=True)
def soc(installation: Installation, receiver: Receiver) -> None:
    installation.add_destination("soc", receiver.url, timeout_s=1)


def test_requests_in_flight_at_a_kill_are_abandoned_and_retried(
    installation: Installation, receiver: Receiver
):
    receiver.may_answer.clear()
    installation.run("send", "--title", "Root login")
    dispatcher = installation.start("dispatch")
    receiver.wait_for_requests(1)

    dispatcher.kill()

    delivery = installation.delivery()
    assert delivery["state"] == "in_flight"
    receiver.may_answer.set()
    installation.let_leases_run_out()
    installation.run("dispatch", "--drain")
    delivery = installation.delivery()
    assert delivery["state"] == "delivered"
    assert [(a["number"], a["outcome"]) for a in sorted(delivery["attempts"], key=lambda a: a["number"])] == [
        (1, "abandoned"),
        (2, "delivered"),
    ]
    assert receiver.by_webhook_id == {delivery["id"]: 2}


@pytest.mark.parametrize("engine", ["sqlite"])  # the same code counts on both
def test_a_delivery_that_always_kills_its_dispatcher_permanently_fails(
    installation: Installation, receiver: Receiver
):
    receiver.may_answer.clear()
    installation.run("send", "--title", "Poison")
    for _ in range(11):
        dispatcher = installation.start("dispatch")
        receiver.wait_for_requests(1)
        dispatcher.kill()
        installation.let_leases_run_out()

    installation.run("dispatch", "--drain")

    delivery = installation.delivery()
    assert delivery["state"] == "failed"
    assert [attempt["outcome"] for attempt in delivery["attempts"]] == ["abandoned"] * 11
    assert sum(receiver.by_webhook_id.values()) == 11
    assert "ERROR dispatcher: delivery permanently failed" in installation.log.read_text()


def test_an_alert_acknowledged_by_send_survives_any_kill(installation: Installation, receiver: Receiver):
    sender = installation.start("send", "--wait", "--title", "Root login")
    receiver.may_answer.clear()
    receiver.wait_for_requests(1)

    sender.kill()

    assert [alert["title"] for alert in installation.alerts()] == ["Root login"]
