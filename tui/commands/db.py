"""`tocsin db`: look after the database."""

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
from tui.domain.filter import time_span
from tui.domain.text import visible

if TYPE_CHECKING:
    from tui.store.engine.database import Store
    from tui.store.prune import Old

_MOST_AT_ONCE = 1_000
_STEP_S = 0.05
"""How long a transaction of a prune is to take: a dispatcher does not notice that it waited."""


@click.group(no_args_is_help=False)
def db() -> None:
    """Look after the database."""


@db.command()
@click.pass_obj
def check(session: Session) -> None:
    """Look for damage in the database.

    Of the engine's own kind, and of the rules that hold between rows: each attempt numbered, none open
    that nobody makes, each alert with its deliveries or the reason why it has none. Prints each problem
    on a line of its own and exits 1 if there is one.
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
    say(f"{visible(shown)} is sound")


@db.command()
@click.pass_obj
def migrate(session: Session) -> None:
    """Bring the database to the form this version of Tocsin needs.

    Every command does so as it starts; this one does nothing else and says what it did.
    """
    with session.store(create=True) as store:
        shown, migrated = store.strategy.shown, store.strategy.migrated
    say(visible(f"{shown}: applied {', '.join(migrated)}" if migrated else f"{shown} is up to date"))


@db.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if there is one.")
@click.pass_obj
def backup(session: Session, file: Path, force: bool) -> None:
    """Copy the database into FILE, while others go on using it.

    The copy is of one moment, checked, readable by you alone, and holds the secrets that the database
    does. It is a database: `tocsin --db FILE` opens it, and a dispatcher would deliver from it. Nothing
    is migrated, so it can be made before an upgrade. Of a PostgreSQL database this names the command.
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
    say(visible(f"{file}: {_size(file.stat().st_size)} of {strategy.shown} in {took:.1f} s, sound"))


@db.command(short_help="Remove old alerts and all that is of them.")
@click.option(
    "--older-than",
    "span",
    required=True,
    metavar="SPAN",
    help="Only alerts created longer ago than this, with no attempt since, like 12h, 90d or 52w.",
)
@click.option(
    "--state",
    "states",
    multiple=True,
    metavar="unrouted|folded|delivered|cancelled|failed",
    help="Only alerts that ended so; several after a comma. Default: all but failed.",
)
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.option("--vacuum", is_flag=True, help="Give the room back to the disk afterwards.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.pass_obj
def prune(
    session: Session, span: str, states: tuple[str, ...], dry_run: bool, vacuum: bool, yes: bool
) -> None:
    """Remove old alerts for good, with their deliveries and every attempt.

    Nothing else ever removes an attempt: this is the one exception, and only because you ask for it. An
    alert goes whole or stays whole. It stays while one of its deliveries is scheduled or in flight; if one
    failed, nobody got it there, and it goes only with --state failed. The newest alert always stays.

    It works little by little, beside dispatchers, and may be stopped and started again. An alert that its
    tool sends again later is a new one. On SQLite the file keeps its size and what is free in it is used
    again; --vacuum makes it smaller, needs as much free disk as the database has, and lets nobody else
    write meanwhile. On PostgreSQL its own autovacuum sees to it.
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
    """How the alerts ended that are to go, in the order of `ENDS`; raises click.UsageError."""
    from tui.domain.lifecycle import State
    from tui.store.prune import ENDS

    asked = {part.strip().lower() for given in states for part in given.split(",")}
    if unknown := sorted(asked - {*ENDS}):
        raise click.UsageError(f"alerts end {', '.join(ENDS)}; not {unknown[0]!r}")
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
        say(what if goes else f"{what}: stays; --state {end} would remove it")
    if not any(end in ends for end in old):
        say(f"nothing to remove is older than {told}")


def _ask(alerts: int) -> None:
    question = f"Remove {_counted(alerts, 'alert')} for good?"
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.UsageError(f"this would remove {_counted(alerts, 'alert')} for good; add --yes")
    if not click.confirm(question, err=True):
        raise Refused("nothing was removed")


def _prune(store: "Store", before: int, ends: Collection[str], alerts: int) -> None:
    """Raises Refused if it was stopped before the end."""
    from tui.store import prune as pruning

    stopping = stop_on_signals()
    removed, after, limit = 0, 0, 10
    with click.progressbar(length=alerts, label="removing", file=sys.stderr, hidden=not _watched()) as bar:
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
            stopping.wait(took)  # as long again, the others go first
    say(f"removed {_counted(removed, 'alert')}")
    if stopping.is_set():
        raise Refused("stopped; what is left stays until you prune again")


def _next_limit(limit: int, took_s: float) -> int:
    """How many alerts the next transaction takes, given how long the last one took."""
    return max(1, min(_MOST_AT_ONCE, 2 * limit, int(limit * _STEP_S / max(took_s, 1e-6))))


def _tell_what_is_free(store: "Store", *, vacuum: bool) -> None:
    free = store.read(store.strategy.free_bytes).result()
    if free and not vacuum:
        say(f"{_size(free)} in the file are free for what comes; --vacuum gives them back to the disk")


def _counted(number: int, what: str) -> str:
    plural = what[:-1] + "ies" if what.endswith("y") else what + "s"
    return f"{number:,} {what if number == 1 else plural}"


def _size(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB"


def _watched() -> bool:
    """Whether somebody looks at what is written to stderr."""
    return sys.stderr is not None and sys.stderr.isatty()
