"""What commands print looks right on a terminal and is plain everywhere else."""

import contextlib
import fcntl
import os
import pty
import struct
import termios
from itertools import pairwise

import pytest

from tests.commands.conftest import PATIENCE_S, Tocsin
from tests.conftest import alert, answer, destination
from tui.domain.lifecycle import Outcome

RED, GREEN, PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[0m"


def on_terminal(tocsin: Tocsin, *args: str, columns: int) -> str:
    """What `tocsin` prints on a terminal of this width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with tocsin.start(*args, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        printed = b""
        with contextlib.suppress(OSError):  # how Linux says that the other side is closed
            while chunk := os.read(ours, 65536):
                printed += chunk
        process.wait(PATIENCE_S)
    os.close(ours)
    return printed.decode().replace("\r\n", "\n")


@pytest.fixture(autouse=True)
def alerts(tocsin: Tocsin) -> None:
    tocsin.add(destination(), destination(name="pager"))
    tocsin.submit(
        alert(alert_id="0123456789abcdef" * 2, title="日本語のとても長いタイトル" * 4),
        alert(alert_id="short", title="S3 bucket made public"),
    )
    tocsin.deliver(soc=answer(), pager=answer(Outcome.REJECTED))


def test_a_table_fits_the_terminal_and_colours_only_states(tocsin: Tocsin) -> None:
    heading, short, long = on_terminal(tocsin, "alert", "list", columns=90).splitlines()
    states = f"pager {RED}failed{PLAIN}, soc {GREEN}delivered{PLAIN}"
    assert short.endswith(states)
    assert long.endswith(f"…  {states}")
    assert long.startswith("0123456789ab  2026-01-31 ")
    assert len(heading) < 90


def test_no_color_is_honoured(tocsin: Tocsin) -> None:
    tocsin.environment["NO_COLOR"] = "1"
    assert "\x1b" not in on_terminal(tocsin, "alert", "list", columns=90)


def test_a_pipe_gets_everything_aligned_and_without_colour(tocsin: Tocsin) -> None:
    heading, short, long = tocsin("alert", "list").stdout.splitlines()
    assert "\x1b" not in heading + short + long
    assert long.startswith("0123456789abcdef" * 2 + "  ")
    assert "日本語のとても長いタイトル" * 4 in long
    starts = [line.index("2026-01-31 ") for line in (short, long)]
    assert all(first == second for first, second in pairwise([heading.index("CREATED"), *starts]))


def test_one_long_title_does_not_push_the_columns_of_all_others_apart(tocsin: Tocsin) -> None:
    tocsin.submit(alert(alert_id="long", title="x" * 1_000))
    lines = tocsin("alert", "list").stdout.splitlines()
    assert all(len(line) < 250 for line in lines)
    assert "x" * 119 + "…  " in lines[1]
    assert tocsin.json("alert", "list")[0]["title"] == "x" * 1_000
