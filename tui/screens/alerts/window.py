"""The part of a long list that is held: some rows, where they lie, and how to get at others.

Rows have places counted from the newest. A page is read from a key, so whatever key is known
nearest to where one wants to go is where reading begins: one of the rows held, the newest alert,
or the oldest. Only a jump past all of them leaves rows out by counting.
"""

from dataclasses import dataclass, field, replace
from typing import TypedDict

from tui.store.reading.views import AlertRow


class Approach(TypedDict):
    """Where a page is read from: what `listing.page_of_alerts` takes."""

    up_to: int
    after: int
    limit: int
    skip: int
    upwards: bool


@dataclass(frozen=True, slots=True)
class AlertWindow:
    watermark: int = 0
    """The newest key the list knows; what arrived later has no place yet."""
    first: int = 0
    rows: list[AlertRow] = field(default_factory=list[AlertRow])
    total: int = 0
    counted: bool = True
    """Whether `total` is how many there are; else there are more."""
    from_end: bool = False
    """Read from the oldest while nobody had counted: the rows' places are not known yet."""

    @property
    def end(self) -> int:
        return self.first + len(self.rows)

    def row(self, place: int) -> AlertRow | None:
        index = place - self.first
        return self.rows[index] if 0 <= index < len(self.rows) else None

    def place_of(self, key: int) -> int | None:
        return next((self.first + i for i, row in enumerate(self.rows) if row.key == key), None)

    def covers(self, top: int, bottom: int, margin: int) -> bool:
        """Whether the rows from `top` to before `bottom` are held, and some more beyond either end."""
        above = self.first == 0 or self.first <= top - margin
        below = ((self.counted or self.from_end) and self.end >= self.total) or self.end >= bottom + margin
        return above and below

    def approach(self, first: int, limit: int) -> Approach:
        """How to read the `limit` rows from the place `first` on with as few left out as can be."""
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
        """With the rows read `way` from the place `first` on; fewer than its limit are all there are."""
        is_complete, end = len(rows) < way["limit"], first + len(rows)
        if way["upwards"]:
            if is_complete:  # these are the newest, wherever they were thought to lie
                total = self.total - (first + way["limit"] - len(rows))
                return replace(self, first=0, rows=rows, total=max(total, len(rows)))
            return replace(self, first=first, rows=rows, total=max(self.total, end))
        known = not self.from_end or way["up_to"] == self.watermark
        counted = known and (self.counted or is_complete)
        total = end if is_complete else max(self.total, end + (not self.counted and known))
        return replace(self, first=first, rows=rows, total=total, counted=counted, from_end=not known)

    def with_last_rows(self, rows: list[AlertRow], limit: int) -> "AlertWindow":
        """With the oldest rows there are, at places after all others as long as nobody has counted."""
        if len(rows) < limit:
            return replace(self, first=0, rows=rows, total=len(rows), counted=True, from_end=False)
        total = self.total if self.counted else max(self.total, self.end + len(rows))
        first = max(0, total - len(rows))
        return replace(self, first=first, rows=rows, total=total, from_end=not self.counted)

    def with_total(self, total: int) -> "AlertWindow":
        """Now that somebody has counted."""
        moved = total - self.total if self.from_end else 0
        total = max(total, 0 if self.from_end else self.end)
        return replace(self, first=max(0, self.first + moved), total=total, counted=True, from_end=False)
