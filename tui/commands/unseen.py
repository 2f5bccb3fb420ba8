"""Secrets given so that they stand in no list of processes: typed unseen at a prompt, or through a pipe."""

import secrets
import sys

import click

from tui.commands.session import say
from tui.domain.errors import Invalid
from tui.domain.secret import format_secret

FROM_STDIN = "-"
GENERATE = "generate"


def read_unseen(given: str, what: str, field: str) -> str:
    """`given`; for `-` what is typed at a prompt, or the next line of standard input. Raises Invalid."""
    if given != FROM_STDIN:
        return given
    if sys.stdin is None:
        raise Invalid(field, f"there is no standard input to read the {what} from")
    if sys.stdin.isatty():
        return click.prompt(what[:1].upper() + what[1:], hide_input=True, err=True)
    try:
        typed = sys.stdin.readline().strip()
    except UnicodeDecodeError:
        raise Invalid(field, f"the {what} that came from standard input is not UTF-8 text") from None
    if not typed:
        raise Invalid(field, f"no {what} came from standard input")
    return typed


def read_header(line: str) -> str:
    """`NAME: VALUE`, with the value read where it is `-`."""
    name, colon, value = line.partition(":")
    if value.strip() != FROM_STDIN:
        return line
    return f"{name}{colon} {read_unseen(FROM_STDIN, f'value of {name.strip()}', 'header')}"


def read_secret(given: str) -> str:
    """A signing secret as it was given, read, or for `generate` made."""
    if given == GENERATE:
        return format_secret(secrets.token_bytes(32))
    return read_unseen(given, "signing secret", "secret")


def say_generated(secret: str | None) -> None:
    if secret:
        say(f"signing secret, shown only now: {secret}")
