"""The filter language: what is understood, what is refused in which words, what completes it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.conftest import result_or_refusal
from tui.domain.completion import completions
from tui.domain.errors import Invalid
from tui.domain.filter import Filter, Key, Term, Terms, unknown_names
from tui.domain.filter_language import TYPED_KEYS, parse_filter, term, written

NAMES = ("soc", "Ops team", "pager")


def terms(text: str) -> list[tuple[str, tuple[str, ...], bool]]:
    return [
        (f"{term.key} {term.path}".strip(), term.values, term.negated) for term in parse_filter(text).terms
    ]


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
        ("since:2h", [("since", ("-7200000",), False)]),
        ("since:2026-11-28T09:30Z", [("since", ("1795858200000",), False)]),
        ("until:2026-11-28T09:30+01:00", [("until", ("1795854600000",), False)]),
        ("cidr:203.0.113.9/24,::1", [("cidr", ("203.0.113.0/24", "::1/128"), False)]),
        ("Context.Src.ip:10.*", [("context src.ip", ("10.*",), False)]),
        ('context."a b:c".d:x', [("context a b:c.d", ("x",), False)]),
        ("status:401,5xx,>=502", [("status", ("401-401", "500-599", "502-999"), False)]),
        ("outcome:Timeout", [("outcome", ("timeout",), False)]),
        ("attempts:>3", [("attempts", ("4-1000000",), False)]),
        ("round:<2", [("round", ("0-1",), False)]),
        ('error:"Certificate has"', [("error", ("certificate has",), False)]),
        ("foo(bar)", [("word", ("foo(bar)",), False)]),
        ('"or"', [("word", ("or",), False)]),
        ("order", [("word", ("order",), False)]),
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
        ("since:yesterday", "since: requires a time span like 30m, 2h or 7d, or a time like 2026-11-28"),
        ("test:maybe", "test: must be yes or no"),
        ('to:"Ops', "a quotation mark is not closed"),
        ("->", "'>' contains no letter or digit to search for"),
        ("login - root", "'-' contains no letter or digit to search for"),
        ("or a", 'a term is missing beside "or"'),
        ("a or", 'a term is missing beside "or"'),
        ("a or or b", 'a term is missing beside "or"'),
        ("()", "a term is missing"),
        ("(a", "a parenthesis is not closed"),
        ("a )", 'there is no "(" for this ")"'),
        ("(" * 30 + "a", "parentheses can be nested at most 20 deep"),
        (" ".join(["(a or b)"] * 9), "at most 50 alternatives"),
        ("cidr:login", "cidr: requires an address or a network like 203.0.113.0/24"),
        ("context.a:*b", "takes * only at the end of a value"),
        ("context.a:", "context.a: needs a value"),
        ("status:ok", "status: requires a number like 401, 5xx or >=500"),
        ("outcome:bad", "unknown outcome 'bad'; use one of delivered, rejected, "),
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
        ("", [*(f"{key}:" for key in TYPED_KEYS), "context."]),
        ("(c", ["cidr:", "context."]),
        ("context.s", ["context.src.ip:", "context.src.port:"]),
        ("context.src.ip:", []),
        ("status:4", ["4xx", "401", "429"]),
        ("outcome:t", ["timeout"]),
        ("root s", ["severity:", "state:", "since:", "status:"]),
        ("-st", ["state:", "status:"]),
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
    found = completions(text, NAMES, paths=("src.ip", "src.port", "user"))
    assert [completion.label for completion in found] == labels


@pytest.mark.parametrize("text", ["to:", "to:o", "to:Ops", 'to:"', 'to:"Ops t', "to:soc,ops", "-to:ops"])
def test_a_name_with_a_space_is_completed_as_the_language_wants_it(text: str) -> None:
    [found] = [completion for completion in completions(text, NAMES) if completion.label == "Ops team"]
    assert "ops team" in parse_filter(found.text).terms[0].values


@pytest.mark.parametrize(
    ("text", "alternatives"),
    [
        ("a b or c", ["a b", "c"]),
        ("a (b or c)", ["a b", "a c"]),
        ("(a or b) (c or d)", ["a c", "a d", "b c", "b d"]),
        ("-(a b)", ["-a", "-b"]),
        ("-(a or -b)", ["-a b"]),
        ("-(a (b or c))", ["-a -a", "-a -c", "-b -a", "-b -c"]),
        ("(a) OR (b)", ["a", "b"]),
        ("((a or b) or (a))", ["a", "b"]),
        ("(foo(bar) or b)", ["foo(bar)", "b"]),
        ("(to:soc or to:ops) a", ["to:soc a", "to:ops a"]),
    ],
)
def test_alternatives_are_written_out(text: str, alternatives: list[str]) -> None:
    written_out = {parse_filter(one).alternatives[0] for one in alternatives}
    assert set(parse_filter(text).alternatives) == written_out


@pytest.mark.parametrize(
    "text",
    [
        "root",
        '"root login"',
        '-"or"',
        'tag:"cloud team",aws',
        "context.src.ip:10.*",
        "cidr:10.0.0.0/8",
        "-test:yes",
    ],
)
def test_a_term_is_written_as_it_is_typed(text: str) -> None:
    [term] = parse_filter(text).terms
    assert written(term) == text


def test_names_that_nobody_has_are_found_out() -> None:
    filter = parse_filter("to:SOC,nobody -to:ghost to:nobody login")
    assert unknown_names(filter, NAMES) == ["nobody", "ghost"]


def test_only_what_asks_for_nothing_that_passes_lasts() -> None:
    for text in ("", "login -severity:low", "tag:aws type:policy", "test:no"):
        assert parse_filter(text).lasts
    for text in ("state:failed", "-state:failed", "to:soc", "since:1h"):
        assert not parse_filter(text).lasts


def test_a_term_is_checked_like_a_typed_one() -> None:
    assert term(Key.SEVERITY, ">=high") == Filter((Terms((Term(Key.SEVERITY, ("HIGH", "CRITICAL")),)),))
    with pytest.raises(Invalid):
        term(Key.STATE, "broken")
    with pytest.raises(Invalid):
        term(Key.WORD, "–")
