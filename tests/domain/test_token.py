"""A token is made of random bytes, and told by its hash alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOW
from tui.domain.errors import Invalid
from tui.domain.token import (
    SIZE,
    Standing,
    Token,
    digest_of,
    format_token,
    parse_expiry,
    parse_token_name,
)


def test_a_token_says_what_it_is_and_can_stand_in_a_header() -> None:
    token = format_token(bytes(range(224, 256)))
    assert token == "tcs_4OHi4-Tl5ufo6err7O3u7_Dx8vP09fb3-Pn6-_z9_v8"


@given(st.binary(min_size=SIZE, max_size=SIZE), st.binary(min_size=SIZE, max_size=SIZE))
def test_two_are_the_same_only_if_their_bytes_are(one: bytes, other: bytes) -> None:
    tokens = format_token(one), format_token(other)
    assert (tokens[0] == tokens[1]) == (one == other)


def test_what_is_kept_is_its_sha_256() -> None:
    assert digest_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@given(st.text(st.characters()))
def test_any_text_at_all_can_be_compared(given: str) -> None:
    assert len(digest_of(given)) == 64


@pytest.mark.parametrize(
    ("changes", "standing"),
    [
        ({}, Standing.ACTIVE),
        ({"expires_at": NOW + 1}, Standing.ACTIVE),
        ({"expires_at": NOW}, Standing.EXPIRED),
        ({"revoked_at": NOW}, Standing.REVOKED),
        ({"revoked_at": NOW, "expires_at": NOW - 1}, Standing.REVOKED),
    ],
    ids=str,
)
def test_how_it_stands(changes: dict[str, int], standing: Standing) -> None:
    assert Token("ci", digest_of("x"), **changes).standing(NOW) is standing


def test_a_name_is_trimmed() -> None:
    assert parse_token_name("  Grafana – Zürich ") == "Grafana – Zürich"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (" ", "enter a name for the token"),
        ("x" * 81, "at most 80 characters; this one has 81"),
        ("ci\x1b[2J", "only printable characters"),
        ("tcs_4OHi4", "looks like a token"),
    ],
)
def test_what_is_no_name(typed: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        parse_token_name(typed)
    assert caught.value.field == "name"


def test_it_expires_a_span_from_now() -> None:
    assert parse_expiry(" 30d", NOW) == NOW + 30 * 86_400_000


@pytest.mark.parametrize("typed", ["", "30", "tomorrow"])
def test_what_is_no_expiry(typed: str) -> None:
    with pytest.raises(Invalid, match="--expires requires a time span like 30m, 2h or 7d"):
        parse_expiry(typed, NOW)


def test_it_does_not_expire_at_once() -> None:
    with pytest.raises(Invalid, match="would expire at once"):
        parse_expiry("0d", NOW)
