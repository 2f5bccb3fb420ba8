"""Folding: at a destination that asked for it, alerts of a storm fold into the first of them.

An alert opens a window and is delivered; whatever has the same key and is no more severe folds into
it until the window's time is over. A window is not prolonged by what folds into it: a storm that never
ends is delivered once a window.
"""

import hashlib
import json
from dataclasses import dataclass

from tui.domain.alert import Alert, Severity
from tui.domain.errors import Invalid
from tui.domain.filter import time_span

_LONGEST_MS = 7 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Window:
    """What is known of the last alert with a key that was delivered."""

    opened_at: int
    severity: Severity
    alive: bool
    """Its delivery neither failed for good nor was cancelled: nothing folds into what nobody got."""

    def takes(self, severity: Severity, now: int, span_ms: int) -> bool:
        """Whether an alert that comes `now` folds into it."""
        # A window that opens in the future, after the clock has gone back, would never end.
        in_time = 0 <= now - self.opened_at < span_ms
        return self.alive and in_time and severity.rank <= self.severity.rank


def fold_key(alert: Alert, destination_id: int) -> str:
    """What alerts to a destination that fold into each other have in common, short enough for an index."""
    meant = [alert.dedup_key] if alert.dedup_key is not None else [alert.rule_id, alert.title]
    return f"{destination_id}:{hashlib.sha256(json.dumps(meant).encode()).hexdigest()[:32]}"


def parse_fold(value: str) -> int | None:
    """A time span as typed, in milliseconds; nothing, or 0, does not fold. Raises Invalid (`fold`)."""
    typed = value.strip()
    if typed in ("", "0"):
        return None
    try:
        span = time_span("folding", typed)
    except Invalid as error:
        raise Invalid("fold", error.message) from None
    if not 0 < span <= _LONGEST_MS:
        raise Invalid("fold", "the folding time must be 1s to 7d, or 0 to disable folding")
    return span


def format_fold(span_ms: int | None) -> str:
    """As `parse_fold` takes it, in the largest unit that says it: `10m`; empty for None."""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)):
        if span_ms and span_ms % size == 0:
            return f"{span_ms // size}{unit}"
    return ""
