"""Limit a log line to one per source and minute; the next one counts what was not logged in between."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tui.serving.refusals import milliseconds

_EVERY_MS = 60_000
_MOST_SOURCES = 1_000


@dataclass(slots=True)
class Minutely:
    ticks: Callable[[], int] = milliseconds
    _logged: dict[str, int] = field(default_factory=dict[str, int])
    _unlogged: dict[str, int] = field(default_factory=dict[str, int])

    def count(self, source: str, number: int) -> int:
        """Count events of `source`. Return how many to log now; 0 if a line was logged within a minute."""
        now = self.ticks()
        unlogged = self._unlogged.pop(source, 0) + number
        if source in self._logged and now - self._logged[source] < _EVERY_MS:
            self._unlogged[source] = unlogged
            return 0
        self._logged[source] = now
        return unlogged

    def rest(self) -> Iterator[tuple[str, int]]:
        """Forget all sources. Yield those with events that were not logged, and their number."""
        yield from self._unlogged.items()
        self._unlogged.clear()
        self._logged.clear()

    def old(self) -> Iterator[tuple[str, int]]:
        """Like `rest`, but only once there are many sources, and for those logged more than a minute ago."""
        if len(self._logged) < _MOST_SOURCES:
            return
        now = self.ticks()
        for source in [one for one, at in self._logged.items() if now - at >= _EVERY_MS]:
            del self._logged[source]
            if unlogged := self._unlogged.pop(source, 0):
                yield source, unlogged
