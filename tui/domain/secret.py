"""Values that are masked when shown: secrets, references to secrets, and URLs that contain a token."""

import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from tui.domain.errors import Invalid

MASK = "••••••"
PREFIX = "whsec_"
# After a scheme, as in an Authorization header: `Bearer env:TOKEN`, `Basic file:PATH`.
_REFERENCE = re.compile(r"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+ +)?)((?:env|file):.*)", re.DOTALL)
_PASSWORD = re.compile(r"(Basic +[^:]*:)((?:env|file):.*)", re.DOTALL | re.IGNORECASE)
_SCHEME = re.compile(r"(Bearer|Basic) +", re.IGNORECASE)


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A secret value or a reference to one (`env:NAME`, `file:PATH`). Printing it never reveals the value.

    As in an Authorization header, the reference can follow a scheme (`Bearer env:TOKEN`), and a reference to
    a password can follow the user (`Basic soc:env:PASSWORD`).
    """

    value: str

    def __repr__(self) -> str:
        return f"Secret({self.shown})"

    __str__ = __repr__

    @property
    def is_reference(self) -> bool:
        """Whether the value is stored elsewhere and is read only when a request is sent."""
        return bool(self.reference)

    @property
    def reference(self) -> str:
        """`env:NAME` or `file:PATH`; empty if this is not a reference."""
        return self._parts[1]

    def around(self, referred: str) -> str:
        """Return the whole value with the reference replaced by `referred`; unchanged without a reference.

        User and password are encoded in base64 (RFC 7617). Base64 contains no colon, so a value without a
        colon is treated as already encoded.
        """
        before, reference = self._parts
        if not reference:
            return self.value
        scheme, _, user = before.partition(" ")
        credentials = user.lstrip() + referred
        if scheme.lower() == "basic" and ":" in credentials:
            return f"{scheme} {base64.b64encode(credentials.encode()).decode()}"
        return before + referred

    @property
    def _parts(self) -> tuple[str, str]:
        """The text before the reference, and the reference."""
        match = _REFERENCE.fullmatch(self.value) or _PASSWORD.fullmatch(self.value)
        return (match[1], match[2]) if match else ("", "")

    @property
    def shown(self) -> str:
        """The secret as shown to users: a reference as it is, a value masked."""
        if self.is_reference:
            return self.value
        scheme = _SCHEME.match(self.value)
        return f"{scheme[0]}{MASK}" if scheme else MASK


def signing_key(secret: str) -> bytes:
    """Return the HMAC key of a Standard Webhooks secret: 24 to 64 bytes in base64 after `whsec_`.

    Raises Invalid (`secret`) with a message that says how to fix the pasted value.
    """
    if secret.startswith("v1,"):
        raise Invalid("secret", "remove the 'v1,' prefix: a signing secret starts with whsec_")
    if not secret.startswith(PREFIX):
        raise Invalid("secret", "a signing secret must start with whsec_, followed by base64")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise Invalid(
            "secret", "the text after whsec_ is not valid base64; check that the secret is complete"
        ) from None
    if not 24 <= len(key) <= 64:
        raise Invalid("secret", f"a signing secret must encode 24 to 64 bytes; this one encodes {len(key)}")
    return key


def format_secret(key: bytes) -> str:
    """Return the signing secret for a key of random bytes, the reverse of `signing_key`."""
    return PREFIX + base64.b64encode(key).decode()


def parse_secret(value: str) -> Secret | None:
    """Parse a signing secret or a reference to one; blank means none. Raises Invalid (`secret`)."""
    secret = Secret(value.strip())
    if not secret.value:
        return None
    check_reference(secret, "secret")
    if not secret.is_reference:
        signing_key(secret.value)
    return secret


def check_reference(secret: Secret, field: str) -> None:
    """Raise Invalid (`field`) if the reference is empty."""
    if secret.reference in ("env:", "file:"):
        raise Invalid(field, f"{secret.reference} has no name after it; write env:NAME or file:PATH")


def mask_url(url: str) -> str:
    """Mask a URL down to scheme, host and the last four characters: `https://hooks.example.com/…a1b2`.

    A path of at most eight characters (`/alerts`) contains no token and is shown. User, password and query
    are never shown.
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    tail = parts.path + (f"?{parts.query}" if parts.query else "")
    if parts.query or len(parts.path) > 8:
        tail = f"/…{tail[-4:]}" if len(tail) > 12 else "/…"
    return f"{parts.scheme}://{host}{tail}"


def mask_location(location: str) -> str:
    """Mask a `Location` header like a URL: a redirect often repeats the token of the request."""
    if "://" not in location:
        return location if len(location) <= 8 else f"/…{location[-4:]}"
    try:
        return mask_url(location)
    except ValueError:
        return "…"
