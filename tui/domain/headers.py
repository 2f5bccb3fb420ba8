"""The headers that users add to requests: which are allowed, and which Tocsin sets itself."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tui.domain.errors import Invalid
from tui.domain.secret import Secret, check_reference

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
_OWN_HEADERS = frozenset(
    {"content-type", "content-encoding", "content-range", "accept", "accept-encoding", "user-agent"}
)
# They frame the message or belong to one connection (RFC 9110 section 7.6.1, 6.6 and 11.7, RFC 9112
# section 6, RFC 9113 section 8.2.2). With them, a receiver or a proxy would read a different message.
_FRAMING_HEADERS = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


@dataclass(frozen=True, slots=True)
class Header:
    name: str
    value: Secret


def parse_header(line: str) -> Header:
    """Parse `Name: value`. Raises Invalid (`header`)."""
    name, colon, value = line.partition(":")
    name, value = name.strip(), value.strip()
    if not colon or not name:
        raise Invalid("header", "write a header as 'Name: value'")
    if not _HEADER_NAME.fullmatch(name):
        raise Invalid("header", f"{name!r} is not a valid header name")
    if not is_header_value(value):
        raise Invalid("header", f"the value of {name} contains a character that is not allowed in a header")
    folded = name.lower()
    if folded in _FRAMING_HEADERS:
        raise Invalid("header", f"{name} describes the connection and is set by Tocsin")
    if folded in _OWN_HEADERS or folded.startswith("webhook-"):
        raise Invalid("header", f"{name} is set by Tocsin and cannot be replaced")
    header = Header(name, Secret(value))
    check_reference(header.value, "header")
    return header


def is_header_value(value: str) -> bool:
    """Return whether `value` is safe in a header: a line break in it would add other headers."""
    return _HEADER_VALUE.fullmatch(value) is not None


def parse_headers(lines: Iterable[str]) -> tuple[Header, ...]:
    """Parse headers, one per line. Raises Invalid (`header`) for an invalid or repeated one."""
    return only_once(map(parse_header, lines))


def only_once(given: Iterable[Header]) -> tuple[Header, ...]:
    """Return the headers. Raises Invalid (`header`) if a name is repeated, in any case."""
    headers: dict[str, Header] = {}
    for header in given:
        if headers.setdefault(header.name.lower(), header) is not header:
            raise Invalid("header", f"{header.name} is given twice")
    return tuple(headers.values())
