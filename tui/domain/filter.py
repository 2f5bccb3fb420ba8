"""The filter language of the alerts list: `severity:>=high state:failed to:soc -test:yes root login`.

A term is `key:value[,value…]`; a leading `-` negates it. Any other text is a word prefix, or in quotation
marks a phrase, which is searched for in the title, name, rule id and alert id. An alert matches if every
term matches. A term matches if any of its values does.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce

from tui.domain.alert import Severity, parse_alert_type, parse_severity
from tui.domain.errors import Invalid
from tui.domain.lifecycle import Standing
from tui.domain.search import words_of
from tui.domain.span import parse_span


class Key(StrEnum):
    WORD = "word"
    SEVERITY = "severity"
    STATE = "state"
    TO = "to"
    TYPE = "type"
    TAG = "tag"
    SINCE = "since"
    TEST = "test"


UNROUTED, FOLDED = "unrouted", "folded"
STATES = (*Standing, FOLDED, UNROUTED)


@dataclass(frozen=True, slots=True)
class Term:
    key: Key
    values: tuple[str, ...]
    """Normalized: severities and types in capitals, `since` as milliseconds, `test` as yes or no."""
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    terms: tuple[Term, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __add__(self, other: "Filter") -> "Filter":
        return Filter(self.terms + other.terms)

    @property
    def states(self) -> frozenset[str] | None:
        """The states that a delivery of the alert can have; None for any."""
        asked = [frozenset(term.values) for term in self._asking(Key.STATE)]
        return reduce(frozenset[str].intersection, asked) if asked else None

    @property
    def names(self) -> tuple[Term, ...]:
        """The terms that require a destination."""
        return self._asking(Key.TO)

    @property
    def lets_unrouted_through(self) -> bool:
        """Whether the filter can match alerts without a delivery."""
        return not self.names and UNROUTED in (self.states or ())

    @property
    def lets_folded_through(self) -> bool:
        """Whether the filter can match alerts that were folded into another."""
        return FOLDED in (self.states or ())

    @property
    def about_alerts(self) -> "Filter":
        """The terms that no single delivery has to match: those about the alert, and the negated ones."""
        asking = (*self._asking(Key.STATE), *self.names)
        return Filter(tuple(term for term in self.terms if term not in asking))

    @property
    def lasts(self) -> bool:
        """Whether an alert that matches keeps matching: no term depends on state or time."""
        return not any(term.key in _PASSING for term in self.terms)

    def _asking(self, key: Key) -> tuple[Term, ...]:
        return tuple(term for term in self.terms if term.key is key and not term.negated)


_PASSING = (Key.STATE, Key.TO, Key.SINCE)


_TOKEN = re.compile(r'(?P<minus>-?)(?:(?P<key>[A-Za-z]+):)?(?P<value>(?:"[^"]*"|[^\s"])+)')


def parse_filter(text: str) -> Filter:
    """Parse a filter as typed. Raises Invalid (`filter`), naming the first term that is not valid."""
    if text.count('"') % 2:
        raise Invalid("filter", 'a quotation mark is not closed; write it like to:"Ops team"')
    return Filter(tuple(_parse_term(match) for match in _TOKEN.finditer(text)))


def unknown_names(filter: Filter, names: Iterable[str]) -> list[str]:
    """Return the destinations named in `filter` that are not in `names`. Such terms match nothing."""
    known = {name.casefold() for name in names}
    asked = (value for term in filter.terms if term.key is Key.TO for value in term.values)
    return [name for name in dict.fromkeys(asked) if name not in known]


def term(key: Key, *values: str, negated: bool = False) -> Filter:
    """Return a filter of one term. The values are checked like typed ones; raises Invalid."""
    return Filter((Term(key, tuple(value for given in values for value in _NORMAL[key](given)), negated),))


def without_tests(filter: Filter) -> Filter:
    """Return `filter` for a bulk selection: test alerts are excluded unless the filter mentions them."""
    spoken_of = any(term.key is Key.TEST for term in filter.terms)
    return filter if spoken_of else filter + term(Key.TEST, "no")


def _parse_term(match: re.Match[str]) -> Term:
    word, value = match["key"], match["value"].replace('"', "")
    negated = bool(match["minus"])
    if word is None:
        if value.endswith(":") and value[:-1].lower() in TYPED_KEYS:
            raise Invalid("filter", f"{value} needs a value")
        return Term(Key.WORD, _word(value), negated)
    if word.lower() not in TYPED_KEYS:
        raise Invalid("filter", f"unknown filter {word}:; use {', '.join(f'{key}:' for key in TYPED_KEYS)}")
    key = Key(word.lower())
    values = [part for part in re.split(r',(?=(?:[^"]*"[^"]*")*[^"]*$)', match["value"]) if part]
    if not values:
        raise Invalid("filter", f"{key}: needs a value")
    return Term(key, tuple(item for part in values for item in _NORMAL[key](part.replace('"', ""))), negated)


def _word(value: str) -> tuple[str, ...]:
    if not words_of(value):
        raise Invalid("filter", f"{value!r} contains no letter or digit to search for")
    return (value,)


def _severities(value: str) -> tuple[str, ...]:
    match = re.fullmatch(r"(>=|<=|>|<)?(.*)", value)
    assert match is not None
    severity = parse_severity(match[2])
    if not match[1]:
        return (severity.value,)
    holds: dict[str, Callable[[int, int], bool]] = {
        ">=": int.__ge__,
        "<=": int.__le__,
        ">": int.__gt__,
        "<": int.__lt__,
    }
    return tuple(s.value for s in Severity if holds[match[1]](s.rank, severity.rank))


def _states(value: str) -> tuple[str, ...]:
    if value.lower() not in STATES:
        raise Invalid("filter", f"unknown state {value!r}; use one of {', '.join(STATES)}")
    return (value.lower(),)


def _since(value: str) -> tuple[str, ...]:
    return (str(time_span("since:", value)),)


def time_span(asked_by: str, value: str) -> int:
    """Return a time span like 30m, 2h or 7d in milliseconds. Raises Invalid (`filter`).

    `asked_by` names the option or term in the message.
    """
    span_ms = parse_span(value)
    if span_ms is None:
        raise Invalid("filter", f"{asked_by} requires a time span like 30m, 2h or 7d, not {value!r}")
    return span_ms


def _yes_or_no(value: str) -> tuple[str, ...]:
    if value.lower() not in ("yes", "no"):
        raise Invalid("filter", f"test: must be yes or no, not {value!r}")
    return (value.lower(),)


_NORMAL: dict[Key, Callable[[str], tuple[str, ...]]] = {
    Key.WORD: _word,
    Key.SEVERITY: _severities,
    Key.STATE: _states,
    Key.TO: lambda value: (value.casefold(),),
    Key.TYPE: lambda value: (parse_alert_type(value).value,),
    Key.TAG: lambda value: (value,),
    Key.SINCE: _since,
    Key.TEST: _yes_or_no,
}
TYPED_KEYS = tuple(key.value for key in Key if key is not Key.WORD)
