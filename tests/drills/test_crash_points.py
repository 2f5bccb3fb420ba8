"""kill -9 at every step of an alert: commits survive, everything else is repeated."""

import signal

import pytest

from tests.drills.conftest import assert_nothing_lost
from tests.drills.installation import Installation, json_lines, names
from tests.drills.receiver import Receiver

KILLED = -signal.SIGKILL


@pytest.fixture(autouse=True)
def soc(installation: Installation, receiver: Receiver) -> None:
    installation.add_destination("soc", receiver.url)


@pytest.mark.parametrize(
    ("point", "outcomes", "requests"),
    [
        ("claiming", ["delivered"], 1),
        ("claimed", ["abandoned", "delivered"], 1),
        ("answered", ["abandoned", "delivered"], 2),
        ("finishing", ["abandoned", "delivered"], 2),
        ("finished", ["delivered"], 1),
    ],
)
def test_a_dispatcher_killed_at_any_step_loses_nothing(
    installation: Installation, receiver: Receiver, point: str, outcomes: list[str], requests: int
):
    installation.queue(["root-login"])

    assert installation.start("dispatch", crash_at=point).exit_code() == KILLED

    installation.let_leases_run_out()
    installation.run("dispatch", "--drain")
    assert_nothing_lost(installation, receiver, ["root-login"])
    assert installation.outcomes() == outcomes
    assert len(receiver.requests) == requests


def test_a_dispatcher_killed_before_the_answer_sends_again(installation: Installation, receiver: Receiver):
    receiver.may_answer.clear()
    installation.queue(["root-login"])
    dispatcher = installation.start("dispatch")
    receiver.wait_for_requests(1)

    dispatcher.kill()

    receiver.may_answer.set()
    installation.let_leases_run_out()
    installation.run("dispatch", "--drain")
    assert_nothing_lost(installation, receiver, ["root-login"])
    assert installation.outcomes() == ["abandoned", "delivered"]


def test_an_unrecorded_failure_costs_one_attempt(installation: Installation, receiver: Receiver):
    receiver.status = lambda _: 500 if len(receiver.requests) < 4 else 200
    installation.queue(["root-login"])

    assert installation.start("dispatch", crash_at="finishing:2").exit_code() == KILLED

    installation.let_leases_run_out()
    installation.run("dispatch", "--drain")
    assert_nothing_lost(installation, receiver, ["root-login"])
    assert installation.outcomes() == ["rejected", "abandoned", "rejected", "delivered"]


@pytest.mark.parametrize("engine", ["sqlite"])  # the random kills do this on both
@pytest.mark.parametrize("point", ["claimed", "answered", "finishing"])
def test_dispatchers_killed_repeatedly_deliver_a_backlog(
    installation: Installation, receiver: Receiver, point: str
):
    alerts = names("alert", 60)
    installation.queue(alerts)

    for time in ("1", "2"):
        assert installation.start("dispatch", crash_at=f"{point}:{time}").exit_code() == KILLED
        installation.let_leases_run_out()

    installation.run("dispatch", "--drain")
    assert_nothing_lost(installation, receiver, alerts)


@pytest.mark.parametrize(("point", "stored"), [("storing", 0), ("stored", 1)])
def test_a_killed_send_stores_an_alert_completely_or_not_at_all(
    installation: Installation, receiver: Receiver, point: str, stored: int
):
    sender = installation.start("send", "-", input=json_lines(["root-login"]), crash_at=point)

    assert sender.exit_code() == KILLED

    assert installation.count("alert") == installation.count("delivery") == stored
    installation.run("dispatch", "--drain")
    assert_nothing_lost(installation, receiver, ["root-login"][:stored])


def test_a_killed_send_has_stored_complete_batches_of_a_stream(
    installation: Installation, receiver: Receiver
):
    alerts = names("alert", 2000)

    # The first line of a stream is a batch of its own; the third batch dies before its COMMIT.
    sender = installation.start("send", "-", input=json_lines(alerts), crash_at="storing:3")

    assert sender.exit_code() == KILLED
    stored = [row[0] for row in installation.sql("SELECT alert_id FROM alert ORDER BY id")]
    assert stored == alerts[: len(stored)]
    assert 1 < len(stored) < len(alerts)
    assert installation.count("delivery") == len(stored)


def test_repeating_a_killed_send_stores_nothing_twice(installation: Installation, receiver: Receiver):
    alerts = names("alert", 300)
    sender = installation.start("send", "-", input=json_lines(alerts), crash_at="stored:2")
    assert sender.exit_code() == KILLED

    again = installation.run("send", "-", input=json_lines(alerts))

    assert "already stored, for " in again
    assert installation.count("alert") == len(alerts)
    installation.run("dispatch", "--drain")
    assert_nothing_lost(installation, receiver, alerts)
    assert len(receiver.requests) == len(alerts)
