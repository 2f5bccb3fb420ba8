"""What a request says beside its body: its content type, its credentials, and the key that names it."""

import hashlib

from starlette.requests import Request

from tui.domain.token import Token
from tui.intake.answers import Answered
from tui.intake.guard import IN_URL

TYPES = (
    "application/json",
    "application/x-ndjson",
    "application/jsonl",
    "application/json-lines",
    "text/json",
)
_LOOSE_TYPES = ("", "application/octet-stream")
_ENCODINGS = ("identity", "gzip", "x-gzip", "")
KEY_HEADERS = ("idempotency-key", "webhook-id", "x-github-delivery")
"""Headers that name one request, so that it is recognized when it is sent again. The first one counts."""


def check_type(request: Request) -> None:
    """Raise Answered (415) unless the body may be JSON, plain or compressed with gzip.

    Plain text is accepted only from SNS: web pages can send plain text without a preflight. A type that does
    not say JSON is accepted from programs, which label JSON so, and never from a browser.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    from_sns = kind == "text/plain" and "x-amz-sns-message-type" in request.headers
    loose = kind in _LOOSE_TYPES and not any(name.startswith("sec-fetch-") for name in request.headers)
    if not (kind in TYPES or kind.endswith("+json") or from_sns or loose):
        raise Answered(415, f"alerts are JSON; send Content-Type: application/json, not {kind or 'none'}")
    if request.headers.get("content-encoding", "identity").strip().lower() not in _ENCODINGS:
        raise Answered(415, "the Content-Encoding is not supported; send gzip, or the body uncompressed")


def key_of(request: Request) -> str | None:
    """Return what names this request among those of its token. Raises Answered (422) for a bad key."""
    token: Token | None = request.state.token
    # Of a signed request, no other header counts: whoever captured it could send it again under another key.
    for name in (token.verify.key_header,) if token and token.verify else KEY_HEADERS:
        key = request.headers.get(name)
        if key is None:
            continue
        if not 1 <= len(key) <= 255:
            raise Answered(422, f"{name.title()} must have 1 to 255 characters")
        # The key belongs to its token: one sender cannot swallow another's alert by using the same key.
        return key if token is None else f"{key} of token {token.id}"
    return None


def id_for(idempotency_key: str, index: int) -> str:
    """Derive an alert id from an idempotency key, so that a request sent again is recognized."""
    return hashlib.sha256(f"{index} {idempotency_key}".encode()).hexdigest()[:32]


def credentials(request: Request) -> str:
    """Return the Authorization header. Without one, the token of the URL takes its place."""
    header = request.headers.get("authorization", "")
    given = request.scope.get(IN_URL)
    return header if header or not given else f"Bearer {given}"
