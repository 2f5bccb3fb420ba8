"""Alerts that were acknowledged but not stored, because they were already stored: counted and logged."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from tui.domain.text import visible
from tui.intake.minutely import Minutely
from tui.store.outbox import Receipt

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Repeats:
    """Logs one line per source and minute; the next line counts the repeats in between."""

    limit: Minutely = field(default_factory=Minutely)
    total: int = 0
    """Repeats since this process started."""

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
        for old, unlogged in self.limit.old():
            log.info("%s: already stored, not stored again: %d alerts", old, unlogged)
        if number := self.limit.count(source, len(repeated)):
            more = f" and {number - 1} more" if number > 1 else ""
            log.info("%s: already stored, not stored again: alert %s%s", source, visible(repeated[-1]), more)
