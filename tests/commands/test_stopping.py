"""A command told to stop by a signal, whenever that comes."""

import signal
import sys
from collections.abc import Iterator
from itertools import count
from types import FrameType
from typing import Any

import pytest

from tui.commands.stopping import Stopping, stop_on_signals

NEVER_S = 60
"""Longer than a test may take: who waits for its end has not been woken."""


@pytest.fixture
def stopping() -> Iterator[Stopping]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield stop_on_signals()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_sets_it_and_a_second_one_stops_at_once(stopping: Stopping, number: signal.Signals):
    assert not stopping.is_set()
    signal.raise_signal(number)
    assert stopping.is_set()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


def test_what_is_set_is_not_waited_for(stopping: Stopping):
    stopping.set()
    for _ in range(2):
        stopping.wait(NEVER_S)


def test_who_waits_is_woken(stopping: Stopping):
    signal.signal(signal.SIGALRM, lambda *_: stopping.set())
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    stopping.wait(NEVER_S)
    assert stopping.is_set()


def test_the_wait_has_an_end(stopping: Stopping):
    stopping.wait(0.001)
    assert not stopping.is_set()


def test_a_signal_may_come_at_every_line_of_the_wait():
    interrupted = {moment for moment in range(6) if wait_interrupted_at(moment).is_set()}
    assert interrupted >= {0, 1, 2}


def wait_interrupted_at(moment: int) -> Stopping:
    """By a handler that sets it before that line of the wait, if it has so many."""
    stopping, lines = Stopping(), count()

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        if event == "line" and next(lines) == moment:
            stopping.set()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        stopping.wait(0.001)
    finally:
        sys.settrace(before)
    return stopping
