"""Statistics of finished attempts per time span: the number of each outcome, and durations."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from tui.domain.lifecycle import Outcome

MINUTE_MS = 60_000
HOUR, DAY = 60, 24 * 60
"""In minutes."""
_COARSE = 10


class Span(NamedTuple):
    """Whole minutes since 1970."""

    first: int
    minutes: int

    @property
    def since(self) -> int:
        return self.first * MINUTE_MS

    @property
    def until(self) -> int:
        return (self.first + self.minutes) * MINUTE_MS


class Ended(NamedTuple):
    """A number of attempts to one destination with the same outcome and duration."""

    destination_id: int
    outcome: Outcome
    duration_ms: int | None
    times: int


def percent(share: float) -> str:
    """Format a share as `87%`, rounded down so that a single failure never shows as 100%."""
    return f"{int(share * 100 + 1e-9)}%"  # 0.29 * 100 is a little less than 29


@dataclass(slots=True)
class Tally:
    """The outcomes and durations of one destination, or of several together."""

    outcomes: Counter[Outcome] = field(default_factory=Counter[Outcome])
    durations: Counter[int] = field(default_factory=Counter[int])

    @property
    def attempts(self) -> int:
        return self.outcomes.total()

    @property
    def delivered(self) -> int:
        return self.outcomes[Outcome.DELIVERED]

    @property
    def failed(self) -> int:
        return self.attempts - self.delivered

    @property
    def success(self) -> float | None:
        return self.delivered / self.attempts if self.attempts else None

    def add(self, other: "Tally") -> None:
        self.outcomes.update(other.outcomes)
        self.durations.update(other.durations)

    def take_away(self, other: "Tally") -> None:
        """Subtract a tally that was added before."""
        self.outcomes.subtract(other.outcomes)
        self.durations.subtract(other.durations)

    def percentiles(self, *shares: float) -> tuple[int | None, ...]:
        """Return for each share the duration (ms) that this share of the attempts did not exceed.

        None for each if no attempt has a duration.
        """
        last = self.durations.total() - 1
        if last < 0:
            return (None,) * len(shares)
        ordered = sorted(self.durations.items())
        return tuple(_value_at(ordered, int(share * last)) for share in shares)


def _value_at(ordered: Iterable[tuple[int, int]], place: int) -> int | None:
    for value, count in ordered:
        place -= count
        if place < 0:
            return value
    return None


Tallies = dict[int, Tally]
"""By the id of the destination."""


class _Window:
    """Spans and their running totals, so that reading the totals is cheap."""

    def __init__(self) -> None:
        self.held: dict[Span, Tallies] = {}
        self._sum: Tallies = {}

    @property
    def tallies(self) -> Tallies:
        """By destination, for those with any finished attempt."""
        return {id: tally for id, tally in self._sum.items() if tally.attempts}

    def keep(self, spans: Iterable[Span]) -> None:
        """Drop all spans except these."""
        for span in self.held.keys() - set(spans):
            self._drop(span)

    def take(self, span: Span, tallies: Tallies) -> None:
        """Replace what is held for the span."""
        if span in self.held:
            self._drop(span)
        self.held[span] = tallies
        for id, tally in tallies.items():
            self._sum.setdefault(id, Tally()).add(tally)

    def _drop(self, span: Span) -> None:
        for id, tally in self.held.pop(span).items():
            self._sum[id].take_away(tally)


class Activity:
    """The attempts of the last day, in spans: one minute each for the last hour, ten minutes before that.

    Past spans do not change, so each is read once. Only the newest minutes are read again. Keeping up to date
    therefore costs as much as happened since the last read, not a whole day.
    """

    def __init__(self) -> None:
        self._hour, self._day = _Window(), _Window()
        self._now = 0

    def missing(self, now: int) -> list[Span]:
        """Return the spans to read at `now` (ms), newest first.

        They include the previous minute: an attempt is recorded shortly after it ended.
        """
        self._now = now // MINUTE_MS
        spans = _spans(self._now)
        self._hour.keep(span for span in spans if self._is_in_hour(span))
        self._day.keep(spans)
        return [span for span in spans if span not in self._day.held or span.first >= self._now - 1]

    @property
    def knows_hour(self) -> bool:
        """Whether every span of the last hour was read, so that its figures are final."""
        return all(span in self._hour.held for span in _spans(self._now) if self._is_in_hour(span))

    @property
    def knows_day(self) -> bool:
        return all(span in self._day.held for span in _spans(self._now))

    def take(self, span: Span, ended: Iterable[Ended]) -> None:
        """Store what was read for a missing span."""
        tallies: Tallies = {}
        for destination_id, outcome, duration_ms, times in ended:
            tally = tallies.setdefault(destination_id, Tally())
            tally.outcomes[outcome] += times
            if duration_ms is not None:
                tally.durations[duration_ms] += times
        self._day.take(span, tallies)
        if self._is_in_hour(span):
            self._hour.take(span, tallies)

    def forget(self) -> None:
        """Discard everything, because it may have changed in the database; `missing` then lists all spans."""
        self._hour, self._day = _Window(), _Window()

    @property
    def hour(self) -> Tallies:
        """The last sixty minutes, by destination."""
        return self._hour.tallies

    @property
    def day(self) -> Tallies:
        """The last day, by destination, to a precision of ten minutes."""
        return self._day.tallies

    @property
    def by_minute(self) -> list[Tally]:
        """The last hour, oldest minute first, all destinations together."""
        minutes = range(self._now - HOUR + 1, self._now + 1)
        return [all_of(self._hour.held.get(Span(minute, 1), {})) for minute in minutes]

    def _is_in_hour(self, span: Span) -> bool:
        return span.first > self._now - HOUR


def _spans(this: int) -> list[Span]:
    """Return the spans of the day that ends with minute `this`, newest first."""
    fine = (this - HOUR + 1) // _COARSE * _COARSE
    oldest = (this - DAY) // _COARSE * _COARSE + _COARSE
    return [
        *(Span(minute, 1) for minute in range(this, fine - 1, -1)),
        *(Span(minute, _COARSE) for minute in range(fine - _COARSE, oldest - 1, -_COARSE)),
    ]


def all_of(tallies: Tallies) -> Tally:
    """Return the tally of all destinations together."""
    whole = Tally()
    for tally in tallies.values():
        whole.add(tally)
    return whole
