"""`tocsin alert`: look at alerts and their deliveries, send them again, withdraw them."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from tui.commands import output, shapes
from tui.commands.session import Session, json_option, say, say_json, tell
from tui.domain.alert import Severity
from tui.domain.destination import resolve_destination
from tui.domain.errors import Invalid, Refused
from tui.domain.filter import STATES, Filter, Key, Term, parse_filter, term
from tui.domain.lifecycle import State
from tui.domain.text import visible

if TYPE_CHECKING:
    from tui.store.database import Store
    from tui.store.views import AlertDetails, DeliveryRow

_PART = 500
"""Deliveries changed in one transaction, so that thousands of them don't keep a dispatcher waiting."""

_FILTERS = (
    click.option(
        "--state",
        "states",
        multiple=True,
        metavar="|".join(STATES),
        help="Only alerts with a delivery in this state; several after a comma.",
    ),
    click.option(
        "--severity",
        "severities",
        multiple=True,
        metavar="|".join(Severity),
        help="Only this severity; several after a comma, or '>=HIGH'.",
    ),
    click.option(
        "--destination",
        "destinations",
        multiple=True,
        metavar="NAME",
        help="Only alerts for this destination; several times for any of them.",
    ),
    click.option(
        "--search", metavar="WORDS", help="Only alerts with these words in title, name, rule or id."
    ),
    click.option("--since", metavar="SPAN", help="Only alerts no older than this, like 30m, 2h or 7d."),
    click.option(
        "--filter",
        "text",
        metavar="TEXT",
        help="Only what a filter as in the app lets through, like 'severity:>=high to:soc -test:yes login'.",
    ),
)


def _filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_FILTERS):
        command = option(command)
    return command


@click.group(no_args_is_help=False)
def alert() -> None:
    """Look at alerts, send them again, withdraw them."""


@alert.command("list")
@_filter_options
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, metavar="N", help="Shows at most N. Default: 50."
)
@json_option
@click.pass_obj
def list_alerts(session: Session, limit: int, as_json: bool, **filters: Any) -> None:
    """List alerts, the newest first.

    \b
    tocsin alert list --state failed --since 2h
    tocsin alert list --filter 'severity:>=high to:soc root login'
    """
    from tui.store import listing
    from tui.store.database import wall_clock

    with session.store() as store:
        filter = _filter(store, **filters)
        newest = store.read(listing.newest_key).result()
        page = store.read(listing.page_of_alerts, filter, wall_clock(), up_to=newest, limit=limit + 1)
        rows = page.result()
    if as_json:
        say_json([shapes.alert_json(row) for row in rows[:limit]])
        return
    if rows:
        output.print_alerts(rows[:limit])
    else:
        tell("no alert matches" if filter else "there are no alerts yet; `tocsin send` makes one")
    if len(rows) > limit:
        tell(f"there are more than these {limit}; --limit shows more")


@alert.command()
@click.argument("reference", metavar="ID")
@json_option
@click.pass_obj
def show(session: Session, reference: str, as_json: bool) -> None:
    """Show an alert and every attempt to deliver it, with what came back.

    ID is an alert id, the first eight or more characters of one, or the webhook-id a receiver saw.
    """
    from tui.store import queries

    with session.store() as store:
        details = _details(store, reference)
        attempts = [attempt.id for delivery in details.deliveries for attempt in delivery.attempts]
        exchanges = {key: store.read(queries.exchange, key).result() for key in attempts}
    if as_json:
        say_json(shapes.alert_details_json(details, exchanges, session.config.policy))
    else:
        output.print_details(details, exchanges)


@alert.command()
@click.argument("reference", metavar="[ID]", required=False)
@click.option("--to", metavar="NAME", help="Only the delivery to this destination, however it stands.")
@click.option("--all", "everything", is_flag=True, help="Also what was delivered already.")
@click.option("--failed", is_flag=True, help="Every failed delivery of the alerts the filters let through.")
@_filter_options
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
            rows = _to_resend(_deliveries(store, reference, to), named=to is not None, everything=everything)
        else:
            filters["states"] = (*filters["states"], *(("failed",) if failed else ()))
            rows = _matching(store, **filters)
        if dry_run:
            say(f"would send again: {_counted(rows)}")
            return
        from tui.store import outbox

        _change(store, rows, outbox.resend, "queued again")


@alert.command()
@click.argument("reference", metavar="ID")
@click.option("--to", metavar="NAME", help="Only the delivery to this destination.")
@click.pass_obj
def cancel(session: Session, reference: str, to: str | None) -> None:
    """Withdraw the deliveries of an alert that wait to be sent.

    `tocsin alert resend ID --all` sends them again after all.
    """
    from tui.store import outbox

    with session.store() as store:
        rows = _deliveries(store, reference, to)
        if to is None:
            rows = [row for row in rows if row.state in (State.SCHEDULED, State.IN_FLIGHT)]
        if not rows:
            raise Refused("nothing to cancel: no delivery of this alert waits")
        _change(store, rows, outbox.cancel, "cancelled")


# --- which ----------------------------------------------------------------------------------------


def _filter(
    store: "Store",
    *,
    text: str | None,
    states: Sequence[str],
    severities: Sequence[str],
    destinations: Sequence[str],
    search: str | None,
    since: str | None,
) -> Filter:
    filter = parse_filter(text or "")
    if states:
        filter += term(Key.STATE, *_split(states))
    if severities:
        filter += term(Key.SEVERITY, *_split(severities))
    if destinations:
        filter += term(Key.TO, *destinations)
    for word in (search or "").split():
        filter += term(Key.WORD, word)
    if since:
        filter += term(Key.SINCE, since)
    return _of_known_destinations(store, filter)


def _of_known_destinations(store: "Store", filter: Filter) -> Filter:
    """The filter with the names of its destinations; raises Invalid for one that there never was."""
    if all(wanted.key is not Key.TO for wanted in filter.terms):
        return filter
    from tui.store.destinations import every_destination

    known = store.read(every_destination).result()

    def named(wanted: Term) -> Term:
        names = (resolve_destination(value, known).name.casefold() for value in wanted.values)
        return replace(wanted, values=tuple(names)) if wanted.key is Key.TO else wanted

    return Filter(tuple(named(wanted) for wanted in filter.terms))


def _split(values: Sequence[str]) -> list[str]:
    return [part.strip() for value in values for part in value.split(",")]


def _details(store: "Store", reference: str) -> "AlertDetails":
    from tui.store import queries

    details = store.read(queries.alert_details, store.read(queries.find_alert, reference).result()).result()
    if details is None:
        raise Refused(f"there is no alert {reference!r} any more")
    return details


def _deliveries(store: "Store", reference: str, to: str | None) -> "list[DeliveryRow]":
    """The deliveries meant: all of the alert, the one with this webhook-id, or the one to `to`."""
    details = _details(store, reference)
    rows = [delivery.row for delivery in details.deliveries]
    if not rows:
        raise Refused(f"this alert went nowhere: {details.not_routed}")
    if to is None:
        return [row for row in rows if row.webhook_id == reference] or rows
    folded = to.strip().casefold()
    named = [row for row in rows if row.destination.casefold() == folded]
    named = named or [row for row in rows if str(row.destination_id) == folded]
    if not named:
        names = ", ".join(row.destination for row in rows)
        raise Invalid("to", f"this alert did not go to {to!r}; it went to {names}")
    return named


def _to_resend(rows: "list[DeliveryRow]", *, named: bool, everything: bool) -> "list[DeliveryRow]":
    if named or everything:
        return rows
    failed = [row for row in rows if row.state is State.FAILED]
    if not failed:
        stands = ", ".join(f"{row.destination} {output.state_of(row)}" for row in rows)
        raise Refused(f"no delivery of this alert failed ({stands}); --all sends them again all the same")
    return failed


def _matching(store: "Store", **filters: Any) -> "list[DeliveryRow]":
    """The deliveries the filters mean, but for those to destinations that are gone."""
    from tui.store import queries
    from tui.store.database import wall_clock

    ids = store.read(queries.matching_deliveries, _filter(store, **filters), wall_clock()).result()
    rows = [row for part in _parts(ids) for row in store.read(queries.deliveries_by_id, part).result()]
    return [row for row in rows if not row.deleted]


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
    refused = [f"{row.destination}: {answers[row.id]}" for row in rows if answers.get(row.id) is not None]
    for reason, count in Counter(refused).items():
        tell(f"tocsin: {reason}" + (f" ({count} deliveries)" if count > 1 else ""))
    if refused:
        raise click.exceptions.Exit(1)


def _parts(ids: list[int]) -> Iterator[list[int]]:
    return (ids[start : start + _PART] for start in range(0, len(ids), _PART))


def _counted(rows: "Collection[DeliveryRow]") -> str:
    if not rows:
        return "no delivery"
    names = Counter(visible(row.destination) for row in rows)
    shares = ", ".join(f"{count} to {name}" for name, count in names.items())
    return f"{len(rows)} {'delivery' if len(rows) == 1 else 'deliveries'}, {shares}"
