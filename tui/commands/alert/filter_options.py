"""Which alerts a command means: one by its id, or those that filters let through."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from tui.domain.alert import Severity
from tui.domain.destination import resolve_destination
from tui.domain.errors import Refused
from tui.domain.filter import STATES, Filter, Key, Term, parse_filter, term, time_span

if TYPE_CHECKING:
    from tui.store.database import Store
    from tui.store.views import AlertDetails

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


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options that `filter_of` takes."""
    for option in reversed(_FILTERS):
        command = option(command)
    return command


def filter_of(
    store: "Store",
    *,
    text: str | None,
    states: Sequence[str],
    severities: Sequence[str],
    destinations: Sequence[str],
    search: str | None,
    since: str | None,
) -> Filter:
    """What these options let through, all of them together; raises Invalid."""
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
        filter += Filter((Term(Key.SINCE, (str(time_span("--since", since)),)),))
    return _of_known_destinations(store, filter)


def _of_known_destinations(store: "Store", filter: Filter) -> Filter:
    """The filter with the names of its destinations; raises Unknown for one that there never was."""
    if all(wanted.key is not Key.TO for wanted in filter.terms):
        return filter
    from tui.store.destinations import all_destinations, every_destination

    known = store.read(all_destinations).result()
    deleted = [each for each in store.read(every_destination).result() if each not in known]

    def named(wanted: Term) -> Term:
        names = (resolve_destination(value, known, deleted).name.casefold() for value in wanted.values)
        return replace(wanted, values=tuple(names)) if wanted.key is Key.TO else wanted

    return Filter(tuple(named(wanted) for wanted in filter.terms))


def _split(values: Sequence[str]) -> list[str]:
    return [part.strip() for value in values for part in value.split(",")]


def details_of(store: "Store", reference: str) -> "AlertDetails":
    """The alert with this id, the start of one, or a delivery's webhook id; raises Refused."""
    from tui.store import queries

    details = store.read(queries.alert_details, store.read(queries.find_alert, reference).result()).result()
    if details is None:
        raise Refused(f"there is no alert {reference!r} any more")
    return details
