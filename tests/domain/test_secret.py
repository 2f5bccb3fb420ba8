"""Secrets: what may be pasted, and that none is read over a shoulder."""

import base64
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.domain.errors import Invalid
from tui.domain.secret import MASK, Secret, format_secret, mask_location, mask_url, parse_secret, signing_key

VALUE = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def pasted(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


# --- signing secrets ---


@given(st.binary(min_size=24, max_size=64))
def test_a_key_is_read_as_it_is_shown(key: bytes) -> None:
    assert signing_key(format_secret(key)) == key
    assert format_secret(key) == pasted(key)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (f"v1,{VALUE}", "remove the 'v1,' prefix: a signing secret starts with whsec_"),
        ("", "a signing secret must start with whsec_, followed by base64"),
        ("hunter2", "a signing secret must start with whsec_, followed by base64"),
        (VALUE.removeprefix("whsec_"), "a signing secret must start with whsec_, followed by base64"),
        ("whsec_not base64!", "the text after whsec_ is not valid base64; check that the secret is complete"),
        (VALUE[:-3], "the text after whsec_ is not valid base64; check that the secret is complete"),
        ("whsec_schlüssel", "the text after whsec_ is not valid base64; check that the secret is complete"),
        ("whsec_", "a signing secret must encode 24 to 64 bytes; this one encodes 0"),
        (pasted(bytes(23)), "a signing secret must encode 24 to 64 bytes; this one encodes 23"),
        (pasted(bytes(65)), "a signing secret must encode 24 to 64 bytes; this one encodes 65"),
    ],
)
def test_a_bad_signing_secret_is_refused_with_what_would_be_right(typed: str, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        signing_key(typed)
    assert (caught.value.field, caught.value.message) == ("secret", says)


def test_a_blank_secret_means_none() -> None:
    assert parse_secret(" \n") is None


def test_a_secret_is_trimmed_and_checked() -> None:
    assert parse_secret(f" {VALUE}\n") == Secret(VALUE)
    with pytest.raises(Invalid):
        parse_secret("hunter2")


@pytest.mark.parametrize("reference", ["env:SOC_SECRET", "file:/run/secrets/soc"])
def test_a_reference_is_kept_as_it_is_because_its_value_is_read_when_a_request_is_sent(
    reference: str,
) -> None:
    secret = parse_secret(reference)
    assert secret == Secret(reference)
    assert secret.is_reference
    assert secret.shown == reference


@pytest.mark.parametrize("reference", ["env:", "file:", " env: "])
def test_a_reference_to_nothing_is_refused(reference: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_secret(reference)
    assert caught.value.message == f"{reference.strip()} has no name after it; write env:NAME or file:PATH"


# --- printing ---


@dataclass
class Holder:
    secret: Secret


@given(st.text().filter(lambda value: not Secret(value).is_reference))
def test_whichever_way_a_secret_is_printed_every_value_looks_the_same(value: str) -> None:
    secret, shown = Secret(value), f"Secret({MASK})"
    assert [repr(secret), str(secret), f"{secret}", f"{secret!r}"] == [shown] * 4
    assert [str([secret]), str(Holder(secret))] == [f"[{shown}]", f"Holder(secret={shown})"]


# --- URLs ---


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("https://hooks.example.com", "https://hooks.example.com"),
        ("https://hooks.example.com/", "https://hooks.example.com/"),
        ("http://localhost:8081/alerts", "http://localhost:8081/alerts"),
        ("http://[::1]:8081/alerts", "http://[::1]:8081/alerts"),
        ("https://hooks.example.com/services/T0/B0/xyza1b2", "https://hooks.example.com/…a1b2"),
        ("https://hooks.example.com/services", "https://hooks.example.com/…"),
        ("https://hooks.example.com/?key=1", "https://hooks.example.com/…"),
        ("https://user:password@hooks.example.com/alerts", "https://hooks.example.com/alerts"),
        ("https://a@b:p@ss@hooks.example.com/", "https://hooks.example.com/"),
    ],
)
def test_a_masked_url_still_says_which_one_it_is(url: str, masked: str) -> None:
    assert mask_url(url) == masked


# Capitals and digits occur in the token alone, so whatever of it survives can be told apart.
token = st.text("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", min_size=12, max_size=60)


@given(
    token,
    st.sampled_from(
        [
            "https://hooks.example.com/{}",
            "https://hooks.example.com/services/{}",
            "https://hooks.example.com/{}/alerts",
            "https://hooks.example.com/a;{}",
            "https://hooks.example.com?key={}",
            "https://hooks.example.com/a?key={}&b=c",
        ]
    ),
)
def test_no_more_than_the_last_four_characters_of_a_token_survive(token: str, url: str) -> None:
    masked = mask_url(url.format(token))
    survived = "".join(character for character in masked if character.isupper() or character.isdigit())
    assert survived in ("", token[-4:], token[-3:], token[-2:], token[-1:])


@given(
    token,
    st.sampled_from(["https://{}@example.com/a", "https://u:{}@example.com/a", "https://{}:p@example.com/a"]),
)
def test_nothing_of_a_user_or_a_password_survives(token: str, url: str) -> None:
    assert mask_url(url.format(token)) == "https://example.com/a"


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("/login", "/login"),
        ("/hooks/SUPERTOKEN123", "/…N123"),
        ("https://elsewhere.example.com/hooks/SUPERTOKEN123", "https://elsewhere.example.com/…N123"),
        ("https://[::1", "…"),
        ("", ""),
    ],
)
def test_where_a_redirect_points_is_told_without_the_token_in_it(location: str, shown: str):
    assert mask_location(location) == shown
