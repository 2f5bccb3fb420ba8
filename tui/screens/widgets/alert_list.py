"""The list of alerts: as many as there are in the database, of which it holds those around the screen.

What arrives after the watermark changes no row's place until the list moves on to it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import ClassVar, cast

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from tui.domain.filter import Filter
from tui.screens.context import Context
from tui.screens.live import LiveScreen
from tui.screens.widgets.alert_line import alert_line, brief_width, most_brief
from tui.screens.widgets.alert_window import AlertWindow
from tui.store import listing
from tui.store.views import AlertRow

_MARGIN, _NEAR = 64, 16
"""Rows held above and below the visible ones, and how few of them left mean that more are read."""
MOST_NEW = 10_000
"""How far it counts what is new."""
_COUNT_EVERY_S, _COUNT_SHARE = 1.0, 4
"""The least time between two counts, and how many times what the last took."""


class AlertList(ScrollView, can_focus=True):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "down", show=False, id="move.down", tooltip="Next alert"),
        Binding("k,up", "move(-1)", "up", show=False, id="move.up", tooltip="Previous alert"),
        Binding(
            "g,home", "top", "top", show=False, id="move.top", tooltip="Newest alert, and follow new ones"
        ),
        Binding("G,end", "bottom", "bottom", show=False, id="move.bottom", tooltip="Oldest alert"),
        Binding("pageup", "page(-1)", "page up", show=False, id="move.page-up", tooltip="A page up"),
        Binding("pagedown", "page(1)", "page down", show=False, id="move.page-down", tooltip="A page down"),
        Binding("space", "select", "select", id="list.select", tooltip="Select for an action on several"),
        Binding("enter", "open", "open", id="list.open", tooltip="Open the alert's details"),
    ]

    cursor: reactive[int] = reactive(0, repaint=False)

    @dataclass
    class Highlighted(Message):
        """The alert under the cursor is another one, or it has changed."""

        row: AlertRow | None

    @dataclass
    class Opened(Message):
        row: AlertRow

    @dataclass(frozen=True)
    class Counts:
        """How many alerts match, how many more arrived since, and how many are selected."""

        total: int
        counted: bool
        """Whether there are no more than `total`."""
        new: int
        following: bool
        selected: int

    @dataclass
    class Counted(Message):
        counts: "AlertList.Counts"

    def __init__(self, context: Context) -> None:
        super().__init__(id="alerts")
        self.context = context
        self._filter = Filter()
        """What the rows shown were read by."""
        self._wanted = Filter()
        """What was asked for last."""
        self._window = AlertWindow()
        self._new = 0
        self._new_up_to = 0
        """The key up to which what is new is counted."""
        self._selected: set[int] = set()
        self._following = True
        self._loaded = False
        self._reading = asyncio.Lock()
        """Held while rows are read and shown: two reads at once would count what is new twice."""
        self._moving = False
        """Rows around the screen are being read, and will be as long as it moves."""
        self._counting = False
        self._joined = 0
        """Alerts that joined the list since the count under way began."""
        self._next_count = 0.0
        self._brief = 0
        """Cells the deliveries take: what the widest seen needs. It never shrinks, so nothing jumps."""
        self._told: AlertList.Counts | None = None
        self._painted: dict[int, Content] = {}
        """What stands on each line of the screen."""

    # --- what others ask

    @property
    def current(self) -> AlertRow | None:
        """The alert under the cursor."""
        return self._window.row(self.cursor)

    @property
    def selected(self) -> frozenset[int]:
        """The keys of the selected alerts."""
        return frozenset(self._selected)

    @property
    def is_loaded(self) -> bool:
        return self._loaded

    @property
    def is_empty(self) -> bool:
        return self._loaded and self._window.total == 0

    async def read_selected(self) -> list[AlertRow]:
        """The selected alerts as they stand now, wherever they are in the list."""
        return await self.context.read(listing.alerts_by_key, self._selected)

    def clear_selection(self) -> None:
        self._selected.clear()
        self._repaint()
        self.tell_counts()

    async def show(self, filter: Filter) -> None:
        """List the alerts that match `filter`, from the newest on."""
        self._wanted = filter
        async with self._reading:
            filter = self._wanted  # whoever waited here longest need not have asked last
            now = self.context.clock()
            newest = await self.context.read(listing.newest_key)
            window = AlertWindow(watermark=newest, counted=False)
            way = window.approach(0, self._visible + _MARGIN)
            rows = await self.context.read(listing.page_of_alerts, filter, now, **way)
            # All at once: until it is read the last list stays.
            self._filter, self._following, self._loaded = filter, True, True
            self._new, self._new_up_to, self._brief = 0, newest, 0
            self._next_count, self._counting = 0.0, False
            self.scroll_to(y=0, animate=False)
            self._show(window.with_rows(0, rows, way), place=0)

    async def load(self) -> None:
        """Read the visible rows again, and count what is new."""
        if not self._loaded:
            await self.show(self._wanted)
            return
        async with self._reading:
            now = self.context.clock()
            newest = await self.context.read(listing.newest_key)
            await self._count_new(now, newest)
            if self._may_follow():
                await self._follow(now, newest)
            else:
                self._show(await self._read_again(now), place=self.cursor)

    def tick(self) -> None:
        """Ages and countdowns move on."""
        self._repaint()

    # --- reading

    @property
    def _visible(self) -> int:
        return max(self.size.height, 1)

    async def _count_new(self, now: int, newest: int) -> None:
        if self._filter.lasts:
            since, known = self._new_up_to, self._new
        else:
            since, known = self._window.watermark, 0  # what is older may match by now
        if newest > since and known < MOST_NEW:
            known += await self.context.read(
                listing.count_alerts, self._filter, now, after=since, up_to=newest, most=MOST_NEW
            )
        self._new, self._new_up_to = min(known, MOST_NEW), newest

    def _may_follow(self) -> bool:
        """New rows may push the others down while the cursor's row stays in sight."""
        return self._following or (self.scroll_offset.y == 0 and self.cursor + self._new < self.size.height)

    async def _follow(self, now: int, newest: int) -> None:
        old, joined = self._window, self._new
        counted = old.counted and joined < MOST_NEW
        window = replace(old, watermark=newest, total=old.total + joined, counted=counted)
        way = window.approach(0, self._visible + _MARGIN)
        rows = await self.context.read(listing.page_of_alerts, self._filter, now, **way)
        window = window.with_rows(0, rows, way)
        self._joined += joined
        self._new = 0
        self._show(window, place=self.cursor if self._following else self.cursor + joined)

    async def _read_again(self, now: int) -> AlertWindow:
        """The same rows as they stand now."""
        window, held = self._window, self._window.rows
        if self._filter.lasts and self._covers_screen():
            rows = await self.context.read(listing.alerts_by_key, [row.key for row in held])
            if len(rows) == len(held):
                return replace(window, rows=rows)
        return await self._read_around(now)

    async def _read_around(self, now: int) -> AlertWindow:
        """The rows on the screen, and those near."""
        window, limit = self._window, self._visible + 2 * _MARGIN
        first = int(self.scroll_target_y) - _MARGIN
        first = max(0, min(first, window.total - limit) if window.counted else first)
        way = window.approach(first, limit)
        rows = await self.context.read(listing.page_of_alerts, self._filter, now, **way)
        if not rows and first:
            return await self._read_end(replace(window, first=0, rows=[], total=0, counted=False), now)
        return window.with_rows(first, rows, way)

    async def _read_end(self, window: AlertWindow, now: int) -> AlertWindow:
        """The oldest rows."""
        end, limit = window.watermark, self._visible + _MARGIN
        rows = await self.context.read(
            listing.page_of_alerts, self._filter, now, up_to=end, limit=limit, upwards=True
        )
        return window.with_last_rows(rows, limit)

    async def _load_around(self) -> None:
        """Again and again while the screen moves on: a key held down never waits for the last read."""
        self._moving = True
        try:
            async with self._reading:
                seen = None
                while not self._covers_screen() and seen != self.scroll_target_y:
                    seen = self.scroll_target_y
                    self._show(await self._read_around(self.context.clock()), place=self.cursor)
        finally:
            self._moving = False

    async def _load_end(self) -> None:
        async with self._reading:
            window = await self._read_end(self._window, self.context.clock())
            self._show(window, place=window.total - 1)
            self.scroll_to(y=window.total - self._visible, animate=False)

    def _covers_screen(self) -> bool:
        top = int(self.scroll_target_y)
        return self._window.covers(top, min(top + self._visible, self._window.total), _NEAR)

    # --- counting, aside: a page waits for no count

    def _begin_count(self) -> None:
        """Count anew if that is due, else when it is."""
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
        filter, loop = self._filter, asyncio.get_running_loop()
        self._joined, begun = 0, loop.time()
        try:
            total = await self.context.read_aside(
                listing.count_alerts, filter, self.context.clock(), up_to=self._window.watermark
            )
        finally:
            if filter == self._filter:
                self._counting = False
        async with self._reading:
            if filter == self._filter:
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
        """The rows, their count and the cursor, all at once: no key may find the cursor on another
        alert than the one it is drawn on."""
        before = self.current
        self._window = window
        self.virtual_size = Size(self.size.width, window.total)
        if before is not None and not self._following and not self._filter.lasts:
            found = window.place_of(before.key)  # others may have left the list above it
            place = place if found is None else found
        self.cursor = max(0, min(place, window.total - 1))
        self._repaint()
        if self.current != before:
            self.post_message(self.Highlighted(self.current))
        is_whole = window.first == 0 and window.counted and window.end == window.total
        if not window.counted or not (self._filter.lasts or is_whole):
            self._begin_count()
        self.tell_counts()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._widen_briefs()
        if self._loaded and not self._covers_screen() and not self._moving:
            self._begin(self._load_around, "window")

    # --- drawing

    def render_line(self, y: int) -> Strip:
        content = self._painted[y] = self._line_at(y)
        return Visual.to_strips(self, content, self.size.width, 1, self.visual_style)[0]

    def _line_at(self, y: int) -> Content:
        place, width = y + self.scroll_offset.y, self.size.width
        row = self._window.row(place)
        if row is None:
            return Content(self._in_place_of_a_row(place).ljust(width))
        now, selected = self.context.clock(), row.key in self._selected
        line = alert_line(row, width, self._room_for_briefs(), now, selected=selected)
        if place == self.cursor:
            # A tint under the row's own colours, which say more than the cursor's would.
            line = line.stylize_before("on $primary 35%" if self.has_focus else "on $surface-lighten-2")
            line = line.stylize("bold")
        return line

    def _in_place_of_a_row(self, place: int) -> str:
        if self._loaded:
            return "  …" if place < self._window.total else ""
        return "Reading the alerts…".center(self.size.width) if place == self.size.height // 2 else ""

    def _widen_briefs(self) -> None:
        top, now = self.scroll_offset.y, self.context.clock()
        visible = (self._window.row(place) for place in range(top, top + self.size.height))
        self._brief = max(self._brief, *(brief_width(row, now) for row in visible if row is not None), 0)

    def _room_for_briefs(self) -> int:
        return min(self._brief, most_brief(self.size.width))

    def _repaint(self) -> None:
        """Paint the lines whose text is another than what stands there."""
        self._widen_briefs()
        for y in range(self.size.height):
            painted = self._painted.get(y)
            if painted is None or not painted.is_same(self._line_at(y)):
                self._refresh_line(y)

    def _refresh_line(self, y: int) -> None:
        if 0 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    # --- keys and mouse

    def watch_cursor(self, before: int, after: int) -> None:
        for place in (before, after):
            self._refresh_line(place - self.scroll_offset.y)
        if self._loaded:
            self.post_message(self.Highlighted(self.current))

    def action_move(self, rows: int) -> None:
        self._go_to(self.cursor + rows)

    def action_page(self, pages: int) -> None:
        self._go_to(self.cursor + pages * max(1, self.size.height - 1))

    def action_bottom(self) -> None:
        self._go_to(self._window.total - 1)
        if not self._window.counted:
            self._begin(self._load_end, "end")

    def action_top(self) -> None:
        self._go_to(0)
        self._following = True
        self._begin(self.load, "top")

    def _go_to(self, place: int) -> None:
        self._following = False
        self.cursor = max(0, min(place, self._window.total - 1))
        top = self.scroll_offset.y
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= top + self.size.height:
            self.scroll_to(y=self.cursor - self.size.height + 1, animate=False)
        self.tell_counts()

    def action_select(self) -> None:
        row = self.current
        if row is not None:
            self._selected ^= {row.key}
            self._refresh_line(self.cursor - self.scroll_offset.y)
            self._go_to(self.cursor + 1)

    def action_open(self) -> None:
        if self.current is not None:
            self._following = False
            self.post_message(self.Opened(self.current))

    def on_click(self, event: events.Click) -> None:
        place = event.y + self.scroll_offset.y
        if place < self._window.total:
            self._go_to(place)
            if event.chain == 2:
                self.action_open()

    def on_resize(self) -> None:
        self._brief = 0
        self._painted.clear()
        self.virtual_size = Size(self.size.width, self._window.total)
        self._repaint()
        if self._loaded and not self._covers_screen():
            self._begin(self._load_around, "window")

    def _begin(self, work: Callable[[], Awaitable[None]], group: str) -> None:
        cast("LiveScreen", self.screen).begin(work, group)

    def tell_counts(self) -> None:
        """What the frame says; told only when it is another, for a frame is painted with all inside it."""
        window = self._window
        counts = self.Counts(window.total, window.counted, self._new, self._following, len(self._selected))
        if counts != self._told:
            self._told = counts
            self.post_message(self.Counted(counts))
