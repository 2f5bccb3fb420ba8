"""Bearer tokens, users and passwords: what a person sets, and the Authorization header it becomes."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.domain.authorization import Scheme, as_typed, basic, bearer, join, parse_basic, split
from tui.domain.errors import Invalid
from tui.domain.headers import Header, is_header_value
from tui.domain.secret import MASK, Secret

TYPABLE = st.text(st.characters(exclude_categories=["Cc", "Cs"]))


def encoded(credentials: str) -> str:
    return "Basic " + base64.b64encode(credentials.encode()).decode()


@pytest.mark.parametrize("token", ["abc", "eyJ.a-b_c~d+e/f==", "env:TOKEN", "file:/run/secrets/to ken"])
def test_a_bearer_token_becomes_an_authorization(token: str) -> None:
    assert bearer(f" {token}\n") == Header("Authorization", Secret(f"Bearer {token}"))


@pytest.mark.parametrize(
    ("token", "says"),
    [
        ("", "a token must be ASCII without spaces, or env:NAME or file:PATH"),
        ("two words", "a token must be ASCII without spaces, or env:NAME or file:PATH"),
        ("tökén", "a token must be ASCII without spaces, or env:NAME or file:PATH"),
        ("a\r\nX-Admin: yes", "a token must be ASCII without spaces, or env:NAME or file:PATH"),
        ("Bearer abc", "remove 'Bearer' before the token"),
        ("env:", "env: has no name after it; write env:NAME or file:PATH"),
    ],
)
def test_what_is_no_token_is_refused_unseen(token: str, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        bearer(token)
    assert (caught.value.field, caught.value.message) == ("authorization", says)


@given(TYPABLE.filter(lambda user: ":" not in user), TYPABLE)
def test_user_and_password_go_out_in_base64(user: str, password: str) -> None:
    if (not user and not password) or password.startswith(("env:", "file:")):
        return
    header = basic(user, password)
    assert header == Header("Authorization", Secret(encoded(f"{user}:{password}")))
    assert is_header_value(header.value.value)


@pytest.mark.parametrize("reference", ["env:PASSWORD", "file:/run/secrets/a:b"])
def test_the_password_may_be_a_reference_and_is_encoded_when_it_is_known(reference: str) -> None:
    header = parse_basic(f"zoë d:{reference}")
    assert header.value == Secret(f"Basic zoë d:{reference}")
    assert header.value.reference == reference
    assert header.value.around("pä:ss") == encoded("zoë d:pä:ss")


def test_user_and_password_may_be_one_reference() -> None:
    both = parse_basic("env:CREDENTIALS").value
    assert both.reference == "env:CREDENTIALS"
    assert both.around("soc:pass") == encoded("soc:pass")
    assert both.around("c29jOnBhc3M=") == "Basic c29jOnBhc3M="  # it is encoded already


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("soc", "write USER:PASSWORD; the password may be env:NAME or file:PATH"),
        ("", "write USER:PASSWORD; the password may be env:NAME or file:PATH"),
        (":", "enter a user and a password"),
        ("so\nc:pass", "user and password cannot contain control characters"),
        ("soc:pa\0ss", "user and password cannot contain control characters"),
        ("soc:env:", "env: has no name after it; write env:NAME or file:PATH"),
        ("file:", "file: has no name after it; write env:NAME or file:PATH"),
    ],
)
def test_what_is_no_user_and_password_is_refused(typed: str, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_basic(typed)
    assert (caught.value.field, caught.value.message) == ("authorization", says)


def test_a_user_typed_apart_has_no_colon() -> None:
    with pytest.raises(Invalid, match="a user name cannot contain a colon"):
        basic("a:b", "c")


@pytest.mark.parametrize("typed", ["user:", ":token"])
def test_one_of_both_may_be_empty(typed: str) -> None:
    assert parse_basic(typed).value == Secret(encoded(typed))


def test_the_scheme_is_shown_and_what_follows_it_only_where_it_is_a_reference() -> None:
    assert bearer("s3cret").value.shown == f"Bearer {MASK}"
    assert basic("soc", "s3cret").value.shown == f"Basic {MASK}"
    assert bearer("env:TOKEN").value.shown == "Bearer env:TOKEN"
    assert basic("soc", "env:PASSWORD").value.shown == "Basic soc:env:PASSWORD"
    assert Secret("s3cret").shown == Secret("Splunk s3cret").shown == MASK


@pytest.mark.parametrize(
    ("value", "reference"),
    [
        ("env:A", "env:A"),
        ("Splunk env:A", "env:A"),
        ("Bearer  file:/a b", "file:/a b"),
        ("Bearer abc", ""),
        ("two words env:A", ""),
        ("Bearer soc:env:A", ""),
        ("environment:A", ""),
    ],
)
def test_a_reference_may_stand_behind_any_scheme(value: str, reference: str) -> None:
    assert Secret(value).reference == reference
    assert Secret(value).around("x") == (value.replace(reference, "x") if reference else value)


@pytest.mark.parametrize(
    ("header", "typed"),
    [
        (bearer("s3cret"), (Scheme.BEARER, "", "")),
        (bearer("env:TOKEN"), (Scheme.BEARER, "", "env:TOKEN")),
        (basic("soc", "s3cret"), (Scheme.BASIC, "", "")),
        (basic("soc", "file:/a:b"), (Scheme.BASIC, "soc", "file:/a:b")),
        (basic("", "env:PASSWORD"), (Scheme.BASIC, "", "env:PASSWORD")),
        (Header("authorization", Secret("bearer s3cret")), (Scheme.BEARER, "", "")),
        (parse_basic("env:BOTH"), None),
        (Header("Authorization", Secret("Splunk s3cret")), None),
        (Header("Authorization", Secret("s3cret")), None),
        (Header("X-Token", Secret("Bearer s3cret")), None),
    ],
)
def test_what_was_typed_can_be_shown_again_but_for_its_secret(
    header: Header, typed: tuple[str, str, str] | None
) -> None:
    assert as_typed(header) == typed


@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_is_taken_out_of_headers_goes_back_to_its_place(place: int) -> None:
    headers = [Header("X-A", Secret("1")), Header("X-B", Secret("2"))]
    headers.insert(place, bearer("s3cret"))
    others, own = split(headers)
    assert (len(others), own) == (2, bearer("s3cret"))
    assert join(others, own, headers) == tuple(headers)
    renewed = join(others, bearer("env:TOKEN"), headers)
    assert [header.name for header in renewed] == [header.name for header in headers]
    assert join(others, None, headers) == others
    assert join(others, own, others) == (*others, own)


def test_an_authorization_beside_another_is_refused() -> None:
    other = Header("authorization", Secret("Splunk x"))
    assert split([other]) == ((other,), None)
    with pytest.raises(Invalid, match="is given twice"):
        join([other], bearer("x"), [other])
