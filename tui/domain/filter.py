"""A filter: which alerts a list, a command or a destination selects.

It is a choice between conjunctions of terms. `tui.domain.filter_language` reads it from text.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import reduce

from tui.domain.errors import Invalid
from tui.domain.lifecycle import Standing


class Key(StrEnum):
    WORD = "word"
    """A word of the alert, or of the error or answer of an attempt that failed."""
    OWN_WORD = "own word"
    """A word of the alert itself."""
    SEVERITY = "severity"
    STATE = "state"
    TO = "to"
    TYPE = "type"
    TAG = "tag"
    SINCE = "since"
    TEST = "test"
    CONTEXT = "context"
    CIDR = "cidr"
    STATUS = "status"
    UNTIL = "until"
    OUTCOME = "outcome"
    ERROR = "error"
    ATTEMPTS = "attempts"
    ROUND = "round"
    LOGTYPE = "logtype"
    RESOLVED = "resolved"
    REPEATS = "repeats"


UNROUTED, FOLDED = "unrouted", "folded"
STATES = (*Standing, FOLDED, UNROUTED)

ABOUT_WORDS = (Key.WORD, Key.OWN_WORD, Key.TAG, Key.LOGTYPE, Key.RESOLVED, Key.CONTEXT, Key.CIDR)
"""The keys that are looked up in the index of words."""
ABOUT_ATTEMPTS = (Key.STATUS, Key.OUTCOME, Key.ERROR)
ABOUT_DELIVERIES = (Key.STATE, Key.TO, Key.ATTEMPTS, Key.ROUND, *ABOUT_ATTEMPTS)
_MOST_ALTERNATIVES = 50
_PASSING = (*ABOUT_DELIVERIES, Key.REPEATS, Key.SINCE, Key.UNTIL)


@dataclass(frozen=True, slots=True)
class Term:
    key: Key
    values: tuple[str, ...]
    """As `tui.domain.filter_language` normalizes them for each key."""
    negated: bool = False
    path: str = ""
    """Of a term about the context: the path to the value, like `src.ip`."""


@dataclass(frozen=True, slots=True)
class Terms:
    """A conjunction: an alert matches if it matches each term."""

    terms: tuple[Term, ...] = ()

    @property
    def states(self) -> frozenset[str] | None:
        """The states that a delivery of the alert can have; None for any."""
        asked = [frozenset(term.values) for term in self.asking(Key.STATE)]
        return reduce(frozenset[str].intersection, asked) if asked else None

    @property
    def about_deliveries(self) -> tuple[Term, ...]:
        """The terms that one and the same delivery has to match."""
        return self.asking(*ABOUT_DELIVERIES)

    @property
    def lets_unrouted_through(self) -> bool:
        """Whether alerts without a delivery can match."""
        return UNROUTED in (self.states or ()) and not self.asking(Key.TO, *_OF_SENT)

    @property
    def lets_folded_through(self) -> bool:
        """Whether alerts that were folded into another can match."""
        return FOLDED in (self.states or ()) and not self.asking(*_OF_SENT)

    @property
    def about_alerts(self) -> "Terms":
        """The terms that no single delivery has to match: those about the alert, and the negated ones."""
        asking = self.about_deliveries
        return Terms(tuple(term for term in self.terms if term not in asking))

    def asking(self, *keys: Key) -> tuple[Term, ...]:
        return tuple(term for term in self.terms if term.key in keys and not term.negated)

    def without(self, terms: Iterable[Term]) -> "Terms":
        left_out = tuple(terms)
        return Terms(tuple(term for term in self.terms if term not in left_out))


_OF_SENT = (Key.ATTEMPTS, Key.ROUND, *ABOUT_ATTEMPTS)
"""Keys that only a delivery of its own can match."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A disjunction: an alert matches if it matches one of the alternatives."""

    alternatives: tuple[Terms, ...] = (Terms(),)

    def __bool__(self) -> bool:
        return self != Filter()

    def __add__(self, other: "Filter") -> "Filter":
        """Return a filter for the alerts that match both. Raises Invalid (`filter`) if it grows too large."""
        both = (Terms(one.terms + two.terms) for one in self.alternatives for two in other.alternatives)
        return _any_of(both)

    def __or__(self, other: "Filter") -> "Filter":
        return _any_of(self.alternatives + other.alternatives)

    def __invert__(self) -> "Filter":
        """Return a filter for the alerts that do not match."""
        negations = (
            Filter(tuple(Terms((replace(term, negated=not term.negated),)) for term in one.terms))
            for one in self.alternatives
        )
        return sum(negations, Filter())

    @property
    def terms(self) -> tuple[Term, ...]:
        """All terms, whichever alternative they belong to."""
        return tuple(term for one in self.alternatives for term in one.terms)

    @property
    def lets_folded_through(self) -> bool:
        return any(one.lets_folded_through for one in self.alternatives)

    @property
    def about_alerts(self) -> "Filter":
        """The filter without what it requires of deliveries."""
        return Filter(tuple(dict.fromkeys(one.about_alerts for one in self.alternatives)))

    @property
    def in_any_state(self) -> "Filter":
        """The filter without its terms about states."""
        return Filter(tuple(dict.fromkeys(one.without(one.asking(Key.STATE)) for one in self.alternatives)))

    @property
    def lasts(self) -> bool:
        """Whether an alert that matches keeps matching: no term depends on deliveries, repeats or time."""
        return not any(term.key in _PASSING for term in self.terms)

    def mapped(self, change: Callable[[Term], Term]) -> "Filter":
        """Return the filter with every term replaced."""
        return Filter(tuple(Terms(tuple(change(term) for term in one.terms)) for one in self.alternatives))


def _any_of(alternatives: Iterable[Terms]) -> Filter:
    distinct = tuple(dict.fromkeys(alternatives))
    if len(distinct) > _MOST_ALTERNATIVES:
        raise Invalid("filter", f"written out, a filter can have at most {_MOST_ALTERNATIVES} alternatives")
    return Filter(distinct)


def unknown_names(filter: Filter, names: Iterable[str]) -> list[str]:
    """Return the destinations named in `filter` that are not in `names`. Such terms match nothing."""
    known = {name.casefold() for name in names}
    asked = (value for term in filter.terms if term.key is Key.TO for value in term.values)
    return [name for name in dict.fromkeys(asked) if name not in known]


def without_tests(filter: Filter) -> Filter:
    """Return `filter` for a bulk selection: test alerts are excluded unless the filter mentions them."""
    if any(term.key is Key.TEST for term in filter.terms):
        return filter
    return filter + Filter((Terms((Term(Key.TEST, ("no",)),)),))
