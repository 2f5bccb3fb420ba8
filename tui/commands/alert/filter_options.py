"""Options that select alerts: by ID, or with filters."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tui.commands.shared.options import ParsedOption, add_options, given_values, split_list
from tui.domain.alert import Severity
from tui.domain.destination import resolve_destination
from tui.domain.filter import STATES, Filter, Key, Term
from tui.domain.filter_language import parse_filter, term

if TYPE_CHECKING:
    from tui.store.engine.database import Store


def _words(text: str) -> Filter:
    return sum((term(Key.WORD, word) for word in text.split()), Filter())


_FILTERS = (
    ParsedOption(
        "states",
        "--state",
        lambda given: term(Key.STATE, *split_list(given)),
        multiple=True,
        metavar="|".join(STATES),
        help="Match alerts with a delivery in this state. Separate several with commas.",
    ),
    ParsedOption(
        "severities",
        "--severity",
        lambda given: term(Key.SEVERITY, *split_list(given)),
        multiple=True,
        metavar="|".join(Severity),
        help="Match this severity. Separate several with commas, or give a range like '>=HIGH'.",
    ),
    ParsedOption(
        "destinations",
        "--destination",
        lambda given: term(Key.TO, *given),
        multiple=True,
        metavar="NAME",
        help="Match alerts for this destination. Repeat to match any of several.",
    ),
    ParsedOption(
        "search",
        "--search",
        _words,
        metavar="WORDS",
        help="Match alerts with all these words in the alert, or in an error or answer of a failed attempt.",
    ),
    ParsedOption(
        "since",
        "--since",
        lambda given: term(Key.SINCE, given),
        metavar="TIME",
        help="Match alerts no older than this, like 30m, 2h, 7d, 2026-11-28 or 2026-11-28T09:30.",
    ),
    ParsedOption(
        "text",
        "--filter",
        parse_filter,
        metavar="TEXT",
        help="Match a filter written as in the app, like 'severity:>=high to:soc -test:yes login'.",
    ),
)

filter_options: Callable[[Callable[..., Any]], Callable[..., Any]] = add_options(_FILTERS)
"""Gives a command the options that `filter_of` reads."""


def filter_of(store: "Store", **given: Any) -> Filter:
    """Return one filter for all filter options that were given; an alert must match each of them.

    Raises Invalid for a bad value, Unknown for a destination that never existed.
    """
    filter = Filter()
    for _, part in given_values(_FILTERS, {name: value or None for name, value in given.items()}):
        filter += part
    return _with_destination_names(store, filter)


def _with_destination_names(store: "Store", filter: Filter) -> Filter:
    """Return `filter` with destination IDs replaced by names; raises Unknown if one never existed."""
    if all(wanted.key is not Key.TO for wanted in filter.terms):
        return filter
    from tui.store.destinations import all_destinations, every_destination

    known = store.read(all_destinations).result()
    deleted = [each for each in store.read(every_destination).result() if each not in known]

    def named(wanted: Term) -> Term:
        names = (resolve_destination(value, known, deleted).name.casefold() for value in wanted.values)
        return replace(wanted, values=tuple(names)) if wanted.key is Key.TO else wanted

    return filter.mapped(named)
