"""A screen that follows the database: it reloads after changes and updates every second."""

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
"""Pause after a read. In a burst of changes this leaves time for keys."""


class ReadingScreen(ClosesOnce[None]):
    """A screen whose workers read from the store."""

    _pruned = False

    async def on_prune(self, event: Prune) -> None:  # noqa: ARG002
        """Cancel the workers early: Textual does it only after removing the widgets that they use."""
        self._pruned = True
        self.workers.cancel_node(self)


class LiveScreen(ReadingScreen):
    """Base of the main screens. Subclasses compose the body and load its data."""

    AUTO_FOCUS: ClassVar[str | None] = "*"

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context
        self._stale = True
        self._was_loaded = False
        self._opened_at = time.monotonic()

    def compose(self) -> ComposeResult:
        yield StatusLine(self.context)
        with Container(id="body"):
            yield from self.compose_body()
        yield Keys()

    def compose_body(self) -> ComposeResult:
        raise NotImplementedError

    async def load(self) -> None:
        """Read the data of the screen from the store, and show it."""
        raise NotImplementedError

    def tick(self) -> None:
        """Called every second, to update ages and countdowns."""

    def on_mount(self) -> None:
        self.set_interval(1.0, self._on_second)

    def on_screen_resume(self) -> None:
        self.reload()

    def reload(self) -> None:
        """Load after a change. Many calls at once cost one load, plus one for changes during it.

        Changes before the widgets are mounted are loaded when the screen resumes.
        """
        self._stale = True
        if self.is_mounted and not self._pruned:
            self.run_worker(self._load_while_stale, group="load", exclusive=False, name="load")

    @property
    def is_opening(self) -> bool:
        """Whether the first load is under way, for half a second at most: keys typed ahead wait for it."""
        return not self._was_loaded and time.monotonic() < self._opened_at + _ASKED_WITHIN_S

    def begin(self, work: Callable[[], Awaitable[object]], group: str) -> Worker[None]:
        """Start `work` in a worker that replaces the one of the same group. Shows StoreUnavailable."""
        return self.run_worker(partial(self._attempt, work), group=group, exclusive=True)

    async def ask(self, work: Callable[[], Awaitable[object]]) -> None:
        """Start `work` and wait up to half a second for it to end or open a dialog.

        Keys typed ahead are for that dialog: `y` `c` typed fast copies a command and must not cancel.
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
        """Whether the last read failed because the database did not answer."""
        return self in self.context.lost

    def _lose(self, error: StoreUnavailable) -> None:
        """Show once for all screens that the database does not answer, and retry every second."""
        if not self.context.lost:
            self.notify(f"{error}; retrying", severity="error", markup=False)
        self.context.lost[self] = str(error)
        self._was_loaded = True
        self.query_one(StatusLine).tick()
        self.set_timer(1.0, self.reload)

    def _find(self) -> None:
        """Clear the error of this screen and of closed ones."""
        lost = self.context.lost
        found = [screen for screen in lost if screen is self or not screen.is_attached]
        for screen in found:
            del lost[screen]
        if found and not lost:
            self.notify("The database is available again", markup=False)
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
        """Load now, and show whether the database answers."""
        try:
            await self.load()
            await self.query_one(StatusLine).load()  # after the rest: its sums take long
        except StoreUnavailable as error:
            self._lose(error)
        else:
            self._was_loaded = True
            self._find()

    def _on_second(self) -> None:
        if self.is_current:
            self.query_one(StatusLine).tick()
            self.tick()
