"""A filter matches the same alerts in memory and on each engine."""

import operator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.conftest import NOW, alert, write
from tests.store.bench import Bench
from tui.domain.alert import Alert, Severity, encode_context
from tui.domain.alert_type import AlertType
from tui.domain.filter import Filter, Key, Term, Terms
from tui.domain.filter_language import parse_filter, term
from tui.domain.matching import matcher, words_text
from tui.domain.routing import route, taken_by
from tui.domain.search import words_of
from tui.domain.text import storable
from tui.store import outbox
from tui.store.reading import listing

# Short texts of many kinds, so that searches often match, or nearly do.
WORDS = (
    *(
        "login",
        "log",
        "Root",
        "ROOT",
        "BruteForce",
        "force",
        "aws",
        "AWS.Root",
        "203.0.113.9",
        "203",
        "v1.2b",
    ),
    *("über", "ÜBER", "straße", "İstanbul", "e\u0301te\u0301", "日本", "日本語", "ログイン", "ﬁle", "ﷺ"),
    *("_", "–", "👩‍💻", "'", '"', ":*", "&", "NEAR", "OR", "\\", "\u202e", "x" * 130, "\ue000aws"),
)
TAGS = (
    "resolved",
    "aws",
    "AWS",
    "cloud team",
    "cloud",
    "team",
    "a/b",
    "a.b",
    "",
    "ﬁle",
    "日本",
    "login",
    "x" * 130,
)

LOG_TYPES = ("AWS.CloudTrail", "aws.cloudtrail", "AWS.S3", "Okta SystemLog", "aws", "日本")

spaced = st.lists(st.sampled_from(WORDS) | st.text(max_size=3).map(storable), max_size=5).map(" ".join)
text = spaced | st.lists(st.sampled_from(WORDS), max_size=4).map("".join)
PATHS = ("src.ip", "src", "ip", "a.b", "users")
VALUES = (
    *("10.1.2.3", "10.1.2.30", "10.9.0.1", "::1", "2001:db8::5", "Root Login", "root login now", "ünï"),
    7,
)
leaf = st.sampled_from(VALUES) | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False)
value = st.recursive(
    leaf | text,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(("ip", "b", "IP")), inner),
    max_leaves=4,
)
context_items = st.tuples(st.sampled_from(("src", "a", "users", "ip", "src.ip")), value)
some_alerts = st.lists(
    st.fixed_dictionaries(
        {
            "title": text,
            "name": st.none() | text,
            "rule_id": text,
            "severity": st.sampled_from(Severity),
            "type": st.sampled_from(AlertType),
            "tags": st.lists(st.sampled_from(TAGS) | st.text(max_size=2).map(storable), max_size=3).map(
                tuple
            ),
            "log_types": st.lists(st.sampled_from(LOG_TYPES), max_size=2).map(tuple),
            "test": st.booleans(),
            "description": st.just("") | text,
            "context": st.builds(lambda *some: encode_context(dict(some)), *[context_items] * 2),
        }
    ),
    min_size=1,
    max_size=6,
)
ask_words = text.filter(words_of)
terms = st.one_of(
    st.builds(lambda value, negated: term(Key.WORD, value, negated=negated), ask_words, st.booleans()),
    st.builds(
        lambda values, negated: term(Key.TAG, *values, negated=negated),
        st.lists(st.sampled_from(TAGS), min_size=1, max_size=3),
        st.booleans(),
    ),
    st.builds(
        lambda value, star, negated: term(Key.LOGTYPE, f"{value}{star}", negated=negated),
        st.sampled_from((*LOG_TYPES, "AWS.", "okta")),
        st.sampled_from(("", "*")),
        st.booleans(),
    ),
    st.builds(
        lambda key, values, negated: Filter((Terms((Term(key, tuple(values), negated),)),)),
        st.just(Key.SEVERITY),
        st.lists(st.sampled_from(Severity), max_size=3),
        st.booleans(),
    ),
    st.builds(
        lambda path, typed, star, negated: term(Key.CONTEXT, f"{typed}{star}", path=path, negated=negated),
        st.sampled_from(PATHS),
        st.sampled_from([str(one) for one in VALUES] + ["true", "null", "10.", ""]),
        st.sampled_from(("", "*")),
        st.booleans(),
    ),
    st.sampled_from(["10.0.0.0/8", "10.1.2.3", "10.1.2.0/27", "::/0", "0.0.0.0/0", "2001:db8::/33"]).map(
        lambda network: term(Key.CIDR, network)
    ),
    st.sampled_from(
        [
            "resolved:yes",
            "-resolved:yes",
            "resolved:no",
            "severity:>critical",
            "-severity:>critical",
            "type:rule",
            "-type:rule,policy",
            "test:yes",
        ]
    ).map(parse_filter),
)
all_of = st.lists(terms, max_size=3).map(lambda found: sum(found, Filter()))
some_filter = st.recursive(
    all_of,
    lambda inner: inner.map(operator.invert) | st.builds(operator.or_, inner, inner),
    max_leaves=3,
)


def listed(bench: Bench, filter: Filter, after: int) -> list[str]:
    up_to = bench.store.read(listing.newest_key).result()
    counted = bench.store.read(listing.count_alerts, filter, NOW, after=after, up_to=up_to).result()
    rows = bench.store.read(listing.page_of_alerts, filter, NOW, after=after, up_to=up_to, limit=100).result()
    assert counted == len(rows)
    return [row.alert_id for row in reversed(rows)]


def store_them(bench: Bench, described: list[dict[str, Any]]) -> tuple[list[Alert], int]:
    """Store the alerts and return the key before the first."""
    before = bench.store.read(listing.newest_key).result()
    alerts = [alert(destinations=(), **changes) for changes in described]
    write(bench.store, outbox.submit, alerts)
    return alerts, before


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some_alerts, st.lists(some_filter, min_size=1, max_size=8))
@example([{"title": "made public"}], [parse_filter('"made pub"'), parse_filter('"public made"')])
@example([{"severity": Severity.LOW}], [parse_filter("-severity:>critical")])
@example([{"title": "Okta", "rule_id": "BruteForce"}], [parse_filter('"okta brute"')])
@example([{"title": "login", "alert_id": "a1", "tags": ("aws",)}], [parse_filter('"a1 aws" -tag:a')])
def test_the_list_finds_exactly_the_alerts_that_match_in_memory(
    bench: Bench, described: list[dict[str, Any]], filters: list[Filter]
) -> None:
    alerts, before = store_them(bench, described)
    for filter in filters:
        matches = matcher(filter)
        at_hand = [one.alert_id for one in alerts if matches(one, words_text(one))]
        assert listed(bench, filter, before) == at_hand, filter


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    some_alerts,
    st.frozensets(st.sampled_from(Severity)),
    st.frozensets(st.sampled_from(AlertType)),
    st.sampled_from(["", "tag:aws", "-tag:aws", "root", '"root login"', "-login severity:>=low", "log,in"]),
)
def test_the_preview_of_a_filter_agrees_with_routing(
    bench: Bench,
    described: list[dict[str, Any]],
    severities: frozenset[Severity],
    types: frozenset[AlertType],
    filter: str,
) -> None:
    target = bench.add(
        name=f"d{bench.store.read(listing.newest_key).result()}",
        severities=severities,
        alert_types=types,
        filter=filter,
    )
    sent = [alert(**changes) for changes in described if not changes["test"]]
    expected = [one.alert_id for one in sent if route(one, [target])[0]]
    _, before = store_them(bench, [{**vars_of(one)} for one in sent])
    assert listed(bench, taken_by(target), before) == expected
    bench.delete(target)


def vars_of(one: Alert) -> dict[str, Any]:
    return {key: getattr(one, key) for key in one.__slots__ if key != "destinations"}


def test_the_preview_counts_the_last_alerts_that_are_not_tests(bench: Bench) -> None:
    def count(text: str, most: int) -> tuple[int, int]:
        return bench.store.read(listing.count_latest, parse_filter(text), NOW, most=most).result()

    assert count("", 5) == (0, 0)
    write(bench.store, outbox.submit, [alert(title=f"n{number}") for number in range(4)])
    write(bench.store, outbox.submit, [alert(title="n1", test=True)])
    assert count("test:no", 5) == (4, 4)
    assert count("test:no n1", 5) == (1, 4)
    assert count("test:no n1", 2) == (0, 2)
    assert count("test:no", 2) == (2, 2)


@pytest.mark.parametrize("text", ["日本", "ﷺ", '"v1.2b"', "203.0.113.9", "bruteforce"])
def test_an_alert_is_found_by_every_word_in_it(bench: Bench, text: str) -> None:
    _, before = store_them(bench, [{"title": f"so: {text}!"}])
    assert listed(bench, parse_filter(text), before)


def test_the_longest_words_of_the_largest_alert_can_be_stored(bench: Bench) -> None:
    """PostgreSQL takes 1 MB of words; each of these letters has 4 bytes."""
    letter = "\U00012000"
    word = letter * 99
    many = " ".join([word] * 2_000)
    context = encode_context({f"{number}": f"{number}{word}" for number in range(900)})
    _, before = store_them(bench, [{"title": many, "context": context, "tags": (word,) * 1_000}])
    assert listed(bench, parse_filter(f'"{word} {word}" tag:{word}'), before)
