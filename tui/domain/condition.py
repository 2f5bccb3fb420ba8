"""The condition that `tocsin status` reports: what needs a person, and how urgently.

The levels and their exit codes are those of the Monitoring Plugins guidelines, which Nagios, Icinga and
Checkmk share: https://www.monitoring-plugins.org/doc/guidelines.html#AEN78
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from tui.domain.destination import Destination
from tui.domain.health import Health

MINUTE_MS = 60_000
FAILING_SOON = 5
"""Attempts in a row. Fewer are what retries are for."""


class Level(IntEnum):
    """How bad it is. The value is the exit code."""

    OK = 0
    WARNING = 1
    CRITICAL = 2


@dataclass(frozen=True)
class Load:
    """The deliveries of one destination, without tests. Times are in ms since 1970."""

    destination: Destination
    health: Health
    pending: int
    in_flight: int
    due_since: int | None
    """When its first delivery could have been sent: from its due time, the end of its lease, or the end of
    the destination's hold. None without any."""
    held_until: int | None
    """The end of the hold that its receiver asked for; None if it is not held."""
    failed: int
    """Deliveries that failed permanently in the period, and were not sent again since."""
    last: str
    """The result of its last attempt; "" before the first."""


@dataclass(frozen=True)
class Intake:
    """Alerts of the period that nobody may have seen, without tests."""

    unrouted: int
    unreadable: int


@dataclass(frozen=True)
class Problem:
    level: Level
    kind: str
    """`failed`, `late`, `held`, `failing`, `paused`, `unrouted` or `unreadable`."""
    destination: str | None
    count: int
    text: str


def problems(loads: Sequence[Load], intake: Intake, *, now: int, late_ms: int) -> list[Problem]:
    """Return what needs a person, the most urgent first. `late_ms` is how long a delivery may be due."""
    found = [problem for load in loads for problem in _problems_of(load, now, late_ms)]
    found += _problems_at_intake(intake)
    return sorted(found, key=lambda problem: -problem.level)


def level_of(found: Sequence[Problem]) -> Level:
    return max((problem.level for problem in found), default=Level.OK)


def _problems_of(load: Load, now: int, late_ms: int) -> Iterator[Problem]:
    name, health = load.destination.name, load.health
    if load.failed:
        text = (
            f"{_counted(load.failed, 'delivery', 'deliveries')} failed permanently; last answer: {load.last}"
        )
        yield Problem(Level.CRITICAL, "failed", name, load.failed, text)
    if load.destination.paused:
        if load.pending:
            text = f"paused with {_counted(load.pending, 'delivery', 'deliveries')} pending"
            yield Problem(Level.WARNING, "paused", name, load.pending, text)
    elif load.due_since is not None and now - load.due_since > late_ms:
        minutes = (now - load.due_since) // MINUTE_MS
        text = f"deliveries have been due for {minutes} min: no dispatcher is running, or it cannot keep up"
        yield Problem(Level.CRITICAL, "late", name, load.pending + load.in_flight, text)
    elif load.held_until is not None and load.pending:
        minutes = (load.held_until - now) // MINUTE_MS + 1
        pending = _counted(load.pending, "delivery", "deliveries")
        text = f"its receiver asked to wait for {minutes} more min; {pending} pending"
        yield Problem(Level.WARNING, "held", name, load.pending, text)
    if not load.failed and (health.failing_since is not None or health.failures >= FAILING_SOON):
        text = f"{_counted(health.failures, 'attempt', 'attempts')} failed in a row; last: {load.last}"
        yield Problem(Level.WARNING, "failing", name, health.failures, text)


def _problems_at_intake(intake: Intake) -> Iterator[Problem]:
    if intake.unrouted:
        text = f"{_counted(intake.unrouted, 'alert', 'alerts')} matched no destination"
        yield Problem(Level.WARNING, "unrouted", None, intake.unrouted, text)
    if intake.unreadable:
        text = f"{_counted(intake.unreadable, 'alert reports', 'alerts report')} input that could not be read"
        yield Problem(Level.WARNING, "unreadable", None, intake.unreadable, text)


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
