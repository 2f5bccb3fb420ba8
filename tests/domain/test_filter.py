"""The filter language: what is understood, what is refused in which words, what completes it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.conftest import result_or_refusal
from tui.domain.completion import completions
from tui.domain.errors import Invalid
from tui.domain.filter import TYPED_KEYS, Filter, Key, Term, parse_filter, term, unknown_names

NAMES = ("soc", "Ops team", "pager")


def terms(text: str) -> list[tuple[str, tuple[str, ...], bool]]:
    return [(term.key.value, term.values, term.negated) for term in parse_filter(text).terms]


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ("", []),
        ("root login", [("word", ("root",), False), ("word", ("login",), False)]),
        ('"root login"', [("word", ("root login",), False)]),
        ("-login", [("word", ("login",), True)]),
        ("severity:high,CRITICAL", [("severity", ("HIGH", "CRITICAL"), False)]),
        ("Severity:>=high", [("severity", ("HIGH", "CRITICAL"), False)]),
        ("severity:<low", [("severity", ("INFO",), False)]),
        ("state:Failed,unrouted", [("state", ("failed", "unrouted"), False)]),
        ('to:"Ops team",soc', [("to", ("ops team", "soc"), False)]),
        ('to:Ops" team"', [("to", ("ops team",), False)]),
        ("-type:policy", [("type", ("POLICY",), True)]),
        ("tag:aws", [("tag", ("aws",), False)]),
        ("since:2h", [("since", ("7200000",), False)]),
        ("test:YES", [("test", ("yes",), False)]),
    ],
)
def test_what_is_understood(text: str, understood: list[object]) -> None:
    assert terms(text) == understood


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("severity:", "severity: needs a value"),
        ("severity:urgent", "unknown severity 'urgent'; use one of INFO, LOW, "),
        ("state:broken", "unknown state 'broken'; use one of waiting, retrying, "),
        ("colour:red", "unknown filter colour:; use severity:, state:, "),
        ("since:yesterday", "since: requires a time span like 30m, 2h or 7d"),
        ("test:maybe", "test: must be yes or no"),
        ('to:"Ops', "a quotation mark is not closed"),
        ("->", "'>' contains no letter or digit to search for"),
        ("login - root", "'-' contains no letter or digit to search for"),
    ],
)
def test_what_makes_no_sense_is_named(text: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_filter(text)
    assert words in caught.value.message


FRAGMENTS = st.sampled_from(
    [
        *(f"{key}:" for key in TYPED_KEYS),
        "high",
        ">=",
        ",",
        '"',
        "-",
        " ",
        "failed",
        "soc",
        "2h",
        "x:",
        "日本",
    ]
)


@given(st.lists(FRAGMENTS | st.text(max_size=4), max_size=8).map("".join))
def test_whatever_is_typed_is_understood_or_refused_in_words(text: str) -> None:
    answer = result_or_refusal(parse_filter, text)
    assert isinstance(answer, Filter) or answer.message


@given(st.lists(FRAGMENTS | st.text(max_size=4), max_size=8).map("".join))
@example("to:Ops")
@example('to:"Ops')
@example("SEV")
@example("severity:>=HI")
@example("state:failed,ret")
def test_a_completion_goes_on_with_what_was_typed(text: str) -> None:
    for completion in completions(text, NAMES):
        assert completion.text.startswith(text)
        assert len(completion.text) > len(text)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("", [f"{key}:" for key in TYPED_KEYS]),
        ("root s", ["severity:", "state:", "since:"]),
        ("-st", ["state:"]),
        ("severity:", ["critical", "high", "medium", "low", "info"]),
        ("severity:>=h", ["high"]),
        ("severity:low,c", ["critical"]),
        ("state:un", ["unrouted"]),
        ("to:", list(NAMES)),
        ("to:o", ["Ops team"]),
        ("to:soc", []),
        ("type:rule", ["rule_error"]),
        ("test:", ["yes", "no"]),
        ("since:", ["15m", "1h", "24h", "7d"]),
        ("tag:", []),
        ("colour:", []),
        ("login", []),
    ],
)
def test_what_is_offered(text: str, labels: list[str]) -> None:
    assert [completion.label for completion in completions(text, NAMES)] == labels


@pytest.mark.parametrize("text", ["to:", "to:o", "to:Ops", 'to:"', 'to:"Ops t', "to:soc,ops", "-to:ops"])
def test_a_name_with_a_space_is_completed_as_the_language_wants_it(text: str) -> None:
    [found] = [completion for completion in completions(text, NAMES) if completion.label == "Ops team"]
    assert "ops team" in parse_filter(found.text).terms[0].values


def test_names_that_nobody_has_are_found_out() -> None:
    filter = parse_filter("to:SOC,nobody -to:ghost to:nobody login")
    assert unknown_names(filter, NAMES) == ["nobody", "ghost"]


def test_only_what_asks_for_nothing_that_passes_lasts() -> None:
    for text in ("", "login -severity:low", "tag:aws type:policy", "test:no"):
        assert parse_filter(text).lasts
    for text in ("state:failed", "-state:failed", "to:soc", "since:1h"):
        assert not parse_filter(text).lasts


def test_a_term_is_checked_like_a_typed_one() -> None:
    assert term(Key.SEVERITY, ">=high") == Filter((Term(Key.SEVERITY, ("HIGH", "CRITICAL")),))
    with pytest.raises(Invalid):
        term(Key.STATE, "broken")
    with pytest.raises(Invalid):
        term(Key.WORD, "–")
