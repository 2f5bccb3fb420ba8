"""The app restores the terminal, and handles every key."""

import fcntl
import itertools
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drills.installation import ROOT, Installation, eventually
from tests.drills.receiver import PATIENCE_S
from tests.drills.terminal import Terminal


@pytest.fixture
def engine() -> str:
    return "sqlite"


@pytest.fixture
def terminal(installation: Installation) -> Iterator[Terminal]:
    terminal = Terminal([sys.executable, "-m", "tui"], installation.environment, (100, 30))
    yield terminal
    terminal.close()


SIGNALS = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT]


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_restores_the_terminal(terminal: Terminal, number: signal.Signals) -> None:
    terminal.sees("Welcome to Tocsin")
    terminal.process.send_signal(number)
    assert terminal.exit_code() == 128 + number
    terminal.assert_restored()


SIGNALLED_IN_A_SWITCH = """
import asyncio, os, sys
from tui import cli
from tui.screens.destinations.screen import DestinationsScreen

compose = DestinationsScreen._compose

async def composed(self):
    os.kill(os.getpid(), {number})
    while not self.app._exit:
        await asyncio.sleep(0.001)
    await compose(self)

DestinationsScreen._compose = composed
sys.argv = ["tocsin"]
cli.main()
"""


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_while_a_screen_opens_ends_the_app(
    installation: Installation, number: signal.Signals
) -> None:
    program = SIGNALLED_IN_A_SWITCH.format(number=int(number))
    terminal = Terminal([sys.executable, "-c", program], installation.environment, (100, 30))
    try:
        terminal.sees("Welcome to Tocsin")
        terminal.press("2")
        assert terminal.exit_code() == 128 + number
        terminal.assert_restored()
        assert not terminal.has_told("Traceback")
    finally:
        terminal.close()


SIGNALLED_BEFORE_THE_FIRST_FRAME = """
import os, sys, threading
from tui import cli
from tui.app import TocsinApp

build = TocsinApp._build_driver

def built(self, *args, **kwargs):
    driver = build(self, *args, **kwargs)
    start = driver.start_application_mode

    def started():
        start()
        os.kill(os.getpid(), {number})

    driver.start_application_mode = started
    return driver

TocsinApp._build_driver = built
sys.argv = ["tocsin"]
cli.main()
"""


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_before_the_first_frame_restores_the_terminal(
    installation: Installation, number: signal.Signals
) -> None:
    program = SIGNALLED_BEFORE_THE_FIRST_FRAME.format(number=int(number))
    terminal = Terminal([sys.executable, "-c", program], installation.environment, (100, 30))
    try:
        assert terminal.exit_code() == 128 + number
        terminal.assert_restored()
        assert not terminal.has_told("Traceback")
    finally:
        terminal.close()


def test_a_terminal_closed_without_a_signal_ends_the_app(installation: Installation) -> None:
    master, slave = pty.openpty()
    # Not the terminal that controls it: that one would send SIGHUP.
    app = subprocess.Popen(
        [sys.executable, "-m", "tui"],
        env=installation.environment,
        cwd=ROOT,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    written = b""
    while b"Welcome" not in written:
        written += os.read(master, 65536)
    os.close(master)
    try:
        assert app.wait(PATIENCE_S) == 128 + signal.SIGHUP
    finally:
        app.kill()
        app.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_ends_the_app_while_nobody_reads_its_terminal(
    installation: Installation, number: signal.Signals
) -> None:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    app = subprocess.Popen(
        [sys.executable, "-m", "tui"],
        env=installation.environment,
        cwd=ROOT,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    written = b""
    while b"Welcome" not in written:
        written += os.read(master, 65536)
    writable = select.poll()
    writable.register(slave, select.POLLOUT)
    heights = itertools.cycle([49, 50])  # each paints the screen again, and nobody reads it

    def is_full() -> bool:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", next(heights), 200, 0, 0))
        app.send_signal(signal.SIGWINCH)
        return not writable.poll(0)

    eventually(is_full, lambda: "the terminal takes everything")
    app.send_signal(number)
    try:
        assert app.wait(20) == 128 + number
    finally:
        app.kill()
        app.wait()
        os.close(slave)
        os.close(master)
    assert not Path(installation.database + "-wal").exists(), "the database was closed"


def test_keys_typed_before_the_first_frame_are_handled(terminal: Terminal) -> None:
    terminal.press("2")
    terminal.sees("Destinations · 0")
    terminal.press("q")
    assert terminal.exit_code() == 0
    terminal.assert_restored()


def test_choices_are_restored_at_the_next_start(installation: Installation) -> None:
    installation.add_destination("soc", "http://127.0.0.1:9/alerts")  # a database without any starts anew
    terminal = Terminal([sys.executable, "-m", "tui"], installation.environment, (100, 30))
    terminal.sees("Alerts · 0")
    terminal.press("4")
    terminal.sees("LAST 24 HOURS")
    terminal.press("q")
    assert terminal.exit_code() == 0
    terminal.close()
    again = Terminal([sys.executable, "-m", "tui"], installation.environment, (100, 30))
    again.sees("LAST 24 HOURS")
    again.press("q")
    assert again.exit_code() == 0
    again.close()


def test_no_color_disables_colours(installation: Installation) -> None:
    environment = installation.environment | {"NO_COLOR": "1", "COLORTERM": "truecolor"}
    terminal = Terminal([sys.executable, "-m", "tui"], environment, (100, 30))
    terminal.sees("Welcome to Tocsin")
    terminal.press("q")
    assert terminal.exit_code() == 0
    terminal.close()
    styles = {code for codes in re.findall(r"\x1b\[([\d;]+)m", terminal.text) for code in codes.split(";")}
    assert styles
    assert not [code for code in styles if re.fullmatch(r"3[0-8]|4[0-8]|9\d|10[0-7]", code)]


CRASHING = r"""
import tui.app

async def crash(self):
    password = "hunter" + str(2)
    try:
        raise ValueError(f"from http://soc:{password}@127.0.0.1/{password}in-the-path")
    except ValueError as cause:
        raise RuntimeError(f"crashed at http://127.0.0.1/?key={password}\nDETAIL: {password}") from cause

tui.app.TocsinApp.action_help = crash
from tui.cli import main
main()
"""


def test_a_crash_shows_no_values_and_restores_the_terminal(installation: Installation) -> None:
    terminal = Terminal([sys.executable, "-c", CRASHING], installation.environment, (100, 30))
    terminal.sees("Welcome to Tocsin")
    terminal.press("?")
    assert terminal.exit_code() == 1
    terminal.assert_restored()
    terminal.close()
    assert terminal.has_told("ValueError: from http://127.0.0.1/…path")
    assert terminal.has_told("RuntimeError: crashed at http://127.0.0.1/…")
    assert not terminal.has_told("hunter2")
