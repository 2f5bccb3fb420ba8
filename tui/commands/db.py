"""`tocsin db`: check, migrate, back up and prune the database."""

import sys
import time
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tui.commands.shared.console import say, tell
from tui.commands.shared.session import Session, patiently
from tui.commands.stopping import stop_on_signals
from tui.domain.errors import Refused
from tui.domain.span import time_span
from tui.domain.text import visible

if TYPE_CHECKING:
    from tui.store.engine.database import Store
    from tui.store.prune import Old

_MOST_AT_ONCE = 1_000
_STEP_S = 0.05
"""Target duration of one prune transaction, short enough that dispatchers hardly wait."""


@click.group(no_args_is_help=False)
def db() -> None:
    """Check, migrate, back up and prune the database."""


@db.command()
@click.pass_obj
def check(session: Session) -> None:
    """Check the database for damage.

    Runs the database's integrity check and checks Tocsin's records for consistency: attempts are numbered
    without gaps, no attempt is open without a dispatcher, and every alert has deliveries or a reason why
    not. Prints one problem per line and exits 1 if there is any.
    """
    with session.store() as store:
        for caveat in store.caveats():
            tell(f"warning: {caveat}")
        problems = store.check()
        shown = store.strategy.shown
    for problem in problems:
        tell(f"tocsin: {problem}")
    if problems:
        raise click.exceptions.Exit(1)
    say(f"{visible(shown)}: no problems found")


@db.command()
@click.pass_obj
def migrate(session: Session) -> None:
    """Migrate the database to the schema of this version.

    Every command does this when it opens the database. This command does nothing else and prints the
    migrations that it applied.
    """
    with session.store(create=True) as store:
        shown, migrated = store.strategy.shown, store.strategy.migrated
    say(visible(f"{shown}: applied {', '.join(migrated)}" if migrated else f"{shown} is up to date"))


@db.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@click.pass_obj
def backup(session: Session, file: Path, force: bool) -> None:
    """Copy the database to FILE while it is in use.

    \b
    tocsin db backup tocsin-backup.db

    The copy is a consistent snapshot and passes an integrity check. Only you can read it. It contains the
    same secrets as the database. It is a complete database: `tocsin --db FILE` opens it, and a dispatcher
    would deliver from it. Backup migrates nothing, so you can run it before an upgrade. For PostgreSQL,
    this prints the command to use.
    """
    from tui.store.engine.address import strategy_for

    strategy = strategy_for(session.config.db)
    began = time.monotonic()
    with click.progressbar(length=1, label="copying", file=sys.stderr, hidden=not _watched()) as bar:

        def progress(done: int, pages: int) -> None:
            bar.length = pages
            bar.update(done - bar.pos)

        patiently(lambda: strategy.backup(file, force=force, progress=progress))
    took = time.monotonic() - began
    say(visible(f"{file}: {_size(file.stat().st_size)} of {strategy.shown} in {took:.1f} s, checked"))


@db.command(short_help="Delete old alerts with their deliveries and attempts.")
@click.option(
    "--older-than",
    "span",
    required=True,
    metavar="SPAN",
    help="Delete alerts created longer ago than this, with no attempt since, like 12h, 90d or 52w.",
)
@click.option(
    "--state",
    "states",
    multiple=True,
    metavar="unrouted|folded|delivered|cancelled|failed",
    help="Delete only alerts in this final state. Separate several with commas. Default: all but failed.",
)
@click.option("--dry-run", is_flag=True, help="Count, but delete nothing.")
@click.option("--vacuum", is_flag=True, help="Then return free space to the disk.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.pass_obj
def prune(
    session: Session, span: str, states: tuple[str, ...], dry_run: bool, vacuum: bool, yes: bool
) -> None:
    """Delete old alerts permanently, with their deliveries and attempts.

    \b
    tocsin db prune --older-than 90d --dry-run
    tocsin db prune --older-than 90d --yes

    Nothing else ever deletes an attempt. An alert is deleted whole or not at all. Prune keeps alerts with
    a delivery that is pending or in flight, and always keeps the newest alert. It deletes alerts with a
    failed delivery only with --state failed.

    Prune works in small steps beside dispatchers; you can stop it and run it again. If a tool later sends
    a deleted alert again, it counts as a new alert. An SQLite file keeps its size, and its free space is
    reused. --vacuum shrinks the file: it needs free disk space as large as the database, and blocks all
    other writers until it is done. On PostgreSQL, autovacuum does this.
    """
    from tui.store import prune as pruning
    from tui.store.engine.database import wall_clock

    ends = _ends(states)
    before = wall_clock() - time_span("--older-than", span)
    with session.store() as store:
        old = store.read_aside(pruning.count_old, before).result()
        _tell_what_is_old(old, ends, before)
        alerts = sum(old[end].alerts for end in ends if end in old)
        if dry_run:
            return
        if alerts and not yes:
            _ask(alerts)
        if alerts:
            _prune(store, before, ends, alerts)
        if vacuum:
            patiently(lambda: store.compact().result())
        _tell_what_is_free(store, vacuum=vacuum)


def _ends(states: tuple[str, ...]) -> list[str]:
    """Return the final states to delete, in the order of `ENDS`; raises click.UsageError."""
    from tui.domain.lifecycle import State
    from tui.store.prune import ENDS

    asked = {part.strip().lower() for given in states for part in given.split(",")}
    if unknown := sorted(asked - {*ENDS}):
        raise click.UsageError(f"unknown --state {unknown[0]!r}; use one of {', '.join(ENDS)}")
    return [end for end in ENDS if (end in asked if asked else end != State.FAILED)]


def _tell_what_is_old(old: "dict[str, Old]", ends: Collection[str], before: int) -> None:
    told = f"{datetime.fromtimestamp(before // 1000):%Y-%m-%d %H:%M}"
    for end, found in old.items():
        goes = end in ends
        what = f"{_counted(found.alerts, 'alert')} {end}"
        if goes and found.deliveries:
            what += (
                f", with {_counted(found.deliveries, 'delivery')} and {_counted(found.attempts, 'attempt')}"
            )
        say(what if goes else f"{what}: kept; add --state {end} to delete")
    if not any(end in ends for end in old):
        say(f"nothing to delete is older than {told}")


def _ask(alerts: int) -> None:
    question = f"Delete {_counted(alerts, 'alert')} permanently?"
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.UsageError(
            f"this would permanently delete {_counted(alerts, 'alert')}; add --yes to confirm"
        )
    if not click.confirm(question, err=True):
        raise Refused("nothing was deleted")


def _prune(store: "Store", before: int, ends: Collection[str], alerts: int) -> None:
    """Delete the alerts in small transactions. Raises Refused if a signal stopped it early."""
    from tui.store import prune as pruning

    stopping = stop_on_signals()
    removed, after, limit = 0, 0, 10
    with click.progressbar(length=alerts, label="deleting", file=sys.stderr, hidden=not _watched()) as bar:
        while not stopping.is_set():
            began = time.monotonic()
            done = patiently(
                lambda: store.write(pruning.step, before, ends, after=after, limit=limit).result()  # noqa: B023
            )
            took = time.monotonic() - began
            removed += done.alerts
            bar.update(done.alerts)
            if done.looked_up_to is None:
                break
            after, limit = done.looked_up_to, _next_limit(limit, took)
            stopping.wait(took)  # leave the lock to others for as long as we held it
    say(f"deleted {_counted(removed, 'alert')}")
    if stopping.is_set():
        raise Refused("stopped before the end; run it again to delete the rest")


def _next_limit(limit: int, took_s: float) -> int:
    """Return how many alerts the next transaction handles, given how long the last one took."""
    return max(1, min(_MOST_AT_ONCE, 2 * limit, int(limit * _STEP_S / max(took_s, 1e-6))))


def _tell_what_is_free(store: "Store", *, vacuum: bool) -> None:
    free = store.read(store.strategy.free_bytes).result()
    if free and not vacuum:
        say(f"{_size(free)} in the file are free for reuse; --vacuum returns them to the disk")


def _counted(number: int, what: str) -> str:
    plural = what[:-1] + "ies" if what.endswith("y") else what + "s"
    return f"{number:,} {what if number == 1 else plural}"


def _size(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB"


def _watched() -> bool:
    """Return whether stderr is a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()
