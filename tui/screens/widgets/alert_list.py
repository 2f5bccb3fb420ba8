"""The list of alerts: as many as there are in the database, of which it holds those on screen.

Rows are read in a window around what is visible, up to a watermark: the key of the newest alert
when the list last moved to it. What arrives later changes no row's place until the list follows.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
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
from tui.screens import words
from tui.screens.context import Context
from tui.screens.live import LiveScreen
from tui.store import listing
from tui.store.views import AlertRow

_MARGIN = 40
"""Rows read above and below the visible ones, so that scrolling finds them there."""


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

    @dataclass
    class Counted(Message):
        """How many alerts match, how many more arrived since, and how many are selected."""

        total: int
        new: int
        following: bool
        selected: int

    def __init__(self, context: Context) -> None:
        super().__init__(id="alerts")
        self.context = context
        self._filter = Filter()
        self._watermark = 0
        self._total = 0
        self._new = 0
        self._first = 0
        self._rows: list[AlertRow] = []
        self._selected: set[int] = set()
        self._following = True
        self._loaded = False
        self._reading = asyncio.Lock()
        """Held while rows are read and shown: two reads at once would count what is new twice."""

    # --- what others ask

    @property
    def current(self) -> AlertRow | None:
        """The alert under the cursor."""
        return self._row(self.cursor)

    @property
    def selected(self) -> frozenset[int]:
        """The keys of the selected alerts."""
        return frozenset(self._selected)

    @property
    def is_empty(self) -> bool:
        return self._loaded and self._total == 0

    async def read_selected(self) -> list[AlertRow]:
        """The selected alerts as they stand now, wherever they are in the list."""
        return await self.context.read(listing.alerts_by_key, self._selected)

    def clear_selection(self) -> None:
        self._selected.clear()
        self.refresh()
        self._tell_counts()

    async def show(self, filter: Filter) -> None:
        """List the alerts that match `filter`, from the newest on."""
        async with self._reading:
            self._filter = filter
            self._following, self._watermark, self._total, self._rows = True, 0, 0, []
            self.cursor = 0
            self.scroll_to(y=0, animate=False)
            await self._load()

    async def load(self) -> None:
        """Read the visible rows again, and count what is new."""
        async with self._reading:
            await self._load()

    def tick(self) -> None:
        self.refresh()

    # --- reading

    async def _load(self) -> None:
        now = self.context.clock()
        newest = await self.context.read(listing.newest_key)
        added = await self.context.read(
            listing.count_alerts, self._filter, now, after=self._watermark, up_to=newest
        )
        moves = not self._loaded or self._may_follow(added)
        watermark = newest if moves else self._watermark
        # The filter may match fewer than before: a delivery that was failing is delivered.
        total = await self._count(now, watermark, added if moves else 0)
        first, rows = await self._read_window(now, watermark)
        # All at once: no key may find the cursor on another alert than the one it is drawn on.
        self._watermark, self._total, self._new = watermark, total, 0 if moves else added
        self.virtual_size = Size(self.size.width, total)
        self._show_window(first, rows, down=added if moves and self._loaded and not self._following else 0)
        self._loaded = True
        self._tell_counts()

    def _may_follow(self, added: int) -> bool:
        """New rows may push the others down while the cursor's row stays in sight."""
        if self._following:
            return True
        return self.scroll_offset.y == 0 and self.cursor + added < self.size.height

    async def _count(self, now: int, up_to: int, added: int) -> int:
        if not self._filter and self._loaded:
            return self._total + added  # alerts are never taken away
        return await self.context.read(listing.count_alerts, self._filter, now, up_to=up_to)

    async def _load_window(self) -> None:
        async with self._reading:
            self._show_window(*await self._read_window(self.context.clock(), self._watermark))

    async def _read_window(self, now: int, up_to: int) -> tuple[int, list[AlertRow]]:
        first = max(0, self.scroll_offset.y - _MARGIN)
        height = max(self.size.height, 1) + 2 * _MARGIN
        rows = await self.context.read(
            listing.page_of_alerts, self._filter, now, up_to=up_to, limit=height, skip=first
        )
        return first, rows

    def _show_window(self, first: int, rows: list[AlertRow], down: int = 0) -> None:
        before = self.current
        self._first, self._rows = first, rows
        self.cursor = max(0, min(self.cursor + down, self._total - 1))
        self.refresh()
        if self.current != before or not self._loaded:
            self.post_message(self.Highlighted(self.current))

    def _row(self, index: int) -> AlertRow | None:
        place = index - self._first
        return self._rows[place] if 0 <= place < len(self._rows) else None

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        top, bottom = int(new_value), int(new_value) + self.size.height
        end = self._first + len(self._rows)
        if self._loaded and (top < self._first or (bottom > end and end < self._total)):
            self._begin(self._load_window, "window")

    # --- drawing

    def render_line(self, y: int) -> Strip:
        index = y + self.scroll_offset.y
        width = self.size.width
        style = self.visual_style
        row = self._row(index)
        if row is None:
            text = "  …" if index < self._total else ""
            return self._strip(Content(text), width)
        content = self._line(row, width)
        if index == self.cursor:
            # A tint under the row's own colours, which say more than the cursor's would.
            content = content.stylize_before("on $primary 35%" if self.has_focus else "on $surface-lighten-2")
            content = content.stylize("bold")
        return Visual.to_strips(self, content, width, 1, style)[0]

    def _strip(self, content: Content, width: int) -> Strip:
        return Visual.to_strips(
            self, content.extend_right(max(0, width - content.cell_length)), width, 1, self.visual_style
        )[0]

    def _line(self, row: AlertRow, width: int) -> Content:
        now = self.context.clock()
        mark = Content.styled("▌", "$text-accent bold") if row.key in self._selected else Content(" ")
        left = Content.assemble(
            mark,
            words.severity(row.severity),
            Content.styled(f"{words.span(now - row.created_at):>5}  ", words.MUTED),
        )
        right = words.deliveries_brief(row.deliveries, row.not_routed, now)
        if row.test:
            right = Content.assemble(("test", "$text-accent"), "  ", right)
        most = max(width // 2 - 4, width - left.cell_length - 40)
        right = right.truncate(min(right.cell_length, most), ellipsis=True)
        room = width - left.cell_length - right.cell_length - 3
        title = words.plain(row.headline).truncate(max(room, 1), ellipsis=True)
        gap = width - left.cell_length - title.cell_length - right.cell_length - 1
        return left + title + Content(" " * max(gap, 1)) + right + Content(" ")

    def _refresh_rows(self, indexes: Sequence[int]) -> None:
        for index in indexes:
            y = index - self.scroll_offset.y
            if 0 <= y < self.size.height:
                self.refresh(Region(0, y, self.size.width, 1))

    # --- keys and mouse

    def watch_cursor(self, before: int, after: int) -> None:
        self._refresh_rows((before, after))
        if self._loaded:
            self.post_message(self.Highlighted(self.current))

    def action_move(self, rows: int) -> None:
        self._go_to(self.cursor + rows)

    def action_page(self, pages: int) -> None:
        self._go_to(self.cursor + pages * max(1, self.size.height - 1))

    def action_bottom(self) -> None:
        self._go_to(self._total - 1)

    def action_top(self) -> None:
        self._go_to(0)
        self._following = True
        self._begin(self.load, "top")

    def _go_to(self, index: int) -> None:
        self._following = False
        self.cursor = max(0, min(index, self._total - 1))
        top = self.scroll_offset.y
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= top + self.size.height:
            self.scroll_to(y=self.cursor - self.size.height + 1, animate=False)
        self._tell_counts()

    def action_select(self) -> None:
        row = self.current
        if row is not None:
            self._selected ^= {row.key}
            self._go_to(self.cursor + 1)
            self.refresh()

    def action_open(self) -> None:
        if self.current is not None:
            self._following = False
            self.post_message(self.Opened(self.current))

    def on_click(self, event: events.Click) -> None:
        index = event.y + self.scroll_offset.y
        if index < self._total:
            self._go_to(index)
            if event.chain == 2:
                self.action_open()

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, self._total)
        if self._loaded:
            self._begin(self._load_window, "window")

    def _begin(self, work: Callable[[], Awaitable[None]], group: str) -> None:
        cast("LiveScreen", self.screen).begin(work, group)

    def _tell_counts(self) -> None:
        self.post_message(self.Counted(self._total, self._new, self._following, len(self._selected)))
