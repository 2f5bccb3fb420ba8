"""The log, followed as it is written."""

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.screens.conftest import Opens
from tests.screens.user import NARROW
from tests.store.bench import Bench
from tui.screens.log.tail import TAIL_BYTES, LogTail

STRANGE = b"\x1b]0;owned\x07 [@click=app.quit]x[/] \xff\x9b\r\n\n" + b"y" * 5000 + b"\n"


def write(log: Path, *lines: str) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def rotate(log: Path) -> None:
    log.rename(log.with_suffix(".1"))


def line(level: str, text: str) -> str:
    return f"2026-01-31T09:30:00.000Z {level} dispatcher: {text}"


async def test_before_anything_was_logged_it_says_so(viewer: Opens) -> None:
    async with viewer() as user:
        await user.press("3")
        await user.sees("Nothing has been logged yet.")


async def test_it_follows_the_file(viewer: Opens, log: Path) -> None:
    write(log, line("INFO", "the first"))
    async with viewer() as user:
        await user.press("3")
        await user.sees("09:30:00 INFO    dispatcher: the first")
        write(log, line("WARNING", "the second"))
        await user.sees("09:30:00 WARNING dispatcher: the second", "following")
        rotate(log)
        write(log, line("INFO", "in a new file"))
        await user.sees("in a new file", "the second")


async def test_f_goes_round_the_levels(viewer: Opens, log: Path) -> None:
    write(log, line("INFO", "attempt"), line("WARNING", "late answer"), line("ERROR", "permanently failed"))
    async with viewer() as user:
        await user.press("3")
        await user.sees("attempt", "late answer")
        await user.press("f")
        await user.sees("warnings and errors", "late answer", "permanently failed")
        await user.misses("attempt")
        await user.press("f")
        await user.sees("errors only")
        await user.misses("late answer")
        write(log, line("INFO", "attempt two"), line("ERROR", "failed again"))
        await user.sees("failed again")
        assert "attempt two" not in user.screen
        await user.press("f")
        await user.sees("attempt two", "late answer")


async def test_the_filter_keeps_the_lines_that_hold_a_text_in_any_case(viewer: Opens, log: Path) -> None:
    write(log, line("INFO", "to SOC"), line("INFO", "to pager"))
    async with viewer() as user:
        await user.press("3")
        await user.sees("to pager")
        await user.press("slash", "s", "o", "c")
        await user.misses("to pager")
        await user.sees("to SOC")
        write(log, line("INFO", "to soc again"), line("INFO", "to pager again"))
        await user.sees("to soc again")
        assert "to pager again" not in user.screen
        await user.press("x")
        await user.sees("No lines match this filter")
        await user.press("escape")
        await user.sees("to pager again")
        await user.is_at("log")


async def test_away_from_the_end_it_stays_where_it_is_and_at_the_end_it_follows(
    viewer: Opens, log: Path
) -> None:
    write(log, *(line("INFO", f"number {number:03}") for number in range(200)))
    async with viewer(NARROW) as user:
        await user.press("3")
        await user.sees("number 199", "following")
        await user.press("g")
        await user.sees("number 000", "paused, G to follow")
        write(log, line("INFO", "while reading"))
        await user.press("pagedown", "pagedown", "pageup", "j", "k")
        await user.sees("number 020")
        assert "while reading" not in user.screen
        await user.press("G")
        await user.sees("while reading", "following")
        write(log, line("INFO", "at the end"))
        await user.sees("at the end")


async def test_enter_opens_the_alert_that_a_line_is_about(viewer: Opens, bench: Bench, log: Path) -> None:
    bench.submit(alert_id="a-1", title="Root login")
    write(
        log,
        line("ERROR", 'delivery permanently failed alert=a-1 destination="soc" attempts=11 last="503"'),
        line("ERROR", 'delivery permanently failed alert=gone destination="soc" attempts=11 last="503"'),
        line("WARNING", "cannot record or claim, retrying: the disk is full"),
    )
    async with viewer() as user:
        await user.press("3")
        await user.sees("the disk is full")
        assert "Press enter to open the alert" not in user.screen
        await user.press("enter")
        await user.hears("This line does not mention an alert")
        await user.press("k", "enter")
        await user.hears("Alert gone is not in this database")
        await user.press("k")
        await user.sees("Press enter to open the alert")
        await user.press("enter")
        await user.sees("Not sent anywhere", "Root login")
        await user.press("escape")
        await user.sees("Log · ")


async def test_a_narrow_screen_shows_where_an_attempt_went_and_how_it_ended(viewer: Opens, log: Path) -> None:
    ids = f"alert={'0' * 36} destination={json.dumps('a soc')}"
    write(log, line("INFO", f'attempt {ids} round=1 number=2 outcome=timeout error="no alert=1"'))
    write(log, line("ERROR", f"delivery permanently failed {ids} attempts=11"))
    write(log, line("WARNING", "of no alert=1"))
    async with viewer(NARROW) as user:
        await user.press("3")
        await user.sees('dispatcher: attempt destination="a soc" outcome=timeout')
        await user.sees('dispatcher: delivery permanently failed destination="a soc"')
        await user.sees("of no alert=1")
        await user.press("g")  # below it stands as it was written
        await user.sees(f"dispatcher: attempt alert={'0' * 36}")


async def test_a_click_chooses_a_line_and_two_open_its_alert(viewer: Opens, bench: Bench, log: Path) -> None:
    bench.submit(alert_id="a-1", title="Root login")
    write(log, line("INFO", "attempt alert=a-1 destination=soc"), line("INFO", "the last"))
    async with viewer() as user:
        await user.press("3")
        await user.sees("the last")
        await user.pilot.click("#log", offset=(5, 0))
        await user.sees("Press enter to open the alert")
        await user.pilot.click("#log", offset=(5, 0), times=2)
        await user.sees("Root login", "Not sent anywhere")


@pytest.fixture
def strange(log: Path) -> None:
    log.write_bytes(STRANGE)


@pytest.mark.usefixtures("strange")
async def test_what_is_no_line_of_ours_is_shown_inert(viewer: Opens) -> None:
    async with viewer() as user:
        await user.press("3", "k", "k")
        await user.sees("␛]0;owned␇ [@click=app.quit]x[/] ��")


# --- reading the end of a file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def tail(path: Path) -> Iterator[LogTail]:
    with closing(LogTail(path)) as tail:
        yield tail


def test_of_a_long_file_only_the_end_is_read_from_the_first_whole_line_on(path: Path, tail: LogTail) -> None:
    with path.open("wb") as file:
        file.seek(10**9)  # a hole: it takes no room on the disk
        file.write(b"\nlast but one\nlast\n")
    lines = tail.read()
    assert lines[-2:] == ["last but one", "last"]
    assert sum(map(len, lines)) < TAIL_BYTES


def test_a_line_comes_when_it_is_whole(path: Path, tail: LogTail) -> None:
    assert tail.read() == []
    path.write_text("a\nb")
    assert tail.read() == ["a"]
    with path.open("a") as file:
        file.write("c\nd\n")
    assert tail.read() == ["bc", "d"]
    assert tail.read() == []


def test_what_was_written_before_a_rotation_is_not_lost(path: Path, tail: LogTail) -> None:
    path.write_text("a\n")
    assert tail.read() == ["a"]
    with path.open("a") as file:
        file.write("b\n")
    path.rename(path.with_suffix(".1"))
    path.write_text("c\n")
    assert tail.read() == ["b", "c"]
    path.unlink()
    assert tail.read() == []
    path.write_text("d\n")
    assert tail.read() == ["d"]


def test_a_truncated_file_is_read_from_its_start(path: Path, tail: LogTail) -> None:
    path.write_text("a long line\n")
    assert tail.read() == ["a long line"]
    os.truncate(path, 0)
    path.write_text("b\n")
    assert tail.read() == ["b"]
