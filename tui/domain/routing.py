"""Routing: an alert goes to the destinations it names, else to those whose filters match it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from tui.domain.alert import Alert, Severity
from tui.domain.alert_type import AlertType
from tui.domain.destination import Destination, resolve_destination
from tui.domain.errors import Invalid
from tui.domain.filter import ABOUT_DELIVERIES, Filter, Key, Term, Terms
from tui.domain.filter_language import TYPED_KEYS, parse_filter, written
from tui.domain.matching import Matcher, matcher, words_text
from tui.domain.search import log_type_word

_LONGEST_FILTER = 500
_NO_PLACE = {
    **dict.fromkeys(ABOUT_DELIVERIES, "a new alert has no delivery yet"),
    Key.REPEATS: "a new alert was not repeated yet",
    Key.TO: "this filter already belongs to a destination",
    Key.SINCE: "every new alert matches",
    Key.UNTIL: "no new alert matches",
    Key.TEST: "a test alert ignores the filter of the destination it tests",
}
"""Terms that are allowed in the list's filter but not in a destination's, and why."""
KEYS_THAT_ROUTE = tuple(key for key in TYPED_KEYS if Key(key) not in _NO_PLACE)
"""The keys allowed in a destination's filter."""
_NAMED = 3
_QUOTED = 100
"""The maximum of filters quoted in a reason."""


def parse_destination_filter(text: str) -> str:
    """Return a destination's filter, trimmed. Raises Invalid (`filter`)."""
    typed = text.strip()
    if len(typed) > _LONGEST_FILTER:
        raise Invalid(
            "filter", f"a filter can have at most {_LONGEST_FILTER} characters; this one has {len(typed)}"
        )
    if not typed.isprintable():
        raise Invalid("filter", "a filter can contain only printable characters")
    try:
        _parsed(typed)
    except Invalid as error:  # a term's error has that term's name as its field
        raise Invalid("filter", error.message) from None
    return typed


def taken_by(destination: Destination) -> Filter:
    """Return the list filter for the alerts that `destination` takes if they name no destinations."""
    settings = (
        Term(Key.TEST, ("no",)),
        Term(Key.SEVERITY, tuple(s.value for s in Severity if s in destination.severities)),
        Term(Key.TYPE, tuple(t.value for t in AlertType if t in destination.alert_types)),
    )
    log_types = (Term(Key.LOGTYPE, destination.log_types),) if destination.log_types else ()
    return Filter((Terms(settings + log_types),)) + _parsed(destination.filter)


def route(alert: Alert, destinations: Sequence[Destination]) -> tuple[list[Destination], str | None]:
    """Return the destinations for `alert`, and if there are none, the reason as a message.

    An alert that names destinations goes to exactly those, and no filter applies. Otherwise it goes to every
    destination whose severities, alert types, log types and filter match, including paused ones, whose
    deliveries stay pending.

    Raises Unknown if a named destination does not exist, and Invalid if a stored filter is not valid.
    """
    if alert.destinations is not None:
        named = {d.id: d for d in (resolve_destination(r, destinations) for r in alert.destinations)}
        return list(named.values()), None if named else "the alert asks for no destination"
    choosing = [
        d
        for d in destinations
        if alert.severity in d.severities and alert.type in d.alert_types and _takes_log_types(d, alert)
    ]
    words = words_text(alert) if any(d.filter for d in choosing) else ""
    matching = [d for d in choosing if not d.filter or _matcher(d.filter)(alert, words)]
    return matching, None if matching else _why_nowhere(alert, destinations, choosing)


@dataclass(frozen=True, slots=True)
class Choice:
    destination: Destination
    reason: str | None
    """Why the destination does not get the alert; None if it does."""


def choices(alert: Alert, destinations: Sequence[Destination]) -> list[Choice]:
    """Return for each destination whether `alert` goes there, as `route` decides it. Raises like `route`."""
    chosen = {destination.id for destination in route(alert, destinations)[0]}
    words = words_text(alert)
    return [
        Choice(destination, None if destination.id in chosen else _why_not(alert, destination, words))
        for destination in destinations
    ]


def _why_not(alert: Alert, destination: Destination, words: str) -> str:
    if alert.destinations is not None:
        return (
            "the alert names other destinations"
            if alert.destinations
            else "the alert asks for no destination"
        )
    if alert.severity not in destination.severities:
        taken = ", ".join(s for s in Severity if s in destination.severities) or "none"
        return f"severity {alert.severity}; it takes {taken}"
    if alert.type not in destination.alert_types:
        taken = ", ".join(t for t in AlertType if t in destination.alert_types) or "none"
        return f"type {alert.type}; it takes {taken}"
    if not _takes_log_types(destination, alert):
        return f"{_log_types(alert)}; it takes {', '.join(destination.log_types)}"
    alternatives = _parsed(destination.filter).alternatives
    failed = [
        next(term for term in one.terms if not matcher(Filter((Terms((term,)),)))(alert, words))
        for one in alternatives
    ]
    return f"its filter: {' or '.join(dict.fromkeys(map(written, failed)))} does not match"


def _why_nowhere(alert: Alert, destinations: Sequence[Destination], choosing: Sequence[Destination]) -> str:
    """`choosing` are the destinations that match except for their filter."""
    if not destinations:
        return "there was no destination yet"
    if choosing:
        filters = ", ".join(f"{d.name} requires {d.filter}" for d in choosing[:_NAMED])
        more = f" and {len(choosing) - _NAMED} more" if len(choosing) > _NAMED else ""
        return f"no destination's filter matches it: {filters}{more}"
    if not any(alert.severity in d.severities for d in destinations):
        return f"no destination takes severity {alert.severity}"
    if not any(alert.type in d.alert_types for d in destinations):
        return f"no destination takes type {alert.type}"
    if any(alert.severity in d.severities and alert.type in d.alert_types for d in destinations):
        return f"no destination for its severity and type takes its log types: {_log_types(alert)}"
    return f"no destination takes both severity {alert.severity} and type {alert.type}"


def _takes_log_types(destination: Destination, alert: Alert) -> bool:
    if not destination.log_types:
        return True
    words = f" {' '.join(map(log_type_word, alert.log_types))} "
    return _log_types_matcher(destination.log_types)(alert, words)


def _log_types(alert: Alert) -> str:
    """Name the first log types: an alert may have thousands, and the reason is stored with it."""
    if not alert.log_types:
        return "it has no log type"
    more = len(alert.log_types) - _NAMED
    named = ", ".join(name[:_QUOTED] for name in alert.log_types[:_NAMED])
    return f"log type {named}" + (f" and {more} more" if more > 0 else "")


@lru_cache(maxsize=4096)
def _log_types_matcher(log_types: tuple[str, ...]) -> Matcher:
    return matcher(Filter((Terms((Term(Key.LOGTYPE, log_types),)),)))


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Filter:
    """Parse a destination's filter. Cached, because every alert is matched against every destination."""
    filter = parse_filter(text)
    for term in filter.terms:
        if term.key in _NO_PLACE:
            raise Invalid(
                "filter", f"{term.key}: is not allowed in a destination's filter; {_NO_PLACE[term.key]}"
            )
    # A new alert has no attempts. Words that are only found there later do not count either.
    return filter.mapped(lambda term: replace(term, key=Key.OWN_WORD) if term.key is Key.WORD else term)


@lru_cache(maxsize=4096)
def _matcher(text: str) -> Matcher:
    return matcher(_parsed(text))
