"""The options that describe a destination, the same for `destination add` and `destination edit`."""

import secrets
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

from tui.domain.alert import AlertType, Severity
from tui.domain.destination import (
    Header,
    parse_alert_types,
    parse_headers,
    parse_severities,
    parse_timeout,
)
from tui.domain.errors import Invalid
from tui.domain.pacing import parse_rate
from tui.domain.secret import format_secret, parse_secret

GENERATE = "generate"
_FROM_STDIN = "-"

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
        "--header",
        "headers",
        multiple=True,
        metavar="'NAME: VALUE'",
        help="Sent along; several times for more. A VALUE env:NAME or file:PATH is read when it is sent.",
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
    headers: Sequence[str],
    secret: str | None,
    timeout: str | None,
    rate: str | None,
) -> dict[str, Any]:
    """The fields of a destination that were given, and no others; raises Invalid for one that is wrong."""
    fields: dict[str, Any] = {}
    if severities:
        fields["severities"] = parse_severities(_chosen(severities, Severity))
    if alert_types:
        fields["alert_types"] = parse_alert_types(_chosen(alert_types, AlertType))
    if headers:
        fields["headers"] = parse_headers(headers)
    if timeout is not None:
        fields["timeout_ms"] = parse_timeout(timeout)
    if rate is not None:
        fields["rate"] = parse_rate(rate)
    if secret is not None:
        fields["secret"] = parse_secret(_typed(secret))
    return fields


def merge_headers(current: Sequence[Header], given: Sequence[Header]) -> tuple[Header, ...]:
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


def _typed(secret: str) -> str:
    if secret == GENERATE:
        return format_secret(secrets.token_bytes(32))
    if secret != _FROM_STDIN:
        return secret
    if sys.stdin is None:
        raise Invalid("secret", "there is no standard input to read the secret from")
    if sys.stdin.isatty():
        return click.prompt("Signing secret", hide_input=True, err=True)
    typed = sys.stdin.readline().strip()
    if not typed:
        raise Invalid("secret", "no secret came from standard input")
    return typed
