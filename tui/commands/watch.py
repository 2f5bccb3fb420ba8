"""`tocsin watch`: follow files that other tools write and queue each new line."""

import logging
import secrets
import time
from pathlib import Path

import click

from tui.commands.sending.format_option import LIST, format_option, list_formats, reader
from tui.commands.sending.pattern import Pattern
from tui.commands.sending.sources import Sources
from tui.commands.sending.watched import Watched
from tui.commands.shared.console import tell
from tui.commands.shared.session import Session, destination_named
from tui.commands.stopping import Stopping, stop_on_signals
from tui.domain.errors import Invalid
from tui.domain.text import visible

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

    Lines that cannot be read become an alert of the rule Tocsin.Intake.Unreadable with their raw text: one
    alert per file and minute, which counts them. If bytes of a file cannot be found any more, an alert of
    the rule Tocsin.Watch.Lost says which.

    A FILE may be a quoted pattern, or have a date: 'eve-*.json', eve-%Y-%m-%d.json. New files that match
    are read from their start.
    """
    if format_name == LIST:
        list_formats(session, as_json=False)
        return
    if not files:
        raise click.UsageError("no files to follow; give one or more FILEs")
    from tui.intake.lost import LostBytes
    from tui.intake.minutely import Minutely
    from tui.intake.repeats import Repeats
    from tui.intake.reports import Reports
    from tui.intake.rotated import as_pattern
    from tui.intake.unreadable import UnreadableLines

    read = reader(session, format_name)
    with session.store(create=True, log_to_stderr=True) as store:
        for name in to:
            destination_named(store, name)
        sources = Sources(store, source, on_sqlite=not session.config.db.startswith("postgresql://"))
        directories = [directory.absolute() for directory in rotated_to]
        link = session.config.link_template
        repeats, bad = Repeats(), Minutely()

        def follow(path: Path, *, from_start: bool) -> Watched:
            file, place = sources.follow(path, directories, from_start=from_start)
            unreadable, lost = (Reports(str(path), wall_clock, new_id, link) for _ in range(2))
            one = Watched(
                store,
                file,
                sources.of(path),
                place,
                read,
                UnreadableLines(unreadable),
                LostBytes(lost),
                to,
                repeats,
                bad,
                session.config.revive_after_ms,
            )
            one.resume_report()
            return one

        watched: list[Watched] = []
        patterns: list[Pattern[Watched]] = []
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
        stopping = stop_on_signals()
        tell(f"following {', '.join(described)}; press Ctrl-C to stop")
        _follow(watched, patterns, stopping)
        for path, number in bad.rest():
            log.warning("%s: %d more lines could not be read", path, number)


def wall_clock() -> int:
    return time.time_ns() // 1_000_000


def new_id() -> str:
    return secrets.token_hex(16)


def _described(path: Path) -> str:
    """Mark a missing file: the tool may create it later, but the name may also be misspelled."""
    return str(path) if path.exists() else f"{path} (does not exist yet)"


def _follow(watched: list[Watched], patterns: list[Pattern[Watched]], stopping: Stopping) -> None:
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
