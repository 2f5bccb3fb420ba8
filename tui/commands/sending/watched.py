"""Store what is read from one followed file, and report what cannot be read."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tui.commands.shared.session import patiently
from tui.domain.alert import Alert
from tui.domain.errors import Invalid
from tui.domain.text import visible
from tui.intake.documents import Item, read_line
from tui.intake.json_text import is_blank

if TYPE_CHECKING:
    from tui.intake.following import FollowedFile
    from tui.intake.formats import Reading, Skipped
    from tui.intake.line_reader import PlacedLine
    from tui.intake.lost import LostBytes
    from tui.intake.minutely import Minutely
    from tui.intake.repeats import Repeats
    from tui.intake.unreadable import UnreadableLines
    from tui.store.engine.database import Store
    from tui.store.following import Place
    from tui.store.outbox import Receipt

log = logging.getLogger("tui.commands.watch")  # the log names the command


@dataclass
class _Unstored:
    """A chunk to be stored. Retried unchanged: alerts already stored are known by their IDs."""

    place: "Place"
    """The position after the chunk."""
    read: "list[tuple[PlacedLine, Reading]]"
    reports: list[Alert]
    """The alerts about lines that cannot be read or were lost."""
    instead: list[Alert] | None = None
    """The reports to store instead, if the store refused lines or reports."""
    in_doubt: bool = False
    """Whether it may have been stored already: the commit was sent but not confirmed."""


@dataclass
class Watched:
    """A followed file and what was read from it."""

    store: "Store"
    file: "FollowedFile"
    source: str
    place: "Place | None"
    """The position up to which its lines are stored."""
    read: "Callable[[Item], list[Reading]]"
    unreadable: "UnreadableLines"
    lost: "LostBytes"
    to: tuple[str, ...]
    repeats: "Repeats"
    bad: "Minutely"
    """Counts the lines that cannot be read, for the log."""
    revive_after_ms: int | None
    unstored: "_Unstored | None" = None

    def resume_report(self) -> None:
        """Continue the report of a `watch` that was stopped within the minute."""
        from tui.store import following

        if self.place is not None and self.place.report:
            report = self.store.read(following.last_report, self.place).result()
            if report is not None:
                self.unreadable.resume(report)

    def step(self) -> bool:
        """Store new lines and return whether there were any. Raises StoreUnavailable, OSError."""
        if self.unstored is None and self.file.is_idle:
            return False
        if self.unstored is None and (chunk := self.file.read()) is not None:
            for note in chunk.notes:
                log.warning("%s", visible(note))
            read = [(line, reading) for line in chunk.lines for reading in self._readings(line)]
            bad = [(line, r.result) for line, r in read if isinstance(r.result, Invalid)]
            reports = [self._report(bad)] if bad else []
            if chunk.lost:
                reports.append(self.lost.add(chunk.lost, self.to or None))
            place = replace(chunk.place, report=self.unreadable.reports.alert_id or None)
            self.unstored = _Unstored(place, read, reports)
        if self.unstored is None:
            return False
        stored, read = list(self._store(self.unstored)), self.unstored.read
        if not self.unstored.in_doubt:  # else they may be repeats of our own first try
            receipts = [one for one in stored if not isinstance(one, Invalid)]
            self.repeats.count(visible(str(self.file.path)), receipts)
        self.place, self.unstored = self.unstored.place, None
        answers = iter(stored)
        results = [
            (line, next(answers) if isinstance(reading.result, Alert) else reading.result)
            for line, reading in read
        ]
        self._log(results)
        return True

    def _report(self, bad: "list[tuple[PlacedLine, Invalid]]") -> Alert:
        from tui.intake.unreadable import Unreadable

        lines = {
            line.at: Unreadable(f"byte {line.at}", error.message, line.raw or line.start, line.raw is None)
            for line, error in reversed(bad)  # so that of a line with several errors the first is kept
        }
        return self.unreadable.add([lines[at] for at in sorted(lines)], self.to or None)

    def _readings(self, line: "PlacedLine") -> "list[Reading]":
        from tui.intake.formats import Reading

        if line.raw is not None and is_blank(line.raw):
            return []
        place = f"{self.file.path} at byte {line.at}"
        readings = [one for item in read_line(line.raw, place) for one in self.read(item)]
        return readings or [Reading(place, Invalid("alert", "there is no alert in this line"), "")]

    def _store(self, unstored: "_Unstored") -> "Iterator[Receipt | Invalid]":
        from tui.intake.formats import ids_of_tools
        from tui.store import following
        from tui.store.errors import StoreLocked, StoreUnavailable

        readings = [reading for _, reading in unstored.read]
        alerts = [reading.result for reading in readings if isinstance(reading.result, Alert)]
        if self.to:
            alerts = [replace(alert, destinations=self.to) for alert in alerts]
        lines = [line for line, reading in unstored.read if isinstance(reading.result, Alert)]
        by_id = ids_of_tools(readings)

        def instead(refused: "Mapping[int, Invalid]") -> list[Alert]:
            if unstored.instead is None:  # once, so that a second try stores the same alerts
                reports = [unstored.reports[at - len(lines)] for at in refused if at >= len(lines)]
                if bad := [(lines[at], error) for at, error in refused.items() if at < len(lines)]:
                    reports.append(self._report(bad))
                # By the routing rules: the destination that --to names may have been deleted.
                unstored.instead = [replace(report, destinations=None) for report in reports]
            return unstored.instead

        def take() -> "list[Receipt | Invalid]":
            what = self.source, self.place, unstored.place, alerts, by_id, unstored.reports
            try:
                stored = self.store.write(
                    following.take,
                    *what,
                    in_doubt=unstored.in_doubt,
                    instead=instead,
                    revive_after_ms=self.revive_after_ms,
                ).result()
                return stored[: len(lines)]
            except StoreUnavailable as error:
                unstored.in_doubt |= not isinstance(error, StoreLocked)  # that error means nothing was done
                raise

        return iter(patiently(take))

    def _log(self, results: "list[tuple[PlacedLine, Receipt | Skipped | Invalid]]") -> None:
        from tui.store.outbox import Receipt

        path = visible(str(self.file.path))
        bad = [(line, result) for line, result in results if isinstance(result, Invalid)]
        if bad and (number := self.bad.count(path, len(bad))):
            line, error = bad[0]
            others = f" (and {number - 1} more)" if number > 1 else ""
            log.warning("%s at byte %d: %s%s", path, line.at, visible(error.message), others)
        if results:
            receipts = [result for _, result in results if isinstance(result, Receipt)]
            stored = sum(not receipt.repeated for receipt in receipts)
            skipped = len(results) - len(receipts) - len(bad)
            more = f", {len(receipts) - stored} already stored" if len(receipts) > stored else ""
            more += f", {skipped} skipped" if skipped else ""
            log.info("%s: %d stored, %d bad%s", path, stored, len(bad), more)
