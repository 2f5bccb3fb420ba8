"""`tocsin send`: queue alerts from options, a file or a pipe."""

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import click

from tui.commands.sending.format_option import LIST, format_option, list_formats, reader
from tui.commands.sending.keeper import Keeper
from tui.commands.sending.receipts import Receipts
from tui.commands.sending.source import Interrupted, Source, named, standard_input
from tui.commands.shared.console import json_option, tell
from tui.commands.shared.session import Session, check_way_out, destination_named, run_dispatcher
from tui.domain.alert import Severity, decode_json
from tui.domain.alert_type import AlertType
from tui.domain.errors import Invalid
from tui.domain.lifecycle import State
from tui.intake.documents import Item

if TYPE_CHECKING:
    from tui.store.engine.database import Store
    from tui.store.outbox import Receipt
    from tui.store.reading.views import DeliveryRow

_FOR_EVER = "for ever"


@click.command()
@click.argument("file", required=False, metavar="[FILE|-]")
@click.option("--title", help="Title: what happened, in one line.")
@click.option("--severity", metavar="|".join(Severity), help="Severity. Default: INFO.")
@click.option("--id", "id", help="ID of the rule or policy that matched.")
@click.option("--type", "type", metavar="|".join(AlertType), help="Alert type. Default: RULE.")
@click.option("--name", help="Display name of the rule.")
@click.option("--description", help="Description of what happened.")
@click.option("--runbook", help="Runbook: how to respond.")
@click.option("--tag", "tags", multiple=True, help="Tag. Repeat for several.")
@click.option("--log-type", "logTypes", multiple=True, help="Log type. Repeat for several.")
@click.option("--context", "alertContext", metavar="JSON", help="Alert context: a JSON object.")
@format_option
@click.option(
    "--to", "to", multiple=True, metavar="NAME", help="Send only to this destination. Repeat for several."
)
@click.option(
    "--wait",
    is_flag=False,
    flag_value=_FOR_EVER,
    metavar="[SECONDS]",
    help="Deliver now and wait until every delivery has ended, for at most SECONDS. Without SECONDS, retries "
    "can take more than two hours. Exit 1 if a delivery failed or the time ran out.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be stored, and why. Store and send nothing.")
@json_option
@click.pass_obj
def send(
    session: Session,
    file: str | None,
    format_name: str,
    wait: str | None,
    to: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Queue alerts for delivery.

    \b
    tocsin send --title "Root login" --severity CRITICAL
    tocsin send alerts.json
    tail -F /var/log/suricata/eve.json | tocsin send --format suricata -
    tocsin send --dry-run alerts.json

    Give one alert as options, or many in a file or pipe: a JSON object, an array or JSON Lines, in
    Tocsin's own format or in that of Alertmanager, Falco, Suricata and other tools.

    The alert ID is printed only after the alert is on disk. An open app or `tocsin dispatch` delivers the
    alerts, or this command itself with --wait.

    Bad lines are reported with their numbers and stored together as an alert of the rule
    Tocsin.Intake.Unreadable, at most one per minute; the command exits with 2 at the end. If nothing in a
    file can be read, nothing is stored.

    From a pipe, each line is stored as it arrives. While the database is unavailable, the writer of the
    pipe has to wait. Ctrl-C stores what was already written to the pipe, then exits. In a file, Ctrl-C stops
    between two transactions, and the command exits with 130. To follow a file and resume after a restart,
    use `tocsin watch`.
    """
    if format_name == LIST:
        list_formats(session, as_json=as_json)
        return
    given = {key: value for key, value in flags.items() if value not in (None, ())}
    if file is None and not given:
        if sys.stdin is None or sys.stdin.isatty():
            raise click.UsageError("nothing to send; give --title, a file, or - to read a pipe")
        file = "-"
    if file is not None and given:
        raise click.UsageError("give alerts in a file or as options, not both")
    seconds = _seconds(wait)
    if wait is not None and dry_run:
        raise click.UsageError("--dry-run sends nothing; leave out --wait")
    if wait is not None:
        check_way_out(session.config)
    format_name = "tocsin" if file is None else format_name
    read = reader(session, format_name)
    source = _source(file, given)
    if dry_run:
        _explain(session, source, format_name, to, as_json=as_json)
        return
    with (
        contextlib.closing(source),
        session.store(create=True) as store,
        Receipts(as_json=as_json, at_the_end=wait is not None) as answer,
    ):
        for name in to:  # checked once, not for every line
            destination_named(store, name)
        keeper = Keeper(store, session.config, source, read, to, answer)
        unread = keeper.unread
        interrupted = False
        try:
            keeper.keep_all()
        except Interrupted:
            interrupted = True
        stopped = source.stopping is not None and source.stopping.is_set()
        if stopped:
            rest = f"; the rest of {source.name} is not stored" if interrupted else ""
            tell(f"stopped: {answer.count} stored, {unread.count} bad{rest}")
        elif wait is not None:
            answer.ended = _deliver(session, store, [*answer.receipts, *unread.receipts.values()], seconds)
    if interrupted:
        raise click.exceptions.Exit(source.stopped_code)
    if unread.count:
        raise click.exceptions.Exit(2)
    unsure = stopped and wait is not None
    if unsure or any(row.state is not State.DELIVERED for row in answer.ended.values()):
        raise click.exceptions.Exit(1)


def _explain(
    session: Session, source: Source, format_name: str, to: tuple[str, ...], *, as_json: bool
) -> None:
    from tui.commands.sending.dry_run import dry_run

    with contextlib.closing(source):
        try:
            bad = dry_run(session, source, format_name, to, as_json=as_json)
        except Interrupted:
            raise click.exceptions.Exit(source.stopped_code) from None
    if bad:
        raise click.exceptions.Exit(2)


def _source(file: str | None, given: dict[str, Any]) -> Source:
    if file is None:
        return Source("the options", iter([[Item("", _from_flags(given))]]))
    return standard_input() if file == "-" else named(file)


def _seconds(wait: str | None) -> float | None:
    """Return the limit given with --wait, None for no limit; raises click.UsageError."""
    if wait is None or wait == _FOR_EVER:
        return None
    try:
        seconds = float(wait)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e7:
        raise click.UsageError(f"--wait takes a number of seconds, not {wait!r}")
    return seconds


def _from_flags(given: dict[str, Any]) -> dict[str, Any]:
    value = dict(given)
    value |= {key: list(value[key]) for key in ("tags", "logTypes") if key in value}
    if "alertContext" in value:
        try:
            value["alertContext"] = decode_json(value["alertContext"])
        except ValueError as error:
            raise Invalid("context", f"--context is not JSON: {error}") from None
    return value


def _deliver(
    session: Session, store: "Store", receipts: "list[Receipt]", seconds: float | None
) -> "dict[int, DeliveryRow]":
    """Deliver until every delivery of `receipts` has ended or the time is up; return the deliveries by ID."""
    from tui.store.reading import queries

    # A repeat may have revived a delivery of another alert, which this one folded into.
    sent = [each for receipt in receipts for each in (*receipt.deliveries, *receipt.revived)]
    ids = list(dict.fromkeys(delivery_id for delivery_id, _, _ in sent))
    if ids:
        late = "waiting until every delivery has ended, including retries; Ctrl-C leaves them queued"
        run_dispatcher(store, session.config, grace_s=5, only=ids, within_s=seconds, told_late=late)
    ended = {row.id: row for row in store.read(queries.deliveries_by_id, ids).result()}
    pending = sum(row.state in (State.SCHEDULED, State.IN_FLIGHT) for row in ended.values())
    if pending:
        tell(f"tocsin: stopped waiting; {pending} still queued for `tocsin dispatch` or the app")
    return ended
