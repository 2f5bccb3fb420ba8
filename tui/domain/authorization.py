"""Authorization as a person sets it: a bearer token, or user and password. In the end it is a header.

The token or the password may be a reference (`env:NAME`, `file:PATH`), which is read when it is sent.
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
    """What a person has typed, or would type to get a header again."""

    scheme: Scheme
    user: str
    secret: str
    """The token or the password; empty for one that is stored, which is never shown."""


_REFERENCES = ("env:", "file:")
_SCHEMES = {scheme.lower(): scheme for scheme in Scheme}
_TOKEN = re.compile(r"[!-~]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def bearer(token: str) -> Header:
    """RFC 6750; raises Invalid (`authorization`)."""
    token = token.strip()
    secret = Secret(f"Bearer {token}")
    if token.lower().startswith("bearer "):
        raise Invalid("authorization", "remove 'Bearer' before the token")
    if not secret.is_reference and not _TOKEN.fullmatch(token):
        raise Invalid("authorization", "a token must be ASCII without spaces, or env:NAME or file:PATH")
    check_reference(secret, "authorization")
    return Header(NAME, secret)


def basic(user: str, password: str) -> Header:
    """RFC 7617; raises Invalid (`authorization`)."""
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
    """`USER:PASSWORD`, or a reference to that; raises Invalid (`authorization`)."""
    if typed.startswith(_REFERENCES):
        secret = Secret(f"Basic {typed}")
        check_reference(secret, "authorization")
        return Header(NAME, secret)
    user, colon, password = typed.partition(":")
    if not colon:
        raise Invalid("authorization", "write USER:PASSWORD; the password may be env:NAME or file:PATH")
    return basic(user, password)


def as_typed(header: Header) -> Typed | None:
    """None for a header that is neither of both, and stays one to be typed whole."""
    scheme, _, rest = header.value.value.partition(" ")
    if header.name.lower() != NAME.lower() or scheme.lower() not in _SCHEMES:
        return None
    scheme, reference, rest = _SCHEMES[scheme.lower()], header.value.reference, rest.lstrip()
    user = rest.removesuffix(f":{reference}") if reference else ""
    if scheme is Scheme.BASIC and user == reference != "":
        return None  # user and password are one reference
    return Typed(scheme, user if scheme is Scheme.BASIC else "", reference)


def split(headers: Sequence[Header]) -> tuple[tuple[Header, ...], Header | None]:
    """Those to be typed whole, and the one that is set by `bearer` or `basic`."""
    own = next((header for header in headers if as_typed(header)), None)
    return tuple(header for header in headers if header is not own), own


def join(others: Sequence[Header], own: Header | None, before: Sequence[Header]) -> tuple[Header, ...]:
    """The opposite of `split`: `own` goes where one stood `before`, else behind the others.

    Raises Invalid (`header`) if the others hold one, too.
    """
    if own is None:
        return tuple(others)
    names = [header.name.lower() for header in before]
    place = names.index(NAME.lower()) if NAME.lower() in names else len(others)
    return only_once((*others[:place], own, *others[place:]))
