"""Folding: combine similar alerts within a time window, at destinations that enable it.

An alert opens a window and is delivered. Later alerts with the same key fold into it until the window ends,
unless they are more severe. Folding does not extend a window: an endless storm is delivered once per window.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import lru_cache

from tui.domain.alert import Alert, Severity
from tui.domain.errors import Invalid
from tui.domain.search import values_of
from tui.domain.span import format_span, time_span

_LONGEST_MS = 7 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Window:
    """The last alert with a key that was sent rather than folded."""

    opened_at: int
    severity: Severity
    alive: bool
    """Its delivery neither failed permanently nor was cancelled: nothing folds into an undelivered alert."""

    def takes(self, severity: Severity, now: int, span_ms: int) -> bool:
        """Return whether an alert that arrives `now` folds into this window."""
        # After the clock was set back, a window could lie in the future and would not end in time.
        in_time = 0 <= now - self.opened_at < span_ms
        return self.alive and in_time and severity.rank <= self.severity.rank


_OBJECTS = frozenset(
    [
        "account",
        "app",
        "application",
        "arn",
        "bucket",
        "cluster",
        "component",
        "container",
        "database",
        "daemonset",
        "deployment",
        "device",
        "fingerprint",
        "function",
        "host",
        "hostname",
        "instance",
        "interface",
        "job",
        "machine",
        "namespace",
        "node",
        "ns",
        "object",
        "pod",
        "project",
        "queue",
        "region",
        "repository",
        "resource",
        "sensor",
        "server",
        "service",
        "site",
        "statefulset",
        "subscription",
        "topic",
        "volume",
    ]
)
"""Names of fields that say what an alert is about."""
_LASTING = frozenset(
    [
        "account",
        "device",
        "instance",
        "machine",
        "project",
        "repository",
        "resource",
        "sensor",
        "subscription",
    ]
)
"""Those of them whose id stays the same: a container's changes with every restart."""
_PART = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")


def fold_key(alert: Alert, destination_id: int) -> str:
    """Return the key shared by alerts that fold into each other, short enough for an index.

    Without a key of its own, it is the rule, the title, and what in the context names the object concerned:
    the crash of another pod does not fold.
    """
    if alert.dedup_key is not None:
        meant: list[object] = [alert.dedup_key]
    else:
        named = sorted({one for one in values_of(alert.context) if _names_an_object(one[0])})
        meant = [alert.rule_id, alert.title, *named]
    return f"{destination_id}:{hashlib.sha256(json.dumps(meant).encode()).hexdigest()[:32]}"


@lru_cache(maxsize=4096)
def _names_an_object(path: str) -> bool:
    """Whether a path ends like `labels.pod`, `k8s.pod.name` or `instanceId`."""
    *before, last = ["", *(part.lower() for part in _PART.findall(path[-100:]))]
    of = before[-1] if before else ""
    return last in _OBJECTS or (last == "name" and of in _OBJECTS) or (last == "id" and of in _LASTING)


def parse_fold(value: str) -> int | None:
    """Parse a time span into milliseconds; empty or 0 disables folding. Raises Invalid (`fold`)."""
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
    """Format a span for `parse_fold`; empty for None."""
    return format_span(span_ms) if span_ms else ""
