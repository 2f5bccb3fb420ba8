"""Logs refused requests at a limited rate."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tui.domain.pacing import Pace

log = logging.getLogger(__name__)

_RATE, _BURST_MS = 0.1, 200_000
"""Per status: twenty lines at once, then one every ten seconds."""
_LONGEST = 300


def milliseconds() -> int:
    """A monotonic clock."""
    return time.monotonic_ns() // 1_000_000


@dataclass(slots=True)
class Refusals:
    """Limits lines per status, so that a flood of 401s does not hide a 422."""

    ticks: Callable[[], int] = milliseconds
    _paces: dict[int, Pace] = field(default_factory=dict[int, Pace])
    _untold: dict[int, int] = field(default_factory=dict[int, int])

    def tell(self, who: str, status: int, words: str) -> None:
        """Log a line, or count it for the next line. `who` names the sender, never its token."""
        now = self.ticks()
        pace = self._paces.get(status, Pace(_RATE, 0, _BURST_MS))
        if not pace.allowance(now):
            self._untold[status] = self._untold.get(status, 0) + 1
            return
        self._paces[status] = pace.after(1, now)
        untold = self._untold.pop(status, 0)
        more = f" (and {untold} more since the last such line)" if untold else ""
        log.warning("%s: %d, %s%s", who, status, words[:_LONGEST], more)
