"""The part of a long list that is held in memory: some rows, their places, and how to read others.

Places are counted from the newest row. A page is read from a key (keyset pagination), so reading starts at
the known key nearest to the wanted place: a row held, the newest alert, or the oldest. Only a jump past all
of these uses OFFSET.
"""

from dataclasses import dataclass, field, replace
from typing import TypedDict

from tui.store.reading.views import AlertRow


class Approach(TypedDict):
    """Where a page is read from: arguments of `listing.page_of_alerts`."""

    up_to: int
    after: int
    limit: int
    skip: int
    upwards: bool


@dataclass(frozen=True, slots=True)
class AlertWindow:
    watermark: int = 0
    """The newest key in the list. Newer alerts have no place yet."""
    first: int = 0
    rows: list[AlertRow] = field(default_factory=list[AlertRow])
    total: int = 0
    counted: bool = True
    """Whether `total` is exact. If not, there are more."""
    from_end: bool = False
    """Whether the rows were read from the oldest one before a count: their places are provisional."""

    @property
    def end(self) -> int:
        return self.first + len(self.rows)

    def row(self, place: int) -> AlertRow | None:
        index = place - self.first
        return self.rows[index] if 0 <= index < len(self.rows) else None

    def place_of(self, key: int) -> int | None:
        return next((self.first + i for i, row in enumerate(self.rows) if row.key == key), None)

    def covers(self, top: int, bottom: int, margin: int) -> bool:
        """Whether the rows from `top` up to `bottom` are held, and `margin` more at either end."""
        above = self.first == 0 or self.first <= top - margin
        below = ((self.counted or self.from_end) and self.end >= self.total) or self.end >= bottom + margin
        return above and below

    def approach(self, first: int, limit: int) -> Approach:
        """Return how to read `limit` rows from the place `first` on with the smallest OFFSET."""
        last = first + limit
        ways = [(first, Approach(up_to=self.watermark, after=0, limit=limit, skip=first, upwards=False))]
        if self.rows and first >= self.first:
            held = min(first, self.end - 1)
            key = self.rows[held - self.first].key
            skip = first - held
            ways.append((skip, Approach(up_to=key, after=0, limit=limit, skip=skip, upwards=False)))
        if self.rows and last <= self.end and first > 0:
            held = max(last, self.first)
            key = self.rows[held - self.first].key if held < self.end else self.rows[-1].key - 1
            skip = held - last
            ways.append(
                (skip, Approach(up_to=self.watermark, after=key, limit=limit, skip=skip, upwards=True))
            )
        if self.counted and first > 0 and last <= self.total:
            skip = self.total - last
            ways.append((skip, Approach(up_to=self.watermark, after=0, limit=limit, skip=skip, upwards=True)))
        return min(ways, key=lambda way: way[0])[1]

    def with_rows(self, first: int, rows: list[AlertRow], way: Approach) -> "AlertWindow":
        """Return the window with rows read from the place `first` on. Fewer than the limit: no more exist."""
        is_complete, end = len(rows) < way["limit"], first + len(rows)
        if way["upwards"]:
            if is_complete:  # these are the newest rows, whatever place was assumed
                total = self.total - (first + way["limit"] - len(rows))
                return replace(self, first=0, rows=rows, total=max(total, len(rows)))
            return replace(self, first=first, rows=rows, total=max(self.total, end))
        known = not self.from_end or way["up_to"] == self.watermark
        counted = known and (self.counted or is_complete)
        total = end if is_complete else max(self.total, end + (not self.counted and known))
        return replace(self, first=first, rows=rows, total=total, counted=counted, from_end=not known)

    def with_last_rows(self, rows: list[AlertRow], limit: int) -> "AlertWindow":
        """Return the window with the oldest rows. Before a count, their places follow all others."""
        if len(rows) < limit:
            return replace(self, first=0, rows=rows, total=len(rows), counted=True, from_end=False)
        total = self.total if self.counted else max(self.total, self.end + len(rows))
        first = max(0, total - len(rows))
        return replace(self, first=first, rows=rows, total=total, from_end=not self.counted)

    def with_total(self, total: int) -> "AlertWindow":
        """Return the window with an exact total."""
        moved = total - self.total if self.from_end else 0
        total = max(total, 0 if self.from_end else self.end)
        return replace(self, first=max(0, self.first + moved), total=total, counted=True, from_end=False)
