"""Reads the rows of a long list from the database: the visible ones, and some around them."""

from collections.abc import Awaitable, Collection
from dataclasses import dataclass, field, replace

from tui.domain.filter import Filter
from tui.screens.alerts.window import AlertWindow
from tui.screens.shared.context import Context
from tui.store.reading import listing

_MARGIN, _NEAR = 64, 16
"""Rows held above and below the visible ones, and the number below which more are read."""
MOST_NEW = 10_000
"""New alerts are counted up to this number."""


def covers(window: AlertWindow, top: int, visible: int) -> bool:
    """Whether the window holds the `visible` rows from `top` on, and some around them."""
    return window.covers(top, min(top + visible, window.total), _NEAR)


@dataclass(frozen=True, slots=True)
class AlertPages:
    """The alerts that match a filter. Reading returns a new window and leaves the old one unchanged."""

    context: Context
    filter: Filter = field(default_factory=Filter)

    def matching(self, keys: Collection[int]) -> Awaitable[set[int]]:
        """Return those of these keys whose alerts match."""
        return self.context.read(listing.matching_keys, self.filter, self.context.clock(), keys)

    def place_of(self, alert_id: str, up_to: int) -> Awaitable[int | None]:
        """Return the place of this alert in the list; None if it is not in it."""
        return self.context.read(listing.place_of, self.filter, self.context.clock(), alert_id, up_to=up_to)

    def newest_key(self) -> Awaitable[int]:
        """Return the newest key of all alerts, whether they match or not."""
        return self.context.read(listing.newest_key)

    async def first(self, newest: int, visible: int) -> AlertWindow:
        """Read the newest rows. The total is not known yet."""
        return await self._read(AlertWindow(watermark=newest, counted=False), 0, visible + _MARGIN)

    async def with_new(self, window: AlertWindow, newest: int, joined: int, visible: int) -> AlertWindow:
        """Read the newest rows, `joined` of them new."""
        counted = window.counted and joined < MOST_NEW
        window = replace(window, watermark=newest, total=window.total + joined, counted=counted)
        return await self._read(window, 0, visible + _MARGIN)

    async def again(self, window: AlertWindow, top: int, visible: int) -> AlertWindow:
        """Read the same rows again."""
        held = window.rows
        if self.filter.lasts and covers(window, top, visible):
            rows = await self.context.read(listing.alerts_by_key, [row.key for row in held])
            if len(rows) == len(held):
                return replace(window, rows=rows)
        return await self.around(window, top, visible)

    async def around(self, window: AlertWindow, top: int, visible: int) -> AlertWindow:
        """Read the visible rows, and those near them."""
        limit = visible + 2 * _MARGIN
        first = top - _MARGIN
        first = max(0, min(first, window.total - limit) if window.counted else first)
        read = await self._read(window, first, limit)
        if not read.rows and first:
            return await self.last(replace(window, first=0, rows=[], total=0, counted=False), visible)
        return read

    async def last(self, window: AlertWindow, visible: int) -> AlertWindow:
        """Read the oldest rows."""
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
        """Count the matches between these keys, up to MOST_NEW."""
        return await self.context.read(
            listing.count_alerts,
            self.filter,
            self.context.clock(),
            after=after,
            up_to=up_to,
            most=MOST_NEW,
        )

    def count(self, up_to: int) -> Awaitable[int]:
        """Count all matches. This may take long; no page waits for it."""
        return self.context.read_aside(listing.count_alerts, self.filter, self.context.clock(), up_to=up_to)

    async def _read(self, window: AlertWindow, first: int, limit: int) -> AlertWindow:
        way = window.approach(first, limit)
        now = self.context.clock()
        rows = await self.context.read(listing.page_of_alerts, self.filter, now, **way)
        return window.with_rows(first, rows, way)
