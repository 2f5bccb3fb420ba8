"""`tocsin send`: queue alerts from flags, a file or a pipe."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from tui.commands.formats import LIST, format_option, list_formats, reader
from tui.commands.session import JsonArray, Session, json_option, patiently, run_dispatcher, say, tell
from tui.domain.alert import Alert, AlertType, Severity, decode_json
from tui.domain.errors import Invalid
from tui.domain.lifecycle import State
from tui.domain.text import visible
from tui.intake.documents import Item, read_items

if TYPE_CHECKING:
    from tui.intake.formats import Reading, Skipped
    from tui.store.database import Store
    from tui.store.outbox import Receipt

_FOR_EVER = "for ever"


@click.command()
@click.argument("file", required=False, metavar="[FILE|-]")
@click.option("--title", help="What happened, in one line.")
@click.option("--severity", metavar="|".join(Severity), help="Default: INFO.")
@click.option("--id", "id", help="Id of the rule or policy that fired.")
@click.option("--type", "type", metavar="|".join(AlertType), help="Default: RULE.")
@click.option("--name", help="Display name of the rule.")
@click.option("--description")
@click.option("--runbook")
@click.option("--tag", "tags", multiple=True, help="May be given several times.")
@click.option("--context", "alertContext", metavar="JSON", help="A JSON object with anything that helps.")
@format_option
@click.option(
    "--to", "to", multiple=True, metavar="NAME", help="Only to this destination; several times for more."
)
@click.option(
    "--wait",
    is_flag=False,
    flag_value=_FOR_EVER,
    metavar="[SECONDS]",
    help="Deliver, and wait for the end of every delivery; exit 1 if one failed or the time ran out.",
)
@json_option
@click.pass_obj
def send(
    session: Session,
    file: str | None,
    format_name: str,
    wait: str | None,
    to: tuple[str, ...],
    as_json: bool,
    **flags: Any,
) -> None:
    """Queue alerts for delivery.

    From flags, or from a file or pipe with one JSON object, an array, or JSON Lines: in Tocsin's own
    form, or as Alertmanager, Falco, Suricata and other tools write theirs.

    \b
    tocsin send --title "Root login" --severity CRITICAL
    tocsin send alerts.json
    tail -F /var/log/suricata/eve.json | tocsin send --format suricata -

    An alert is stored before this returns. It is delivered by an open app, by `tocsin dispatch`, or,
    with --wait, by this command itself.
    """
    if format_name == LIST:
        list_formats(session, as_json=as_json)
        return
    given = {key: value for key, value in flags.items() if value not in (None, ())}
    if file is None and not given:
        if sys.stdin is None or sys.stdin.isatty():
            raise click.UsageError("nothing to send; give --title, or a file, or - to read from a pipe")
        file = "-"
    if file is not None and given:
        raise click.UsageError("give alerts in a file or with flags, not both")
    seconds = _seconds(wait)
    from tui.intake.formats import Skipped

    read = reader(session, "tocsin" if file is None else format_name)
    batches = iter([[Item("", _from_flags(given))]]) if file is None else _from_file(file)
    bad = 0
    with session.store() as store, _Answer(as_json=as_json, at_the_end=wait is not None) as answer:
        for batch in batches:
            readings = [reading for item in batch for reading in read(item)]
            for place, result in _submit(store, readings, to):
                match result:
                    case Invalid():
                        bad += 1
                        tell(f"tocsin: {place}: {result.message}" if place else f"tocsin: {result.message}")
                    case Skipped():
                        answer.skipped[result.reason] += 1
                    case _:
                        answer.stored(result)
        if wait is not None:
            answer.states = _deliver(session, store, answer.receipts, seconds)
    if bad:
        raise click.exceptions.Exit(2)
    if any(state != State.DELIVERED for state in answer.states.values()):
        raise click.exceptions.Exit(1)


class _Answer:
    """What is told of the alerts that were stored: of each at once or, with --wait, when all have ended.

    Nothing that is stored goes untold, whatever ends this early; and once nobody reads the answer any
    more, the rest is stored all the same.
    """

    def __init__(self, *, as_json: bool, at_the_end: bool) -> None:
        self.receipts: list[Receipt] = []
        self.states: dict[int, State] = {}
        """How deliveries ended, where that is known."""
        self.skipped: Counter[str] = Counter()
        """How often there was no alert, by the reason."""
        self._array = JsonArray() if as_json else None
        self._at_the_end = at_the_end
        self._unread: OSError | None = None

    def stored(self, receipt: "Receipt") -> None:
        self.receipts.append(receipt)
        if not self._at_the_end:
            self._write(self._say, receipt)

    def __enter__(self) -> "_Answer":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for receipt in self.receipts if self._at_the_end else ():
            self._write(self._say, receipt)
        if self._array is not None:
            self._write(self._array.close)
        for reason, times in self.skipped.items():
            tell(f"tocsin: skipped {times}: {reason}" if times > 1 else f"tocsin: skipped: {reason}")
        if self._unread is not None and kind is None:
            raise self._unread

    def _say(self, receipt: "Receipt") -> None:
        if self._array is not None:
            self._array.append(_as_json(receipt, self.states))
        else:
            say(_describe(receipt, self.states))

    def _write(self, words: Callable[..., None], *of: "Receipt") -> None:
        if self._unread is None:
            try:
                words(*of)
            except OSError as error:
                self._unread = error


def _seconds(wait: str | None) -> float | None:
    """The limit given with --wait; None for as long as it takes."""
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


def _from_file(name: str) -> Iterator[list[Item]]:
    if name == "-":
        if sys.stdin is None:
            raise Invalid("file", "there is no standard input to read from")
        yield from read_items(sys.stdin.buffer)
        return
    try:
        with open(name, "rb") as stream:
            yield from read_items(stream)
    except OSError as error:
        raise Invalid("file", f"{name} cannot be read: {error.strerror}") from None


def _submit(
    store: "Store", readings: "list[Reading]", to: tuple[str, ...]
) -> "Iterator[tuple[str, Receipt | Skipped | Invalid]]":
    """Store the alerts there are in one transaction; the place of each reading with what became of it."""
    from tui.intake.formats import ids_of_tools
    from tui.store import outbox

    alerts = [reading.result for reading in readings if isinstance(reading.result, Alert)]
    by_id = ids_of_tools(readings)
    if to:
        alerts = [replace(alert, destinations=to) for alert in alerts]
    stored = iter(patiently(lambda: store.write(outbox.submit, alerts, by_id).result()))
    for reading in readings:
        yield reading.place, next(stored) if isinstance(reading.result, Alert) else reading.result


def _deliver(
    session: Session, store: "Store", receipts: "list[Receipt]", seconds: float | None
) -> dict[int, State]:
    """Deliver until nothing of `receipts` waits or the time is over; the states in which that left them."""
    from tui.store import queries

    ids = [delivery_id for receipt in receipts for delivery_id, _, _ in receipt.deliveries]
    if ids:
        run_dispatcher(store, session.config, grace_s=5, only=ids, within_s=seconds)
    states = {row.id: row.state for row in store.read(queries.deliveries_by_id, ids).result()}
    waiting = sum(state in (State.SCHEDULED, State.IN_FLIGHT) for state in states.values())
    if waiting:
        tell(f"tocsin: stopped waiting; {waiting} still queued, for `tocsin dispatch` or an open app")
    return states


def _describe(receipt: "Receipt", states: dict[int, State]) -> str:
    if receipt.not_routed:
        return f"{visible(receipt.alert_id)}  stored, not routed: {receipt.not_routed}"
    names = [
        visible(destination.name) + (f" {states[delivery_id]}" if states else "")
        for delivery_id, _, destination in receipt.deliveries
    ]
    queued = "stored before, for " if receipt.repeated else "queued for "
    return f"{visible(receipt.alert_id)}  {'' if states else queued}{', '.join(names)}"


def _as_json(receipt: "Receipt", states: dict[int, State]) -> dict[str, Any]:
    return {
        "alertId": receipt.alert_id,
        "repeated": receipt.repeated,
        "notRouted": receipt.not_routed,
        "deliveries": [
            {
                "id": webhook_id,
                "destination": destination.name,
                "destinationId": destination.id,
                "state": states.get(delivery_id, State.SCHEDULED),
            }
            for delivery_id, webhook_id, destination in receipt.deliveries
        ],
    }
