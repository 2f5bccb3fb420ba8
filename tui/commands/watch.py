"""`tocsin watch`: follow files that other tools write, and queue what is added to them."""

import logging
import signal
import socket
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from tui.commands.formats import LIST, format_option, list_formats, reader
from tui.commands.session import Session, destination_named, patiently, tell
from tui.domain.alert import Alert
from tui.domain.errors import Invalid
from tui.domain.text import visible
from tui.intake.documents import Item, read_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tui.intake.following import Chunk, FollowedFile, Line
    from tui.intake.formats import Reading, Skipped
    from tui.store.database import Store
    from tui.store.following import Place
    from tui.store.outbox import Receipt

log = logging.getLogger(__name__)

_LOOK_S = 0.25
_AGAIN_S = 2.0
"""After an error that may pass: a file that cannot be read, a database that does not answer."""


@click.command()
@click.argument("files", nargs=-1, metavar="FILE...", type=click.Path(path_type=Path))
@format_option
@click.option(
    "--to", "to", multiple=True, metavar="NAME", help="Only to this destination; several times for more."
)
@click.option("--from-start", is_flag=True, help="At first read what is in the files already, too.")
@click.option(
    "--reject", metavar="FILE", type=click.Path(path_type=Path), help="Keep bad lines in this file."
)
@click.pass_obj
def watch(
    session: Session,
    files: tuple[Path, ...],
    format_name: str,
    to: tuple[str, ...],
    from_start: bool,
    reject: Path | None,
) -> None:
    """Queue each line that is added to FILEs, until told to stop.

    \b
    tocsin watch /var/log/suricata/eve.json /var/ossec/logs/alerts/alerts.json

    At first from their ends on; later from where the last `watch` stopped, however it stopped. A line is
    stored once: how far a file is read is stored with its alerts. Rotated files are read to their end.
    """
    if format_name == LIST:
        list_formats(session, as_json=False)
        return
    if not files:
        raise click.UsageError("name the files to follow")
    from tui.intake.following import FollowedFile
    from tui.store import following

    read = reader(session, format_name)
    with session.store(log_to_stderr=True) as store:
        for name in to:
            destination_named(store, name)
        watched: list[_Watched] = []
        for path in dict.fromkeys(file.absolute() for file in files):
            if path.exists() and not path.is_file():
                raise Invalid("file", f"{path} is not a file")
            source = f"{socket.gethostname()}:{path}"
            place = store.read(following.place_of, source).result()
            file = FollowedFile(path, place, from_start=from_start)
            watched.append(_Watched(store, file, source, place, read, to, reject))
        tell(f"following {', '.join(str(one.file.path) for one in watched)}; Ctrl-C to stop")
        _follow(watched, _stop_on_signals())


def _stop_on_signals() -> threading.Event:
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return stopping


def _follow(watched: "list[_Watched]", stopping: threading.Event) -> None:
    from tui.store.errors import StoreUnavailable

    trouble = ""
    while not stopping.is_set():
        try:
            busy = [one.step() for one in watched]
        except (OSError, StoreUnavailable) as error:
            if str(error) != trouble:
                log.warning("waiting: %s", visible(str(error)))
            trouble = str(error)
            stopping.wait(_AGAIN_S)
            continue
        trouble = ""
        if not any(busy):
            stopping.wait(_LOOK_S)


@dataclass
class _Watched:
    """A file, and what is done with its lines."""

    store: "Store"
    file: "FollowedFile"
    source: str
    place: "Place | None"
    """Up to where its lines are stored."""
    read: "Callable[[Item], list[Reading]]"
    to: tuple[str, ...]
    reject: Path | None
    unstored: "Chunk | None" = None

    def step(self) -> bool:
        """Store what was added; whether there was anything. Raises StoreUnavailable, and OSError."""
        chunk = self.unstored = self.unstored or self.file.read()
        if chunk is None:
            return False
        for note in chunk.notes:
            log.warning("%s", visible(note))
        chunk.notes.clear()
        read = [(line, reading) for line in chunk.lines for reading in self._readings(line)]
        stored = self._store(chunk, [reading for _, reading in read])
        self.place, self.unstored = chunk.place, None
        results = [
            (line, next(stored) if isinstance(reading.result, Alert) else reading.result)
            for line, reading in read
        ]
        self._tell(results)
        return True

    def _readings(self, line: "Line") -> "list[Reading]":
        place = f"{self.file.path} at byte {line.at}"
        if line.raw is None:
            return self.read(Item(place, error="this line is longer than 1 MiB"))
        return self.read(read_line(line.raw, place)) if line.raw.strip() else []

    def _store(self, chunk: "Chunk", readings: "list[Reading]") -> "Iterator[Receipt | Invalid]":
        from tui.intake.formats import ids_of_tools
        from tui.store import following

        alerts = [reading.result for reading in readings if isinstance(reading.result, Alert)]
        if self.to:
            alerts = [replace(alert, destinations=self.to) for alert in alerts]
        by_id = ids_of_tools(readings)
        write = self.store.write
        return iter(
            patiently(
                lambda: write(following.take, self.source, self.place, chunk.place, alerts, by_id).result()
            )
        )

    def _tell(self, results: "list[tuple[Line, Receipt | Skipped | Invalid]]") -> None:
        from tui.store.outbox import Receipt

        bad = [(line, result) for line, result in results if isinstance(result, Invalid)]
        for line, result in bad:
            log.warning("%s at byte %d: %s", visible(str(self.file.path)), line.at, visible(result.message))
        if bad and self.reject is not None:
            with self.reject.open("ab") as rejected:
                rejected.writelines(raw + b"\n" for raw in dict.fromkeys(line.raw or b"" for line, _ in bad))
        if results:
            stored = sum(isinstance(result, Receipt) for _, result in results)
            log.info("%s: %d stored, %d bad", visible(str(self.file.path)), stored, len(bad))
