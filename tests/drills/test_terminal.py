"""The app gives the terminal back as it found it, and takes every key it was given."""

import re
import signal
import sys
from collections.abc import Iterator

import pytest

from tests.drills.installation import Installation
from tests.drills.terminal import Terminal


@pytest.fixture
def engine() -> str:
    return "sqlite"


@pytest.fixture
def terminal(installation: Installation) -> Iterator[Terminal]:
    terminal = Terminal([sys.executable, "-m", "tui"], installation.environment, (100, 30))
    yield terminal
    terminal.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_gives_the_terminal_back(terminal: Terminal, number: signal.Signals) -> None:
    terminal.sees("Welcome to Tocsin")
    terminal.process.send_signal(number)
    assert terminal.exit_code() == 128 + number
    terminal.assert_restored()


def test_keys_that_come_before_the_first_painting_are_taken(terminal: Terminal) -> None:
    terminal.press("2")
    terminal.sees("Destinations · 0")
    terminal.press("q")
    assert terminal.exit_code() == 0
    terminal.assert_restored()


def test_what_was_chosen_is_there_at_the_next_start(installation: Installation, terminal: Terminal) -> None:
    terminal.sees("Welcome to Tocsin")
    terminal.press("4")
    terminal.sees("LAST 24 HOURS")
    terminal.press("q")
    assert terminal.exit_code() == 0
    again = Terminal([sys.executable, "-m", "tui"], installation.environment, (100, 30))
    again.sees("LAST 24 HOURS")
    again.press("q")
    assert again.exit_code() == 0
    again.close()


def test_no_color_leaves_shades_of_grey(installation: Installation) -> None:
    environment = installation.environment | {"NO_COLOR": "1", "COLORTERM": "truecolor"}
    terminal = Terminal([sys.executable, "-m", "tui"], environment, (100, 30))
    terminal.sees("Welcome to Tocsin")
    terminal.press("q")
    assert terminal.exit_code() == 0
    terminal.close()
    colours = set(re.findall(r"[34]8;2;(\d+);(\d+);(\d+)", terminal.text))
    assert colours
    assert all(red == green == blue for red, green, blue in colours)


CRASHING = """
import tui.app

async def crash(self):
    password = "hunter" + str(2)
    raise RuntimeError("crashed")

tui.app.TocsinApp.action_help = crash
from tui.cli import main
main()
"""


def test_a_crash_tells_no_values_and_gives_the_terminal_back(installation: Installation) -> None:
    terminal = Terminal([sys.executable, "-c", CRASHING], installation.environment, (100, 30))
    terminal.sees("Welcome to Tocsin")
    terminal.press("?")
    assert terminal.exit_code() == 1
    terminal.assert_restored()
    terminal.close()
    assert terminal.has_told("RuntimeError: crashed")
    assert not terminal.has_told("hunter2")
