"""Keys that come before a screen has read what they act on."""

import asyncio
from typing import Any

import pytest

from tests.conftest import alert
from tests.screens.conftest import Opens
from tests.screens.history import reject
from tests.screens.user import NARROW
from tests.store.bench import Bench
from tui.screens.shared import live, typed_ahead
from tui.screens.shared.context import Context
from tui.store.reading import health, queries

NEVER_S = 600.0
READS = (health.destination_rows, queries.alert_details)


@pytest.fixture
def may_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Until it is set, no destination and no details of an alert are read."""
    bench.add(name="soc")
    bench.receive(alert(title="Root login"))
    reject(bench)
    read, may_read = Context.read, asyncio.Event()

    async def read_late(context: Context, work: Any, *args: Any, **kwargs: Any) -> Any:
        if work in READS:
            await may_read.wait()
        return await read(context, work, *args, **kwargs)

    monkeypatch.setattr(Context, "read", read_late)
    return may_read


@pytest.mark.parametrize(
    ("keys", "opening", "sight"),
    [
        (("2", "e"), "Destinations · loading…", "Save Changes"),
        (("enter", "m"), "Loading alert…", "Attempt 1 marked"),
    ],
)
async def test_a_key_typed_ahead_waits_for_what_the_screen_reads(
    viewer: Opens,
    may_read: asyncio.Event,
    monkeypatch: pytest.MonkeyPatch,
    keys: tuple[str, ...],
    opening: str,
    sight: str,
) -> None:
    monkeypatch.setattr(live, "_ASKED_WITHIN_S", NEVER_S)
    monkeypatch.setattr(typed_ahead, "_AT_MOST_S", NEVER_S)
    async with viewer(NARROW) as user:
        await user.sees("Root login")
        await user.press_at_once(*keys)
        await user.sees(opening)
        may_read.set()
        await user.sees(sight)


async def test_a_key_that_cannot_wait_any_longer_says_that_the_alert_is_loading(
    viewer: Opens, may_read: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_ASKED_WITHIN_S", 0.0)
    async with viewer(NARROW) as user:
        await user.sees("Root login")
        await user.press("enter")
        await user.is_at("deliveries")
        await user.press("m")
        await user.hears("The alert is still loading.")
        may_read.set()
