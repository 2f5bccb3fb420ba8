"""Options declared once: how each is typed, what help says of it, and what its value becomes."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click


class ParsedOption:
    """A command-line option and the function that reads its value.

    `name` is the parameter that click passes to the command, and part of the environment variable.
    """

    def __init__(
        self,
        name: str,
        flag: str,
        parse: Callable[[Any], Any],
        *,
        help: str,
        shown_default: str = "",
        **more: Any,
    ) -> None:
        self.name = name
        self.parse = parse
        self._flag = flag
        self._help = help
        self._shown_default = shown_default
        self._more = more

    def add_to(self, command: Callable[..., Any], *, defaults: bool) -> Callable[..., Any]:
        """Return `command` with this option; with `defaults`, its help ends with the default."""
        help = (
            f"{self._help} Default: {self._shown_default}."
            if defaults and self._shown_default
            else self._help
        )
        return click.option(self._flag, self.name, help=help, **self._more)(command)


def add_options(
    options: Iterable[ParsedOption], *, defaults: bool = True
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that gives a command these options, in this order."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed([*options]):
            command = option.add_to(command, defaults=defaults)
        return command

    return decorate


def given_values(options: Iterable[ParsedOption], given: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the name and the parsed value of each option that was given, in the order of `options`.

    `given` holds what click passed to the command. Raises what a parser raises, usually Invalid.
    """
    typed = [(option, given[option.name]) for option in options]
    return [(option.name, option.parse(value)) for option, value in typed if value not in (None, ())]


def split_list(values: Iterable[str]) -> list[str]:
    """Return the items of an option that may be repeated and may hold several separated by commas."""
    return [part.strip() for value in values for part in value.split(",")]
