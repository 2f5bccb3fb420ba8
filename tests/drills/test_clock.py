"""The wall clock steps or the machine sleeps: no storm of requests, no loss.

All processes of a drill share a clock, as on one machine (see crashing.py). On PostgreSQL
leases are measured with the server's clock, which no drill may step.
"""

import time
from pathlib import Path
from signal import SIGCONT, SIGSTOP, SIGTERM

import pytest

from tests.drills.conftest import assert_nothing_lost
from tests.drills.installation import Installation, Program, eventually, names
from tests.drills.receiver import Receiver

HOUR_MS = 3_600_000
ALERTS = names("alert", 40)


class Clock:
    """The error of the wall clock."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.step_to(0)

    def now(self) -> int:
        return time.time_ns() // 1_000_000 + int(self.file.read_text())

    def step_to(self, milliseconds: int) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(str(milliseconds))
        new.replace(self.file)  # at once: it is being read


@pytest.fixture
def engine() -> str:
    return "sqlite"


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path / "clock")


@pytest.fixture
def installation(installation: Installation, receiver: Receiver, clock: Clock) -> Installation:
    installation.environment["TOCSIN_RETRY_DELAYS"] = ",".join(["600"] * 10)
    installation.environment["DRILL_CLOCK"] = str(clock.file)
    installation.clock = clock.now
    installation.add_destination("soc", receiver.url, timeout_s=120)
    return installation


@pytest.fixture
def retrying(installation: Installation, receiver: Receiver) -> Program:
    """A dispatcher with 40 deliveries that failed once and retry after ten minutes."""
    receiver.status = lambda _: 503
    installation.queue(ALERTS)
    dispatcher = installation.dispatcher()
    wait_until_retrying(installation, attempts=1)
    return dispatcher


def wait_until_retrying(installation: Installation, *, attempts: int) -> None:
    where = f"state = 'scheduled' AND attempts = {attempts} AND alert_id <= {len(ALERTS)}"
    eventually(lambda: installation.count("delivery", where) == len(ALERTS), lambda: f"not all are {where}")


def let_pass(installation: Installation, receiver: Receiver, alert: str) -> None:
    """Send a new alert, and wait until the dispatcher has sent and recorded everything that is due."""
    receiver.status = lambda _: 200
    installation.queue([alert], severity="INFO")
    # Not only until it came: what is in flight when the clock steps has lost its lease, and is sent again.
    recorded = f"state = 'delivered' AND alert_id = (SELECT id FROM alert WHERE alert_id = '{alert}')"
    eventually(lambda: installation.count("delivery", recorded), lambda: f"{alert} does not come")


def finish(installation: Installation, receiver: Receiver, dispatcher: Program, *more: str) -> None:
    """Move the clock past the ten minutes, and wait for the end."""
    receiver.status = lambda _: 200
    installation.sql("UPDATE delivery SET due_at = 0 WHERE state = 'scheduled'")
    installation.wait_until_all_delivered()
    dispatcher.signal(SIGTERM)
    assert dispatcher.exit_code() == 0
    assert_nothing_lost(installation, receiver, [*ALERTS, *more])


def test_an_hour_forward_sends_each_pending_retry_once(
    installation: Installation, receiver: Receiver, clock: Clock, retrying: Program
):
    clock.step_to(HOUR_MS)

    wait_until_retrying(installation, attempts=2)
    let_pass(installation, receiver, "afterwards")
    assert all(receiver.by_alert[id] == 2 for id in ALERTS)
    finish(installation, receiver, retrying, "afterwards")
    assert len(receiver.requests) == 3 * len(ALERTS) + 1


def test_an_hour_forward_with_requests_in_flight_repeats_each_at_most_once(
    installation: Installation, receiver: Receiver, clock: Clock
):
    receiver.may_answer.clear()
    installation.queue(ALERTS)
    dispatcher = installation.dispatcher()
    receiver.wait_for_requests(16)

    clock.step_to(HOUR_MS)
    installation.queue(["afterwards"])  # a reason to look at the clock

    receiver.may_answer.set()
    installation.wait_until_all_delivered()
    dispatcher.signal(SIGTERM)
    assert dispatcher.exit_code() == 0
    assert_nothing_lost(installation, receiver, [*ALERTS, "afterwards"])
    assert max(receiver.by_alert.values()) <= 2


def test_an_hour_back_delays_no_new_alert_and_repeats_no_request(
    installation: Installation, receiver: Receiver, clock: Clock, retrying: Program
):
    clock.step_to(-HOUR_MS)

    let_pass(installation, receiver, "afterwards")
    assert all(receiver.by_alert[id] == 1 for id in ALERTS)
    finish(installation, receiver, retrying, "afterwards")
    assert len(receiver.requests) == 2 * len(ALERTS) + 1


def test_retries_continue_after_a_clock_that_went_back_is_corrected(
    installation: Installation, receiver: Receiver, clock: Clock, retrying: Program
):
    clock.step_to(-HOUR_MS)
    let_pass(installation, receiver, "in-between")

    clock.step_to(HOUR_MS)

    installation.wait_until_all_delivered()
    finish(installation, receiver, retrying, "in-between")
    assert len(receiver.requests) == 2 * len(ALERTS) + 1


def test_a_first_attempt_is_sent_although_the_clock_went_back(
    installation: Installation, receiver: Receiver, clock: Clock
):
    installation.queue(ALERTS)
    clock.step_to(-HOUR_MS)

    installation.run("dispatch", "--drain")

    assert_nothing_lost(installation, receiver, ALERTS)
    assert len(receiver.requests) == len(ALERTS)


def test_a_claim_that_waits_for_a_slot_is_sent_although_the_clock_goes_back(
    installation: Installation, receiver: Receiver, clock: Clock
):
    receiver.may_answer.clear()
    installation.queue(ALERTS)
    dispatcher = installation.dispatcher()
    receiver.wait_for_requests(16)

    clock.step_to(-HOUR_MS)
    receiver.may_answer.set()

    installation.wait_until_all_delivered()
    dispatcher.signal(SIGTERM)
    assert dispatcher.exit_code() == 0
    assert_nothing_lost(installation, receiver, ALERTS)
    assert len(receiver.requests) == len(ALERTS)


def test_the_lease_of_a_dead_dispatcher_expires_although_the_clock_went_back(
    installation: Installation, receiver: Receiver, clock: Clock
):
    receiver.may_answer.clear()
    few = ALERTS[:10]
    installation.queue(few)
    dispatcher = installation.dispatcher()
    receiver.wait_for_requests(len(few))
    dispatcher.kill()
    receiver.may_answer.set()
    clock.step_to(-HOUR_MS)

    dispatcher = installation.dispatcher()

    longest_ms = 120_000 + 10_000
    eventually(
        lambda: installation.count("delivery", f"due_at > {clock.now() + longest_ms}") == 0,
        lambda: "a lease lasts longer than a lease can",
    )
    installation.let_leases_run_out()
    installation.wait_until_all_delivered()
    dispatcher.signal(SIGTERM)
    assert dispatcher.exit_code() == 0
    assert_nothing_lost(installation, receiver, few)
    assert installation.outcomes() == ["abandoned"] * len(few) + ["delivered"] * len(few)


def test_a_clock_that_was_years_ahead_does_not_delay_retries(
    installation: Installation, receiver: Receiver, clock: Clock
):
    clock.step_to(10 * 365 * 24 * HOUR_MS)
    receiver.status = lambda _: 503
    installation.queue(ALERTS)
    dispatcher = installation.dispatcher()
    wait_until_retrying(installation, attempts=1)

    receiver.status = lambda _: 200
    clock.step_to(0)

    installation.wait_until_all_delivered()
    finish(installation, receiver, dispatcher)
    assert len(receiver.requests) == 2 * len(ALERTS)


def test_a_dispatcher_that_slept_sends_each_due_delivery_once(
    installation: Installation, receiver: Receiver, clock: Clock, retrying: Program
):
    retrying.signal(SIGSTOP)
    clock.step_to(24 * HOUR_MS)

    retrying.signal(SIGCONT)

    wait_until_retrying(installation, attempts=2)
    let_pass(installation, receiver, "afterwards")
    assert all(receiver.by_alert[id] == 2 for id in ALERTS)
    finish(installation, receiver, retrying, "afterwards")
    assert len(receiver.requests) == 3 * len(ALERTS) + 1


def test_answers_received_during_a_sleep_past_the_lease_are_recorded(
    installation: Installation, receiver: Receiver, clock: Clock
):
    receiver.may_answer.clear()
    few = ALERTS[:10]
    installation.queue(few)
    dispatcher = installation.dispatcher()
    receiver.wait_for_requests(len(few))

    dispatcher.signal(SIGSTOP)
    receiver.may_answer.set()
    clock.step_to(HOUR_MS)
    dispatcher.signal(SIGCONT)

    installation.wait_until_all_delivered()
    dispatcher.signal(SIGTERM)
    assert dispatcher.exit_code() == 0
    assert_nothing_lost(installation, receiver, few)
    assert max(receiver.by_alert.values()) <= 2


def test_a_hold_survives_a_clock_that_steps(installation: Installation, receiver: Receiver, clock: Clock):
    receiver.status = lambda _: 503
    receiver.retry_after = 600
    installation.queue(ALERTS[:1])
    dispatcher = installation.dispatcher()
    eventually(lambda: installation.count("destination", "holds > 0"), lambda: "it is not held")
    installation.queue(ALERTS[1:])

    clock.step_to(-HOUR_MS)
    eventually(
        lambda: installation.count("destination", f"held_until <= {clock.now() + 600_000}"),
        lambda: "the hold is an hour longer",
    )
    assert len(receiver.requests) == 1
    receiver.status = lambda _: 200
    clock.step_to(0)  # an hour forward
    eventually(
        lambda: installation.count("delivery", "state = 'delivered'") == len(ALERTS) - 1,
        lambda: "the hold has ended, and nothing is sent",
    )

    finish(installation, receiver, dispatcher)  # with the first, which was told to wait
    assert len(receiver.requests) == len(ALERTS) + 1
