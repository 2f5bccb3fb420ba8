"""The Authorization header, set as a bearer token or as user and password.

The token or the password can be a reference (`env:NAME`, `file:PATH`), which is read for every request.
"""

import base64
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from tui.domain.errors import Invalid
from tui.domain.headers import Header, only_once
from tui.domain.secret import Secret, check_reference

NAME = "Authorization"


class Scheme(StrEnum):
    BEARER = "Bearer"
    BASIC = "Basic"


class Typed(NamedTuple):
    """What a user types for an Authorization header."""

    scheme: Scheme
    user: str
    secret: str
    """The token or the password. Empty for a stored one, which is never shown; a reference is shown."""


_REFERENCES = ("env:", "file:")
_SCHEMES = {scheme.lower(): scheme for scheme in Scheme}
_TOKEN = re.compile(r"[!-~]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def bearer(token: str) -> Header:
    """Return the header for a bearer token (RFC 6750). Raises Invalid (`authorization`)."""
    token = token.strip()
    secret = Secret(f"Bearer {token}")
    if token.lower().startswith("bearer "):
        raise Invalid("authorization", "remove 'Bearer' before the token")
    if not secret.is_reference and not _TOKEN.fullmatch(token):
        raise Invalid("authorization", "a token must be ASCII without spaces, or env:NAME or file:PATH")
    check_reference(secret, "authorization")
    return Header(NAME, secret)


def basic(user: str, password: str) -> Header:
    """Return the header for a user and password (RFC 7617). Raises Invalid (`authorization`)."""
    if ":" in user:
        raise Invalid("authorization", "a user name cannot contain a colon: the password follows the colon")
    if _CONTROL.search(user + password):
        raise Invalid("authorization", "user and password cannot contain control characters")
    if not user and not password:
        raise Invalid("authorization", "enter a user and a password")
    if password.startswith(_REFERENCES):
        secret = Secret(f"Basic {user}:{password}")
        check_reference(secret, "authorization")
        return Header(NAME, secret)
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Header(NAME, Secret(f"Basic {encoded}"))


def parse_basic(typed: str) -> Header:
    """Parse `USER:PASSWORD`, or a reference to it. Raises Invalid (`authorization`)."""
    if typed.startswith(_REFERENCES):
        secret = Secret(f"Basic {typed}")
        check_reference(secret, "authorization")
        return Header(NAME, secret)
    user, colon, password = typed.partition(":")
    if not colon:
        raise Invalid("authorization", "write USER:PASSWORD; the password may be env:NAME or file:PATH")
    return basic(user, password)


def as_typed(header: Header) -> Typed | None:
    """Return what a user types for `header`; None unless it is set with `bearer` or `basic`."""
    scheme, _, rest = header.value.value.partition(" ")
    if header.name.lower() != NAME.lower() or scheme.lower() not in _SCHEMES:
        return None
    scheme, reference, rest = _SCHEMES[scheme.lower()], header.value.reference, rest.lstrip()
    user = rest.removesuffix(f":{reference}") if reference else ""
    if scheme is Scheme.BASIC and user == reference != "":
        return None  # user and password are one reference
    return Typed(scheme, user if scheme is Scheme.BASIC else "", reference)


def split(headers: Sequence[Header]) -> tuple[tuple[Header, ...], Header | None]:
    """Split headers into those typed as whole lines and the one set with `bearer` or `basic`."""
    own = next((header for header in headers if as_typed(header)), None)
    return tuple(header for header in headers if header is not own), own


def join(others: Sequence[Header], own: Header | None, before: Sequence[Header]) -> tuple[Header, ...]:
    """Reverse `split`: insert `own` where an Authorization header was `before`, else at the end.

    Raises Invalid (`header`) if `others` contains one as well.
    """
    if own is None:
        return tuple(others)
    names = [header.name.lower() for header in before]
    place = names.index(NAME.lower()) if NAME.lower() in names else len(others)
    return only_once((*others[:place], own, *others[place:]))
