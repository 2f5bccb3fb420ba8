"""What ended in spans of time: how often each outcome came, and how long attempts took."""

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
    """So many attempts at a destination that ended alike."""

    destination_id: int
    outcome: Outcome
    duration_ms: int | None
    times: int


def percent(share: float) -> str:
    """Such as `87%`. Never rounded up: of what failed once it does not say 100%."""
    return f"{int(share * 100 + 1e-9)}%"  # 0.29 * 100 is a little less than 29


@dataclass(slots=True)
class Tally:
    """Of one destination, or of several together."""

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
        """What was added before."""
        self.outcomes.subtract(other.outcomes)
        self.durations.subtract(other.durations)

    def percentiles(self, *shares: float) -> tuple[int | None, ...]:
        """How long the fastest `share` of the attempts took at most; None where none was timed."""
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
    """Spans side by side, and what they come to: kept up to date, so that telling it costs nothing."""

    def __init__(self) -> None:
        self.held: dict[Span, Tallies] = {}
        self._sum: Tallies = {}

    @property
    def tallies(self) -> Tallies:
        """By destination, of those where anything ended."""
        return {id: tally for id, tally in self._sum.items() if tally.attempts}

    def keep(self, spans: Iterable[Span]) -> None:
        """These and no others."""
        for span in self.held.keys() - set(spans):
            self._drop(span)

    def take(self, span: Span, tallies: Tallies) -> None:
        """In place of what was held for the span."""
        if span in self.held:
            self._drop(span)
        self.held[span] = tallies
        for id, tally in tallies.items():
            self._sum.setdefault(id, Tally()).add(tally)

    def _drop(self, span: Span) -> None:
        for id, tally in self.held.pop(span).items():
            self._sum[id].take_away(tally)


class Activity:
    """The last day, put together from spans that are read once: those that are over do not change.

    The last hour lies in it by the minute, what is older by ten. The newest minutes are read again
    and again, and each of the others once, so that following costs what happened since, not a day.
    """

    def __init__(self) -> None:
        self._hour, self._day = _Window(), _Window()
        self._now = 0

    def missing(self, now: int) -> list[Span]:
        """What to read at `now` (ms), newest first. An attempt is recorded a little after it ended."""
        self._now = now // MINUTE_MS
        spans = _spans(self._now)
        self._hour.keep(span for span in spans if self._is_in_hour(span))
        self._day.keep(spans)
        return [span for span in spans if span not in self._day.held or span.first >= self._now - 1]

    def take(self, span: Span, ended: Iterable[Ended]) -> None:
        """What was read for a span that was missing."""
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
        """What was read may have changed behind our back: read all of it again."""
        self._hour, self._day = _Window(), _Window()

    @property
    def hour(self) -> Tallies:
        """Of each destination, the last sixty minutes."""
        return self._hour.tallies

    @property
    def day(self) -> Tallies:
        """Of each destination, the last day, to ten minutes."""
        return self._day.tallies

    @property
    def by_minute(self) -> list[Tally]:
        """The last hour, oldest minute first, all destinations together."""
        minutes = range(self._now - HOUR + 1, self._now + 1)
        return [all_of(self._hour.held.get(Span(minute, 1), {})) for minute in minutes]

    def _is_in_hour(self, span: Span) -> bool:
        return span.first > self._now - HOUR


def _spans(this: int) -> list[Span]:
    """Those that make up the day that ends with minute `this`, newest first."""
    fine = (this - HOUR + 1) // _COARSE * _COARSE
    oldest = (this - DAY) // _COARSE * _COARSE + _COARSE
    return [
        *(Span(minute, 1) for minute in range(this, fine - 1, -1)),
        *(Span(minute, _COARSE) for minute in range(fine - _COARSE, oldest - 1, -_COARSE)),
    ]


def all_of(tallies: Tallies) -> Tally:
    """Of all destinations together."""
    whole = Tally()
    for tally in tallies.values():
        whole.add(tally)
    return whole
