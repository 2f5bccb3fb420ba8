"""A person at the app: presses keys, and reads what is on the screen."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from textual import events
from textual._context import visible_screen_stack
from textual.pilot import Pilot
from textual.screen import Screen
from textual.strip import Strip
from textual.widgets import Footer

from tui.app import TocsinApp
from tui.screens.alerts.list import AlertList
from tui.screens.shared.context import Context

NARROW, WIDE, VAST = (80, 24), (120, 36), (200, 50)

_PAUSE_S, _PATIENCE_S = 0.01, 60
"""Between two looks, and in all. Only a test that fails waits for so long."""
_STILL = 8
_HOPS = 50
"""Turns of the loop that a key usually needs from the app to the widget that takes it and what that does."""


class PaintedApp(TocsinApp):
    """Counts its paints. What the terminal shows changes with each paint, and with nothing else."""

    paints = 0

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        super()._display(screen, renderable)
        self.paints += 1


async def until(app: TocsinApp, condition: Callable[[], Any]) -> None:
    """Wait for a condition, however long the threads behind it take."""
    give_up = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > give_up:
            raise AssertionError("it never came; the screen shows\n" + text_of(app))
        await asyncio.sleep(_PAUSE_S)


def text_of(app: Any) -> str:
    """The characters on the screen, as they go to the terminal."""
    return "\n".join(strip.text.rstrip() for strip in strips_of(app))


def strips_of(app: Any) -> list[Strip]:
    """The lines of the screen, with their colours.

    Private to Textual: its public `export_screenshot` draws an SVG, which takes longer than a test.

    A dialog draws the screen below it, takes that from this variable and caches the result. A value left over
    from an earlier paint would show another screen there, when a test looks before the app has painted.
    """
    visible_screen_stack.set(app._background_screens)
    return app.screen._compositor.render_strips()


def missing(texts: Sequence[str], screen: str) -> list[str]:
    return [text for text in texts if text not in screen]


LATE_READS = os.environ.get("TOCSIN_LATE_READS", "")
"""If set, the seed for random delays of the store's reads: no key and no drawing may rely on a fast one."""
_DELAYS_S = (0.0, 0.02, 0.1, 0.4)


def _late(read: Future[Any], delay_s: float) -> Future[Any]:
    """Return the result of `read` after a delay, by which time it may be old."""
    late = Future[Any]()

    def end() -> None:
        if late.set_running_or_notify_cancel():
            error = read.exception()
            late.set_exception(error) if error else late.set_result(read.result())

    read.add_done_callback(lambda _: threading.Timer(delay_s, end).start())
    return late


@dataclass
class Reads:
    """How many of the store's reads have not ended yet."""

    pending: int = 0
    _random: Random = field(default_factory=lambda: Random(LATE_READS))

    def count(self, reads: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
        loop = asyncio.get_running_loop()

        def counted(*args: Any, **kwargs: Any) -> Future[Any]:
            future = reads(*args, **kwargs)
            if LATE_READS:
                future = _late(future, self._random.choice(_DELAYS_S))
            self.pending += 1
            future.add_done_callback(ended)
            return future

        def ended(_: Future[Any]) -> None:
            with suppress(RuntimeError):  # the loop was closed before the read ended
                loop.call_soon_threadsafe(self._end)

        return counted

    def _end(self) -> None:
        self.pending -= 1


@dataclass(frozen=True)
class User:
    app: PaintedApp
    pilot: Pilot[None]
    reads: Reads = field(default_factory=Reads)

    # --- what is seen

    @property
    def screen(self) -> str:
        return text_of(self.app)

    @property
    def focused(self) -> str | None:
        """The id of the widget that has the focus."""
        return self.app.focused.id if self.app.focused else None

    @property
    def current(self) -> str | None:
        """The headline of the alert under the cursor."""
        row = self.app.screen.query_one(AlertList).current
        return row.headline if row else None

    @property
    def toasts(self) -> list[str]:
        """The words of each toast, however they are wrapped."""
        lines = self.screen.splitlines()
        places = [toast.region for toast in self.app.screen.query("Toast")]
        parts = ([line[place.x : place.right] for line in lines[place.y : place.bottom]] for place in places)
        return [" ".join(" ".join(part).replace("▌", "").split()) for part in parts]

    def line_with(self, text: str) -> str:
        """The one line of the screen that holds `text`."""
        [line] = [line for line in self.screen.splitlines() if text in line]
        return line

    @property
    def is_idle(self) -> bool:
        """Whether no key is being handled, and no message: each has something ready to run in the loop."""
        return not self.app._under_way and not asyncio.get_running_loop()._ready

    # --- what is waited for

    async def until(self, condition: Callable[[], Any]) -> None:
        await until(self.app, condition)

    async def until_shown(self, condition: Callable[[], Any]) -> None:
        """Wait for a condition on the screen. Look only after a paint: to draw the screen takes time."""
        seen = -1

        def holds() -> Any:
            nonlocal seen
            if seen == self.app.paints:
                return False
            seen = self.app.paints
            return condition()

        await self.until(holds)

    async def sees(self, *texts: str) -> None:
        await self.until_shown(lambda: not missing(texts, self.screen))

    async def hears(self, text: str) -> None:
        """Wait until a toast says so."""
        await self.until_shown(lambda: any(text in toast for toast in self.toasts))

    async def settles(self) -> None:
        """Wait until no key is being handled, nothing is being read and the screen has stopped changing.

        On a busy machine a read takes long while the screen stays unchanged. So does a Footer, which
        removes all its keys before it shows the new ones.
        """
        seen, shown, whole, alike = -1, "", False, 0

        def still() -> bool:
            nonlocal seen, shown, whole, alike
            before = shown
            if seen != self.app.paints:
                seen, shown = self.app.paints, self.screen
                rows = [footer.region.y for footer in self.app.screen.query(Footer)]
                whole = all("".join(shown.splitlines()[row : row + 1]).strip() for row in rows)
            quiet = self.is_idle and not self.reads.pending
            alike = alike + 1 if whole and quiet and shown == before else 0
            return alike >= _STILL

        await self.until(still)

    async def misses(self, *texts: str) -> None:
        """Wait until none of these is on the screen."""
        await self.until_shown(lambda: len(missing(texts, self.screen)) == len(texts))

    async def is_at(self, id: str | None) -> None:
        """Wait until the widget with this id has the focus."""
        await self.until(lambda: self.focused == id)

    async def is_on(self, headline: str | None) -> None:
        """Wait until the cursor is on the alert with this headline."""
        await self.until(lambda: self.current == headline)

    # --- what is done

    async def press(self, *keys: str) -> None:
        """Press keys, each once the one before was taken in; the pilot's own waits for much more.

        A button that has just been pressed takes no second press for a fifth of a second, however soon
        what it did is done: a person is not as fast.
        """
        for key in keys:
            await self.until(lambda: not (self.app.focused and self.app.focused.has_class("-active")))
            await self._give(events.Key(key, key if len(key) == 1 else None))

    async def press_at_once(self, *keys: str) -> None:
        """Keys that come in one piece, as from quick fingers over a slow line."""
        for key in keys:
            self.app.post_message(events.Key(key, key if len(key) == 1 else None))

    async def paste(self, text: str) -> None:
        """Put a text into the field that has the focus, in place of what is selected in it."""
        await self._give(events.Paste(text))

    async def go_to(self, id: str) -> None:
        """Give a widget the focus, as a click would, once all keys have been handled.

        A key that is still under way acts on the widget that has the focus by then, or moves the focus on.
        """
        await self._keys_are_handled()
        self.app.screen.query_one(f"#{id}").focus()
        await self.is_at(id)

    async def filter(self, text: str) -> None:
        await self.press("slash", "end", "ctrl+u")
        await self.paste(text)

    async def _give(self, event: events.Event) -> None:
        self.app.post_message(event)
        await self._keys_are_handled()

    async def _keys_are_handled(self) -> None:
        """Wait until the app has handled all keys; it gives up on one that takes longer than a second."""
        received = asyncio.Event()
        if not self.app.call_later(received.set):  # behind the keys that the app has not taken yet
            return  # the app has ended
        for hop in range(_HOPS + round(_PATIENCE_S / _PAUSE_S)):
            if self.app._exit or (received.is_set() and not self.app._under_way):
                break
            await asyncio.sleep(0 if hop < _HOPS else _PAUSE_S)
        for _ in range(_HOPS):
            await asyncio.sleep(0)


@asynccontextmanager
async def user_at(
    context: Context, size: tuple[int, int] = WIDE, *, first: str = "Alerts · "
) -> AsyncIterator[User]:
    """The app, open, once it shows `first`: until told otherwise, its first screen read from the database."""
    notice, store, reads = context.store.watch(), context.store, Reads()
    try:
        for name in ("read", "read_aside"):
            setattr(store, name, reads.count(getattr(store, name)))
        app = PaintedApp(context, notice)
        app.animation_level = "none"
        async with app.run_test(size=size, notifications=True) as pilot:
            user = User(app, pilot, reads)
            await user.sees(first)
            yield user
            # Textual mounts nothing in an app that ends: what is being opened would not find its widgets.
            await user.until(lambda: user.is_idle or app._exit or not app.is_running)
    finally:
        for name in ("read", "read_aside"):
            vars(store).pop(name, None)
        notice.close()
