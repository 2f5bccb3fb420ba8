"""Verification of signatures, and the names of common mistakes."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from tests.conftest import NOW
from tui.delivery.verification import Verifier
from tui.domain.secret import format_secret
from tui.domain.signature import signature

SECRET = format_secret(b"the signing key of this test")
OTHER = format_secret(b"the signing key of another one")
AT = NOW // 1000
BODY = '{"title":"Zoë ☃","b":1,"a":[1.5,null]}'.encode()


def headers(body: bytes = BODY, *, id: str = "dlv_1", at: int = AT, secret: str = SECRET) -> dict[str, str]:
    """Return the headers that the official package makes."""
    signed = Webhook(secret).sign(id, datetime.fromtimestamp(at, UTC), body.decode())
    return {"webhook-id": id, "webhook-timestamp": str(at), "webhook-signature": signed}


def verdict(given: Mapping[str, str], body: bytes = BODY, *, verifier: Verifier | None = None) -> str:
    return (verifier or Verifier(SECRET)).verdict(lambda name: given.get(name, ""), body, AT)


def v1(key: bytes, content: bytes) -> str:
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def test_a_signature_of_the_official_package_is_valid() -> None:
    assert verdict(headers()) == "signed"


def test_one_valid_signature_of_several_is_enough() -> None:
    old, new = headers(secret=OTHER), headers()
    both = f"{new['webhook-signature']} {old['webhook-signature']}"
    assert verdict(new | {"webhook-signature": both}) == "signed, by one of 2 signatures"
    assert verdict(new | {"webhook-signature": f"v1a,xyz {new['webhook-signature']}"}) == "signed"


@pytest.mark.parametrize(
    ("late", "says"),
    [
        (300, "signed"),
        (-300, "signed"),
        (
            301,
            "badly signed: the signature is valid, but webhook-timestamp is 301 s in the past, and at most",
        ),
        (
            -412,
            "badly signed: the signature is valid, but webhook-timestamp is 412 s in the future, and at most",
        ),
    ],
)
def test_a_clock_may_differ_by_five_minutes(late: int, says: str) -> None:
    assert verdict(headers(at=AT - late)).startswith(says)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_named(name: str) -> None:
    assert verdict(headers() | {name: " "}) == f"not signed: missing {name}"
    assert verdict({}) == ("not signed: missing webhook-id and webhook-timestamp and webhook-signature")


KEY = b"the signing key of this test"
CONTENT = f"dlv_1.{AT}.".encode() + BODY


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"webhook-timestamp": "yesterday"}, "webhook-timestamp is not a number of seconds since 1970"),
        ({"webhook-timestamp": "-5"}, "webhook-timestamp is not a number of seconds since 1970"),
        ({"webhook-timestamp": f"{AT}000"}, "webhook-timestamp is in milliseconds or smaller units"),
        ({"webhook-signature": "v1a,abc"}, "the version v1a is unknown; a whsec_ secret uses v1"),
        ({"webhook-signature": "dGVzdA=="}, "no signature starts with its version"),
        (
            {"webhook-signature": "v1," + hmac.new(KEY, CONTENT, "sha256").hexdigest()},
            "the signature is in hex",
        ),
        (
            {"webhook-signature": "v1,dGVzdA=="},
            "the signature is not the base64 of 32 bytes; was it cut off?",
        ),
        ({"webhook-signature": "v1,☃"}, "the signature is not the base64 of 32 bytes; was it cut off?"),
        (
            {"webhook-signature": v1(SECRET.encode(), CONTENT)},
            "the key is the text of the secret, whsec_ included",
        ),
        ({"webhook-signature": v1(SECRET[6:].encode(), CONTENT)}, "the key is the text after whsec_;"),
        (
            {"webhook-signature": v1(KEY, BODY)},
            "the sender signed the body alone; sign id.timestamp.body",
        ),
        (
            {"webhook-signature": v1(KEY, f"{AT}.".encode() + BODY)},
            "the sender signed time and body, without the webhook-id",
        ),
        (
            {"webhook-signature": v1(KEY, b"dlv_1." + BODY)},
            "the sender signed webhook-id and body, without the time",
        ),
        (
            headers(secret=OTHER),
            "the secret differs, or the webhook-id, timestamp or body was changed in transit",
        ),
    ],
)
def test_each_mistake_is_named(changed: dict[str, str], says: str) -> None:
    assert verdict(headers() | changed).startswith(f"badly signed: {says}")


def rewritten(**options: Any) -> bytes:
    return json.dumps(json.loads(BODY), **options).encode()


@pytest.mark.parametrize(
    ("arrived", "signed_as"),
    [
        (rewritten(), "as JSON without spaces"),
        (rewritten(indent=2), "as JSON without spaces"),
        (
            rewritten(ensure_ascii=False, separators=(",", ":")) + b"\n",
            "without the spaces or line ends around it",
        ),
    ],
)
def test_a_reformatted_body_is_recognized(arrived: bytes, signed_as: str) -> None:
    says = f"badly signed: the body was changed in transit: the signature matches it {signed_as}"
    assert verdict(headers(), arrived) == says


def test_a_body_signed_after_reformatting_is_recognized() -> None:
    signed = {
        "as JSON with spaces after , and :, in ASCII": rewritten(),
        "as JSON indented by 2, its keys in order": rewritten(indent=2, sort_keys=True, ensure_ascii=False),
        "as JSON without spaces, its keys in order": rewritten(
            sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ),
        "with a line end after it": BODY + b"\n",
    }
    for words, body in signed.items():
        assert verdict(headers(body)).endswith(words)


def test_a_change_to_an_earlier_request_is_named() -> None:
    verifier = Verifier(SECRET)
    assert verdict(headers(), verifier=verifier) == "signed"
    for changed, body, says in (
        ({"webhook-id": "dlv_2"}, BODY, "webhook-id was changed: this is the signature of dlv_1"),
        (
            {"webhook-timestamp": str(AT + 1)},
            BODY,
            f"webhook-timestamp was changed: this is the signature of {AT}",
        ),
        ({}, b"{}", "the body was changed: this signature came earlier with another body"),
    ):
        assert verdict(headers() | changed, body, verifier=verifier) == f"badly signed: {says}"


def test_a_wrong_clock_is_named_in_addition() -> None:
    said = verdict(headers(secret=OTHER, at=AT - 3600))
    assert said.startswith("badly signed: the secret differs")
    assert "; and webhook-timestamp is 3600 s in the past" in said


@given(st.binary(max_size=60), st.dictionaries(st.sampled_from(list(headers())), st.text(max_size=60)))
def test_any_input_gets_a_verdict_and_only_signed_requests_pass(body: bytes, changed: dict[str, str]) -> None:
    given = headers() | changed
    right = signature(SECRET, "dlv_1", AT, BODY)
    said = verdict(given, body)
    assert said.startswith(("badly signed: ", "not signed: ")) or (
        body == BODY and right in given["webhook-signature"].split()
    )


def test_a_huge_body_is_not_reformatted_in_every_way() -> None:
    huge = json.dumps({"a": "x" * 300_000}).encode()
    assert "the secret differs" in verdict(headers(), huge)
