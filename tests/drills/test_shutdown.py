"""Asked to stop, Tocsin finishes what is in flight; what cannot end in time is given back uncounted."""

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
    """64 alerts queued for a receiver that holds its answers back."""
    installation.environment["TOCSIN_PER_DESTINATION"] = "64"
    installation.add_destination("soc", receiver.url, timeout_s=120)
    receiver.may_answer.clear()
    installation.queue(IN_FLIGHT)


def assert_given_back(installation: Installation, alerts: int) -> None:
    """Closed as interrupted, not counted, to be sent at once."""
    assert installation.count("attempt", "outcome = 'interrupted'") == alerts
    assert installation.sql("SELECT DISTINCT state, attempts, number FROM delivery") == [("scheduled", 0, 1)]
    later = "due_at > (SELECT max(ended_at) FROM attempt) + 1000"
    assert installation.count("delivery", later) == 0, "due at once"


@pytest.mark.parametrize("signal", [SIGTERM, SIGINT])
def test_a_signal_lets_64_in_flight_end(installation: Installation, receiver: Receiver, signal: int):
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


def test_what_does_not_end_within_the_grace_is_given_back(installation: Installation, receiver: Receiver):
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


def test_what_was_to_drain_and_was_stopped_before_has_failed(installation: Installation, receiver: Receiver):
    dispatcher = installation.dispatcher("--drain", "--grace", "0.3")
    receiver.wait_for_requests(64)

    dispatcher.signal(SIGTERM)

    assert dispatcher.exit_code() == 1
    assert "stopped before everything was delivered" in dispatcher.said()
    assert_given_back(installation, 64)


def test_what_was_to_drain_and_has_done_so_when_it_stops_has_not_failed(
    installation: Installation, receiver: Receiver
):
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
    """The app, with everything in flight."""
    terminal = Terminal([sys.executable, "-m", "tui"], installation.environment)
    receiver.wait_for_requests(64)
    yield terminal
    terminal.close()


def test_q_in_the_app_says_what_is_in_flight_and_finishes_it(
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
def test_ctrl_c_after_q_gives_back_what_is_in_flight(
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
def test_ctrl_c_is_heard_from_the_moment_it_is_named(installation: Installation, receiver: Receiver):
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
def test_sigterm_ends_the_app_and_finishes_what_is_in_flight(
    installation: Installation, receiver: Receiver, terminal: Terminal
):
    terminal.was_told("64 in flight")

    terminal.process.send_signal(SIGTERM)

    terminal.was_told("finishing 64 in flight")
    receiver.may_answer.set()
    assert terminal.exit_code() == 128 + SIGTERM
    assert_nothing_lost(installation, receiver, IN_FLIGHT)
    assert len(receiver.requests) == 64
