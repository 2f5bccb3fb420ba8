"""Alerts that were acknowledged but not stored, because they were already stored: counted and logged."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tui.domain.text import visible
from tui.serving.refusals import milliseconds
from tui.store.outbox import Receipt

log = logging.getLogger(__name__)

_EVERY_MS = 60_000
_MOST_SOURCES = 1_000


@dataclass(slots=True)
class Repeats:
    """Logs one line per source and minute; the next line counts the repeats in between."""

    ticks: Callable[[], int] = milliseconds
    total: int = 0
    """Repeats since this process started."""
    _logged: dict[str, int] = field(default_factory=dict[str, int])
    _unlogged: dict[str, int] = field(default_factory=dict[str, int])

    def count(self, source: str, receipts: Sequence[Receipt]) -> None:
        """Count the repeats among these receipts. `source` names a sender or a file, never a token."""
        for receipt in receipts:
            if receipt.revived:  # rare: at most once per delivery in the time that is configured
                names = ", ".join(visible(destination.name) for _, _, destination in receipt.revived)
                log.info(
                    "%s: reported again, queued for %s: alert %s", source, names, visible(receipt.alert_id)
                )
        repeated = [receipt.alert_id for receipt in receipts if receipt.repeated]
        if not repeated:
            return
        self.total += len(repeated)
        now = self.ticks()
        untold = self._unlogged.pop(source, 0) + len(repeated)
        if source in self._logged and now - self._logged[source] < _EVERY_MS:
            self._unlogged[source] = untold
            return
        if len(self._logged) >= _MOST_SOURCES:
            self._forget(now)
        self._logged[source] = now
        more = f" and {untold - 1} more" if untold > 1 else ""
        log.info("%s: already stored, not stored again: alert %s%s", source, visible(repeated[-1]), more)

    def _forget(self, now: int) -> None:
        """Drop the sources of more than a minute ago, with a last line for what was not logged."""
        for source in [one for one, at in self._logged.items() if now - at >= _EVERY_MS]:
            del self._logged[source]
            if untold := self._unlogged.pop(source, 0):
                log.info("%s: already stored, not stored again: %d alerts", source, untold)
