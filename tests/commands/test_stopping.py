"""A command told to stop by a signal, whenever that comes."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from types import FrameType
from typing import Any

import pytest

from tests.commands.conftest import PATIENCE_S, Tocsin
from tests.conftest import alert, destination
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


SIGNALLED = """
import os, signal, sys
import click
from tui.cli import main

echo, words, *arguments = click.echo, *sys.argv[1:]

def echoed(message="", **options):
    echo(message, **options)
    if words in str(message):
        click.echo = echo
        os.kill(os.getpid(), signal.SIGTERM)

click.echo = echoed
sys.argv = ["tocsin", *arguments]
main()
"""
"""Sends SIGTERM to itself once it has printed these words."""

RUNNING = {
    "watch": (["watch", "eve.json"], "following ", 0),
    "dispatch": (["dispatch"], "delivering from ", 0),
    "dispatch --listen": (["dispatch", "--listen", "127.0.0.1:0"], "delivering from ", 0),
    "its endpoint": (["dispatch", "--listen", "127.0.0.1:0"], "receiving alerts at ", 0),
    "dispatch --drain": (["dispatch", "--drain"], "delivering from ", 1),
    "receive": (["receive", "--port", "0"], "listening on ", 0),
    "send -": (["send", "-"], "first", 0),
    "send --wait": (["send", "--title", "x", "--wait"], "waiting until every delivery has ended", 1),
    "the demo": (["demo"], "3. Alert sent to flaky", 128 + signal.SIGTERM),
}
"""Each command that runs until it is stopped: what it prints first, and its exit code after SIGTERM."""


@pytest.mark.parametrize("command", RUNNING)
def test_a_signal_is_handled_as_soon_as_a_command_says_that_it_runs(tocsin: Tocsin, command: str) -> None:
    arguments, words, code = RUNNING[command]
    tocsin.add(destination(url="http://127.0.0.1:1"))
    if "--drain" in arguments:
        tocsin.submit(alert())
    with subprocess.Popen(
        [sys.executable, "-c", SIGNALLED, words, *arguments],
        env=tocsin.environment | {"TMPDIR": str(tocsin.home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdin is not None
        if command == "send -":
            process.stdin.write('{"alertId": "first", "title": "x"}\n')
            process.stdin.flush()  # and stays open: the writer of the pipe goes on
        ended = process.wait(PATIENCE_S)
        errors = process.stderr.read() if process.stderr else ""
    assert ended == code, errors
    assert "Traceback" not in errors
    assert not [*tocsin.home.glob("tocsin-demo-*")]
