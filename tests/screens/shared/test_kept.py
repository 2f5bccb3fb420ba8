"""What the app remembers between starts, and nothing that could keep it from starting."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import destination, write
from tests.screens.user import NARROW, WIDE, user_at
from tests.store.bench import Bench
from tui.commands.app import read_kept
from tui.config import Config
from tui.screens.shared.context import Context
from tui.screens.shared.kept import Kept
from tui.store import destinations
from tui.store.engine.database import Store


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "kept.json"
    kept = Kept("tocsin-light", "log", "severity:high", "the-alert", history=["Zürich"], split=40)
    kept.write(path, "/one.db")
    assert Kept.read(path, "/one.db") == kept
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["kept.json"]


def test_screen_filter_and_cursor_belong_to_the_database_they_were_left_in(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    one = Kept("tocsin-light", "log", "severity:high", "the-alert", history=["x"], split=40)
    one.write(path, "/one.db")
    two = Kept.read(path, "/two.db")
    assert two == Kept("tocsin-light", history=["x"], split=40)
    two.screen = "activity"
    one.write(path, "/one.db")
    two.write(path, "/two.db")
    assert Kept.read(path, "/one.db") == one
    assert Kept.read(path, "/two.db") == two
    for number in range(10):
        two.write(path, f"/{number}.db")
    assert Kept.read(path, "/one.db").screen == "", "ten databases are remembered"


def test_a_new_database_begins_with_the_greeting(store: Store, tmp_path: Path) -> None:
    config = Config("", tmp_path / "log", kept=tmp_path / "kept.json")
    Kept(screen="activity", filter="x", split=40).write(config.kept, store.strategy.shown)
    assert read_kept(store, config) == Kept(split=40)
    write(store, destinations.add, destination())
    assert read_kept(store, config) == Kept(screen="activity", filter="x", split=40)


def test_without_a_file_nothing_is_kept(tmp_path: Path) -> None:
    assert Kept.read(tmp_path / "kept.json") == Kept()


@pytest.mark.parametrize("held", [b"", b"{", b"[]", b"\xff", b"[" * 60_000, b'{"theme": "x"' + b" " * 70_000])
def test_a_broken_file_is_ignored_with_a_line_in_the_log(
    tmp_path: Path, held: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "kept.json"
    path.write_bytes(held)
    assert Kept.read(path) == Kept()
    assert "ignoring the saved state of the app" in caplog.text


def test_entries_that_are_not_ours_or_make_no_sense_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    path.write_text(
        json.dumps(
            {
                "theme": 5,
                "split": True,
                "history": ["y", 1],
                "of a newer one": 1,
                "databases": {"": {"filter": "x", "theme": "y", "screen": 1}},
            }
        )
    )
    assert Kept.read(path) == Kept(filter="x")
    path.write_text('{"databases": {"": 5}}')
    assert Kept.read(path) == Kept()
    path.write_text('{"databases": 5}')
    assert Kept.read(path) == Kept()


def test_where_it_cannot_be_written_the_log_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    Kept().write(tmp_path / "file" / "kept.json")
    assert "cannot save theme" in caplog.text


async def test_the_app_begins_as_it_was_left(context: Context, bench: Bench) -> None:
    bench.submit(title="the one")
    bench.submit(title="another")
    kept = Kept()
    async with user_at(replace(context, kept=kept), NARROW) as user:
        await user.filter("the one")
        await user.sees("Alerts · 1")
        await user.press("enter")
        await user.sees("the one")
        user.app.theme = "tocsin-light"
        await user.press("2")
        await user.sees("Destinations · 0")
        left = Kept("tocsin-light", "destinations", "the one", history=["the one"])
        await user.until(lambda: kept == left)
        await user.press("1")
        await user.until(lambda: kept.screen == "alerts")
    async with user_at(replace(context, kept=kept), NARROW) as user:
        assert "another" not in user.screen, "the list is filtered from its first paint"
        await user.sees("Alerts · 1", "filter from last time · 1 of 2 · esc shows all")
        assert user.app.theme == "tocsin-light"
        await user.press("escape")
        await user.sees("Alerts · 2", "another")
        await user.misses("last time")


async def test_the_cursor_returns_to_its_alert(context: Context, bench: Bench) -> None:
    for number in range(300):
        bench.submit(title=f"Number {number}")
    kept = Kept()
    async with user_at(replace(context, kept=kept), NARROW) as user:
        await user.is_on("Number 299")
        assert kept.cursor == ""
        await user.press(*["pagedown"] * 10)
        await user.until(lambda: user.current not in (None, "Number 299"))
        await user.settles()
        left = user.current
    bench.submit(title="while it was closed")
    async with user_at(replace(context, kept=kept), NARROW) as user:
        await user.is_on(left)
        await user.hears("Back at the alert that you left.")
        await user.press("g")
        await user.is_on("while it was closed")
        await user.until(lambda: kept.cursor == "")


async def test_filters_used_before_come_back_with_up(context: Context) -> None:
    kept = Kept(history=["state:failed", "severity:high"])
    async with user_at(replace(context, kept=kept)) as user:
        await user.press("slash", "up", "up")
        await user.sees("│ state:failed ")
        await user.filter("login")
        await user.press("enter")
    assert kept.history == ["state:failed", "severity:high", "login"]


def test_the_history_stays_small() -> None:
    kept = Kept()
    for number in range(60):
        kept.remember(f"word{number}")
    kept.remember("x" * 10_000)
    kept.remember("word20")
    assert (len(kept.history), kept.history[0], kept.history[-1]) == (50, "word10", "word20")


async def test_the_split_is_moved_by_keys_and_kept(context: Context) -> None:
    kept = Kept()
    async with user_at(replace(context, kept=kept), WIDE) as user:
        before = user.app.screen.query_one("#pane").outer_size.width
        await user.press("less_than_sign", "less_than_sign")
        await user.until(lambda: kept.split == 50)
        await user.until(lambda: user.app.screen.query_one("#pane").outer_size.width == 60 > before)
        await user.press(*["greater_than_sign"] * 20)
        await user.until(lambda: user.app.screen.query_one("#pane").outer_size.width == 24)
    async with user_at(replace(context, kept=kept), WIDE) as user:
        assert user.app.screen.query_one("#pane").outer_size.width == 24
    async with user_at(replace(context, kept=kept), NARROW) as user:
        await user.press("less_than_sign")
        await user.hears("at least 110 columns wide")


async def test_a_theme_and_a_screen_that_are_gone_are_ours_again(context: Context) -> None:
    async with user_at(replace(context, kept=Kept(theme="gone", screen="gone"))) as user:
        assert user.app.theme == "tocsin"
