"""Match a filter against an alert in memory, with the same result as in the database.

The database searches an index of the alert's words. Here, the same words are joined into one text, each
between spaces. A phrase, or a prefix of a word, is then a substring of that text; a tag is a single word.
"""

from collections.abc import Callable

from tui.domain.alert import Alert
from tui.domain.filter import Filter, Key, Term
from tui.domain.search import alert_words, tag_word, words_of

Matcher = Callable[[Alert, str], bool]
"""Returns whether an alert matches, given its `words_text`, which is computed once for many filters."""


def found_by(alert: Alert) -> list[str]:
    """Return the words under which an alert is found."""
    return alert_words((alert.title, alert.name, alert.rule_id, alert.alert_id), alert.tags)


def words_text(alert: Alert) -> str:
    return f" {' '.join(found_by(alert))} "


def matcher(filter: Filter) -> Matcher:
    """Return a matcher for a filter.

    Raises ValueError if a term depends on more than the alert: on state, destination or age.
    """
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
