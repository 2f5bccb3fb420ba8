"""How the rows of a long list are read from the database: those on the screen, and some around it."""

from collections.abc import Awaitable
from dataclasses import dataclass, field, replace

from tui.domain.filter import Filter
from tui.screens.alerts.window import AlertWindow
from tui.screens.shared.context import Context
from tui.store.reading import listing

_MARGIN, _NEAR = 64, 16
"""Rows held above and below the visible ones, and how few of them left mean that more are read."""
MOST_NEW = 10_000
"""How far it counts what is new."""


def covers(window: AlertWindow, top: int, visible: int) -> bool:
    """Whether the rows on a screen of `visible` lines that begins at `top` are held, and some around it."""
    return window.covers(top, min(top + visible, window.total), _NEAR)


@dataclass(frozen=True, slots=True)
class AlertPages:
    """The alerts that match a filter. Reading changes no window: it makes the next one."""

    context: Context
    filter: Filter = field(default_factory=Filter)

    def newest_key(self) -> Awaitable[int]:
        """Of all alerts, whether they match or not."""
        return self.context.read(listing.newest_key)

    async def first(self, newest: int, visible: int) -> AlertWindow:
        """The newest rows; how many there are nobody knows yet."""
        return await self._read(AlertWindow(watermark=newest, counted=False), 0, visible + _MARGIN)

    async def with_new(self, window: AlertWindow, newest: int, joined: int, visible: int) -> AlertWindow:
        """The newest rows, now that `joined` more are among them."""
        counted = window.counted and joined < MOST_NEW
        window = replace(window, watermark=newest, total=window.total + joined, counted=counted)
        return await self._read(window, 0, visible + _MARGIN)

    async def again(self, window: AlertWindow, top: int, visible: int) -> AlertWindow:
        """The same rows as they stand now."""
        held = window.rows
        if self.filter.lasts and covers(window, top, visible):
            rows = await self.context.read(listing.alerts_by_key, [row.key for row in held])
            if len(rows) == len(held):
                return replace(window, rows=rows)
        return await self.around(window, top, visible)

    async def around(self, window: AlertWindow, top: int, visible: int) -> AlertWindow:
        """The rows on the screen, and those near."""
        limit = visible + 2 * _MARGIN
        first = top - _MARGIN
        first = max(0, min(first, window.total - limit) if window.counted else first)
        read = await self._read(window, first, limit)
        if not read.rows and first:
            return await self.last(replace(window, first=0, rows=[], total=0, counted=False), visible)
        return read

    async def last(self, window: AlertWindow, visible: int) -> AlertWindow:
        """The oldest rows."""
        limit = visible + _MARGIN
        rows = await self.context.read(
            listing.page_of_alerts,
            self.filter,
            self.context.clock(),
            up_to=window.watermark,
            limit=limit,
            upwards=True,
        )
        return window.with_last_rows(rows, limit)

    async def count_new(self, after: int, up_to: int) -> int:
        """How many match between these keys, as far as anybody counts."""
        return await self.context.read(
            listing.count_alerts,
            self.filter,
            self.context.clock(),
            after=after,
            up_to=up_to,
            most=MOST_NEW,
        )

    def count(self, up_to: int) -> Awaitable[int]:
        """How many match; it may take long, and no page waits for it."""
        return self.context.read_aside(listing.count_alerts, self.filter, self.context.clock(), up_to=up_to)

    async def _read(self, window: AlertWindow, first: int, limit: int) -> AlertWindow:
        way = window.approach(first, limit)
        now = self.context.clock()
        rows = await self.context.read(listing.page_of_alerts, self.filter, now, **way)
        return window.with_rows(first, rows, way)
