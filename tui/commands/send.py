"""`tocsin send`: queue alerts from options, a file or a pipe."""

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from tui.commands.sending.format_option import LIST, format_option, list_formats, reader
from tui.commands.sending.pipe import Pipe
from tui.commands.sending.receipts import Receipts
from tui.commands.sending.rejects import Rejects, reject_option
from tui.commands.shared.console import json_option, tell
from tui.commands.shared.session import Session, check_way_out, destination_named, patiently, run_dispatcher
from tui.commands.stopping import stop_on_signals
from tui.domain.alert import Alert, AlertType, Severity, decode_json
from tui.domain.errors import Invalid
from tui.domain.lifecycle import State
from tui.intake.documents import Input, Item, read_items

if TYPE_CHECKING:
    from tui.intake.formats import Reading
    from tui.store.engine.database import Store
    from tui.store.outbox import Receipt
    from tui.store.reading.views import DeliveryRow

_FOR_EVER = "for ever"
_AT_ONCE = 1_000
"""Items stored in one transaction, few enough that a dispatcher never waits long for the lock."""


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
@reject_option
@json_option
@click.pass_obj
def send(
    session: Session,
    file: str | None,
    format_name: str,
    wait: str | None,
    to: tuple[str, ...],
    reject: Path | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Queue alerts for delivery.

    \b
    tocsin send --title "Root login" --severity CRITICAL
    tocsin send alerts.json
    tail -F /var/log/suricata/eve.json | tocsin send --format suricata -

    Give one alert as options, or many in a file or pipe: a JSON object, an array or JSON Lines, in
    Tocsin's own format or in that of Alertmanager, Falco, Suricata and other tools.

    The alert ID is printed only after the alert is on disk. An open app or `tocsin dispatch` delivers the
    alerts, or this command itself with --wait.

    From a pipe, each line is stored as it arrives. A bad line is reported with its number and skipped, and
    the command exits with 2 at the end. While the database is unavailable, the writer of the pipe has to
    wait. Ctrl-C stores what was already written to the pipe, then exits. To follow a file and resume after
    a restart, use `tocsin watch`.
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
    if wait is not None:
        check_way_out(session.config)
    read = reader(session, "tocsin" if file is None else format_name)
    rejects = Rejects(reject, [Path(file)] if file not in (None, "-") else ())
    pipe = None
    if file == "-":
        stream = _standard_input()
        pipe, batches = stream if isinstance(stream, Pipe) else None, read_items(stream)
    else:
        batches = iter([[Item("", _from_flags(given))]]) if file is None else _from_file(file)
    with (
        session.store(create=True) as store,
        Receipts(as_json=as_json, at_the_end=wait is not None) as answer,
    ):
        for name in to:  # checked once, not for every line
            destination_named(store, name)
        keeper = _Keeper(store, read, to, answer, rejects, pipe, session.config.revive_after_ms)
        for batch in batches:
            keeper.keep(batch)
        stopped = pipe is not None and pipe.stopping.is_set()
        if stopped:
            tell(f"stopped: {answer.count} stored, {keeper.bad} bad")
        elif wait is not None:
            answer.ended = _deliver(session, store, answer.receipts, seconds)
    if keeper.bad:
        raise click.exceptions.Exit(2)
    unsure = stopped and wait is not None
    if unsure or any(row.state is not State.DELIVERED for row in answer.ended.values()):
        raise click.exceptions.Exit(1)


@dataclass
class _Keeper:
    """Stores the items that were read and reports each."""

    store: "Store"
    read: "Callable[[Item], list[Reading]]"
    to: tuple[str, ...]
    answer: Receipts
    rejects: Rejects
    pipe: Pipe | None
    revive_after_ms: int | None
    bad: int = 0

    def keep(self, batch: Sequence[Item]) -> None:
        """Store `batch`. If that fails, say which items are not stored and raise StoreUnavailable."""
        for start in range(0, len(batch), _AT_ONCE):
            try:
                self._keep(batch[start : start + _AT_ONCE])
            except BaseException as error:
                self._tell_of_unstored(batch[start:], error)
                raise

    def _keep(self, items: Sequence[Item]) -> None:
        from tui.intake.formats import Skipped

        read = [(item, reading) for item in items for reading in self.read(item)]
        stored = self._submit([reading for _, reading in read])
        bad: dict[str, Item] = {}
        for item, reading in read:
            result = next(stored) if isinstance(reading.result, Alert) else reading.result
            match result:
                case Invalid():
                    self.bad += 1
                    bad[item.place] = item
                    tell(f"tocsin: {reading.place + ': ' if reading.place else ''}{result.message}")
                case Skipped():
                    self.answer.skip(result.reason)
                case _:
                    self.answer.stored(result)
        self._reject(bad.values())

    def _submit(self, readings: "Sequence[Reading]") -> "Iterator[Receipt | Invalid]":
        """Store the alerts among `readings` in one transaction; return a result for each."""
        from tui.intake.formats import ids_of_tools
        from tui.store import outbox

        alerts = [reading.result for reading in readings if isinstance(reading.result, Alert)]
        if self.to:
            alerts = [replace(alert, destinations=self.to) for alert in alerts]
        by_id = ids_of_tools(readings)
        return iter(
            patiently(
                lambda: self.store.write(
                    outbox.submit, alerts, by_id, revive_after_ms=self.revive_after_ms
                ).result(),
                as_long_as=self.pipe.goes_on if self.pipe else lambda: False,
            )
        )

    def _tell_of_unstored(self, items: Sequence[Item], error: BaseException) -> None:
        if items[0].place:
            sure = (
                "" if isinstance(error, Exception) else "known to be "
            )  # Ctrl-C may come between commit and report
            tell(f"tocsin: not {sure}stored: {items[0].place} and everything after it")
        if self.pipe is not None:  # the pipe no longer has them
            self._reject(items)

    def _reject(self, items: Iterable[Item]) -> None:
        try:
            self.rejects.keep(item.as_line() for item in items)
        except OSError as error:
            tell(f"tocsin: cannot write {self.rejects.path}: {error.strerror}")


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
    if "tags" in value:
        value["tags"] = list(value["tags"])
    if "alertContext" in value:
        try:
            value["alertContext"] = decode_json(value["alertContext"])
        except ValueError as error:
            raise Invalid("context", f"--context is not JSON: {error}") from None
    return value


def _standard_input() -> Input:
    if sys.stdin is None:
        raise Invalid("file", "there is no standard input to read from")
    descriptor = sys.stdin.fileno()
    if stat.S_ISREG(
        os.fstat(descriptor).st_mode
    ):  # a redirected file keeps what we do not read, like a named file
        return open(descriptor, "rb", closefd=False)
    return Pipe(descriptor, stop_on_signals())


def _from_file(name: str) -> Iterator[list[Item]]:
    from tui.intake.rotated import DAMAGED, unpacked

    try:
        with open(name, "rb") as file:
            yield from read_items(cast("Input", unpacked(file, Path(name).suffix)))
    except DAMAGED:
        raise Invalid("file", f"cannot read {name}: it is not a complete compressed file") from None
    except OSError as error:
        reason = error.strerror or "it is not a complete compressed file"
        raise Invalid("file", f"cannot read {name}: {reason}") from None


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
