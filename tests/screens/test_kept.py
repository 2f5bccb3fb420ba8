"""What the app remembers between starts, and nothing that could keep it from starting."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from tests.screens.user import NARROW, user_at
from tests.store.bench import Bench
from tui.screens.context import Context
from tui.screens.kept import Kept


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "kept.json"
    kept = Kept(theme="tocsin-light", screen="log", filter="severity:high", split=40)
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
    assert "what the app had kept is ignored" in caplog.text


def test_entries_that_are_not_ours_or_make_no_sense_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    path.write_text(json.dumps({"theme": 5, "split": True, "filter": "x", "of a newer one": 1}))
    assert Kept.read(path) == Kept(filter="x")


def test_where_it_cannot_be_written_the_log_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    Kept().write(tmp_path / "file" / "kept.json")
    assert "could not keep" in caplog.text


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
        await user.until(lambda: kept == Kept(theme="tocsin-light", screen="destinations", filter="the one"))
        await user.press("1")
        await user.until(lambda: kept.screen == "alerts")
    async with user_at(replace(context, kept=kept), NARROW) as user:
        await user.sees("Alerts · 1", "the one")
        assert user.app.theme == "tocsin-light"


async def test_a_theme_and_a_screen_that_are_gone_are_ours_again(context: Context) -> None:
    async with user_at(replace(context, kept=Kept(theme="gone", screen="gone"))) as user:
        assert user.app.theme == "tocsin"
