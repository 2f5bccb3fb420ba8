"""The options that describe a destination, the same for `destination add` and `destination edit`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tui.commands.destination import tls_options
from tui.commands.shared.options import ParsedOption, add_options, given_values, split_list
from tui.commands.shared.secret_input import GENERATE, read_header, read_secret, read_unseen
from tui.domain import authorization
from tui.domain.alert import Severity
from tui.domain.alert_type import AlertType
from tui.domain.destination import (
    Destination,
    parse_alert_types,
    parse_log_types,
    parse_severities,
    parse_timeout,
)
from tui.domain.errors import Invalid
from tui.domain.folding import parse_fold
from tui.domain.headers import Header, only_once, parse_headers
from tui.domain.pacing import parse_rate
from tui.domain.retry import parse_give_up_after, parse_retry
from tui.domain.routing import parse_destination_filter
from tui.domain.secret import Secret, parse_secret

_NO_AUTHORIZATION = Header(authorization.NAME, Secret(""))
"""A header without a value removes the one stored under its name."""


def _chosen(given: Sequence[str], every: Iterable[str]) -> list[str]:
    values = split_list(given)
    match [value.lower() for value in values]:
        case ["all"]:
            return list(every)
        case ["none"]:
            return []
    return values


def _bearer(token: str) -> tuple[Header, ...]:
    if not token:
        return (_NO_AUTHORIZATION,)
    return (authorization.bearer(read_unseen(token, "bearer token", "bearer")),)


def _basic(credentials: str) -> tuple[Header, ...]:
    if not credentials:
        return (_NO_AUTHORIZATION,)
    user, colon, password = credentials.partition(":")
    if not colon:
        return (authorization.parse_basic(read_unseen(credentials, "USER:PASSWORD", "basic")),)
    return (authorization.parse_basic(f"{user}:{read_unseen(password, 'password', 'basic')}"),)


_OPTIONS = (
    ParsedOption(
        "severities",
        "--severity",
        lambda given: parse_severities(_chosen(given, Severity)),
        multiple=True,
        metavar="|".join(Severity),
        help="Send only alerts of these severities. Separate several with commas, or give 'all', or 'none' "
        "for only the alerts that name this destination.",
        shown_default="all",
    ),
    ParsedOption(
        "alert_types",
        "--type",
        lambda given: parse_alert_types(_chosen(given, AlertType)),
        multiple=True,
        metavar="|".join(AlertType),
        help="Send only alerts of these types. Separate several with commas, or give 'all'.",
        shown_default="all",
    ),
    ParsedOption(
        "log_types",
        "--log-type",
        lambda given: parse_log_types(_chosen(given, ())),
        multiple=True,
        metavar="NAME",
        help="Send only alerts of these log types, like AWS.CloudTrail or AWS.*. Separate several with "
        "commas, or give 'all'.",
        shown_default="all",
    ),
    ParsedOption(
        "filter",
        "--filter",
        parse_destination_filter,
        metavar="TEXT",
        help="Send only alerts that match this filter, written as in the app, like 'tag:aws -sandbox'. "
        "An empty filter matches every alert.",
    ),
    ParsedOption(
        "headers",
        "--header",
        lambda given: parse_headers(map(read_header, given)),
        multiple=True,
        metavar="'NAME: VALUE'",
        help="Send this header. Repeat for several. VALUE may be env:NAME or file:PATH, which is read for "
        "each request, or - (a prompt or a pipe).",
    ),
    ParsedOption(
        "bearer",
        "--bearer",
        _bearer,
        metavar="TOKEN",
        help="Send 'Authorization: Bearer TOKEN'. TOKEN may be env:NAME, file:PATH or -.",
    ),
    ParsedOption(
        "basic",
        "--basic",
        _basic,
        metavar="USER:PASSWORD",
        help="Send HTTP Basic authorization. PASSWORD, or the whole value, may be env:NAME, file:PATH or -.",
    ),
    ParsedOption(
        "timeout",
        "--timeout",
        parse_timeout,
        metavar="SECONDS",
        help="Limit each request to this time, from 1 to 120.",
        shown_default="30 s",
    ),
    ParsedOption(
        "rate",
        "--rate",
        parse_rate,
        metavar="PER-SECOND",
        help="Limit requests per second. 0: no limit.",
        shown_default="0",
    ),
    ParsedOption(
        "retry",
        "--retry",
        parse_retry,
        metavar="DELAYS",
        help="Retry after these delays, like 5s,30s,2m, at most 100, then give up. 'none': no retries. "
        "'': the default.",
        shown_default="10 retries in 2 h 19 min",
    ),
    ParsedOption(
        "give_up_after",
        "--give-up-after",
        parse_give_up_after,
        metavar="SPAN",
        help="Retry for this long, like 3d, up to 7d. The first ten delays are the default ones; the later "
        "ones grow to 6 h. '': the default.",
    ),
    ParsedOption(
        "fold",
        "--fold",
        parse_fold,
        metavar="SPAN",
        help="Fold alerts with the same rule and title (or dedupKey) into the first for this long, like "
        "10m. 0: do not fold.",
        shown_default="0",
    ),
    ParsedOption(
        "shape",
        "--shape",
        lambda given: given.strip().lower(),
        metavar="NAME",
        help="Send alerts in this shape, such as slack, teams or pagerduty (see `tocsin shape list`).",
        shown_default="panther",
    ),
    ParsedOption(
        "allow_stop",
        "--allow-stop/--no-allow-stop",
        bool,
        help="Let the receiver stop the retries of an alert, with status 410 or the response header "
        "'webhook-delivery: abort-message'.",
        shown_default="off",
        default=None,
    ),
    ParsedOption(
        "secret",
        "--secret",
        lambda given: parse_secret(read_secret(given)),
        metavar="SECRET",
        help="Sign requests with this secret: whsec_…, env:NAME, file:PATH or -. "
        f"{GENERATE!r} makes one and prints it once.",
    ),
    *tls_options.OPTIONS,
)
_FIELDS = {
    "timeout": "timeout_ms",
    "fold": "fold_ms",
    "bearer": "headers",
    "basic": "headers",
    "retry": "retries",
    "give_up_after": "retries",
}
"""The field of Destination that an option sets, where their names differ."""


def destination_options(*, defaults: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that gives a command the options that `parse_settings` reads.

    With `defaults`, the help of each option ends with its default.
    """
    return add_options(_OPTIONS, defaults=defaults)


def parse_settings(**given: Any) -> dict[str, Any]:
    """Return the fields of a destination that were given, and no others. `tls` holds those of TlsSettings.

    Reads the values given as `-`. Raises Invalid for a bad value.
    """
    fields: dict[str, Any] = {}
    for name, value in given_values(_OPTIONS, given):
        if name in tls_options.FIELDS:
            fields.setdefault("tls", {})[tls_options.FIELDS[name]] = value
        elif (field := _FIELDS.get(name, name)) == "headers":
            fields[field] = only_once((*fields.get(field, ()), *value))
        elif field in fields:
            raise Invalid("retry", "--retry and --give-up-after exclude each other; give one of them")
        else:
            fields[field] = value
    return fields


def apply(changes: Mapping[str, Any], destination: Destination) -> Destination:
    """Return `destination` with the fields from `parse_settings` replaced; raises Invalid."""
    merged = {
        "headers": _merge_headers(destination.headers, changes.get("headers", ())),
        "tls": tls_options.merge(changes.get("tls", {}), destination.tls),
    }
    return replace(destination, **{**changes, **merged})


def check_shape(destination: Destination) -> None:
    """Raise Invalid unless the destination's shape exists and has the headers that it needs.

    Call it once the configuration is loaded, which says where your own shapes are.
    """
    from tui.delivery.shapes import library

    library.check(destination.shape)
    library.check_headers(destination.shape, (header.name for header in destination.headers))


def _merge_headers(current: Sequence[Header], given: Sequence[Header]) -> tuple[Header, ...]:
    """Add or replace the given headers by name; a header without a value removes that name."""
    headers = {header.name.lower(): header for header in (*current, *given)}
    return tuple(header for header in headers.values() if header.value.value)
