"""How commands print: answers on stdout, messages on stderr, JSON for programs."""

import contextlib
import json
import re
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import click

from tui.domain.text import is_control, visible

_NOT_PLAIN = re.compile(r"[^\n -~]")

json_option: Callable[..., Any] = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, for programs."
)


def say(text: str = "") -> None:
    """Print a line of the answer on stdout."""
    click.echo(text)


def tell(text: str) -> None:
    """Print a message (progress, a warning, an error) on stderr, with control characters escaped."""
    with contextlib.suppress(OSError):  # a closed stderr must not stop the work
        click.echo(visible(text), err=True)


def say_json(value: Any) -> None:
    """Print JSON on stdout."""
    click.echo(_json(value))


class JsonArray:
    """A JSON array on stdout, printed element by element.

    The reader gets each element at once, even if this process is killed before the end.
    """

    def __init__(self) -> None:
        self._before = "[\n"

    def append(self, value: Any) -> None:
        click.echo(self._before + textwrap.indent(_json(value), "  "), nl=False)
        self._before = ",\n"

    def close(self) -> None:
        click.echo("[]" if self._before == "[\n" else "\n]")


def _json(value: Any) -> str:
    """Return JSON text with control characters escaped: harmless on a terminal, the same to a program."""
    unicode = sys.stdout is not None and sys.stdout.encoding.lower().startswith("utf")
    try:
        text = json.dumps(value, ensure_ascii=not unicode, indent=2)
    except RecursionError:  # indenting reaches the recursion limit before parsing does
        text = json.dumps(value, ensure_ascii=not unicode)
    return _NOT_PLAIN.sub(lambda match: _escaped(match[0]) if is_control(match[0]) else match[0], text)


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1]
