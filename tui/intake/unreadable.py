"""Lines that cannot be read become alerts: whoever writes odd bytes into a log must leave a trace."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tui.domain.alert import Alert, AlertType, Severity, encode_context
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


_EVERY_MS = 60_000
_TITLE_LIMIT = 200


@dataclass(slots=True)
class Reporter:
    """Makes alerts of the unreadable lines of one source.

    At most one alert a minute is routed. Those in between are stored, and asked to go nowhere.
    """

    source: str
    clock: Callable[[], int]
    new_id: Callable[[], str]
    link_template: str = ""
    _routed_at: int | None = field(init=False, default=None)

    def alerts(self, lines: Sequence[Unreadable], destinations: tuple[str, ...] | None = None) -> list[Alert]:
        """Return alerts that hold all of the lines, each up to `RAW_LIMIT` of raw text."""
        return [self._alert(part, destinations) for part in _parts(lines)]

    def _alert(self, lines: Sequence[Unreadable], destinations: tuple[str, ...] | None) -> Alert:
        now, alert_id = self.clock(), self.new_id()
        first, raw = lines[0], b"\n".join(line.raw for line in lines)
        what = "a line" if len(lines) == 1 else f"{len(lines)} lines"
        quiet = self._routed_at is not None and 0 <= now - self._routed_at < _EVERY_MS
        if not quiet:
            self._routed_at = now
        context = {
            "source": self.source,
            "position": first.position,
            "lines": len(lines),
            "error": first.error,
            "raw": raw[:RAW_LIMIT].decode("utf-8", "replace"),
            "truncated": len(raw) > RAW_LIMIT or any(line.cut for line in lines),
        }
        return Alert(
            alert_id=alert_id,
            rule_id=RULE,
            severity=Severity.MEDIUM,
            type=AlertType.RULE_ERROR,
            created_at=now,
            title=f"Tocsin cannot read {what} of {visible(self.source)}"[:_TITLE_LIMIT],
            name="Unreadable input",
            link=self.link_template.replace("{alertId}", alert_id),
            context=encode_context(context),
            description=f"At {first.position}: {visible(first.error)}",
            runbook="Compare the raw text with the format. It may hide an alert.",
            destinations=() if quiet else destinations,
            dedup_key=f"{RULE} {self.source}",
        )


def _parts(lines: Sequence[Unreadable]) -> Iterator[list[Unreadable]]:
    part: list[Unreadable] = []
    size = 0
    for line in lines:
        if part and size + len(line.raw) + 1 > RAW_LIMIT:
            yield part
            part, size = [], 0
        part.append(line)
        size += len(line.raw) + 1
    if part:
        yield part
