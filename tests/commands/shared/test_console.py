"""Messages on stderr: text from outside reaches the terminal with its control characters escaped."""

import pytest

from tests.commands.conftest import Tocsin
from tui.commands.shared.console import tell

HOSTILE = "a\x1b[2Jb\x07c\u202ed\r"
RAW = ("\x1b", "\x07", "\u202e", "\r")


def test_a_message_escapes_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    tell(f"waiting: {HOSTILE}")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("waiting: a␛[2Jb")
    assert [character for character in RAW if character in said.err] == []


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("send", HOSTILE), 2),
        (("send", f"--{HOSTILE}"), 2),
        ((HOSTILE,), 2),
        (("--config", f"/nowhere/{HOSTILE}", "alert", "list"), 2),
        (("--db", f"/nowhere/{HOSTILE}", "alert", "list"), 3),
        (("--log", f"/dev/null/{HOSTILE}", "alert", "list"), 3),
    ],
    ids=["a file", "an option", "a command", "a configuration", "a database", "a log"],
)
def test_an_error_escapes_control_characters(tocsin: Tocsin, command: tuple[str, ...], code: int) -> None:
    done = tocsin(*command)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("tocsin: ")
    assert [character for character in RAW if character in done.stderr] == []
    assert done.stderr.count("\n") == 1
