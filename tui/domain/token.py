"""Tokens: the credentials of senders at the HTTP endpoint.

Only the SHA-256 of a token is stored. Passwords need a slow hash such as bcrypt because they can be guessed;
256 random bits cannot be guessed, whatever the hash. A fast hash is cheap enough for every request, and
reading the database still reveals no token.

A sender that signs its requests presents no token. Verifying needs the secret itself, so it is stored as it
is, like the secrets of destinations, until the token is revoked.
"""

import base64
import hashlib
from dataclasses import dataclass
from enum import StrEnum

from tui.domain.errors import Invalid
from tui.domain.secret import PREFIX as SECRET_PREFIX
from tui.domain.secret import Secret
from tui.domain.signature import Scheme
from tui.domain.span import time_span

PREFIX = "tcs_"
"""Identifies a token to users and to tools that scan repositories for secrets."""
SIZE = 32
"""Random bytes in a token."""


class Standing(StrEnum):
    """The state of a token."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is stored. Times are milliseconds since 1970."""

    name: str
    digest: str
    """See `digest_of`. For a sender that signs, the digest of a token that nobody has."""
    rate: float | None = None
    """The maximum of requests per second; None for the endpoint's default."""
    expires_at: int | None = None
    created_at: int = 0
    last_used_at: int | None = None
    """Accurate to about a minute."""
    revoked_at: int | None = None
    id: int = 0
    verify: Scheme | None = None
    """How its sender signs; None if it presents the token."""
    secret: Secret | None = None
    """The secret that verifies the signatures; None for other tokens, and once it is revoked."""

    def standing(self, now: int) -> Standing:
        if self.revoked_at is not None:
            return Standing.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return Standing.EXPIRED
        return Standing.ACTIVE


def format_token(key: bytes) -> str:
    """Return the token for `SIZE` random bytes, as given to its sender."""
    return PREFIX + base64.urlsafe_b64encode(key).decode().rstrip("=")


def digest_of(token: str) -> str:
    """Return the SHA-256 of `token` in hexadecimal. Accepts any text, even if it is not a token."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def parse_token_name(typed: str) -> str:
    """Return a token's name, which logs and lists show, trimmed. Raises Invalid (`name`)."""
    name = typed.strip()
    if not name:
        raise Invalid("name", "enter a name for the token: the sender that will use it")
    if len(name) > 80:
        raise Invalid("name", f"a token's name can have at most 80 characters; this one has {len(name)}")
    if not name.isprintable():
        raise Invalid("name", "a token's name can contain only printable characters")
    for prefix, kind in ((PREFIX, "token"), (SECRET_PREFIX, "secret")):
        if name.startswith(prefix):
            raise Invalid("name", f"this looks like a {kind}, not a name: it starts with {prefix}")
    return name


def parse_expiry(typed: str, now: int) -> int:
    """Return the time (ms) at which a time span from `now` ends. Raises Invalid (`filter` or `expires`)."""
    span = time_span("--expires", typed.strip())
    if not span:
        raise Invalid("expires", "the token would expire at once; use a longer time span")
    return now + span
