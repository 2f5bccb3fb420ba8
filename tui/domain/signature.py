"""Signatures of webhooks: how they are made, and whether a request has a right one.

Standard Webhooks 1.0: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
GitHub: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from enum import StrEnum

from tui.domain.errors import Invalid, Refused
from tui.domain.secret import Secret, check_reference, signing_key

HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
TOLERANCE_S = 300
"""How far the sender's clock may be off."""
_GITHUB = "x-hub-signature-256"
_SHORTEST = 16


class Scheme(StrEnum):
    """How a sender signs its requests."""

    STANDARD = "standard"
    GITHUB = "github"

    @property
    def key_header(self) -> str:
        """The header that names a request, so that a repeat is recognized."""
        return "webhook-id" if self is Scheme.STANDARD else "x-github-delivery"


class NotSigned(Refused):
    """The request has no signature that the secret verifies. The message contains neither of them."""


class Check:
    """Verifies one request while its body arrives, so that the body is not kept for it."""

    def __init__(self, mac: "hmac.HMAC", given: list[bytes]) -> None:
        self._mac = mac
        self._given = given

    def update(self, part: bytes) -> None:
        """Take the next part of the body as it was sent: before decompression."""
        self._mac.update(part)

    def finish(self) -> None:
        """Raise NotSigned unless one of the signatures is right."""
        right = self._mac.digest()
        if not any(hmac.compare_digest(right, each) for each in self._given):
            raise NotSigned(
                "the signature is wrong: the secrets differ, or the request was changed in transit"
            )


def check(scheme: Scheme, secret: str, header: Callable[[str], str], now: int) -> Check:
    """Return the check of a request with these headers; `header` gives "" for a missing one.

    `now` is in unix seconds. Raises NotSigned if the headers alone show that the request is not signed, and
    Invalid for a secret of the wrong form.
    """
    check_secret(scheme, secret)
    if scheme is Scheme.GITHUB:
        name, equals, digest = header(_GITHUB).strip().partition("=")
        if not name:
            raise NotSigned("the request is not signed: X-Hub-Signature-256 is missing")
        if name != "sha256" or not equals or not re.fullmatch("[0-9a-fA-F]{64}", digest):
            raise NotSigned("X-Hub-Signature-256 must be sha256= and 64 hexadecimal digits")
        return Check(hmac.new(secret.encode(), digestmod=hashlib.sha256), [bytes.fromhex(digest)])
    webhook_id, timestamp, signatures = (header(name).strip() for name in HEADERS)
    if missing := [name for name in HEADERS if not header(name).strip()]:
        raise NotSigned(f"the request is not signed: missing {' and '.join(missing)}")
    if problem := timestamp_problem(timestamp) or form_problem(signatures.split()):
        raise NotSigned(problem)
    if late := lateness(int(timestamp), now):
        raise NotSigned(late)
    signed = _standard(secret, webhook_id, timestamp)
    given = (each.removeprefix("v1,") for each in signatures.split() if each.startswith("v1,"))
    return Check(signed, [base64.b64decode(each) for each in given if _is_digest(each)])


def check_secret(scheme: Scheme, secret: str) -> None:
    """Raise Invalid (`secret`) unless this value is strong enough and has the form of the scheme."""
    if scheme is Scheme.STANDARD:
        signing_key(secret)
    elif len(secret) < _SHORTEST:  # with an empty key, anybody could sign
        raise Invalid(
            "secret", f"the secret needs at least {_SHORTEST} characters; this one has {len(secret)}"
        )


def parse_verifying_secret(scheme: Scheme, given: str) -> Secret:
    """Parse the secret of a sender, or a reference to one. Raises Invalid (`secret`)."""
    secret = Secret(given.strip())
    check_reference(secret, "secret")
    if not secret.is_reference:
        check_secret(scheme, secret.value)
    return secret


def signature(secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return the Standard Webhooks signature of `id.timestamp.body`. Raises Invalid for a bad secret."""
    mac = _standard(secret, webhook_id, str(timestamp))
    mac.update(body)
    return "v1," + base64.b64encode(mac.digest()).decode()


def _standard(secret: str, webhook_id: str, timestamp: str) -> "hmac.HMAC":
    return hmac.new(signing_key(secret), f"{webhook_id}.{timestamp}.".encode(), hashlib.sha256)


def timestamp_problem(timestamp: str) -> str:
    """Return what is wrong with the form of webhook-timestamp; empty if nothing is."""
    if not re.fullmatch("[0-9]{1,16}", timestamp):
        return "webhook-timestamp is not a number of seconds since 1970"
    if len(timestamp) > 11:
        return "webhook-timestamp is in milliseconds or smaller units; use seconds"
    return ""


def form_problem(signatures: list[str]) -> str:
    """Return what is wrong with the form of all signatures; empty if one could be right."""
    versions = [version for version, comma, _ in (each.partition(",") for each in signatures) if comma]
    if not versions:
        return "no signature starts with its version; write v1,<base64>"
    values = [each.removeprefix("v1,") for each in signatures if each.startswith("v1,")]
    if not values:
        return f"the version {versions[0][:20]} is unknown; a whsec_ secret uses v1"
    if any(_is_digest(value) for value in values):
        return ""
    if re.fullmatch("[0-9a-fA-F]{64}", values[0]):
        return "the signature is in hex; use base64"
    return "the signature is not the base64 of 32 bytes; was it cut off?"


def lateness(timestamp: int, now: int) -> str:
    """Say how far `timestamp` is outside the tolerance; empty if it is inside. Both in unix seconds."""
    late = now - timestamp
    if abs(late) <= TOLERANCE_S:
        return ""
    return (
        f"webhook-timestamp is {abs(late)} s in the {'past' if late > 0 else 'future'}, and at most "
        f"{TOLERANCE_S} s are allowed: a clock is wrong, or the request was delayed or replayed"
    )


def _is_digest(value: str) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == hashlib.sha256().digest_size
    except (binascii.Error, ValueError):
        return False
