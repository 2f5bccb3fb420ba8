"""Signatures of senders: the published examples, and what is wrong with others."""

import hmac
from base64 import b64encode

import pytest

from tests.conftest import NOW
from tui.domain.errors import Invalid
from tui.domain.secret import format_secret
from tui.domain.signature import NotSigned, Scheme, check, parse_verifying_secret, signature

AT = NOW // 1000
STANDARD = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
"""https://github.com/standard-webhooks/standard-webhooks: the example of its libraries."""
STANDARD_SECRET, STANDARD_BODY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
GITHUB = {
    "x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
}
"""https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries: "Testing"."""
GITHUB_SECRET, GITHUB_BODY = "It's a Secret to Everybody", b"Hello, World!"


def verify(
    scheme: Scheme, secret: str, headers: dict[str, str], *parts: bytes, now: int = 1614265330
) -> None:
    checking = check(scheme, secret, lambda name: headers.get(name, ""), now)
    for part in parts:
        checking.update(part)
    checking.finish()


@pytest.mark.parametrize("cut", [0, 7])
def test_the_published_examples_are_signed(cut: int) -> None:
    for scheme, secret, headers, body in (
        (Scheme.STANDARD, STANDARD_SECRET, STANDARD, STANDARD_BODY),
        (Scheme.GITHUB, GITHUB_SECRET, GITHUB, GITHUB_BODY),
    ):
        verify(scheme, secret, headers, body[:cut], body[cut:])
        with pytest.raises(NotSigned, match="the signature is wrong"):
            verify(scheme, secret, headers, body + b" ")
        with pytest.raises(NotSigned, match="the signature is wrong"):
            verify(scheme, format_secret(b"another secret of 32 characters."), headers, body)


def test_one_right_signature_of_several_is_enough() -> None:
    wrong = "v1," + b64encode(bytes(32)).decode()
    several = f"v1a,xyz {wrong} {STANDARD['webhook-signature']} v1,tooshort"
    verify(Scheme.STANDARD, STANDARD_SECRET, STANDARD | {"webhook-signature": several}, STANDARD_BODY)


@pytest.mark.parametrize(
    ("changes", "late", "words"),
    [
        ({"webhook-id": " "}, 0, "missing webhook-id"),
        ({"webhook-signature": ""}, 0, "missing webhook-signature"),
        ({}, 301, "301 s in the past"),
        ({}, -301, "301 s in the future"),
        ({"webhook-timestamp": "1614265330000"}, 0, "use seconds"),
        ({"webhook-timestamp": "٣"}, 0, "not a number of seconds"),
        ({"webhook-signature": hmac.new(b"", b"", "sha256").hexdigest()}, 0, "write v1,<base64>"),
        ({"webhook-signature": "v2,aaaa"}, 0, "the version v2 is unknown"),
        ({"webhook-timestamp": "1614265331"}, 0, "the signature is wrong"),
        ({"webhook-id": "msg_é"}, 0, "the signature is wrong"),
    ],
)
def test_what_is_wrong_with_a_standard_signature(changes: dict[str, str], late: int, words: str) -> None:
    with pytest.raises(NotSigned, match=words) as caught:
        verify(Scheme.STANDARD, STANDARD_SECRET, STANDARD | changes, STANDARD_BODY, now=1614265330 + late)
    assert STANDARD_SECRET not in str(caught.value)


@pytest.mark.parametrize("late", [300, -300])
def test_a_clock_may_be_five_minutes_off(late: int) -> None:
    verify(Scheme.STANDARD, STANDARD_SECRET, STANDARD, STANDARD_BODY, now=1614265330 + late)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "X-Hub-Signature-256 is missing"),
        ("sha1=757107ea0eb2509fc211221cce984b8a37570b6d", "must be sha256="),
        (GITHUB["x-hub-signature-256"].removeprefix("sha256="), "must be sha256="),
        (GITHUB["x-hub-signature-256"][:-1], "must be sha256="),
        (GITHUB["x-hub-signature-256"][:-1] + "f", "the signature is wrong"),
    ],
)
def test_what_is_wrong_with_a_github_signature(given: str, words: str) -> None:
    with pytest.raises(NotSigned, match=words):
        verify(Scheme.GITHUB, GITHUB_SECRET, {"x-hub-signature-256": given}, GITHUB_BODY)


def test_an_empty_secret_verifies_nothing() -> None:
    forged = "sha256=" + hmac.new(b"", GITHUB_BODY, "sha256").hexdigest()
    with pytest.raises(Invalid, match="at least 16 characters"):
        verify(Scheme.GITHUB, "", {"x-hub-signature-256": forged}, GITHUB_BODY)


def test_what_tocsin_signs_it_also_verifies() -> None:
    secret = format_secret(bytes(32))
    signed = {"webhook-id": "é", "webhook-timestamp": str(AT)}
    signed["webhook-signature"] = signature(secret, "é", AT, b"body")
    verify(Scheme.STANDARD, secret, signed, b"body", now=AT)


@pytest.mark.parametrize(
    ("scheme", "given", "words"),
    [
        (Scheme.STANDARD, "It's a Secret to Everybody", "must start with whsec_"),
        (Scheme.STANDARD, "v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "remove the 'v1,' prefix"),
        (Scheme.GITHUB, " fifteen chars.. ", "at least 16 characters; this one has 15"),
        (Scheme.GITHUB, "env:", "has no name after it"),
    ],
)
def test_a_weak_or_misshapen_secret_is_refused(scheme: Scheme, given: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        parse_verifying_secret(scheme, given)
