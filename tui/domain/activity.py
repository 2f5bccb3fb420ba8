"""What ended in spans of time: how often each outcome came, and how long attempts took."""

from collections import Counter
from collections.abc import Iterable, Mapping
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


class Activity:
    """The last day, put together from spans that are read once: those that are over do not change.

    The last hour lies in it by the minute, what is older by ten. The newest minutes are read again
    and again, and each of the others once, so that following costs what happened since, not a day.
    """

    def __init__(self) -> None:
        self._read: dict[Span, dict[int, Tally]] = {}

    def missing(self, now: int) -> list[Span]:
        """What to read at `now` (ms), newest first. An attempt is recorded a little after it ended."""
        this = now // MINUTE_MS
        spans = _spans(this)
        self._read = {span: self._read[span] for span in spans if span in self._read}
        return [span for span in spans if span not in self._read or span.first >= this - 1]

    def take(self, span: Span, ended: Iterable[Ended]) -> None:
        by_destination: dict[int, Tally] = {}
        for destination_id, outcome, duration_ms, times in ended:
            tally = by_destination.setdefault(destination_id, Tally())
            tally.outcomes[outcome] += times
            if duration_ms is not None:
                tally.durations[duration_ms] += times
        self._read[span] = by_destination

    def forget(self) -> None:
        """What was read may have changed behind our back: read all of it again."""
        self._read = {}

    def by_minute(self, now: int) -> list[Tally]:
        """The last hour, oldest minute first, all destinations together."""
        this = now // MINUTE_MS
        return [_together(self._read.get(Span(m, 1), {}).values()) for m in range(this - HOUR + 1, this + 1)]

    def by_destination(self, now: int, minutes: int) -> dict[int, Tally]:
        """The last `minutes`, up to ten more than a day's are told."""
        first = now // MINUTE_MS - minutes + 1
        tallies: dict[int, Tally] = {}
        for span, read in self._read.items():
            if span.first >= first:
                for destination_id, tally in read.items():
                    tallies.setdefault(destination_id, Tally()).add(tally)
        return tallies


def _spans(this: int) -> list[Span]:
    """Those that make up the day that ends with minute `this`, newest first."""
    fine = (this - HOUR + 1) // _COARSE * _COARSE
    oldest = (this - DAY) // _COARSE * _COARSE + _COARSE
    return [
        *(Span(minute, 1) for minute in range(this, fine - 1, -1)),
        *(Span(minute, _COARSE) for minute in range(fine - _COARSE, oldest - 1, -_COARSE)),
    ]


def _together(tallies: Iterable[Tally]) -> Tally:
    return all_of(dict(enumerate(tallies)))


def all_of(tallies: Mapping[int, Tally]) -> Tally:
    """Of all destinations together."""
    whole = Tally()
    for tally in tallies.values():
        whole.add(tally)
    return whole
