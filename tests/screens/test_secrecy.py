"""No screen shows a secret: not in a picture of it, and not in what is copied."""

import html
import logging
import re
from itertools import groupby
from pathlib import Path

import pytest
from textual.widgets import Collapsible

from tests.commands.test_secrecy import (
    BASIC,
    BEARER,
    HEADER,
    KEY,
    KEY_PASSWORD,
    NEW_KEY,
    secret_url,
    seen_in,
)
from tests.screens.conftest import Opens
from tests.screens.history import reject
from tests.screens.user import VAST, User
from tests.store.bench import Bench
from tui import logs
from tui.domain.authorization import basic, bearer
from tui.domain.headers import Header
from tui.domain.rotation import OldSecret
from tui.domain.secret import Secret
from tui.domain.tls import TlsSettings

KEY_HEADER = Header("X-Key", Secret(HEADER))


@pytest.fixture
def guarded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """An alert that failed at destinations full of secrets, one kind of authorization each."""
    monkeypatch.setenv("KEY_PASSWORD", KEY_PASSWORD)
    secret, old = Secret(f"whsec_{NEW_KEY}"), OldSecret(Secret(f"whsec_{KEY}"), bench.clock() + 3_600_000)
    signing = {"secret": secret, "old_secret": old}
    tls = TlsSettings(certificate="/c.pem", key="/k.pem", key_password=Secret("env:KEY_PASSWORD"))
    bench.add(name="url", url=secret_url(8081), headers=(KEY_HEADER,), **signing)
    bench.add(name="bearer", url=secret_url(8081), headers=(KEY_HEADER, bearer(BEARER)))
    bench.add(name="basic", url="https://127.0.0.1", headers=(KEY_HEADER, basic("soc", BASIC)), tls=tls)
    bench.submit(title="Root login")
    reject(bench, error="it does not answer")
    return bench


def pictured(user: User) -> str:
    """The words of `export_screenshot`, line by line: a picture has an element for each change of colour."""
    elements = re.findall(r'<text[^>]* y="([\d.]+)"[^>]*>(.*?)</text>', user.app.export_screenshot())
    lines = groupby(elements, key=lambda element: element[0])
    picture = "\n".join("".join(html.unescape(words) for _, words in line) for _, line in lines)
    assert seen_in(picture) == []
    return picture.replace("\xa0", " ")


async def test_a_picture_of_a_screen_has_no_secret_in_it(viewer: Opens, guarded: Bench, log: Path) -> None:
    log_a_failure(log)
    async with viewer(VAST) as user:
        await user.sees("Root login", "basic", "bearer", "it does not answer")
        assert "to https://127.0.0.1" in pictured(user)
        await user.press("2")
        for name in ("basic", "bearer", "url"):
            await user.sees("Destinations · 3", f"─ {name} ─", "X-Key")
            assert "X-Key" in pictured(user)
            await user.press("e")
            await user.is_at("name")
            user.app.screen.query_one(Collapsible).collapsed = False
            await user.sees("Signing secret", "X-Key", "kept; type to replace")
            pictured(user)
            await walk(user)
            await user.press("escape")
            await user.misses("Signing secret")
            await user.press("j")
        await user.press("3")
        await user.sees("Log · ", "permanently failed at http://127.0.0.1:8081/…UERY")
        pictured(user)


async def walk(user: User) -> None:
    """Through every field; at that of the URL it is shown, to whoever is there."""
    await user.press("tab", "tab")
    places: set[object] = set()
    while (place := user.app.focused) not in places:
        places.add(place)
        assert user.focused == "url" or seen_in(user.screen) == [], user.focused
        await user.press("tab")
    assert len(places) > 20


def log_a_failure(log: Path) -> None:
    """As a dispatcher writes it there."""
    record = logging.LogRecord(
        "tui.dispatcher", logging.ERROR, "", 0, "permanently failed at %s", (secret_url(8081),), None
    )
    log.write_text(logs.OneLine().format(record) + "\n", encoding="utf-8")


async def test_a_curl_command_has_no_secret_in_it_whatever_the_authorization(
    viewer: Opens, guarded: Bench, clipboard: list[str]
) -> None:
    async with viewer(VAST) as user:
        await user.sees("it does not answer")
        await user.press("tab")
        for count in range(1, 10):
            await user.press("y")
            await user.sees("curl command, secrets masked")
            await user.press("c")
            await user.until(lambda count=count: len(clipboard) == count)
            await user.misses("curl command, secrets masked")
            await user.press("j")
        await user.press("y")
        await user.sees("show as text")
        await user.press("t")
        await user.sees("Show as text")
        await user.press("c")
        await user.sees("curl -X POST")
        pictured(user)
    assert len({line for command in clipboard for line in command.splitlines() if "webhook-id" in line}) == 3
    assert all("X-Key: ••••••" in command and "Authorization: ••••••" in command for command in clipboard)
    assert seen_in("".join(clipboard)) == []
