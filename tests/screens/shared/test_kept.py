"""What the app remembers between starts, and nothing that could keep it from starting."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from tests.screens.user import NARROW, WIDE, user_at
from tests.store.bench import Bench
from tui.screens.shared.context import Context
from tui.screens.shared.kept import Kept


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "kept.json"
    kept = Kept(theme="tocsin-light", screen="log", filter="severity:high", history=["Zürich"], split=40)
    kept.write(path)
    assert Kept.read(path) == kept
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["kept.json"]


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
        json.dumps({"theme": 5, "split": True, "filter": "x", "history": ["y", 1], "of a newer one": 1})
    )
    assert Kept.read(path) == Kept(filter="x")


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
        left = Kept(theme="tocsin-light", screen="destinations", filter="the one", history=["the one"])
        await user.until(lambda: kept == left)
        await user.press("1")
        await user.until(lambda: kept.screen == "alerts")
    async with user_at(replace(context, kept=kept), NARROW) as user:
        await user.sees("Alerts · 1", "the one")
        assert user.app.theme == "tocsin-light"


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
