"""`tocsin watch`: follow files that other tools write and queue each new line."""

import logging
import secrets
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tui.commands.sending.format_option import LIST, format_option, list_formats, reader
from tui.commands.sending.pattern import Pattern
from tui.commands.sending.sources import Sources
from tui.commands.shared.console import tell
from tui.commands.shared.session import Session, destination_named, patiently
from tui.commands.stopping import Stopping, stop_on_signals
from tui.domain.alert import Alert
from tui.domain.errors import Invalid
from tui.domain.text import visible
from tui.intake.documents import Item, read_line
from tui.intake.json_text import is_blank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tui.intake.following import FollowedFile, Lost, PlacedLine
    from tui.intake.formats import Reading, Skipped
    from tui.intake.repeats import Repeats
    from tui.intake.unreadable import Reporter
    from tui.store.engine.database import Store
    from tui.store.following import Place
    from tui.store.outbox import Receipt

log = logging.getLogger(__name__)

_LOOK_S = 0.25
_AGAIN_S = 2.0
"""Pause after an error that may pass, such as an unavailable database."""


@click.command()
@click.argument("files", nargs=-1, metavar="FILE...", type=click.Path(path_type=Path))
@format_option
@click.option(
    "--to", "to", multiple=True, metavar="NAME", help="Send only to this destination. Repeat for several."
)
@click.option("--from-start", is_flag=True, help="Start new files at the beginning. Default: at the end.")
@click.option(
    "--source",
    metavar="NAME",
    envvar="TOCSIN_SOURCE",
    help="Name of this machine in the stored positions. Set it in containers that share PostgreSQL."
    " Default: the machine ID, with PostgreSQL.",
)
@click.option(
    "--rotated-to",
    "rotated_to",
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Look for rotated files in this directory, too. Repeat for several.",
)
@click.pass_obj
def watch(
    session: Session,
    files: tuple[Path, ...],
    format_name: str,
    to: tuple[str, ...],
    from_start: bool,
    source: str | None,
    rotated_to: tuple[Path, ...],
) -> None:
    """Follow files and queue each new line, until Ctrl-C.

    \b
    tocsin watch /var/log/suricata/eve.json /var/ossec/logs/alerts/alerts.json

    A file that was never watched is read from its end. Later runs resume where the last one stopped, even
    after a crash. Each line is stored once: the position in the file is committed together with the
    alerts. After a rotation, the old file is read to its end first, even if it was compressed.

    A line that cannot be read becomes an alert of the rule Tocsin.Intake.Unreadable with its raw text, of
    which at most one per minute and file is delivered. If bytes of a file cannot be found any more, an
    alert of the rule Tocsin.Watch.Lost says which.

    A FILE may be a quoted pattern, or have a date: 'eve-*.json', eve-%Y-%m-%d.json. New files that match
    are read from their start.
    """
    if format_name == LIST:
        list_formats(session, as_json=False)
        return
    if not files:
        raise click.UsageError("no files to follow; give one or more FILEs")
    from tui.intake.repeats import Repeats
    from tui.intake.rotated import as_pattern
    from tui.intake.unreadable import Reporter

    read = reader(session, format_name)
    with session.store(create=True, log_to_stderr=True) as store:
        for name in to:
            destination_named(store, name)
        sources = Sources(store, source, on_sqlite=not session.config.db.startswith("postgresql://"))
        directories = [directory.absolute() for directory in rotated_to]
        link = session.config.link_template
        repeats, revive_after = Repeats(), session.config.revive_after_ms

        def follow(path: Path, *, from_start: bool) -> _Watched:
            file, place = sources.follow(path, directories, from_start=from_start)
            reporter = Reporter(str(path), wall_clock, new_id, link)
            of = sources.of(path)
            return _Watched(store, file, of, place, read, to, repeats, reporter, revive_after, link)

        watched: list[_Watched] = []
        patterns: list[Pattern[_Watched]] = []
        described: list[str] = []
        for path in dict.fromkeys(file.absolute() for file in files):
            if pattern := as_pattern(path):
                patterns.append(Pattern(store, pattern, sources, follow, from_start=from_start))
                watched += patterns[-1].found()
                described.append(f"{path} ({len(patterns[-1].watched)} files now)")
                continue
            if path.exists() and not path.is_file():
                raise Invalid("file", f"{path} is not a file")
            watched.append(follow(path, from_start=from_start))
            described.append(_described(path))
        tell(f"following {', '.join(described)}; press Ctrl-C to stop")
        _follow(watched, patterns, stop_on_signals())


def wall_clock() -> int:
    return time.time_ns() // 1_000_000


def new_id() -> str:
    return secrets.token_hex(16)


def _described(path: Path) -> str:
    """Mark a missing file: the tool may create it later, but the name may also be misspelled."""
    return str(path) if path.exists() else f"{path} (does not exist yet)"


def _follow(watched: "list[_Watched]", patterns: "list[Pattern[_Watched]]", stopping: Stopping) -> None:
    from tui.store.errors import Orphaned, StoreUnavailable

    troubles: set[str] = set()
    while not stopping.is_set():
        busy, before, troubles = False, troubles, set()
        for one in watched:
            try:
                busy |= one.step()
            except OSError as error:  # concerns one file; go on with the others
                named = error.filename or one.file.path  # an error of a read names no file
                _wait_for(f"{named}: {error.strerror or error}", troubles, before)
            except Orphaned:
                raise
            except StoreUnavailable as error:
                _wait_for(str(error), troubles, before)
                stopping.wait(_AGAIN_S)
                break
        try:
            for pattern in patterns:
                watched += pattern.found()
                if not troubles:
                    pattern.mark()
        except (OSError, StoreUnavailable) as error:
            _wait_for(str(error), troubles, before)
        if not busy:
            stopping.wait(_LOOK_S)


def _wait_for(trouble: str, troubles: set[str], before: set[str]) -> None:
    """Log `trouble` once, until it is over."""
    if trouble not in troubles | before:
        log.warning("waiting: %s", visible(trouble))
    troubles.add(trouble)


@dataclass
class _Unstored:
    """A chunk to be stored. Retried unchanged: alerts already stored are known by their IDs."""

    place: "Place"
    """The position after the chunk."""
    read: "list[tuple[PlacedLine, Reading]]"
    reports: list[Alert]
    """The alerts about lines that cannot be read or were lost."""
    instead: list[Alert] | None = None
    """The alerts about lines that the store refused."""
    in_doubt: bool = False
    """Whether it may have been stored already: the commit was sent but not confirmed."""


@dataclass
class _Watched:
    """A followed file and what was read from it."""

    store: "Store"
    file: "FollowedFile"
    source: str
    place: "Place | None"
    """The position up to which its lines are stored."""
    read: "Callable[[Item], list[Reading]]"
    to: tuple[str, ...]
    repeats: "Repeats"
    reporter: "Reporter"
    revive_after_ms: int | None
    link_template: str = ""
    unstored: "_Unstored | None" = None

    def step(self) -> bool:
        """Store new lines and return whether there were any. Raises StoreUnavailable, OSError."""
        if self.unstored is None and self.file.is_idle:
            return False
        if self.unstored is None and (chunk := self.file.read()) is not None:
            for note in chunk.notes:
                log.warning("%s", visible(note))
            read = [(line, reading) for line in chunk.lines for reading in self._readings(line)]
            bad = [(line, r.result) for line, r in read if isinstance(r.result, Invalid)]
            lost = [self._report(one) for one in chunk.lost]
            self.unstored = _Unstored(chunk.place, read, [*self._reports(bad), *lost])
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
        self._tell(results)
        return True

    def _reports(self, bad: "list[tuple[PlacedLine, Invalid]]") -> list[Alert]:
        from tui.intake.unreadable import Unreadable

        lines = {
            line.at: Unreadable(f"byte {line.at}", error.message, line.raw or line.start, line.raw is None)
            for line, error in reversed(bad)  # so that of a line with several errors the first is kept
        }
        return self.reporter.alerts([lines[at] for at in sorted(lines)], self.to or None)

    def _report(self, lost: "Lost") -> Alert:
        from tui.intake.lost import lost_alert

        alert_id = secrets.token_hex(16)
        return lost_alert(
            lost,
            str(self.file.path),
            now=time.time_ns() // 1_000_000,
            alert_id=alert_id,
            link=self.link_template.replace("{alertId}", alert_id),
            destinations=self.to or None,
        )

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
                bad = [(lines[at], error) for at, error in refused.items() if at < len(lines)]
                lost = [unstored.reports[at - len(lines)] for at in refused if at >= len(lines)]
                reports = [*lost, *self._reports(bad)]
                # By the routing rules: the destination that --to names may have been deleted.
                unstored.instead = [replace(one, destinations=one.destinations and None) for one in reports]
            return unstored.instead

        def take() -> "list[Receipt | Invalid]":
            what = self.source, self.place, unstored.place, [*alerts, *unstored.reports], by_id
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

    def _tell(self, results: "list[tuple[PlacedLine, Receipt | Skipped | Invalid]]") -> None:
        from tui.store.outbox import Receipt

        bad = [(line, result) for line, result in results if isinstance(result, Invalid)]
        for line, result in bad:
            log.warning("%s at byte %d: %s", visible(str(self.file.path)), line.at, visible(result.message))
        if results:
            receipts = [result for _, result in results if isinstance(result, Receipt)]
            stored = sum(not receipt.repeated for receipt in receipts)
            skipped = len(results) - len(receipts) - len(bad)
            more = f", {len(receipts) - stored} already stored" if len(receipts) > stored else ""
            more += f", {skipped} skipped" if skipped else ""
            log.info("%s: %d stored, %d bad%s", visible(str(self.file.path)), stored, len(bad), more)
