"""A filter held against an alert that is at hand: it means what it means in the database.

There the words of an alert are looked for in an index, here in one text of the same words with a
space around each. So a phrase is a piece of that text, the beginning of a word too, and a tag a
word of its own.
"""

from collections.abc import Callable

from tui.domain.alert import Alert
from tui.domain.filter import Filter, Key, Term
from tui.domain.search import alert_words, tag_word, words_of

Matcher = Callable[[Alert, str], bool]
"""Whether an alert matches, given with its `words_text`, which is made once for many filters."""


def found_by(alert: Alert) -> list[str]:
    """The words an alert is found by."""
    return alert_words((alert.title, alert.name, alert.rule_id, alert.alert_id), alert.tags)


def words_text(alert: Alert) -> str:
    return f" {' '.join(found_by(alert))} "


def matcher(filter: Filter) -> Matcher:
    """For a filter that asks only for what an alert has by itself: no state, destination or age."""
    tests = [_test(term) for term in filter.terms]

    def matches(alert: Alert, words: str) -> bool:
        for test in tests:  # noqa: SIM110  # the generator for `all` takes longer than the tests
            if not test(alert, words):
                return False
        return True

    return matches


def _test(term: Term) -> Matcher:
    values, wanted = frozenset(term.values), not term.negated
    match term.key:
        case Key.SEVERITY:
            return lambda alert, _: (alert.severity in values) is wanted
        case Key.TYPE:
            return lambda alert, _: (alert.type in values) is wanted
        case Key.TEST:
            return lambda alert, _: (("yes" if alert.test else "no") in values) is wanted
        case Key.TAG:
            return _holding([f" {tag_word(value)} " for value in term.values], wanted=wanted)
        case Key.WORD:
            return _holding([f" {' '.join(words_of(value))}" for value in term.values], wanted=wanted)
        case Key.STATE | Key.TO | Key.SINCE:
            raise ValueError(f"{term.key}: is not a property of the alert itself")


def _holding(phrases: list[str], *, wanted: bool) -> Matcher:
    if len(phrases) == 1:
        [only] = phrases
        return lambda _, words: (only in words) is wanted
    return lambda _, words: any(phrase in words for phrase in phrases) is wanted
