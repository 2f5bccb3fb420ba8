"""The list of alerts: all of the database, of which it holds only the rows around the visible ones.

Alerts newer than the watermark do not move any row until the list advances the watermark.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar, cast

from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message

from tui.domain.filter import Filter
from tui.screens.alerts.pages import MOST_NEW, AlertPages, covers
from tui.screens.alerts.selecting import SelectableRows
from tui.screens.alerts.window import AlertWindow
from tui.screens.shared import key_table, words
from tui.screens.shared.context import Context
from tui.screens.shared.live import LiveScreen
from tui.store.reading.views import AlertRow

_COUNT_EVERY_S, _COUNT_SHARE = 1.0, 4
"""The shortest time between two counts, and as a multiple of the time that the last one took."""


class AlertList(SelectableRows):
    BINDINGS: ClassVar[list[BindingType]] = key_table.ALERT_LIST.bindings

    @dataclass
    class Highlighted(Message):
        """The cursor is on another alert, or the alert under it has changed."""

        row: AlertRow | None

    @dataclass
    class Opened(Message):
        row: AlertRow

    @dataclass(frozen=True)
    class Counts:
        """The number of alerts that match, that have arrived since, and that are selected."""

        total: int
        counted: bool
        """Whether `total` is exact. If not, there may be more."""
        new: int
        following: bool
        selected: int

    @dataclass
    class Counted(Message):
        counts: "AlertList.Counts"

    def __init__(self, context: Context, filter: Filter) -> None:
        super().__init__(context, id="alerts")
        self._wanted = filter
        """The filter requested last."""
        self._returns_to = context.kept.cursor
        """The ID of the alert that the cursor was on last time, until the list is first shown."""
        self._new = 0
        self._new_up_to = 0
        """The key up to which new alerts have been counted."""
        self._following = True
        self._reading = asyncio.Lock()
        """Held while rows are read and shown: two reads at once would count new alerts twice."""
        self._moving = False
        """Whether rows around the visible ones are being read. Goes on as long as the list scrolls."""
        self._counting = False
        self._joined = 0
        """Alerts that joined the list since the count under way began."""
        self._next_count = 0.0
        self._told: AlertList.Counts | None = None

    # --- for the screen

    @property
    def is_following(self) -> bool:
        """Whether the cursor stays on the newest alert."""
        return self._following

    @property
    def is_loaded(self) -> bool:
        return self._loaded

    def lists(self, key: int) -> bool:
        """Return whether this alert is among the rows that are loaded."""
        return self._window.place_of(key) is not None

    @property
    def is_empty(self) -> bool:
        return self._loaded and self._window.total == 0

    async def show(self, filter: Filter) -> None:
        """List the alerts that match `filter`, from the newest on."""
        self._wanted = filter
        async with self._reading:
            # The lock is not granted in order: use the filter requested last, not the argument.
            pages = AlertPages(self.context, self._wanted)
            newest = await pages.newest_key()
            window = await pages.first(newest, self._visible)
            place = await pages.place_of(self._returns_to, newest) if self._returns_to else None
            if place:
                window = await pages.around(window, max(0, place - self._visible // 2), self._visible)
            await self._deselect_unlisted(pages)
            # All at once: until the rows are read, the previous list stays.
            self._pages, self._following, self._loaded = pages, not place, True
            self._returns_to = ""
            self._new, self._new_up_to, self._brief = 0, newest, 0
            self._next_count, self._counting = 0.0, False
            self.scroll_to(y=0, animate=False)
            self._show(window, place=place or 0)
            if place:
                self.keep_in_sight()
                newer = f"{words.counted(place, 'newer alert')}: press g to see"
                self.notify(f"Back at the alert that you left. {newer} {'it' if place == 1 else 'them'}.")

    async def load(self) -> None:
        """Read the visible rows again, and count new alerts."""
        if not self._loaded:
            await self.show(self._wanted)
            return
        async with self._reading:
            newest = await self._pages.newest_key()
            await self._count_new(newest)
            await self._deselect_unlisted(self._pages)
            if self._may_follow():
                await self._follow(newest)
            else:
                again = await self._pages.again(self._window, self._top, self._visible)
                self._show(again, place=self.cursor)

    def tick(self) -> None:
        """Update ages and countdowns."""
        self._repaint()

    # --- reading

    @property
    def _visible(self) -> int:
        return max(self.size.height, 1)

    @property
    def _top(self) -> int:
        """The place of the first visible row, once scrolling has ended."""
        return int(self.scroll_target_y)

    async def _count_new(self, newest: int) -> None:
        if self._pages.filter.lasts:
            since, known = self._new_up_to, self._new
        else:
            since, known = self._window.watermark, 0  # older alerts may match by now
        if newest > since and known < MOST_NEW:
            known += await self._pages.count_new(since, newest)
        self._new, self._new_up_to = min(known, MOST_NEW), newest

    def _may_follow(self) -> bool:
        """Whether new rows may be inserted: only if the row under the cursor stays visible."""
        return self._following or (self.scroll_offset.y == 0 and self.cursor + self._new < self.size.height)

    async def _follow(self, newest: int) -> None:
        joined = self._new
        window = await self._pages.with_new(self._window, newest, joined, self._visible)
        self._joined += joined
        self._new = 0
        self._show(window, place=self.cursor if self._following else self.cursor + joined)

    async def _load_around(self) -> None:
        """Read rows until the visible ones are covered. A key held down never waits for a read."""
        self._moving = True
        try:
            async with self._reading:
                seen = None
                while not self._covers_screen() and seen != self._top:
                    seen = self._top
                    around = await self._pages.around(self._window, seen, self._visible)
                    self._show(around, place=self.cursor)
        finally:
            self._moving = False

    async def _load_end(self) -> None:
        async with self._reading:
            window = await self._pages.last(self._window, self._visible)
            self._show(window, place=window.total - 1)
            self.scroll_to(y=window.total - self._visible, animate=False)

    def _covers_screen(self) -> bool:
        return covers(self._window, self._top, self._visible)

    # --- counting, on a connection of its own: no page waits for a count

    def _begin_count(self) -> None:
        """Start a count now or, if none is due yet, later."""
        if self._counting:
            return
        self._counting = True
        wait = self._next_count - asyncio.get_running_loop().time()
        if wait > 0:
            self.set_timer(wait, self._run_count)
        else:
            self._run_count()

    def _run_count(self) -> None:
        self._begin(self._count, "count")

    async def _count(self) -> None:
        pages, loop = self._pages, asyncio.get_running_loop()
        self._joined, begun = 0, loop.time()
        try:
            total = await pages.count(self._window.watermark)
        finally:
            if pages.filter == self._pages.filter:
                self._counting = False
        async with self._reading:
            if pages.filter == self._pages.filter:
                took = loop.time() - begun
                self._next_count = loop.time() + max(_COUNT_EVERY_S, _COUNT_SHARE * took)
                self._set_total(total + self._joined)

    def _set_total(self, total: int) -> None:
        before, self._window = self._window, self._window.with_total(total)
        moved = self._window.first - before.first
        self.virtual_size = Size(self.size.width, self._window.total)
        if moved:
            self.scroll_to(y=self.scroll_offset.y + moved, animate=False)
            self.cursor += moved
        self.cursor = max(0, min(self.cursor, self._window.total - 1))
        self._repaint()
        self.tell_counts()

    # --- showing

    def _show(self, window: AlertWindow, *, place: int) -> None:
        """Set the rows, their number and the cursor in one step: a key must act on the alert that the cursor
        is drawn on."""
        before = self.current
        self._window = window
        self.virtual_size = Size(self.size.width, window.total)
        if before is not None and not self._following and not self._pages.filter.lasts:
            found = window.place_of(before.key)  # rows above it may have left the list
            place = place if found is None else found
        self.cursor = max(0, min(place, window.total - 1))
        self._repaint()
        if self.current != before:
            self.post_message(self.Highlighted(self.current))
        is_whole = window.first == 0 and window.counted and window.end == window.total
        if not window.counted or not (self._pages.filter.lasts or is_whole):
            self._begin_count()
        self.tell_counts()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._widen_briefs()
        if self._loaded and not self._covers_screen() and not self._moving:
            self._begin(self._load_around, "window")

    # --- keys and mouse

    def watch_cursor(self, before: int, after: int) -> None:
        for place in (before, after):
            self._refresh_line(place - self.scroll_offset.y)
        if self._loaded:
            self.post_message(self.Highlighted(self.current))

    def action_bottom(self) -> None:
        self.action_last()
        if not self._window.counted:
            self._begin(self._load_end, "end")

    def action_top(self) -> None:
        self.go_to(0)
        self._following = True
        self._begin(self.load, "top")

    def go_to(self, place: int) -> None:
        self._following = False
        super().go_to(place)
        self.tell_counts()

    def action_open(self) -> None:
        if self.current is not None:
            self._following = False
            self.post_message(self.Opened(self.current))

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, self._window.total)
        self._paint_anew()
        if not self._following:
            self.keep_in_sight()
        if self._loaded and not self._covers_screen():
            self._begin(self._load_around, "window")

    def _begin(self, work: Callable[[], Awaitable[None]], group: str) -> None:
        cast("LiveScreen", self.screen).begin(work, group)

    def tell_counts(self) -> None:
        """Report the counts if they changed. The frame shows them, and setting its title repaints it all."""
        window = self._window
        counts = self.Counts(window.total, window.counted, self._new, self._following, len(self._selected))
        if counts != self._told:
            self._told = counts
            self.post_message(self.Counted(counts))
