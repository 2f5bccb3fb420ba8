"""`tocsin alert resend` and `cancel`: what a person does to deliveries."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from tui.commands.alert.filter_options import details_of, filter_of, filter_options
from tui.commands.shared import output
from tui.commands.shared.console import say, tell
from tui.commands.shared.session import Session
from tui.domain.destination import resolve_destination
from tui.domain.errors import Refused, Unknown
from tui.domain.filter import Filter, without_tests
from tui.domain.lifecycle import Standing, State
from tui.domain.text import visible

if TYPE_CHECKING:
    from tui.domain.destination import Destination
    from tui.store.engine.database import Store
    from tui.store.reading.views import AlertDetails, DeliveryRow

_NAMED = 5
"""Ids that a sentence names."""
_PART = 500
"""Deliveries changed in one transaction, so that thousands of them don't keep a dispatcher waiting."""


@click.command(short_help="Send deliveries again, of one alert or of many.")
@click.argument("reference", metavar="[ID]", required=False)
@click.option(
    "--to",
    metavar="NAME",
    help="Only to this destination, however it stands there, even where it did not go.",
)
@click.option("--all", "everything", is_flag=True, help="Also what was delivered already.")
@click.option(
    "--failed",
    is_flag=True,
    help="Every failed delivery of the alerts the filters let through; of tests only with --filter test:yes.",
)
@filter_options
@click.option("--dry-run", is_flag=True, help="Only say what would be sent again.")
@click.pass_obj
def resend(
    session: Session,
    reference: str | None,
    to: str | None,
    everything: bool,
    failed: bool,
    dry_run: bool,
    **filters: Any,
) -> None:
    """Send deliveries again: those of one alert that failed, or many with --failed.

    \b
    tocsin alert resend 3f2a91c07d55
    tocsin alert resend 3f2a91c07d55 --to pager
    tocsin alert resend --failed --destination pager --since 1d --dry-run

    What is sent again has the same webhook-id, so a receiver can tell that it knows it. An open app or
    `tocsin dispatch` delivers it.
    """
    many = failed or any(filters.values())
    if many == (reference is not None):
        raise click.UsageError("give the id of one alert, or --failed with filters for many")
    if many and not (failed or filters["states"]):
        raise click.UsageError("say which deliveries of these alerts: --failed, or --state")
    if many and (to or everything):
        raise click.UsageError("--to and --all belong to the id of one alert")
    with session.store() as store:
        if reference is not None:
            details = details_of(store, reference)
            if to is not None and (elsewhere := _elsewhere(store, details, to)) is not None:
                _send_to(store, details, elsewhere, dry_run=dry_run)
                return
            if to is None and not (details.deliveries or details.folds):
                raise Refused(f"this alert went nowhere: {details.not_routed}; --to NAME sends it there")
            folds = _folds_to_send(details, to, everything=everything)
            rows = []
            if not folds or (details.deliveries and to is None):
                sent = _deliveries(details, reference, to)
                rows = _to_resend(sent, named=to is not None, everything=everything)
        else:
            filters["states"] = (*filters["states"], *(("failed",) if failed else ()))
            filter = without_tests(filter_of(store, **filters))
            rows, folds = _matching(store, filter), _matching_folds(store, filter)
            _tell_of_folds_left_out(store, filter, rows)
        if dry_run:
            if rows or not folds:
                say(f"would send again: {_counted(rows)}")
            if folds:
                say(f"would send on their own: {len(folds)} folded")
            _tell_of_folds_behind(store, rows)
            return
        from tui.store import outbox

        if folds:
            _send_folded(store, folds)
        if rows or not folds:
            _tell_of_folds_behind(store, rows)
            _change(store, rows, outbox.resend, "queued again")


@click.command()
@click.argument("reference", metavar="ID")
@click.option("--to", metavar="NAME", help="Only the delivery to this destination.")
@click.pass_obj
def cancel(session: Session, reference: str, to: str | None) -> None:
    """Withdraw the deliveries of an alert that wait to be sent.

    `tocsin alert resend ID --all` sends them again after all.
    """
    from tui.store import outbox

    with session.store() as store:
        rows = _deliveries(details_of(store, reference), reference, to)
        if to is None:
            rows = [row for row in rows if row.state in (State.SCHEDULED, State.IN_FLIGHT)]
        if not rows:
            raise Refused("nothing to cancel: no delivery of this alert waits")
        _change(store, rows, outbox.cancel, "cancelled")


# --- which ----------------------------------------------------------------------------------------


def _deliveries(details: "AlertDetails", reference: str, to: str | None) -> "list[DeliveryRow]":
    """The deliveries meant: all of the alert, the one with this webhook-id, or the one to `to`."""
    rows = [delivery.row for delivery in details.deliveries]
    if not rows and details.folds:
        into = details.folds[0].into_alert_id or "one that is gone"
        raise Refused(f"this alert folded into {into}; `tocsin alert resend ID --all` sends it on its own")
    if not rows:
        raise Refused(f"this alert went nowhere: {details.not_routed}")
    if to is None:
        return [row for row in rows if row.webhook_id == reference] or rows
    folded = to.strip().casefold()
    named = [row for row in rows if row.destination.casefold() == folded]
    named = named or [row for row in rows if str(row.destination_id) == folded]
    if not named:
        names = ", ".join(row.destination for row in rows)
        raise Unknown("to", f"this alert did not go to {to!r}; it went to {names}")
    return named


def _elsewhere(store: "Store", details: "AlertDetails", to: str) -> "Destination | None":
    """The destination called `to` if the alert did not go there; raises Unknown."""
    from tui.store.destinations import all_destinations

    name = to.strip().casefold()
    went = [*(delivery.row for delivery in details.deliveries), *details.folds]
    if any(name in (each.destination.casefold(), str(each.destination_id)) for each in went):
        return None
    return resolve_destination(to, store.read(all_destinations).result())


def _folds_to_send(details: "AlertDetails", to: str | None, *, everything: bool) -> list[int]:
    """Where the alert folded into another, and is to be sent all the same."""
    if to is None:
        return [fold.id for fold in details.folds if everything]
    folded = to.strip().casefold()
    return [
        fold.id for fold in details.folds if folded in (fold.destination.casefold(), str(fold.destination_id))
    ]


def _to_resend(rows: "list[DeliveryRow]", *, named: bool, everything: bool) -> "list[DeliveryRow]":
    if named or everything:
        return rows
    failed = [row for row in rows if row.state is State.FAILED]
    if not failed:
        stands = ", ".join(f"{row.destination} {output.state_of(row)}" for row in rows)
        raise Refused(f"no delivery of this alert failed ({stands}); --all sends them again all the same")
    return failed


def _matching_folds(store: "Store", filter: Filter) -> list[int]:
    from tui.store.engine.database import wall_clock
    from tui.store.reading import queries

    return store.read(queries.matching_folds, filter, wall_clock()).result()


def _matching(store: "Store", filter: Filter) -> "list[DeliveryRow]":
    """The deliveries the filter means, but for those to destinations that are gone."""
    from tui.store.engine.database import wall_clock
    from tui.store.reading import queries

    ids = store.read(queries.matching_deliveries, filter, wall_clock()).result()
    rows = [row for part in _parts(ids) for row in store.read(queries.deliveries_by_id, part).result()]
    return [row for row in rows if not row.deleted]


# --- doing it, and saying so ----------------------------------------------------------------------


def _send_to(store: "Store", details: "AlertDetails", to: "Destination", *, dry_run: bool) -> None:
    from tui.store import outbox

    if dry_run:
        say(f"would send to {visible(to.name)}, where it did not go")
        return
    if refused := store.write(outbox.send_to, [details.key], to.id).result()[details.key]:
        raise refused
    say(f"queued for {visible(to.name)}, where it had not gone")


def _send_folded(store: "Store", folds: list[int]) -> None:
    from tui.store import outbox

    answers: dict[int, Refused | None] = {}
    for part in _parts(folds):
        answers |= store.write(outbox.send_folded, part).result()
    refused = Counter(str(refusal) for refusal in answers.values() if refusal is not None)
    if refused.total() < len(folds):
        say(f"queued on their own: {len(folds) - refused.total()} folded")
    for reason, count in refused.items():
        tell(f"tocsin: {reason}" + (f" ({count} folded)" if count > 1 else ""))
    if refused:
        raise click.exceptions.Exit(1)


def _tell_of_folds_behind(store: "Store", rows: "list[DeliveryRow]") -> None:
    """What is delivered stands for what folded into it, so that is not sent with it."""
    from tui.store.reading import queries

    count = sum(store.read(queries.count_folds, part).result() for part in _parts([row.id for row in rows]))
    if count:
        tell(f"{_alerts(count)} folded into what is sent again, which stands for them")


def _tell_of_folds_left_out(store: "Store", filter: Filter, rows: "list[DeliveryRow]") -> None:
    """Where a filter means what folded but not the failed delivery that stands for it."""
    if filter.states is None or Standing.FAILED not in filter.states:
        return
    from tui.store.engine.database import wall_clock
    from tui.store.reading import queries

    meant = {row.id for row in rows}
    found = store.read(queries.folds_into_failed, filter, wall_clock()).result()
    left = [alert_id for delivery_id, alert_id in found if delivery_id not in meant]
    if left:
        ids = list(dict.fromkeys(left))
        more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
        tell(
            f"{_alerts(len(left))} that match folded into failed deliveries of others, which do not match;"
            f" `tocsin alert resend ID` sends these again: {', '.join(ids[:_NAMED])}{more}"
        )


def _alerts(count: int) -> str:
    return f"{count:,} {'alert' if count == 1 else 'alerts'}"


def _change(
    store: "Store",
    rows: "Sequence[DeliveryRow]",
    change: "Callable[..., dict[int, Refused | None]]",
    done: str,
) -> None:
    """Do `change` to the deliveries and say what came of it; exits 1 if one was refused."""
    answers: dict[int, Refused | None] = {}
    for part in _parts([row.id for row in rows]):
        answers |= store.write(change, part).result()
    changed = [row for row in rows if answers.get(row.id) is None]
    if changed or not rows:
        say(f"{done}: {_counted(changed)}")
    refused = [_with_name(row, reason) for row in rows if (reason := answers.get(row.id)) is not None]
    for reason, count in Counter(refused).items():
        tell(f"tocsin: {reason}" + (f" ({count} deliveries)" if count > 1 else ""))
    if refused:
        raise click.exceptions.Exit(1)


def _with_name(row: "DeliveryRow", reason: Refused) -> str:
    """Of a destination that is deleted the reason tells the name, as it is the reason."""
    return str(reason) if row.deleted else f"{row.destination}: {reason}"


def _parts(ids: list[int]) -> Iterator[list[int]]:
    return (ids[start : start + _PART] for start in range(0, len(ids), _PART))


def _counted(rows: "Collection[DeliveryRow]") -> str:
    if not rows:
        return "no delivery"
    names = Counter(visible(row.destination) for row in rows)
    shares = ", ".join(f"{count} to {name}" for name, count in names.items())
    return f"{len(rows)} {'delivery' if len(rows) == 1 else 'deliveries'}, {shares}"
