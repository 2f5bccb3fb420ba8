"""The app ends, or a screen closes, while that screen opens: Textual then mounts none of its widgets."""

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import pytest
from textual.screen import Screen

from tests.conftest import alert
from tests.screens.conftest import Opens
from tests.screens.history import deliver, reject
from tests.screens.test_every_binding import descendants
from tests.screens.user import NARROW, User
from tests.store.bench import Bench
from tui.screens.alert import batches

ENDED = 128 + signal.SIGTERM

OPENED_BY = {
    "DestinationsScreen": ["2"],
    "LogScreen": ["3"],
    "ActivityScreen": ["4"],
    "AlertDetailsScreen": ["enter"],
    "AttemptComparison": ["j", "enter", "j", "equals_sign"],
    "BatchesDialog": ["R", "y"],
    "Choose": ["y"],
    "Confirm": ["R"],
    "DestinationSetup": ["n"],
    "Help": ["question_mark"],
    "Jump": ["semicolon"],
    "Palette": ["ctrl+p"],
    "PreviewScreen": ["v"],
    "ShowText": ["w"],
}
"""The keys that open each screen."""
STAY = ("DestinationsScreen", "LogScreen", "ActivityScreen", "Palette")
"""Screens that nothing closes while they open."""


def test_every_screen_is_here() -> None:
    ours = {kind for kind in descendants(Screen) if kind.__module__.startswith("tui.")}
    bases = {base for kind in ours for base in kind.__mro__[1:]}
    assert {kind.__name__ for kind in ours - bases} == {*OPENED_BY, "AlertsScreen"}


@pytest.fixture(autouse=True)
def history(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two alerts: the first failed after a retry, the second was delivered."""
    monkeypatch.setattr(batches, "BATCH", 0)
    bench.add()
    bench.receive(alert(title="Failed"))
    reject(bench)
    bench.clock.advance(10_000)
    reject(bench)
    bench.receive(alert(title="Delivered"))
    deliver(bench)


class Opening:
    """Runs `work` when a screen of this class is about to mount its widgets."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, name: str, work: Callable[[Screen[Any]], object]
    ) -> None:
        self.mounted = asyncio.Event()
        compose, mounted = Screen._compose, self.mounted

        async def composed(screen: Screen[Any]) -> None:
            if type(screen).__name__ != name:
                await compose(screen)
                return
            work(screen)
            await compose(screen)
            asyncio.create_task(screen._mounted_event.wait()).add_done_callback(lambda _: mounted.set())

        monkeypatch.setattr(Screen, "_compose", composed)


async def press(user: User, keys: list[str]) -> None:
    for key in keys[:-1]:
        await user.press(key)
        await user.settles()
    await user.press(keys[-1])


@pytest.mark.parametrize("name", OPENED_BY)
async def test_a_signal_while_a_screen_opens_ends_the_app(
    viewer: Opens, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    opening = Opening(monkeypatch, name, lambda screen: screen.app.exit(return_code=ENDED))
    async with viewer(NARROW) as user:
        await user.sees("Delivered")
        await press(user, OPENED_BY[name])
        await opening.mounted.wait()
    assert user.app.return_code == ENDED


@pytest.mark.parametrize("name", [name for name in OPENED_BY if name not in STAY])
async def test_a_screen_closed_while_it_opens_leaves_the_one_below(
    viewer: Opens, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    opening = Opening(monkeypatch, name, lambda screen: screen.app.pop_screen())
    async with viewer(NARROW) as user:
        await user.sees("Delivered")
        await press(user, OPENED_BY[name])
        await opening.mounted.wait()
        await user.press("3")
        await user.sees("Nothing has been logged yet")
