"""A destination that hangs with a long backlog, or a backlog of INFO, does not delay other deliveries.

SQLite only: the same statements decide the order on both engines.
"""

import pytest

from tests.drills.conftest import assert_nothing_lost
from tests.drills.installation import Installation, eventually, json_lines, names
from tests.drills.receiver import Receiver

BACKLOG = 10_000


@pytest.fixture
def engine() -> str:
    return "sqlite"


@pytest.fixture
def soc(installation: Installation, receiver: Receiver) -> Receiver:
    installation.add_destination("soc", receiver.url)
    return receiver


@pytest.fixture
def hanging(installation: Installation, another_receiver: Receiver) -> Receiver:
    """Ten thousand alerts queued for a destination that hangs until its deadline of one second."""
    another_receiver.may_answer.clear()
    installation.environment["TOCSIN_RETRY_DELAYS"] = ",".join(["3600"] * 10)
    installation.add_destination("hanging", another_receiver.url, timeout_s=1)
    installation.queue(names("stuck", BACKLOG), destinations=["hanging"])
    return another_receiver


def test_a_hanging_destination_does_not_delay_others(
    installation: Installation, soc: Receiver, hanging: Receiver
):
    dispatcher = installation.dispatcher()
    hanging.wait_for_requests(16)
    healthy = names("healthy", 300)

    installation.queue(healthy, destinations=["soc"])

    eventually(lambda: len(soc.by_alert) == len(healthy), lambda: f"{len(soc.by_alert)} have come")
    assert set(soc.by_alert.values()) == {1}
    waiting = installation.count("delivery", "destination_id = 2 AND attempts = 0 AND state = 'scheduled'")
    assert waiting > BACKLOG * 0.9, "they did not wait for the backlog"
    assert dispatcher.process.poll() is None


def test_critical_overtakes_a_backlog_of_info(installation: Installation, soc: Receiver):
    backlog, urgent = names("info", 500), names("critical", 5)
    installation.environment["TOCSIN_PER_DESTINATION"] = "1"  # in a line, so that there is an order
    soc.may_answer.clear()
    installation.queue(backlog, severity="INFO")
    dispatcher = installation.dispatcher()
    soc.wait_for_requests(1)

    installation.run("send", "-", input=json_lines(urgent, severity="CRITICAL"))

    soc.may_answer.set()
    installation.wait_until_all_delivered()
    dispatcher.kill()
    order = [request.alert_id for request in soc.requests]
    assert order[0] == "info-1"
    assert sorted(order[1:6]) == sorted(urgent)
    assert order[6:] == backlog[1:]
    assert_nothing_lost(installation, soc, [*backlog, *urgent])
