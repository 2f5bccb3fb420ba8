"""`tocsin status`: say what needs a person, for people and for monitoring checks."""

from typing import TYPE_CHECKING

import click

from tui.commands.shared.console import json_option, say, say_json, tell
from tui.commands.shared.session import Session
from tui.domain.condition import Level, Problem, level_of, problems
from tui.domain.span import time_span
from tui.domain.text import visible
from tui.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from tui.domain.condition import Intake, Load

UNKNOWN = 3


@click.command(short_help="Check deliveries and destinations.")
@click.option(
    "--since",
    metavar="SPAN",
    default="24h",
    help="Count permanent failures, unrouted alerts and unreadable input of this period. Default: 24h.",
)
@click.option(
    "--late",
    metavar="SPAN",
    default="5m",
    help="Report deliveries that have been due for longer than this. Default: 5m.",
)
@json_option
@click.pass_obj
def status(session: Session, since: str, late: str, as_json: bool) -> None:
    """Report what needs attention, the most urgent first.

    The exit codes are those of Nagios, Icinga and Checkmk. 0 is OK. 1 is WARNING: five attempts in a row
    failed at a destination, it is held or paused with deliveries pending, alerts matched no destination, or
    input could not be read. 2 is CRITICAL: deliveries failed permanently, or are late. 3 is UNKNOWN: the
    database could not be read. A usage error exits with 2, as for every command. The database is not changed
    or upgraded.

    Test alerts do not count. A permanent failure counts until it is resent or the period is over.
    """
    from tui.intake.unreadable import RULE
    from tui.store.engine.database import wall_clock
    from tui.store.reading import condition

    since_ms, late_ms = time_span("--since", since), time_span("--late", late)
    try:
        with session.store(read_only=True) as store:
            now = wall_clock()
            loads = store.read(condition.loads, since=now - since_ms, now=now).result()
            intake = store.read(condition.intake, since=now - since_ms, unreadable=RULE).result()
    except StoreUnavailable as error:
        tell(f"tocsin: {error}")
        raise click.exceptions.Exit(UNKNOWN) from None
    found = problems(loads, intake, now=now, late_ms=late_ms)
    level = level_of(found)
    if as_json:
        say_json(_json(level, found, loads, intake))
    else:
        _print(level, found, loads)
    raise click.exceptions.Exit(level)


def _print(level: Level, found: "list[Problem]", loads: "list[Load]") -> None:
    pending, failed = sum(load.pending for load in loads), sum(load.failed for load in loads)
    in_flight = sum(load.in_flight for load in loads)
    counts = f"{pending:,} pending, {in_flight:,} in flight, {failed:,} failed permanently"
    say(f"{level.name}: deliveries: {counts}; destinations: {len(loads)}")
    for problem in found:
        where = f"{problem.destination}: " if problem.destination else ""
        say(f"{problem.level.name:<8}  {visible(where + problem.text)}")


def _json(level: Level, found: "list[Problem]", loads: "list[Load]", intake: "Intake") -> dict[str, object]:
    return {
        "status": level.name.lower(),
        "problems": [
            {
                "level": problem.level.name.lower(),
                "kind": problem.kind,
                "destination": problem.destination,
                "count": problem.count,
                "message": problem.text,
            }
            for problem in found
        ],
        "destinations": [
            {
                "name": load.destination.name,
                "paused": load.destination.paused,
                "pending": load.pending,
                "inFlight": load.in_flight,
                "failed": load.failed,
                "failuresInARow": load.health.failures,
            }
            for load in loads
        ],
        "unrouted": intake.unrouted,
        "unreadable": intake.unreadable,
    }
