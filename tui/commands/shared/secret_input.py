"""Secrets read from a hidden prompt or a pipe, to keep them out of the process list."""

import secrets
import sys
from collections.abc import Callable, Mapping
from typing import Any

import click

from tui.commands.shared.console import say, tell
from tui.domain.errors import Invalid
from tui.domain.secret import Secret, format_secret, signing_key
from tui.domain.text import visible

FROM_STDIN = "-"
GENERATE = "generate"


def read_unseen(given: str, what: str, field: str) -> str:
    """Return `given`, or for `-` the answer to a hidden prompt or the next line of stdin. Raises Invalid."""
    if given != FROM_STDIN:
        return given
    if sys.stdin is None:
        raise Invalid(field, f"there is no standard input to read the {what} from")
    if sys.stdin.isatty():
        return click.prompt(visible(what[:1].upper() + what[1:]), hide_input=True, err=True)
    try:
        typed = sys.stdin.readline().strip()
    except UnicodeDecodeError:
        raise Invalid(field, f"the {what} from standard input is not UTF-8 text") from None
    if not typed:
        raise Invalid(field, f"no {what} came from standard input")
    return typed


def read_header(line: str) -> str:
    """Return `NAME: VALUE`, with the value read from stdin if it is `-`."""
    name, colon, value = line.partition(":")
    if value.strip() != FROM_STDIN:
        return line
    return f"{name}{colon} {read_unseen(FROM_STDIN, f'value of {name.strip()}', 'header')}"


def read_secret(given: str) -> str:
    """Return a signing secret: as given, read for `-`, or new for `generate`."""
    if given == GENERATE:
        return format_secret(secrets.token_bytes(32))
    return read_unseen(given, "signing secret", "secret")


def warn_of_unreadable(given: Mapping[str, Any]) -> None:
    """Warn about env: and file: references in these settings that this process cannot read.

    Only a warning: the reference may be readable only for the service that delivers.
    """
    values = {f"the value of {header.name}": header.value for header in given.get("headers", ())}
    values |= {"the signing secret": given.get("secret")}
    for what, secret in values.items():
        if secret is not None:
            warn_if_unreadable(what, secret, signing_key if what == "the signing secret" else str)


def warn_if_unreadable(what: str, secret: Secret, check: Callable[[str], object]) -> None:
    """Warn if this process cannot read a reference, or if its value fails the check."""
    from tui.delivery.secrets import SecretUnavailable, reveal

    if not secret.is_reference:
        return
    try:
        check(reveal(secret))
    except (SecretUnavailable, Invalid) as error:
        tell(f"warning: cannot read {what} now: {error}; make sure that `tocsin dispatch` can")


def say_generated(secret: str | None) -> None:
    if secret:
        say(f"signing secret, shown only now: {secret}")
