"""`tocsin watch`: follow files that other tools write and queue each new line."""

import logging
import socket
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tui.commands.sending.format_option import LIST, format_option, list_formats, reader
from tui.commands.sending.rejects import Rejects, reject_option
from tui.commands.shared.console import tell
from tui.commands.shared.session import Session, destination_named, patiently
from tui.commands.stopping import Stopping, stop_on_signals
from tui.domain.alert import Alert
from tui.domain.errors import Invalid
from tui.domain.text import visible
from tui.intake.documents import Item, read_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tui.intake.following import FollowedFile, PlacedLine
    from tui.intake.formats import Reading, Skipped
    from tui.intake.repeats import Repeats
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
@reject_option
@click.pass_obj
def watch(
    session: Session,
    files: tuple[Path, ...],
    format_name: str,
    to: tuple[str, ...],
    from_start: bool,
    reject: Path | None,
) -> None:
    """Follow files and queue each new line, until Ctrl-C.

    \b
    tocsin watch /var/log/suricata/eve.json /var/ossec/logs/alerts/alerts.json

    A file that was never watched is read from its end. Later runs resume where the last one stopped, even
    after a crash. Each line is stored once: the position in the file is committed together with the
    alerts. After a rotation, the old file is read to its end first.
    """
    if format_name == LIST:
        list_formats(session, as_json=False)
        return
    if not files:
        raise click.UsageError("no files to follow; give one or more FILEs")
    from tui.intake.following import FollowedFile
    from tui.intake.repeats import Repeats
    from tui.store import following

    read = reader(session, format_name)
    with session.store(create=True, log_to_stderr=True) as store:
        for name in to:
            destination_named(store, name)
        rejects = Rejects(reject, files)
        watched: list[_Watched] = []
        repeats, revive_after = Repeats(), session.config.revive_after_ms
        for path in dict.fromkeys(file.absolute() for file in files):
            if path.exists() and not path.is_file():
                raise Invalid("file", f"{path} is not a file")
            source = f"{socket.gethostname()}:{path}"
            place = store.read(following.place_of, source).result()
            file = FollowedFile(path, place, from_start=from_start)
            watched.append(_Watched(store, file, source, place, read, to, rejects, repeats, revive_after))
        tell(f"following {', '.join(_described(one.file.path) for one in watched)}; press Ctrl-C to stop")
        _follow(watched, stop_on_signals())


def _described(path: Path) -> str:
    """Mark a missing file: the tool may create it later, but the name may also be misspelled."""
    return str(path) if path.exists() else f"{path} (does not exist yet)"


def _follow(watched: "list[_Watched]", stopping: Stopping) -> None:
    from tui.store.errors import StoreUnavailable

    troubles: set[str] = set()
    while not stopping.is_set():
        busy, before, troubles = False, troubles, set()
        for one in watched:
            try:
                busy |= one.step()
            except OSError as error:  # concerns one file; go on with the others
                _wait_for(str(error), troubles, before)
            except StoreUnavailable as error:
                _wait_for(str(error), troubles, before)
                stopping.wait(_AGAIN_S)
                break
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
    rejects: Rejects
    repeats: "Repeats"
    revive_after_ms: int | None
    unstored: "_Unstored | None" = None
    rejected: "list[bytes | None]" = field(default_factory=list["bytes | None"])
    """Bad lines not yet written to the --reject file."""

    def step(self) -> bool:
        """Store new lines and return whether there were any. Raises StoreUnavailable, OSError."""
        self._keep_rejected()  # a full disk may have prevented it before
        if self.unstored is None and (chunk := self.file.read()) is not None:
            for note in chunk.notes:
                log.warning("%s", visible(note))
            read = [(line, reading) for line in chunk.lines for reading in self._readings(line)]
            self.unstored = _Unstored(chunk.place, read)
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
        self._keep_rejected()
        return True

    def _keep_rejected(self) -> None:
        if self.rejected:
            self.rejects.keep(self.rejected)
            self.rejected.clear()

    def _readings(self, line: "PlacedLine") -> "list[Reading]":
        if line.raw is not None and not line.raw.strip():
            return []
        return self.read(read_line(line.raw, f"{self.file.path} at byte {line.at}"))

    def _store(self, unstored: "_Unstored") -> "Iterator[Receipt | Invalid]":
        from tui.intake.formats import ids_of_tools
        from tui.store import following
        from tui.store.errors import StoreLocked, StoreUnavailable

        readings = [reading for _, reading in unstored.read]
        alerts = [reading.result for reading in readings if isinstance(reading.result, Alert)]
        if self.to:
            alerts = [replace(alert, destinations=self.to) for alert in alerts]
        by_id = ids_of_tools(readings)

        def take() -> "list[Receipt | Invalid]":
            what = self.source, self.place, unstored.place, alerts, by_id
            try:
                return self.store.write(
                    following.take, *what, in_doubt=unstored.in_doubt, revive_after_ms=self.revive_after_ms
                ).result()
            except StoreUnavailable as error:
                unstored.in_doubt |= not isinstance(error, StoreLocked)  # that error means nothing was done
                raise

        return iter(patiently(take))

    def _tell(self, results: "list[tuple[PlacedLine, Receipt | Skipped | Invalid]]") -> None:
        from tui.store.outbox import Receipt

        bad = [(line, result) for line, result in results if isinstance(result, Invalid)]
        for line, result in bad:
            log.warning("%s at byte %d: %s", visible(str(self.file.path)), line.at, visible(result.message))
        self.rejected += {line.at: line.raw for line, _ in bad}.values()
        if results:
            receipts = [result for _, result in results if isinstance(result, Receipt)]
            stored = sum(not receipt.repeated for receipt in receipts)
            skipped = len(results) - len(receipts) - len(bad)
            more = f", {len(receipts) - stored} already stored" if len(receipts) > stored else ""
            more += f", {skipped} skipped" if skipped else ""
            log.info("%s: %d stored, %d bad%s", visible(str(self.file.path)), stored, len(bad), more)
