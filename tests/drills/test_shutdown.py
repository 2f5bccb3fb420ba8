"""A stopped Tocsin finishes requests in flight. Those that take too long are given back and do not count."""

import sys
from collections.abc import Iterator
from signal import SIGINT, SIGTERM

import pytest

from tests.drills.conftest import assert_nothing_lost
from tests.drills.installation import Installation, names
from tests.drills.receiver import Receiver
from tests.drills.terminal import Terminal

IN_FLIGHT = names("alert", 64)


@pytest.fixture(autouse=True)
def held(installation: Installation, receiver: Receiver) -> None:
    """64 alerts queued for a receiver that holds back its answers."""
    installation.environment["TOCSIN_PER_DESTINATION"] = "64"
    installation.add_destination("soc", receiver.url, timeout_s=120)
    receiver.may_answer.clear()
    installation.queue(IN_FLIGHT)


def assert_given_back(installation: Installation, alerts: int) -> None:
    """Check that the attempts are interrupted, not counted, and due at once."""
    assert installation.count("attempt", "outcome = 'interrupted'") == alerts
    assert installation.sql("SELECT DISTINCT state, attempts, number FROM delivery") == [("scheduled", 0, 1)]
    later = "due_at > (SELECT max(ended_at) FROM attempt) + 1000"
    assert installation.count("delivery", later) == 0, "due at once"


@pytest.mark.parametrize("signal", [SIGTERM, SIGINT])
def test_a_signal_lets_64_requests_in_flight_finish(
    installation: Installation, receiver: Receiver, signal: int
):
    dispatcher = installation.dispatcher("--grace", "60")
    receiver.wait_for_requests(64)

    dispatcher.process.send_signal(signal)

    dispatcher.wait_until_said("finishing 64 in flight, at most 60 s")
    receiver.may_answer.set()
    assert dispatcher.exit_code() == 0
    assert_nothing_lost(installation, receiver, IN_FLIGHT)
    assert len(receiver.requests) == 64


def test_nothing_is_claimed_while_draining(installation: Installation, receiver: Receiver):
    dispatcher = installation.dispatcher("--grace", "60")
    receiver.wait_for_requests(64)
    dispatcher.signal(SIGTERM)
    dispatcher.wait_until_said("finishing 64")

    installation.queue(["too-late"])

    receiver.may_answer.set()
    assert dispatcher.exit_code() == 0
    assert "too-late" not in receiver.by_alert
    installation.run("dispatch", "--drain")
    assert_nothing_lost(installation, receiver, [*IN_FLIGHT, "too-late"])
    assert len(receiver.requests) == 65


def test_requests_that_exceed_the_grace_period_are_given_back(installation: Installation, receiver: Receiver):
    dispatcher = installation.dispatcher("--grace", "0.3")
    receiver.wait_for_requests(64)

    dispatcher.signal(SIGTERM)

    assert dispatcher.exit_code() == 0
    assert_given_back(installation, 64)
    assert installation.delivery_of(IN_FLIGHT[0])["attemptsLeft"] == 11
    receiver.may_answer.set()
    installation.run("dispatch", "--drain")
    assert_nothing_lost(installation, receiver, IN_FLIGHT)
    assert len(receiver.requests) == 128


def test_a_drain_that_is_stopped_early_fails(installation: Installation, receiver: Receiver):
    dispatcher = installation.dispatcher("--drain", "--grace", "0.3")
    receiver.wait_for_requests(64)

    dispatcher.signal(SIGTERM)

    assert dispatcher.exit_code() == 1
    assert "stopped before everything was delivered" in dispatcher.said()
    assert_given_back(installation, 64)


def test_a_drain_that_is_complete_when_stopped_succeeds(installation: Installation, receiver: Receiver):
    dispatcher = installation.dispatcher("--drain", "--grace", "60")
    receiver.wait_for_requests(64)
    dispatcher.signal(SIGTERM)
    dispatcher.wait_until_said("finishing 64")
    receiver.may_answer.set()
    assert dispatcher.exit_code() == 0


def test_a_second_signal_stops_at_once(installation: Installation, receiver: Receiver):
    dispatcher = installation.dispatcher("--grace", "3600")
    receiver.wait_for_requests(64)
    dispatcher.signal(SIGTERM)
    dispatcher.wait_until_said("finishing 64")

    dispatcher.signal(SIGTERM)

    assert dispatcher.exit_code() == 0
    assert "stopping now" in dispatcher.said()
    assert_given_back(installation, 64)
    receiver.may_answer.set()
    installation.run("dispatch", "--drain")
    assert_nothing_lost(installation, receiver, IN_FLIGHT)


# --- the app


@pytest.fixture
def terminal(installation: Installation, receiver: Receiver) -> Iterator[Terminal]:
    """The app, with all alerts in flight."""
    terminal = Terminal([sys.executable, "-m", "tui"], installation.environment)
    receiver.wait_for_requests(64)
    yield terminal
    terminal.close()


def test_q_shows_what_is_in_flight_and_finishes_it(
    installation: Installation, receiver: Receiver, terminal: Terminal
):
    terminal.was_told("64 in flight")
    terminal.press("q")
    terminal.was_told("will finish first")

    terminal.press("y")

    terminal.was_told("finishing 64 in flight")
    receiver.may_answer.set()
    assert terminal.exit_code() == 0
    assert_nothing_lost(installation, receiver, IN_FLIGHT)
    assert len(receiver.requests) == 64


@pytest.mark.parametrize("engine", ["sqlite"])  # `q` is tried on both
def test_ctrl_c_after_q_gives_back_requests_in_flight(
    installation: Installation, receiver: Receiver, terminal: Terminal
):
    terminal.was_told("64 in flight")
    terminal.press("q")
    terminal.was_told("will finish first")
    terminal.press("y")
    terminal.was_told("Ctrl-C stops now")

    terminal.process.send_signal(SIGINT)

    assert terminal.exit_code() == 0
    assert_given_back(installation, 64)
    receiver.may_answer.set()
    installation.run("dispatch", "--drain")
    assert_nothing_lost(installation, receiver, IN_FLIGHT)


INTERRUPTED_WHILE_IT_SAYS_SO = """
import os, signal, sys
from tui import cli
from tui.commands import app

say = app.tell

def tell(text):
    say(text)
    os.kill(os.getpid(), signal.SIGINT)

app.tell = tell
sys.argv = ["tocsin"]
cli.main()
"""


@pytest.mark.parametrize("engine", ["sqlite"])  # `q` is tried on both
def test_ctrl_c_works_as_soon_as_it_is_offered(installation: Installation, receiver: Receiver):
    terminal = Terminal([sys.executable, "-c", INTERRUPTED_WHILE_IT_SAYS_SO], installation.environment)
    try:
        receiver.wait_for_requests(64)
        terminal.was_told("64 in flight")
        terminal.press("q")
        terminal.was_told("will finish first")
        terminal.press("y")
        assert terminal.exit_code() == 0
    finally:
        terminal.close()
    assert_given_back(installation, 64)


@pytest.mark.parametrize("engine", ["sqlite"])  # `q` is tried on both
def test_sigterm_finishes_requests_in_flight_and_ends_the_app(
    installation: Installation, receiver: Receiver, terminal: Terminal
):
    terminal.was_told("64 in flight")

    terminal.process.send_signal(SIGTERM)

    terminal.was_told("finishing 64 in flight")
    receiver.may_answer.set()
    assert terminal.exit_code() == 128 + SIGTERM
    assert_nothing_lost(installation, receiver, IN_FLIGHT)
    assert len(receiver.requests) == 64
