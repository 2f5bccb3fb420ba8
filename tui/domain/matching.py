"""Match a filter against an alert in memory, with the same result as in the database.

The database searches an index of the alert's words. Here, the same words are joined into one text, each
between spaces. A phrase, or a prefix of a word, is then a substring of that text.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tui.domain.alert import RESOLVED, Alert
from tui.domain.filter import ABOUT_WORDS, Filter, Key, Term
from tui.domain.search import alert_words, log_type_word, network_words, tag_word, value_word, words_of

Matcher = Callable[[Alert, str], bool]
"""Returns whether an alert matches, given its `words_text`, which is computed once for many filters."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words side by side."""

    words: tuple[str, ...]
    begins: bool
    """Whether the last may be the beginning of a word."""


def phrases(term: Term) -> list[Phrase]:
    """Return the phrases of a term about words; an alert matches if one of them is among its words."""
    return [phrase for value in term.values for phrase in _phrases(term, value)]


def _phrases(term: Term, value: str) -> list[Phrase]:
    match term.key:
        case Key.TAG:
            return [Phrase((tag_word(value),), begins=False)]
        case Key.CONTEXT:
            return [Phrase((value_word(term.path, value.removesuffix("*")),), begins=value.endswith("*"))]
        case Key.RESOLVED:
            return [Phrase((tag_word(RESOLVED),), begins=False)]
        case Key.LOGTYPE:
            return [Phrase((log_type_word(value.removesuffix("*")),), begins=value.endswith("*"))]
        case Key.CIDR:
            return [Phrase((begin,), begins=True) for begin in network_words(value)]
        case _:
            return [Phrase(tuple(words_of(value)), begins=True)]


def found_by(alert: Alert) -> list[str]:
    """Return the words under which an alert is found."""
    texts = (alert.title, alert.name, alert.rule_id, alert.alert_id, alert.description, alert.runbook)
    return alert_words(texts, alert.tags, alert.context, alert.log_types)


def words_text(alert: Alert) -> str:
    return f" {' '.join(found_by(alert))} "


def matcher(filter: Filter) -> Matcher:
    """Return a matcher for a filter.

    Raises ValueError if a term depends on more than the alert: on state, destination, repeats or age.
    """
    alternatives = [[_test(term) for term in one.terms] for one in filter.alternatives]

    def matches(alert: Alert, words: str) -> bool:
        for tests in alternatives:
            for test in tests:
                if not test(alert, words):
                    break
            else:
                return True
        return False

    return matches


def _test(term: Term) -> Matcher:
    values, wanted = frozenset(term.values), not term.negated
    if term.key in ABOUT_WORDS:
        return _holding(phrases(term), wanted=wanted)
    match term.key:
        case Key.SEVERITY:
            return lambda alert, _: (alert.severity in values) is wanted
        case Key.TYPE:
            return lambda alert, _: (alert.type in values) is wanted
        case Key.TEST:
            return lambda alert, _: (("yes" if alert.test else "no") in values) is wanted
        case _:
            raise ValueError(f"{term.key}: is not a property of the alert itself")


def _holding(asked: list[Phrase], *, wanted: bool) -> Matcher:
    texts = [f" {' '.join(phrase.words)}{'' if phrase.begins else ' '}" for phrase in asked]
    if len(texts) == 1:
        [only] = texts
        return lambda _, words: (only in words) is wanted
    return lambda _, words: any(text in words for text in texts) is wanted
