"""What holds on every screen: modes, help, palette, quitting, and a database that does not answer."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from textual import events

from tests.conftest import write
from tests.screens.conftest import Opens, Receiver
from tests.screens.history import fail
from tests.screens.user import NARROW, VAST, User, user_at
from tests.store.bench import Bench
from tui.delivery.background import BackgroundDispatcher
from tui.screens.shared.context import Context
from tui.screens.shared.jump import Letter


async def test_1_2_3_4_switch_between_the_screens(viewer: Opens, bench: Bench) -> None:
    bench.submit()
    async with viewer(NARROW) as user:
        for key, title in (
            ("2", "Destinations · 0"),
            ("3", "Log · "),
            ("4", "Activity"),
            ("1", "Alerts · 1"),
        ):
            await user.press(key)
            await user.sees(title)
        await user.press("enter")
        await user.sees("Not sent anywhere")
        await user.press("2")
        await user.sees("Destinations · 0")
        await user.press("1")
        await user.sees("Alerts · 1")


HELP = {
    "1": ["Resend the alert's failed deliveries", "Resend all failed that match the filter"],
    "2": ["Add a destination", "Send a test alert", "Pause or resume its deliveries"],
    "3": ["Warnings and errors, errors only, or all", "Last line; follow new ones", "log.open"],
    "4": ["Show it in the list of destinations", "Next destination", "move.down"],
}


@pytest.mark.parametrize("mode", HELP)
async def test_the_question_mark_lists_every_key_of_the_screen(
    viewer: Opens, bench: Bench, mode: str
) -> None:
    bench.add()
    bench.submit()
    async with viewer(VAST) as user:
        await user.press(mode, "question_mark")
        await user.sees("Keys of this screen", *HELP[mode])
        await user.sees("Find an action by name", "Quit after deliveries in flight finish", "Log")
        await user.press("escape")
        await user.misses("Keys of this screen")


async def test_the_help_of_the_setup_is_there_too(viewer: Opens) -> None:
    async with viewer(VAST) as user:
        await user.press("n")
        await user.sees("Display name")
        await user.settles()
        await user.go_to("save")
        await user.press("question_mark")
        await user.sees("Keys of this screen", "Save the destination", "Show or mask the URL")


async def test_the_help_is_scrolled_with_keys_and_a_key_of_its_own_closes_it(viewer: Opens) -> None:
    async with viewer(NARROW) as user:
        await user.press("question_mark")
        await user.sees("THIS SCREEN")
        await user.settles()
        await user.press("G")
        await user.sees("app.theme")
        await user.press("k", "g")
        await user.sees("THIS SCREEN")
        await user.press("j")
        await user.misses("THIS SCREEN")
        await user.press("k")
        await user.sees("THIS SCREEN")
        await user.press("question_mark")
        await user.misses("Keys of this screen")


async def test_the_palette_knows_every_action_once(viewer: Opens) -> None:
    async with viewer(VAST) as user:
        titles = [command.title for command in user.app.get_system_commands(user.app.screen)]
        assert len(titles) == len(set(titles))
        assert sum(title.startswith("Quit") for title in titles) == 1
        for name in ("Alerts", "Destinations", "Log", "Activity", "Choose a light or dark theme"):
            assert [title for title in titles if title.endswith(f": {name}")]


async def test_enter_twice_in_the_palette_ends_nothing_but_the_palette(viewer: Opens) -> None:
    async with viewer() as user:
        await user.press("ctrl+p")
        await user.paste("activity")
        await user.sees("Screen: Activity")
        await user.settles()
        await user.press("down")
        for _ in range(3):
            user.app.post_message(events.Key("enter", None))
        await user.sees("Activity ─")
        assert user.app.is_running


async def test_escape_twice_leaves_one_page(viewer: Opens, bench: Bench) -> None:
    bench.submit()
    async with viewer(NARROW) as user:
        await user.press("enter")
        await user.sees("Not sent anywhere")
        for _ in range(3):
            user.app.post_message(events.Key("escape", None))
        await user.sees("Alerts · 1")
        await user.settles()
        assert user.app.is_running


async def test_f10_chooses_a_theme(viewer: Opens) -> None:
    async with viewer() as user:
        await user.press("f10")
        await user.sees("Search for themes…")
        await user.paste("tocsin-light")
        await user.settles()
        await user.press("down", "enter")
        await user.until(lambda: user.app.theme == "tocsin-light")


def letters(user: User) -> list[str]:
    """Those that jump mode shows, by which it can be told from a screen that happens to show the like."""
    return [label.letter for label in user.app.screen.query(Letter)]


@pytest.mark.parametrize("key", ["semicolon", "ctrl+j"])
async def test_jump_mode_goes_to_a_part_by_its_letter(viewer: Opens, bench: Bench, key: str) -> None:
    bench.add()
    bench.submit()
    async with viewer() as user:
        await user.sees("DELIVERY STATUS")
        await user.settles()  # only what is laid out gets a letter
        await user.press(key)
        await user.until(lambda: letters(user) == ["a", "s", "d"])
        await user.sees("[a]", "[s]", "[d]")
        await user.press("s")
        await user.is_at("deliveries")
        await user.press(key)
        await user.until(lambda: letters(user))
        await user.press("d")
        await user.is_at("exchange")
        await user.press(key)
        await user.until(lambda: letters(user))
        await user.press("escape")
        await user.until(lambda: not letters(user))
        await user.is_at("exchange")


async def test_jump_mode_by_mouse(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit()
    async with viewer() as user:
        await user.sees("DELIVERY STATUS")
        await user.settles()
        await user.press("semicolon")
        await user.sees("[s]")
        await user.settles()
        letter = list(user.app.screen.query("Letter"))[1]
        await user.pilot.click(offset=letter.region.offset)
        await user.is_at("deliveries")


async def test_the_screens_and_the_help_are_reached_by_mouse(viewer: Opens) -> None:
    async with viewer(VAST) as user:
        for name, title in (("4 activity", "Activity ─"), ("2 destinations", "Destinations · 0")):
            await user.settles()
            await user.pilot.click(offset=(user.screen.splitlines()[0].index(name) + 2, 0))
            await user.sees(title)
        await user.settles()
        await user.pilot.click(offset=(user.screen.splitlines()[0].index("? help"), 0))
        await user.sees("Keys of this screen")


async def test_the_palette_does_by_name_what_the_keys_do(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit()
    async with viewer() as user:
        await user.press("ctrl+p")
        await user.sees("Copy payload, response, curl or ID", "Filter the list")
        await user.paste("add a destination")
        await user.sees("Add a destination")
        await user.press("down", "enter")
        await user.sees("Display name")


async def test_the_palette_leads_to_the_other_screens(viewer: Opens) -> None:
    async with viewer() as user:
        await user.press("ctrl+p")
        await user.paste("destinations")
        await user.press("down", "enter")
        await user.sees("Destinations · 0")


# --- quitting


async def test_q_quits(viewer: Opens) -> None:
    async with viewer() as user:
        await user.press("q")
        await user.until(lambda: not user.app.is_running)
    assert user.app.return_code == 0


async def test_q_with_deliveries_in_flight_asks(
    tocsin: Opens, bench: Bench, receive: Callable[..., Receiver], dispatcher: BackgroundDispatcher
) -> None:
    bench.add(url=receive(delay_s=60).url)
    bench.submit()
    async with tocsin() as user:
        await user.until(lambda: dispatcher.in_flight)
        await user.press("q")
        await user.sees("1 delivery is in flight and will finish first. Quit?")
        await user.press("n")
        await user.misses("Quit?")
        await user.press("ctrl+c")
        await user.sees("Quit?")
        await user.press("y")
        await user.until(lambda: not user.app.is_running)


# --- a database that does not answer


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a lock gives up at once."""
    monkeypatch.setattr("tui.store.engine.sqlite.BUSY_TIMEOUT_S", 0.01)


@pytest.fixture
def other(impatient: None, store: object, tmp_path: Path) -> sqlite3.Connection:
    """The database as another process has it open."""
    with closing(sqlite3.connect(tmp_path / "tocsin.db", isolation_level=None)) as connection:
        yield connection


LOCKED = "the database is locked by another process"


async def test_a_locked_database_is_said_in_the_status_line_and_recovered_from(
    other: sqlite3.Connection, tocsin: Opens, bench: Bench, receive: Callable[..., Receiver]
) -> None:
    bench.add(url=receive().url)
    async with tocsin() as user:
        await user.sees("● delivering")
        bench.submit()
        await user.sees("✓ soc")
        other.execute("BEGIN IMMEDIATE")
        user.app.context.dispatcher.nudge()
        await user.sees(f"✗ {LOCKED}")
        other.execute("COMMIT")
        await user.sees("● delivering")


async def test_what_cannot_be_written_now_is_said_and_nothing_is_lost(
    other: sqlite3.Connection, viewer: Opens, bench: Bench
) -> None:
    bench.add()
    bench.submit()
    fail(bench)
    async with viewer(VAST) as user:
        other.execute("BEGIN IMMEDIATE")
        await user.press("r")
        await user.hears(f"Not resent: {LOCKED}")
        assert "✗ soc" in user.screen
        await user.press("2")
        await user.sees("Destinations · 1")
        await user.press("p")
        await user.hears(f"Not changed: {LOCKED}")
        await user.press("d")
        await user.sees("Delete soc?")
        await user.press("y")
        await user.hears(f"Not deleted: {LOCKED}")
        await user.press("e")
        await user.is_at("name")
        await user.press("2", "ctrl+s")
        await user.hears(f"Not saved: {LOCKED}. Try again.")
        other.execute("COMMIT")
        await user.press("ctrl+s")
        await user.sees("2 is saved")


async def test_a_database_that_cannot_be_read_is_said_and_recovered_from(
    other: sqlite3.Connection, viewer: Opens, bench: Bench
) -> None:
    bench.add()
    for number in range(200):
        bench.submit(title=f"Number {number:03}")
    async with viewer(VAST) as user:
        await user.is_on("Number 199")
        other.execute("PRAGMA legacy_alter_table = ON")
        other.execute("ALTER TABLE alert RENAME TO elsewhere")
        await user.hears("no such table: alert; retrying")
        await user.sees(" tocsin  ✗ no such table: alert; retrying")  # painted after the message
        await user.press("j", "G", "g", "r", "y", "escape", "R")
        await user.filter("number")
        await user.press("escape")
        assert user.app.is_running
        other.execute("ALTER TABLE elsewhere RENAME TO alert")
        await user.hears("The database is available again")
        await user.sees("○ not delivering here")
        await user.press("g")
        await user.is_on("Number 199")


@dataclass
class Trouble:
    """A dispatcher that has stopped."""

    trouble: str | None = "the dispatcher stopped: OSError; restart Tocsin, see the log"
    in_flight: int = 0

    def nudge(self) -> None:
        pass


async def test_a_dispatcher_that_has_stopped_is_said_in_the_status_line(context: Context) -> None:
    async with user_at(replace(context, dispatcher=Trouble()), VAST) as user:
        await user.sees("✗ the dispatcher stopped: OSError; restart Tocsin, see the log")


async def test_a_viewer_says_that_it_does_not_deliver(viewer: Opens) -> None:
    async with viewer() as user:
        await user.sees("○ not delivering here", "tocsin.db", "deliveries:  0 failed  0 retrying  0 waiting")


async def test_until_it_is_read_a_screen_says_what_it_reads(
    viewer: Opens, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.add(name="pager")
    bench.submit(title="Root login")
    read, answers = Context.read, asyncio.Event()

    async def read_late(*work: Any, **how: Any) -> Any:
        await answers.wait()
        return await read(*work, **how)

    async with viewer(NARROW) as user:
        await user.sees("Root login")
        monkeypatch.setattr(Context, "read", read_late)
        await user.press("enter")
        await user.sees("Loading alert…")
        await user.press("escape", "2")
        await user.sees("Destinations · loading…")
        answers.set()
        await user.sees("Destinations · 1", "pager")
        await user.is_at("destinations")


async def test_an_outage_outlives_the_page_that_met_it_first(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit()
    async with viewer(NARROW) as user:
        await user.press("enter")
        await user.is_at("deliveries")
        write(bench.store, lambda tx: tx.db.execute_sql("ALTER TABLE destination RENAME TO gone"))
        await user.hears("retrying")
        await user.press("escape", "4")
        await user.sees("✗ no such table", "Activity")
        await user.settles()
        assert len([toast for toast in user.toasts if "retrying" in toast]) == 1
        write(bench.store, lambda tx: tx.db.execute_sql("ALTER TABLE gone RENAME TO destination"))
        await user.hears("available again")
        await user.misses("✗ no such table")
        assert not user.app.context.lost
