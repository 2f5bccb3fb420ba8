"""Activity: by the minute, by destination, for the hour and the day."""

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from rich.style import Style
from syrupy.assertion import SnapshotAssertion

from tests.conftest import NOW, Clock
from tests.screens.conftest import Opens
from tests.screens.user import NARROW, VAST, WIDE, User
from tests.store.bench import Bench
from tui.domain.activity import Ended, Span
from tui.domain.lifecycle import Outcome
from tui.screens.activity.screen import DestinationFigures
from tui.screens.destinations.list import DestinationList
from tui.store.reading import activity

MINUTE, HOUR = 60_000, 3_600_000


def end(bench: Bench, ends: Iterable[tuple[int, Outcome, int]]) -> None:
    """Attempts at new deliveries, each with when it ended, how, and what it took."""
    for ended_at, outcome, duration in ends:
        for delivery in bench.submit(created_at=ended_at):
            claim = next(claim for claim in bench.claim().claims if claim.delivery_id == delivery)
            bench.finish(claim, outcome, ended_at=ended_at, duration_ms=duration)


@pytest.fixture
def history(bench: Bench) -> None:
    """A quiet day, a busy hour with a burst of trouble, one destination that is gone and one never used."""
    gone = bench.add(name="gone")
    end(bench, [(NOW - 20 * HOUR, Outcome.DELIVERED, 40)])
    bench.delete(gone)
    bench.add(name="soc [@click=app.quit]")
    end(bench, [(NOW - hour * HOUR, Outcome.DELIVERED, 50 * hour) for hour in range(2, 20, 2)])
    minutes = [5, 8, 13, 21, 21, 30, 30, 30, 31, 32, 33, 34, 34, 34, 34, 50, 55, 55, 59]
    end(bench, [(NOW - minute * MINUTE, Outcome.DELIVERED, 80 + minute) for minute in minutes])
    end(bench, [(NOW - 32 * MINUTE, Outcome.TIMEOUT, 30_000), (NOW - 31 * MINUTE, Outcome.TIMEOUT, 30_000)])
    end(bench, [(NOW - 30 * MINUTE, Outcome.REJECTED, 1_234), (NOW - 5 * MINUTE, Outcome.UNREACHABLE, 3)])
    bench.add(name="vault")


async def looks(user: User, snapshot: SnapshotAssertion, *sizes: tuple[int, int]) -> None:
    for width, height in sizes:
        await user.pilot.resize_terminal(width, height)
        await user.settles()
        assert user.screen == snapshot(name=f"{width}x{height}")


@pytest.mark.usefixtures("history")
async def test_the_hour_and_the_day(viewer: Opens, snapshot: SnapshotAssertion) -> None:
    async with viewer() as user:
        await user.press("4")
        await user.sees("vault", "2 timeout")
        await looks(user, snapshot, NARROW, WIDE, VAST)


@pytest.mark.usefixtures("history")
async def test_in_the_terminals_own_colours_red_is_not_on_blue(viewer: Opens) -> None:
    async with viewer() as user:
        user.app.theme = "ansi-dark"
        await user.press("4")
        await user.sees("2 timeout")
        figures = user.app.screen.query_one(DestinationFigures)

        def chosen() -> list[Style]:
            lines = [figures.render_line(line) for line in range(2)]
            return [
                segment.style for line in lines for segment in line if segment.style and segment.text.strip()
            ]

        await user.until(lambda: chosen() and all(style.underline for style in chosen()))
        assert not [style.bgcolor for style in chosen() if style.bgcolor and not style.bgcolor.is_default]


@pytest.mark.usefixtures("history")
async def test_it_looks_right_at_any_size(viewer: Opens, snapshot: SnapshotAssertion) -> None:
    """Names are to be read, no line is broken in two, and there is a row to put the cursor on."""
    async with viewer() as user:
        await user.press("4")
        await user.sees("vault", "2 timeout")
        for width in (10, 30, 40, 47, 48, 50, 60, 67, 68, 75, 79, 80, 120):
            for height in (5, 10, 15, 24):
                await user.pilot.resize_terminal(width, height)
                await user.settles()
                if width >= 30 and height >= 10:
                    assert [line for line in user.screen.splitlines() if "soc [@" in line]
        await looks(user, snapshot, (40, 10), (60, 24), (75, 24), (80, 10))


async def test_the_cursor_is_in_sight_and_the_scrollbar_over_no_figure(viewer: Opens, bench: Bench) -> None:
    for number in range(12):
        bench.add(name=f"d{number:02}")
    bench.submit()
    for claim in bench.claim().claims:
        bench.finish(claim, Outcome.DELIVERED, ended_at=NOW, duration_ms=13)
    async with viewer() as user:
        await user.press("4")
        await user.sees("d11")
        await user.press("G")
        for width, height in ((80, 24), (80, 10), (70, 15)):
            await user.pilot.resize_terminal(width, height)
            await user.settles()
            assert user.line_with("d11").count("13ms") == (6 if width == 80 else 3)


@pytest.mark.usefixtures("history")
async def test_no_figure_is_shown_before_it_is_final(viewer: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    let_through, read = threading.Semaphore(1), activity.attempts_ended

    def held(db: Any, spans: Sequence[Span]) -> list[tuple[Span, list[Ended]]]:
        let_through.acquire()
        return read(db, spans)

    monkeypatch.setattr(activity, "attempts_ended", held)
    async with viewer() as user:
        try:
            await user.press("4")
            await user.sees("DELIVERED PER MINUTE  reading…", "LAST 24 HOURS", "vault")
            assert "reading…" in user.line_with("all ")
            assert "timeout" not in user.screen
            let_through.release(30)
            await user.sees("in the last hour, peak", "2 timeout", "reading…")
            assert user.line_with("all ").split()[1:3] == ["all", "23"]
        finally:
            let_through.release(10_000)
        await user.misses("reading…")
        assert "33" in user.line_with("all ")


async def test_without_destinations(viewer: Opens, snapshot: SnapshotAssertion) -> None:
    async with viewer() as user:
        await user.press("4")
        await user.sees("LAST 24 HOURS")
        await looks(user, snapshot, NARROW)


@pytest.mark.usefixtures("history")
async def test_the_keys_move_and_lead_to_the_destination(viewer: Opens) -> None:
    async with viewer() as user:
        await user.press("4")
        await user.sees("vault", "gone")
        await user.settles()
        for key, name in (("G", "vault"), ("k", "soc"), ("j", "vault"), ("g", "gone")):
            await user.press(key)
            await user.until(lambda name=name: name in str(highlighted(user)))
        await user.press("G", "enter")
        await user.sees("Destinations · 2")
        await user.until(lambda: chosen(user) == "vault")


def chosen(user: User) -> str | None:
    row = user.app.screen.query_one(DestinationList).current
    return row and row.destination.name


def highlighted(user: User) -> object:
    """What the list on the screen has its cursor on."""
    option = user.app.focused.highlighted_option
    return option and option.prompt


@pytest.mark.usefixtures("history")
async def test_a_click_chooses_a_destination(viewer: Opens) -> None:
    async with viewer(VAST) as user:
        await user.press("4")
        await user.sees("vault")
        await user.settles()
        rows = user.screen.splitlines()
        row = next(number for number, line in enumerate(rows) if "vault" in line)
        await user.pilot.click(offset=(10, row))
        await user.sees("Destinations · 2")


async def test_what_ends_now_is_counted_within_seconds(viewer: Opens, bench: Bench, clock: Clock) -> None:
    bench.add()
    async with viewer() as user:
        await user.press("4")
        await user.sees("0 in the last hour, peak 0/min, now 0/min")
        end(bench, [(NOW, Outcome.DELIVERED, 84)])
        user.app.screen.tick()
        user.app.screen.tick()
        await user.sees("1 in the last hour, peak 1/min, now 1/min", "84ms")
        clock.advance(MINUTE)
        user.app.screen.tick()
        user.app.screen.tick()
        await user.sees("1 in the last hour, peak 1/min, now 0/min")


async def test_a_database_that_is_gone_is_said_and_what_it_holds_then_is_read_anew(
    viewer: Opens, bench: Bench, tmp_path: Path
) -> None:
    bench.add()
    async with viewer(VAST) as user:
        await user.press("4")
        await user.sees("0 in the last hour")
        with closing(sqlite3.connect(tmp_path / "tocsin.db", isolation_level=None)) as other:
            other.execute("PRAGMA legacy_alter_table = ON")
            other.execute("ALTER TABLE attempt RENAME TO elsewhere")
            await user.sees("✗ no such table: attempt; retrying")
            other.execute("ALTER TABLE elsewhere RENAME TO attempt")
        await user.hears("The database is available again")
        # The status line; the toast that said so stays for as long as toasts do.
        await user.until(lambda: "no such table" not in user.screen.splitlines()[0])
