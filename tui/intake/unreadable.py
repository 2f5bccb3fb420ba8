"""Lines that cannot be read become alerts: whoever writes odd bytes into a log must leave a trace."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from tui.domain.alert import Alert, Severity
from tui.domain.text import visible
from tui.intake.reports import Reports

RULE = "Tocsin.Intake.Unreadable"
RAW_LIMIT = 64 * 1024
"""Bytes of raw text in one alert."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line, or the rest of one, that did not become an alert."""

    position: str
    """Where it is in its source, such as `byte 17`."""
    error: str
    raw: bytes
    cut: bool = False
    """`raw` is only the start of a line that was too long to keep."""


@dataclass(slots=True)
class UnreadableLines:
    """The unreadable lines of one source. Those of one minute are counted in one alert.

    The alert has the raw text of as many of them as fit `RAW_LIMIT`.
    """

    reports: Reports
    _first: Unreadable = field(init=False, default=Unreadable("", "", b""))
    _last: str = field(init=False, default="")
    _count: int = field(init=False, default=0)
    _raw: list[str] = field(init=False, default_factory=list[str])
    _free: int = field(init=False, default=RAW_LIMIT)
    _truncated: bool = field(init=False, default=False)

    def add(self, lines: Sequence[Unreadable], destinations: tuple[str, ...] | None = None) -> Alert:
        """Count the lines, at least one, and return the alert to store in place of an earlier one."""
        if not self.reports.continues():
            self._count, self._first = 0, lines[0]
            self._raw, self._free, self._truncated = [], RAW_LIMIT, False
        for line in lines:
            self._keep(line)
        self._count, self._last = self._count + len(lines), lines[-1].position
        return self._alert(destinations)

    def resume(self, alert: Alert) -> None:
        """Continue the alert of a process that ended within the minute."""
        if self.reports.resume(alert):
            kept = json.loads(alert.context)
            self._first = Unreadable(kept["position"], kept["error"], b"")
            self._last, self._count = kept["lastPosition"], kept["lines"]
            self._raw, self._truncated = [kept["raw"]], kept["truncated"]
            self._free = max(0, RAW_LIMIT - len(kept["raw"].encode()) - 1)

    def _keep(self, line: Unreadable) -> None:
        kept = line.raw[: self._free]
        if kept or not line.raw:
            self._raw.append(kept.decode("utf-8", "replace"))
        self._free = max(0, self._free - len(line.raw) - 1)
        self._truncated |= line.cut or len(kept) < len(line.raw)

    def _alert(self, destinations: tuple[str, ...] | None) -> Alert:
        first, what = self._first, "1 line" if self._count == 1 else f"{self._count} lines"
        until = "" if self._last == first.position else f" to {self._last}"
        return self.reports.alert(
            RULE,
            Severity.MEDIUM,
            "Tocsin cannot read lines of",
            name="Unreadable input",
            context={
                "position": first.position,
                "lastPosition": self._last,
                "lines": self._count,
                "error": first.error,
                "raw": "\n".join(self._raw),
                "truncated": self._truncated,
            },
            description=f"{what} at {first.position}{until}. The first: {visible(first.error)}",
            runbook="Compare the raw text with the format. It may hide an alert.",
            destinations=destinations,
        )
