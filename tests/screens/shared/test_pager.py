"""`o`: the body under the cursor, whole, in the person's pager."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.screens.conftest import Opens
from tests.screens.history import reject
from tests.screens.user import VAST, User
from tests.store.bench import Bench

Pager = Callable[[], str]


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pager:
    """A pager that keeps what it was given and how; a test has no terminal to hand over."""

    @contextmanager
    def suspended(_: object) -> Iterator[None]:
        yield

    script = tmp_path / "pager"
    script.write_text(
        f'#!/bin/sh\nfor last; do :; done\ncp -p "$last" {tmp_path}/given\necho "$@" > {tmp_path}/asked\n'
    )
    script.chmod(0o700)
    monkeypatch.setenv("PAGER", f"'{script}' -x")
    monkeypatch.setattr("textual.app.App.suspend", suspended)
    return lambda: (tmp_path / "given").read_text() if (tmp_path / "asked").exists() else ""


async def opens(user: User, seen: Pager, *keys: str) -> str:
    await user.press(*keys)
    await user.until(seen)
    return seen()


@pytest.fixture
def answered(bench: Bench) -> Bench:
    bench.add()
    bench.submit(context='{"where":"here"}')
    reject(bench, response_body=b'{"error":"\\u001b[31m \xe2\x80\xae"}')
    return bench


async def test_the_answer_is_paged_indented_and_inert(
    viewer: Opens, answered: Bench, seen: Pager, tmp_path: Path
) -> None:
    async with viewer(VAST) as user:
        await user.press("enter")
        await user.is_at("deliveries")
        await user.sees("RESPONSE  503")
        assert await opens(user, seen, "o") == '{\n  "error": "\\u001b[31m \\u202e"\n}'
    assert stat.S_IMODE((tmp_path / "given").stat().st_mode) == 0o600
    flag, path = (tmp_path / "asked").read_text().split()
    assert (flag, os.path.exists(path)) == ("-x", False)  # noqa: ASYNC240


async def test_the_body_of_the_section_under_the_cursor_is_paged(
    viewer: Opens, answered: Bench, seen: Pager
) -> None:
    async with viewer(VAST) as user:
        await user.press("enter")
        await user.is_at("deliveries")
        await user.press("tab")
        await user.is_at("exchange")
        await user.sees("RESPONSE  503")
        assert '"where": "here"\n}' in await opens(user, seen, "G", "o")


async def test_a_body_that_is_no_json_keeps_its_lines_and_loses_its_escapes(
    viewer: Opens, bench: Bench, seen: Pager
) -> None:
    bench.add()
    bench.submit()
    reject(
        bench,
        response_body=b"one\r\n\x1b[2Jtwo\x00",
        response_headers=(("Content-Type", "a/b; charset=utf-8"),),
    )
    async with viewer(VAST) as user:
        await user.press("enter")
        await user.is_at("deliveries")
        await user.sees("RESPONSE  503")
        assert await opens(user, seen, "o") == "one\n␛[2Jtwo␀"


@pytest.mark.parametrize(
    ("pager", "path", "toast"),
    [
        ("/no/such/pager -R", None, "Pager '/no/such/pager' not found. Set PAGER to an installed program"),
        ("", "/nowhere", "No pager found. Install less, or set PAGER to an installed program"),
        ("'", None, "PAGER is not a valid command"),
    ],
)
async def test_without_a_pager_a_toast_says_so(
    viewer: Opens,
    answered: Bench,
    monkeypatch: pytest.MonkeyPatch,
    pager: str,
    path: str | None,
    toast: str,
) -> None:
    monkeypatch.setenv("PAGER", pager)
    async with viewer(VAST) as user:
        await user.press("enter")
        await user.is_at("deliveries")
        await user.sees("RESPONSE  503")
        if path:
            monkeypatch.setenv("PATH", path)
        await user.press("o")
        await user.hears(toast)


async def test_a_terminal_that_cannot_be_handed_over_says_so(
    viewer: Opens, answered: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAGER", "cat")
    async with viewer(VAST) as user:
        await user.press("enter")
        await user.is_at("deliveries")
        await user.sees("RESPONSE  503")
        await user.press("o")
        await user.hears("Cannot open a pager in this terminal")
