"""Completions for a filter that is being typed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tui.domain.alert import Severity
from tui.domain.alert_type import AlertType
from tui.domain.filter import FOLDED, STATES, UNROUTED, Key
from tui.domain.filter_language import CONTEXT, TYPED_KEYS
from tui.domain.lifecycle import Outcome

_LAST = re.compile(
    r'[-(]*(?:(?P<key>(?i:context)\.[^\s":]+|[A-Za-z]+):)?(?P<value>(?:"[^"]*"|[^\s"])*(?:"[^"]*)?)$'
)
_COMPARISON = re.compile(r"[<>]=?")
_USEFUL_FIRST = ("failed", "retrying", UNROUTED, "waiting", "sending", "delivered", "cancelled", FOLDED)
_SPANS = ("15m", "1h", "24h", "7d")
_SPECIAL = re.compile(r'[\s,"]')


@dataclass(frozen=True, slots=True)
class Completion:
    label: str
    text: str
    """The completed filter, which starts with the typed text."""


def completions(
    text: str, names: Sequence[str], keys: Sequence[str] = TYPED_KEYS, paths: Sequence[str] = ()
) -> list[Completion]:
    """Return the completions of the last term of `text`.

    `names` are the destinations' names, `paths` those to the values in the contexts of alerts.
    """
    match = _LAST.search(text)
    assert match is not None  # it matches the empty text too
    key, value = match["key"], match["value"]
    if key is None:
        if value.lower().startswith(CONTEXT):
            return _going_on(text, value, [f"{CONTEXT}{path}:" for path in paths])
        return _going_on(text, value, [*(f"{name}:" for name in keys), CONTEXT])
    if key.lower() not in keys:
        return []
    typed = re.split(r',(?=(?:[^"]*"[^"]*")*[^"]*$)', value)[-1]
    if Key(key.lower()) is Key.SEVERITY:
        typed = _COMPARISON.sub("", typed, count=1)
    return _going_on(text, typed, _values(Key(key.lower()), names))


def begins_a_key(text: str) -> bool:
    """Return whether the last word of `text` can still become a key, as `sta` can become `state:`."""
    labels = [found.label for found in completions(text, ())]
    return bool(text[-1:].strip()) and any(label.endswith((":", CONTEXT)) for label in labels)


def _values(key: Key, names: Sequence[str]) -> list[str]:
    match key:
        case Key.SEVERITY:
            return [severity.lower() for severity in reversed(Severity)]
        case Key.STATE:
            return sorted(STATES, key=_USEFUL_FIRST.index)
        case Key.TO:
            return [name for name in names if '"' not in name]
        case Key.TYPE:
            return [type.lower() for type in AlertType]
        case Key.SINCE | Key.UNTIL:
            return list(_SPANS)
        case Key.STATUS:
            return ["4xx", "5xx", "401", "429"]
        case Key.OUTCOME:
            return list(Outcome)
        case Key.TEST | Key.RESOLVED:
            return ["yes", "no"]
        case Key.REPEATS:
            return [">0"]
        case _:
            return []


def _going_on(text: str, typed: str, words: Sequence[str]) -> list[Completion]:
    begun = typed.replace('"', "").casefold()
    found = [word for word in words if word.casefold().startswith(begun) and word.casefold() != begun]
    return [Completion(word, text + _rest(typed, word[len(begun) :])) for word in found]


def _rest(typed: str, rest: str) -> str:
    """Return the rest of a value, quoted where the filter language requires it."""
    if typed.count('"') % 2:
        return f'{rest}"'
    return f'"{rest}"' if _SPECIAL.search(rest) else rest
