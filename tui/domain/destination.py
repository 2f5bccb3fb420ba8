"""A destination: where alerts go. Also parses what users type for its settings."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from tui.domain.alert import Severity, parse_alert_type, parse_severity
from tui.domain.alert_type import AlertType
from tui.domain.errors import Invalid, Unknown
from tui.domain.headers import Header, parse_headers
from tui.domain.host import check_host
from tui.domain.rotation import OldSecret
from tui.domain.secret import Secret, mask_url, parse_secret
from tui.domain.tls import DEFAULT_TLS, TlsSettings

DEFAULT_TIMEOUT_MS = 30_000
PANTHER = "panther"
"""The default shape: the 13 keys of `delivery.request.payload`."""
ALL_SEVERITIES = frozenset(Severity)
ALL_TYPES = frozenset(AlertType)

_LONGEST_LOG_TYPE, _MOST_LOG_TYPES = 100, 100
_BRACKETED = re.compile(r"\[[^\[\]]*:[^\[\]]*\](:\d*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """The settings of a destination; a stored one also has an id."""

    id: int = 0
    name: str
    url: str = field(repr=False)
    severities: frozenset[Severity] = ALL_SEVERITIES
    alert_types: frozenset[AlertType] = ALL_TYPES
    log_types: tuple[str, ...] = ()
    """The log types to send, also with `*` at the end; empty for all."""
    filter: str = ""
    """As typed (see `domain.routing`); empty matches every alert."""
    headers: tuple[Header, ...] = ()
    secret: Secret | None = None
    old_secret: OldSecret | None = None
    """Also signs requests until it expires."""
    timeout_ms: int = DEFAULT_TIMEOUT_MS
    rate: float | None = None
    """The maximum of requests per second; None for no limit."""
    fold_ms: int | None = None
    """How long similar alerts fold into the first (see `domain.folding`); None disables folding."""
    tls: TlsSettings = DEFAULT_TLS
    retries: tuple[int, ...] | None = None
    """The delays before the retries (ms); None for those of the configuration."""
    shape: str = PANTHER
    """The name of the shape in which alerts are sent (see `delivery.shapes`)."""
    allow_stop: bool = False
    """Whether the receiver may end the retries of an alert (see `domain.stopping`)."""
    paused: bool = False

    @property
    def masked_url(self) -> str:
        return mask_url(self.url)


SETTINGS = {
    "name": "display name",
    "url": "URL",
    "severities": "severities",
    "alert_types": "alert types",
    "log_types": "log types",
    "filter": "filter",
    "headers": "headers",
    "secret": "signing secret",
    "old_secret": "old signing secret",
    "timeout_ms": "timeout",
    "rate": "rate",
    "fold_ms": "folding",
    "retries": "retries",
    "tls": "TLS",
    "shape": "shape",
    "allow_stop": "permission to stop retries",
}
"""The fields that users set, with their display names. Pausing is not a setting."""


def changed_settings(before: Destination, after: Destination) -> frozenset[str]:
    """Return the names of the `SETTINGS` that differ."""
    return frozenset(name for name in SETTINGS if getattr(before, name) != getattr(after, name))


def rebase(wanted: Destination, seen: Destination, stored: Destination) -> tuple[Destination, frozenset[str]]:
    """Apply an edit of the `seen` destination to the one that is `stored` now.

    Settings that the edit did not change keep their stored values. Also returns the conflicts: the settings
    that both sides changed to different values.
    """
    ours = changed_settings(seen, wanted)
    clashes = ours & changed_settings(seen, stored) & changed_settings(wanted, stored)
    return replace(stored, **{name: getattr(wanted, name) for name in ours}), clashes


def parse_name(value: str) -> str:
    """Return a display name, trimmed. Raises Invalid (`name`)."""
    name = value.strip()
    if not name:
        raise Invalid("name", "enter a display name for the destination")
    if len(name) > 80:
        raise Invalid("name", f"a display name can have at most 80 characters; this one has {len(name)}")
    if not name.isprintable():
        raise Invalid("name", "a display name can contain only printable characters")
    return name


def parse_url(value: str) -> str:
    """Return an absolute http or https URL with a host, trimmed. Raises Invalid (`url`)."""
    url = value.strip()
    if not url:
        raise Invalid("url", "enter the URL to send alerts to, like https://hooks.example.com/alerts")
    if any(character.isspace() or not character.isprintable() for character in url):
        raise Invalid("url", "a URL cannot contain spaces; write a space as %20")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        if str(error).startswith("Port out of range"):
            raise Invalid("url", "the port is out of range; use 1 to 65535") from None
        # The original message may quote a part of the password.
        raise Invalid(
            "url", "this is not a URL; write it like https://hooks.example.com:8443/alerts"
        ) from None
    if "://" not in url or not parts.scheme:
        raise Invalid("url", "a URL must start with http:// or https://")
    if parts.scheme not in ("http", "https"):
        raise Invalid("url", f"{parts.scheme}:// is not supported; use http:// or https://")
    if not host or not host.strip("."):
        raise Invalid("url", "the URL has no host; write the receiver's name or address after ://")
    if port == 0:
        raise Invalid("url", "port 0 is not valid; use 1 to 65535")
    if parts.fragment or url.endswith("#"):
        raise Invalid("url", "a fragment (#…) is never sent to the receiver; remove it")
    if len(url) > 2048:
        raise Invalid("url", f"a URL can have at most 2048 characters; this one has {len(url)}")
    if "[" in parts.netloc and not _BRACKETED.fullmatch(parts.netloc.rpartition("@")[2]):
        raise Invalid("url", "brackets must enclose an IPv6 address; only a port can follow them")
    check_host(host)
    return url


def parse_severities(values: Iterable[str]) -> frozenset[Severity]:
    """Parse severities. Raises Invalid (`severity`), naming the first unknown one."""
    return frozenset(parse_severity(value) for value in values)


def parse_alert_types(values: Iterable[str]) -> frozenset[AlertType]:
    """Parse alert types. Raises Invalid (`type`), naming the first unknown one."""
    return frozenset(parse_alert_type(value) for value in values)


def parse_log_types(values: Iterable[str]) -> tuple[str, ...]:
    """Parse the names of log types. Raises Invalid (`log_type`)."""
    names = {name.casefold(): name for value in values if (name := value.strip())}
    for name in names.values():
        if len(name) > _LONGEST_LOG_TYPE or not name.isprintable():
            raise Invalid(
                "log_type",
                f"a log type has at most {_LONGEST_LOG_TYPE} printable characters, not {name!r:.50}",
            )
        if "*" in name[:-1]:
            raise Invalid("log_type", f"a log type takes * only at its end, like AWS.*, not {name!r}")
    if len(names) > _MOST_LOG_TYPES:
        raise Invalid("log_type", f"a destination can have at most {_MOST_LOG_TYPES} log types")
    return tuple(names.values())


def parse_timeout(value: str) -> int:
    """Parse a timeout of 1 to 120 seconds into milliseconds. Raises Invalid (`timeout`)."""
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 120:
        raise Invalid("timeout", "the timeout must be 1 to 120 seconds")
    return round(seconds * 1000)


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
    """Return a destination from typed values. Raises Invalid, naming the first field that is not valid."""
    return Destination(
        name=parse_name(name),
        url=parse_url(url),
        severities=parse_severities(severities),
        alert_types=parse_alert_types(alert_types),
        headers=parse_headers(headers),
        secret=parse_secret(secret),
        timeout_ms=parse_timeout(timeout),
    )


def resolve_destination(
    reference: str, destinations: Sequence[Destination], deleted: Sequence[Destination] = ()
) -> Destination:
    """Return the destination with the name `reference`, in any case, else with that id. Raises Unknown.

    An existing destination takes precedence over a `deleted` one.
    """
    folded = reference.strip().casefold()
    everyone = (*destinations, *deleted)
    for destination in everyone:
        if destination.name.casefold() == folded:
            return destination
    for destination in everyone:
        if str(destination.id) == folded:
            return destination
    names = [destination.name for destination in destinations]
    taken = {name.casefold() for name in names}
    gone = {each.name.casefold(): f"{each.name} (deleted)" for each in deleted}
    names += [shown for name, shown in gone.items() if name not in taken]
    known = ", ".join(names[:10])
    raise Unknown(
        "destination",
        f"no destination is named {reference!r}; "
        + (f"choose from: {known}" if known else "there are none yet"),
    )
