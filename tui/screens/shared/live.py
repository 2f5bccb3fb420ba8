"""A screen that follows the database: it is told of changes and of every second that passes."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Container
from textual.messages import Prune
from textual.worker import Worker

from tui.screens.shared.closing import ClosesOnce
from tui.screens.shared.context import Context
from tui.screens.shared.keys import Keys
from tui.screens.shared.status_line import StatusLine
from tui.store.errors import StoreUnavailable

_ASKED_WITHIN_S = 0.5
_LOOK_S = 0.005
RELOAD_EVERY_S = 0.25
"""After one read, what changes meanwhile waits for the next: a burst leaves time for keys."""


class ReadingScreen(ClosesOnce[None]):
    """A screen whose workers read from the store."""

    _pruned = False

    async def on_prune(self, event: Prune) -> None:  # noqa: ARG002
        """Textual ends a screen's workers after its widgets are gone, which these would then miss."""
        self._pruned = True
        self.workers.cancel_node(self)


class LiveScreen(ReadingScreen):
    """Base of the modes. Subclasses compose their body and say how to read it anew."""

    AUTO_FOCUS: ClassVar[str | None] = "*"

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context
        self._stale = True

    def compose(self) -> ComposeResult:
        yield StatusLine(self.context)
        with Container(id="body"):
            yield from self.compose_body()
        yield Keys()

    def compose_body(self) -> ComposeResult:
        raise NotImplementedError

    async def load(self) -> None:
        """Read from the store what the screen shows, and show it."""
        raise NotImplementedError

    def tick(self) -> None:
        """A second has passed: ages and countdowns move on."""

    def on_mount(self) -> None:
        self.set_interval(1.0, self._on_second)

    def on_screen_resume(self) -> None:
        self.reload()

    def reload(self) -> None:
        """Something changed. Many calls at once cost one read, and one more for what came meanwhile.

        What changes before the widgets are there is read with the rest, once the screen is resumed.
        """
        self._stale = True
        if self.is_mounted and not self._pruned:
            self.run_worker(self._load_while_stale, group="load", exclusive=False, name="load")

    def begin(self, work: Callable[[], Awaitable[object]], group: str) -> Worker[None]:
        """Start what reads the store and need not be waited for, in place of the last of its group."""
        return self.run_worker(partial(self._attempt, work), group=group, exclusive=True)

    async def ask(self, work: Callable[[], Awaitable[object]]) -> None:
        """Begin what may ask a question; the keys typed behind it wait for that, though not for long.

        They are answers: `y` `c` typed at once copies a command and is not to cancel anything.
        """
        action, give_up = self.begin(work, "action"), time.monotonic() + _ASKED_WITHIN_S
        while not action.is_finished and self.app.screen is self and time.monotonic() < give_up:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)

    async def _attempt(self, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except StoreUnavailable as error:
            self._lose(error)

    @property
    def was_lost(self) -> bool:
        """Whether the database did not answer when it was last asked."""
        return self in self.context.lost

    def _lose(self, error: StoreUnavailable) -> None:
        """Say once, whichever screens notice, that the database does not answer; read again until it does."""
        if not self.context.lost:
            self.notify(f"{error}; trying again", severity="error", markup=False)
        self.context.lost[self] = str(error)
        self.query_one(StatusLine).tick()
        self.set_timer(1.0, self.reload)

    def _find(self) -> None:
        """It answers this screen, and nobody waits any longer for what a closed one had asked."""
        lost = self.context.lost
        found = [screen for screen in lost if screen is self or not screen.is_attached]
        for screen in found:
            del lost[screen]
        if found and not lost:
            self.notify("the database answers again", markup=False)
        self.query_one(StatusLine).tick()

    async def _load_while_stale(self) -> None:
        if self._loading:
            return
        self._loading = True
        try:
            while self._stale:
                self._stale = False
                await self.load_once()
                await asyncio.sleep(RELOAD_EVERY_S)
        finally:
            self._loading = False

    _loading = False

    async def load_once(self) -> None:
        """Read now, and whether or not it can be read, say how the database answers."""
        try:
            await self.load()
            await self.query_one(StatusLine).load()  # its sums take long: what was asked for comes first
        except StoreUnavailable as error:
            self._lose(error)
        else:
            self._find()

    def _on_second(self) -> None:
        if self.is_current:
            self.query_one(StatusLine).tick()
            self.tick()
