"""Verifies signatures by Standard Webhooks 1.0, and finds the mistake behind a wrong one.

A wrong signature does not say why it is wrong. So this module makes the common mistakes itself: the one that
yields the received signature is the cause.
"""

import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from tui.domain.alert import decode_json
from tui.domain.secret import signing_key
from tui.domain.signature import HEADERS, form_problem, lateness, signature, timestamp_problem

_REMEMBERED = 1000
_LONGEST_REWRITTEN = 256 * 1024


@dataclass(frozen=True, slots=True)
class Signed:
    """The content that a signature covers."""

    webhook_id: str
    timestamp: int
    body: bytes


@dataclass(slots=True)
class Verifier:
    """Verifies requests. It remembers recent valid signatures, to recognize one sent with other content."""

    secret: str
    _seen: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    """The webhook-id and timestamp of each valid signature."""

    def verdict(self, header: Callable[[str], str], body: bytes, now: int) -> str:
        """Return one line that starts with `signed`, `badly signed` or `not signed`.

        `header` returns the value of a header, "" for none. `now` is in Unix seconds. Raises Invalid if
        `secret` is not a valid signing secret.
        """
        webhook_id, timestamp, signatures = (header(name).strip() for name in HEADERS)
        missing = [name for name in HEADERS if not header(name).strip()]
        if missing:
            return f"not signed: missing {' and '.join(missing)}"
        if problem := timestamp_problem(timestamp) or form_problem(signatures.split()):
            return f"badly signed: {problem}"
        signed = Signed(webhook_id, int(timestamp), body)
        given = [each for each in signatures.split() if each.startswith("v1,")]
        late = lateness(signed.timestamp, now)
        if not _matches(given, signature(self.secret, webhook_id, signed.timestamp, body)):
            return f"badly signed: {self._why(signed, given)}{f'; and {late}' if late else ''}"
        self._remember(signed, given)
        if late:
            return f"badly signed: the signature is valid, but {late}"
        return "signed" if len(given) == 1 else f"signed, by one of {len(given)} signatures"

    def _remember(self, signed: Signed, given: list[str]) -> None:
        self._seen.update(dict.fromkeys(given, (signed.webhook_id, signed.timestamp)))
        while len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]

    def _why(self, signed: Signed, given: list[str]) -> str:
        for before in (self._seen[each] for each in given if each in self._seen):
            return _what_was_changed(signed, *before)
        for words, candidate in _mistakes(self.secret, signed):
            if _matches(given, candidate):
                return words
        return "the secret differs, or the webhook-id, timestamp or body was changed in transit"


def _matches(given: list[str], right: str) -> bool:
    return any(hmac.compare_digest(right.encode(), each.encode()) for each in given)


def _what_was_changed(signed: Signed, before_id: str, before_at: int) -> str:
    """Describe the change, given the webhook-id and timestamp of the same signature when it was valid."""
    if signed.webhook_id != before_id:
        return f"webhook-id was changed: this is the signature of {before_id[:80]}"
    if signed.timestamp != before_at:
        return f"webhook-timestamp was changed: this is the signature of {before_at}"
    return "the body was changed: this signature came earlier with another body"


# --- common mistakes


def _mistakes(secret: str, signed: Signed) -> Iterator[tuple[str, str]]:
    """Yield each mistake and the signature that it yields."""
    webhook_id, timestamp, body = signed.webhook_id, signed.timestamp, signed.body
    for words, other in _other_bodies(body):
        mistake = f"the body was changed in transit: the signature matches it {words}"
        yield mistake, signature(secret, webhook_id, timestamp, other)
    content = f"{webhook_id}.{timestamp}.".encode() + body
    for words, key in _other_keys(secret):
        yield f"the key is {words}; use the base64 after whsec_, decoded", _hmac(key, content)
    right_key = signing_key(secret)
    for words, other in (
        ("the body alone", body),
        ("time and body, without the webhook-id", f"{timestamp}.".encode() + body),
        ("webhook-id and body, without the time", f"{webhook_id}.".encode() + body),
    ):
        yield f"the sender signed {words}; sign id.timestamp.body", _hmac(right_key, other)


def _other_keys(secret: str) -> Iterator[tuple[str, bytes]]:
    yield "the text of the secret, whsec_ included", secret.encode()
    yield "the text after whsec_", secret.removeprefix("whsec_").encode()


def _hmac(key: bytes, content: bytes) -> str:
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def _other_bodies(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the body as programs change it that parse JSON and write it again."""
    if body != body.strip():
        yield "without the spaces or line ends around it", body.strip()
    for end in (b"\n", b"\r\n"):
        yield "with a line end after it", body + end
    if len(body) > _LONGEST_REWRITTEN:
        return
    with contextlib.suppress(ValueError, RecursionError):  # not JSON, or nested too deeply
        read = decode_json(body.decode())
        for (spaces, spacing), (order, by_key), (escapes, in_ascii) in product(
            _SPACINGS.items(),
            (("", False), (", its keys in order", True)),
            (("", False), (", in ASCII", True)),
        ):
            text = json.dumps(read, ensure_ascii=in_ascii, sort_keys=by_key, **spacing)
            yield f"as JSON {spaces}{order}{escapes}", text.encode(errors="surrogatepass")


_SPACINGS: dict[str, Any] = {
    "without spaces": {"separators": (",", ":")},
    "with spaces after , and :": {"separators": (", ", ": ")},
    "indented by 2": {"indent": 2},
    "indented by 4": {"indent": 4},
}
