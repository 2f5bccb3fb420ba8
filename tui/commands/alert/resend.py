"""`tocsin alert resend` and `tocsin alert cancel`."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from tui.commands.alert.filter_options import filter_of, filter_options
from tui.commands.shared import output
from tui.commands.shared.console import say, tell
from tui.commands.shared.session import Session, details_of
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
"""How many alert IDs a message lists."""
_PART = 500
"""Deliveries changed in one transaction, so that thousands do not block a dispatcher."""


@click.command(short_help="Resend deliveries of one alert or of many.")
@click.argument("reference", metavar="[ID]", required=False)
@click.option(
    "--to",
    metavar="NAME",
    help="Resend only to this destination, in any state, or even if the alert was not sent there before.",
)
@click.option(
    "--all", "everything", is_flag=True, help="Resend all deliveries of the alert, not only failed ones."
)
@click.option(
    "--failed",
    is_flag=True,
    help="Resend every failed delivery of the alerts that match the filters. Includes test alerts only with "
    "--filter test:yes.",
)
@filter_options
@click.option("--dry-run", is_flag=True, help="Show what would be resent, but change nothing.")
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
    """Resend the failed deliveries of one alert, or of many with --failed.

    \b
    tocsin alert resend 3f2a91c07d55
    tocsin alert resend 3f2a91c07d55 --to pager
    tocsin alert resend --failed --destination pager --since 1d --dry-run

    A resend keeps the webhook-id, so that the receiver can deduplicate. An open app or `tocsin dispatch`
    delivers it.
    """
    many = failed or any(filters.values())
    if many == (reference is not None):
        raise click.UsageError("give the ID of one alert, or --failed with filters for many")
    if many and not (failed or filters["states"]):
        raise click.UsageError("say which deliveries to resend: give --failed or --state")
    if many and (to or everything):
        raise click.UsageError("--to and --all need the ID of one alert")
    with session.store() as store:
        if reference is not None:
            details = details_of(store, reference)
            if to is not None and (elsewhere := _elsewhere(store, details, to)) is not None:
                _send_to(store, details, elsewhere, dry_run=dry_run)
                return
            if to is None and not (details.deliveries or details.folds):
                raise Refused(f"this alert was not routed: {details.not_routed}; send it with --to NAME")
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
                say(f"would resend: {_counted(rows)}")
            if folds:
                say(f"would send separately: {len(folds)} folded")
            _tell_of_folds_included(store, rows)
            return
        from tui.store import outbox

        if folds:
            _send_folded(store, folds)
        if rows or not folds:
            _tell_of_folds_included(store, rows)
            _change(store, rows, outbox.resend, "queued again")


@click.command()
@click.argument("reference", metavar="ID")
@click.option("--to", metavar="NAME", help="Cancel only the delivery to this destination.")
@click.pass_obj
def cancel(session: Session, reference: str, to: str | None) -> None:
    """Cancel the pending deliveries of an alert.

    `tocsin alert resend ID --all` queues them again.
    """
    from tui.store import outbox

    with session.store() as store:
        rows = _deliveries(details_of(store, reference), reference, to)
        if to is None:
            rows = [row for row in rows if row.state in (State.SCHEDULED, State.IN_FLIGHT)]
        if not rows:
            raise Refused("nothing to cancel: no delivery of this alert is pending")
        _change(store, rows, outbox.cancel, "cancelled")


# --- selection ------------------------------------------------------------------------------------


def _deliveries(details: "AlertDetails", reference: str, to: str | None) -> "list[DeliveryRow]":
    """Return all deliveries of the alert, the one with this webhook-id, or the one to `to`."""
    rows = [delivery.row for delivery in details.deliveries]
    if not rows and details.folds:
        into = details.folds[0].into_alert_id or "a deleted alert"
        raise Refused(
            f"this alert was folded into {into}; send it separately with `tocsin alert resend ID --all`"
        )
    if not rows:
        raise Refused(f"this alert was not routed: {details.not_routed}")
    if to is None:
        return [row for row in rows if row.webhook_id == reference] or rows
    folded = to.strip().casefold()
    named = [row for row in rows if row.destination.casefold() == folded]
    named = named or [row for row in rows if str(row.destination_id) == folded]
    if not named:
        names = ", ".join(row.destination for row in rows)
        raise Unknown("to", f"this alert has no delivery to {to!r}, only to {names}")
    return named


def _elsewhere(store: "Store", details: "AlertDetails", to: str) -> "Destination | None":
    """Return the destination `to` if the alert was never sent there, else None; raises Unknown."""
    from tui.store.destinations import all_destinations

    name = to.strip().casefold()
    went = [*(delivery.row for delivery in details.deliveries), *details.folds]
    if any(name in (each.destination.casefold(), str(each.destination_id)) for each in went):
        return None
    return resolve_destination(to, store.read(all_destinations).result())


def _folds_to_send(details: "AlertDetails", to: str | None, *, everything: bool) -> list[int]:
    """Return the IDs of the folds to send separately."""
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
        raise Refused(f"no delivery of this alert failed ({stands}); resend them anyway with --all")
    return failed


def _matching_folds(store: "Store", filter: Filter) -> list[int]:
    from tui.store.engine.database import wall_clock
    from tui.store.reading import queries

    return store.read(queries.matching_folds, filter, wall_clock()).result()


def _matching(store: "Store", filter: Filter) -> "list[DeliveryRow]":
    """Return the deliveries that match the filter, except those to deleted destinations."""
    from tui.store.engine.database import wall_clock
    from tui.store.reading import queries

    ids = store.read(queries.matching_deliveries, filter, wall_clock()).result()
    rows = [row for part in _parts(ids) for row in store.read(queries.deliveries_by_id, part).result()]
    return [row for row in rows if not row.deleted]


# --- changes and messages ---------------------------------------------------------------------------


def _send_to(store: "Store", details: "AlertDetails", to: "Destination", *, dry_run: bool) -> None:
    from tui.store import outbox

    if dry_run:
        say(f"would send to {visible(to.name)} for the first time")
        return
    if refused := store.write(outbox.send_to, [details.key], to.id).result()[details.key]:
        raise refused
    say(f"queued for {visible(to.name)} for the first time")


def _send_folded(store: "Store", folds: list[int]) -> None:
    from tui.store import outbox

    answers: dict[int, Refused | None] = {}
    for part in _parts(folds):
        answers |= store.write(outbox.send_folded, part).result()
    refused = Counter(str(refusal) for refusal in answers.values() if refusal is not None)
    if refused.total() < len(folds):
        say(f"queued separately: {len(folds) - refused.total()} folded")
    for reason, count in refused.items():
        tell(f"tocsin: {reason}" + (f" ({count} folded)" if count > 1 else ""))
    if refused:
        raise click.exceptions.Exit(1)


def _tell_of_folds_included(store: "Store", rows: "list[DeliveryRow]") -> None:
    """Say how many alerts are folded into these deliveries: they are not sent separately."""
    from tui.store.reading import queries

    count = sum(store.read(queries.count_folds, part).result() for part in _parts([row.id for row in rows]))
    if count:
        tell(f"not sent separately: {_alerts(count)} folded into these deliveries")


def _tell_of_folds_left_out(store: "Store", filter: Filter, rows: "list[DeliveryRow]") -> None:
    """Say which matching alerts are folded into failed deliveries that do not match the filter."""
    if not any(Standing.FAILED in (one.states or ()) for one in filter.alternatives):
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
            f"not resent: {_alerts(len(left))} folded into failed deliveries that do not match the filter;"
            f" resend those with `tocsin alert resend ID`: {', '.join(ids[:_NAMED])}{more}"
        )


def _alerts(count: int) -> str:
    return f"{count:,} {'alert' if count == 1 else 'alerts'}"


def _change(
    store: "Store",
    rows: "Sequence[DeliveryRow]",
    change: "Callable[..., dict[int, Refused | None]]",
    done: str,
) -> None:
    """Apply `change` to the deliveries and print the result; exits 1 if any was refused."""
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
    """Prefix the reason with the destination, unless it is deleted: then the reason names it."""
    return str(reason) if row.deleted else f"{row.destination}: {reason}"


def _parts(ids: list[int]) -> Iterator[list[int]]:
    return (ids[start : start + _PART] for start in range(0, len(ids), _PART))


def _counted(rows: "Collection[DeliveryRow]") -> str:
    if not rows:
        return "no deliveries"
    names = Counter(visible(row.destination) for row in rows)
    shares = ", ".join(f"{count} to {name}" for name, count in names.items())
    return f"{len(rows)} {'delivery' if len(rows) == 1 else 'deliveries'}, {shares}"
