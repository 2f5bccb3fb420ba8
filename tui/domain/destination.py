"""A destination: where alerts go. What a person may type, and which alerts it takes."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from tui.domain.alert import Alert, AlertType, Severity, parse_alert_type, parse_severity
from tui.domain.errors import Invalid
from tui.domain.host import check_host
from tui.domain.secret import Secret, check_reference, mask_url, parse_secret

DEFAULT_TIMEOUT_MS = 30_000
ALL_SEVERITIES = frozenset(Severity)
ALL_TYPES = frozenset(AlertType)

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
_BRACKETED = re.compile(r"\[[^\[\]]*:[^\[\]]*\](:\d*)?")
_OWN_HEADERS = frozenset({"content-type", "accept", "accept-encoding", "user-agent"})
# RFC 9110 section 7.6.1 and 6.6: they frame the message or belong to one connection.
_FRAMING_HEADERS = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """What a person configures; a stored one also has an id."""

    id: int = 0
    name: str
    url: str = field(repr=False)
    severities: frozenset[Severity] = ALL_SEVERITIES
    alert_types: frozenset[AlertType] = ALL_TYPES
    headers: tuple[Header, ...] = ()
    secret: Secret | None = None
    timeout_ms: int = DEFAULT_TIMEOUT_MS
    rate: float | None = None
    """Requests per second at most; None is no limit."""
    paused: bool = False

    @property
    def masked_url(self) -> str:
        return mask_url(self.url)

    def takes(self, alert: Alert) -> bool:
        """Whether its filters let `alert` through."""
        return alert.severity in self.severities and alert.type in self.alert_types


SETTINGS = {
    "name": "display name",
    "url": "URL",
    "severities": "severities",
    "alert_types": "alert types",
    "headers": "headers",
    "secret": "signing secret",
    "timeout_ms": "timeout",
    "rate": "rate",
}
"""The fields a person sets, and what they are called. Pausing is no setting."""


def changed_settings(before: Destination, after: Destination) -> frozenset[str]:
    """Which of `SETTINGS` differ."""
    return frozenset(name for name in SETTINGS if getattr(before, name) != getattr(after, name))


def rebase(wanted: Destination, seen: Destination, stored: Destination) -> tuple[Destination, frozenset[str]]:
    """An edit of what was `seen`, applied to what is `stored` by now.

    What the editor left alone stays as it is stored. Returned beside it: the settings that both
    changed, each to something else, where one of them would undo the other.
    """
    ours = changed_settings(seen, wanted)
    clashes = ours & changed_settings(seen, stored) & changed_settings(wanted, stored)
    return replace(stored, **{name: getattr(wanted, name) for name in ours}), clashes


def parse_name(value: str) -> str:
    """A display name, trimmed; raises Invalid (`name`)."""
    name = value.strip()
    if not name:
        raise Invalid("name", "give the destination a display name")
    if len(name) > 80:
        raise Invalid("name", f"a display name has at most 80 characters; this one has {len(name)}")
    if not name.isprintable():
        raise Invalid("name", "a display name has only printable characters")
    return name


def parse_url(value: str) -> str:
    """An absolute http or https URL with a host; raises Invalid (`url`)."""
    url = value.strip()
    if not url:
        raise Invalid("url", "give the URL alerts are posted to, like https://hooks.example.com/alerts")
    if any(character.isspace() or not character.isprintable() for character in url):
        raise Invalid("url", "a URL has no spaces; write %20 for one")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        # Its own words may quote a part of the password.
        raise Invalid(
            "url", "this is not a URL; write it like https://hooks.example.com:8443/alerts"
        ) from None
    if "://" not in url or not parts.scheme:
        raise Invalid("url", "a URL starts with http:// or https://")
    if parts.scheme not in ("http", "https"):
        raise Invalid("url", f"{parts.scheme}:// is not supported; use http:// or https://")
    if not host or not host.strip("."):
        raise Invalid("url", "the URL names no host; after :// comes the receiver's name or address")
    if port == 0:
        raise Invalid("url", "port 0 cannot be connected to; use 1 to 65535")
    if parts.fragment or url.endswith("#"):
        raise Invalid("url", "a fragment (#…) is never sent to a receiver; leave it out")
    if len(url) > 2048:
        raise Invalid("url", f"a URL has at most 2048 characters; this one has {len(url)}")
    if "[" in parts.netloc and not _BRACKETED.fullmatch(parts.netloc.rpartition("@")[2]):
        raise Invalid("url", "brackets hold an IPv6 address, with nothing but a port after them")
    check_host(host)
    return url


def parse_severities(values: Iterable[str]) -> frozenset[Severity]:
    """Raises Invalid (`severity`) naming the first unknown one."""
    return frozenset(parse_severity(value) for value in values)


def parse_alert_types(values: Iterable[str]) -> frozenset[AlertType]:
    """Raises Invalid (`type`) naming the first unknown one."""
    return frozenset(parse_alert_type(value) for value in values)


def parse_timeout(value: str) -> int:
    """Seconds as typed, 1 to 120, in milliseconds; raises Invalid (`timeout`)."""
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 120:
        raise Invalid("timeout", "the timeout is 1 to 120 seconds")
    return round(seconds * 1000)


def parse_header(line: str) -> Header:
    """`Name: value` as typed; raises Invalid (`header`)."""
    name, colon, value = line.partition(":")
    name, value = name.strip(), value.strip()
    if not colon or not name:
        raise Invalid("header", "a header is written 'Name: value'")
    if not _HEADER_NAME.fullmatch(name):
        raise Invalid("header", f"{name!r} is not a header name")
    if not is_header_value(value):
        raise Invalid("header", f"the value of {name} has a character that a header cannot carry")
    folded = name.lower()
    if folded in _FRAMING_HEADERS:
        raise Invalid("header", f"{name} describes the connection and is set by Tocsin")
    if folded in _OWN_HEADERS or folded.startswith("webhook-"):
        raise Invalid("header", f"{name} is set by Tocsin and cannot be replaced")
    header = Header(name, Secret(value))
    check_reference(header.value, "header")
    return header


def is_header_value(value: str) -> bool:
    """Whether `value` is safe in a header: a line end in it would add headers of its own."""
    return _HEADER_VALUE.fullmatch(value) is not None


def parse_headers(lines: Iterable[str]) -> tuple[Header, ...]:
    """Headers as typed, one a line; raises Invalid (`header`) for a bad or repeated one."""
    headers: dict[str, Header] = {}
    for line in lines:
        header = parse_header(line)
        if header.name.lower() in headers:
            raise Invalid("header", f"{header.name} is given twice")
        headers[header.name.lower()] = header
    return tuple(headers.values())


def parse_destination(
    *,
    name: str,
    url: str,
    severities: Iterable[str] = ALL_SEVERITIES,
    alert_types: Iterable[str] = ALL_TYPES,
    headers: Iterable[str] = (),
    secret: str = "",
    timeout: str = "30",
) -> Destination:
    """A destination from what was typed; raises Invalid naming the first field that is wrong."""
    return Destination(
        name=parse_name(name),
        url=parse_url(url),
        severities=parse_severities(severities),
        alert_types=parse_alert_types(alert_types),
        headers=parse_headers(headers),
        secret=parse_secret(secret),
        timeout_ms=parse_timeout(timeout),
    )


def resolve_destination(reference: str, destinations: Sequence[Destination]) -> Destination:
    """The destination called `reference`: its name in any case, else its id. Raises Invalid."""
    folded = reference.strip().casefold()
    for destination in destinations:
        if destination.name.casefold() == folded:
            return destination
    for destination in destinations:
        if str(destination.id) == folded:
            return destination
    known = ", ".join(destination.name for destination in destinations[:10])
    raise Invalid(
        "destination",
        f"no destination is called {reference!r}; " + (f"there is {known}" if known else "there is none yet"),
    )


def route(alert: Alert, destinations: Sequence[Destination]) -> tuple[list[Destination], str | None]:
    """Where `alert` goes, and when that is nowhere the reason in words. Raises Invalid.

    An alert that names destinations goes to exactly those and no filter applies. Otherwise every
    destination that takes it gets it, a paused one too: its deliveries wait.
    """
    if alert.destinations is not None:
        named = {d.id: d for d in (resolve_destination(r, destinations) for r in alert.destinations)}
        return list(named.values()), None if named else "the alert asks for no destination"
    matching = [destination for destination in destinations if destination.takes(alert)]
    if matching:
        return matching, None
    if not destinations:
        return [], "there was no destination yet"
    if not any(alert.severity in d.severities for d in destinations):
        return [], f"no destination takes severity {alert.severity}"
    if not any(alert.type in d.alert_types for d in destinations):
        return [], f"no destination takes type {alert.type}"
    return [], f"no destination takes both severity {alert.severity} and type {alert.type}"
