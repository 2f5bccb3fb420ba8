"""The options that describe a destination, the same for `destination add` and `destination edit`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from tui.commands.destination import tls_options
from tui.commands.shared.secret_input import GENERATE, read_header, read_secret, read_unseen
from tui.domain import authorization
from tui.domain.alert import AlertType, Severity
from tui.domain.destination import Destination, parse_alert_types, parse_severities, parse_timeout
from tui.domain.folding import parse_fold
from tui.domain.headers import Header, only_once, parse_headers
from tui.domain.pacing import parse_rate
from tui.domain.routing import parse_destination_filter
from tui.domain.secret import Secret, parse_secret

_OPTIONS = (
    click.option(
        "--severity",
        "severities",
        multiple=True,
        metavar="|".join(Severity),
        help="Takes only these; several after a comma, or 'all'. With 'none' it gets only alerts that name "
        "it.",
    ),
    click.option(
        "--type",
        "alert_types",
        multiple=True,
        metavar="|".join(AlertType),
        help="Takes only these types of alert; several after a comma, or 'all'.",
    ),
    click.option(
        "--filter",
        "filter",
        metavar="TEXT",
        help="Takes only what a filter as in the app lets through, like 'tag:aws -title'; '' takes all.",
    ),
    click.option(
        "--header",
        "headers",
        multiple=True,
        metavar="'NAME: VALUE'",
        help="Sent along; several times for more. A VALUE env:NAME or file:PATH is read when it is sent; "
        "- is read from a prompt or a pipe.",
    ),
    click.option(
        "--bearer",
        metavar="TOKEN",
        help="Authorization by a token: a value, env:NAME or file:PATH; - reads it from a prompt or a pipe.",
    ),
    click.option(
        "--basic",
        metavar="USER:PASSWORD",
        help="Authorization by user and password; the PASSWORD, or all of it, may be env:NAME, file:PATH "
        "or -.",
    ),
    click.option(
        "--secret",
        metavar="SECRET",
        help="Signs what is sent: whsec_…, env:NAME or file:PATH; - reads it from a prompt or a pipe; "
        f"{GENERATE!r} makes one and shows it once.",
    ),
    click.option("--timeout", metavar="SECONDS", help="How long an answer may take, 1 to 120; 30 at first."),
    click.option(
        "--rate",
        metavar="PER-SECOND",
        help="Sends it at most so many requests a second; 0 is no limit, as at first.",
    ),
    click.option(
        "--fold",
        metavar="SPAN",
        help="For so long, like 10m, alerts of the same rule and title (or dedupKey) fold into the first; 0, "
        "as at first, for not at all.",
    ),
    *tls_options.OPTIONS,
)


def settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options; it passes them on to `parse_settings`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def parse_settings(
    *,
    severities: Sequence[str],
    alert_types: Sequence[str],
    filter: str | None,
    headers: Sequence[str],
    bearer: str | None,
    basic: str | None,
    secret: str | None,
    timeout: str | None,
    rate: str | None,
    fold: str | None,
    **others: Any,
) -> dict[str, Any]:
    """The fields of a destination that were given, and no others; raises Invalid for one that is wrong."""
    fields: dict[str, Any] = {}
    if severities:
        fields["severities"] = parse_severities(_chosen(severities, Severity))
    if alert_types:
        fields["alert_types"] = parse_alert_types(_chosen(alert_types, AlertType))
    if filter is not None:
        fields["filter"] = parse_destination_filter(filter)
    if given := (*parse_headers(map(read_header, headers)), *_authorization(bearer, basic)):
        fields["headers"] = only_once(given)
    if timeout is not None:
        fields["timeout_ms"] = parse_timeout(timeout)
    if rate is not None:
        fields["rate"] = parse_rate(rate)
    if fold is not None:
        fields["fold_ms"] = parse_fold(fold)
    if secret is not None:
        fields["secret"] = parse_secret(read_secret(secret))
    if given_tls := tls_options.given_settings(**others):
        fields["tls"] = given_tls
    return fields


def apply(changes: Mapping[str, Any], destination: Destination) -> Destination:
    """`destination` with what `parse_settings` gave in place of what it had; raises Invalid."""
    merged = {
        "headers": _merge_headers(destination.headers, changes.get("headers", ())),
        "tls": tls_options.merge(changes.get("tls", {}), destination.tls),
    }
    return replace(destination, **{**changes, **merged})


def _merge_headers(current: Sequence[Header], given: Sequence[Header]) -> tuple[Header, ...]:
    """Those there are with those given in their place or beside them; one without a value goes."""
    headers = {header.name.lower(): header for header in (*current, *given)}
    return tuple(header for header in headers.values() if header.value.value)


def _chosen(given: Sequence[str], every: Iterable[str]) -> list[str]:
    values = [part.strip() for value in given for part in value.split(",")]
    match [value.lower() for value in values]:
        case ["all"]:
            return list(every)
        case ["none"]:
            return []
    return values


def _authorization(token: str | None, credentials: str | None) -> Iterator[Header]:
    """Those given; one without a value for one that is to go."""
    if "" in (token, credentials):
        yield Header(authorization.NAME, Secret(""))
    if token:
        yield authorization.bearer(read_unseen(token, "bearer token", "bearer"))
    if credentials:
        user, colon, password = credentials.partition(":")
        if not colon:
            yield authorization.parse_basic(read_unseen(credentials, "USER:PASSWORD", "basic"))
        else:
            yield authorization.parse_basic(f"{user}:{read_unseen(password, 'password', 'basic')}")
