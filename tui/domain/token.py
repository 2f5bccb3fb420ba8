"""Tokens: what a sender shows the HTTP endpoint to be let in, and all that is kept of one.

Only the SHA-256 of a token is kept. A password needs bcrypt or the like, slow on purpose, because people
choose few and they are tried out; 256 random bits cannot be, by whatever hash. A fast one lets every
request be checked, and who reads the database still has no token.
"""

import base64
import hashlib
from dataclasses import dataclass
from enum import StrEnum

from tui.domain.errors import Invalid
from tui.domain.filter import time_span

PREFIX = "tcs_"
"""Tells a person, and a tool that looks for secrets in a repository, what this is."""
SIZE = 32
"""Random bytes in a token."""


class Standing(StrEnum):
    """How a token stands."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Token:
    """All that is kept of a token. Moments are milliseconds since 1970."""

    name: str
    digest: str
    """See `digest_of`."""
    rate: float | None = None
    """Requests per second; None is what the endpoint allows everyone."""
    expires_at: int | None = None
    created_at: int = 0
    last_used_at: int | None = None
    """To the minute, or so."""
    revoked_at: int | None = None
    id: int = 0

    def standing(self, now: int) -> Standing:
        if self.revoked_at is not None:
            return Standing.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return Standing.EXPIRED
        return Standing.ACTIVE


def format_token(key: bytes) -> str:
    """A token of `SIZE` random bytes, as its sender keeps it."""
    return PREFIX + base64.urlsafe_b64encode(key).decode().rstrip("=")


def digest_of(token: str) -> str:
    """SHA-256, in hexadecimal. Takes any text, also one that is no token."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def parse_token_name(typed: str) -> str:
    """What the log and lists call it, trimmed; raises Invalid (`name`)."""
    name = typed.strip()
    if not name:
        raise Invalid("name", "enter a name for the token: the sender that will use it")
    if len(name) > 80:
        raise Invalid("name", f"a token's name can have at most 80 characters; this one has {len(name)}")
    if not name.isprintable():
        raise Invalid("name", "a token's name can contain only printable characters")
    if name.startswith(PREFIX):
        raise Invalid("name", f"this looks like a token, not a name: it starts with {PREFIX}")
    return name


def parse_expiry(typed: str, now: int) -> int:
    """The moment a span from `now` ends; raises Invalid."""
    span = time_span("--expires", typed.strip())
    if not span:
        raise Invalid("expires", "the token would expire at once; use a longer time span")
    return now + span
