"""A format: how to tell it, where its alerts are, and where in them each field is; from tables of TOML."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from tui.domain.alert import KEYS, Severity
from tui.domain.errors import Invalid
from tui.intake.formats.expression import Expression
from tui.intake.formats.values import Severities

AUTO = "auto"
"""The name that stands for: whichever fits."""

LIST = "list"
"""What is asked for instead of a name, to see them all."""
_TOCSIN = "tocsin"
_EXPRESSIONS = ("detect", "items", "skip", "inside")
_TABLES = ("alert", "severities")
_SETTINGS = ("about", *_EXPRESSIONS, *_TABLES)


@dataclass(frozen=True, slots=True)
class Format:
    name: str
    about: str = ""
    detect: Expression | None = None
    """True of what is in this format; without it, the format is read only where it is named."""
    items: Expression | None = None
    """Finds what becomes an alert each; without it, the whole does."""
    skip: Expression | None = None
    """Says of an item that is no alert, why."""
    inside: Expression | None = None
    """Finds, in an item, what is read as if it had come alone."""
    alert: Mapping[str, Expression] = field(default_factory=dict)
    """Finds the fields of an alert in an item; none: an item is an alert in Tocsin's own form."""
    severities: Severities = field(default_factory=Severities)

    def fits(self, document: object) -> bool:
        return self.detect is not None and self.detect.holds(document)


Formats = Mapping[str, Format]
"""Every format by its name, in the order in which they are looked for."""


def format_named(name: str, formats: Formats) -> Format | None:
    """The format of this name, None for `auto`; raises Invalid naming those there are."""
    if name == AUTO:
        return None
    if name not in formats:
        close = get_close_matches(name.lower(), [AUTO, *formats], n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there is {AUTO}, {', '.join(formats)}"
        raise Invalid("format", f"there is no format {name!r}; {hint}")
    return formats[name]


@cache
def built_in() -> Formats:
    names, tables = _built_in_tables()
    return {name: _format(name, table, names) for name, table in tables.items()}


def parse_formats(tables: object) -> Formats:
    """The formats built in together with those of a configuration, `[formats.NAME]`.

    A person's own are looked for first. A table with the name of one built in changes what it names
    and leaves the rest. Raises Invalid naming the format, the setting, and what is wrong with it.
    """
    if not isinstance(tables, dict):
        raise Invalid("formats", "formats has a table for each, like [formats.acme]")
    names, known = _built_in_tables()
    own: dict[str, Format] = {}
    changed = dict(built_in())
    for name, table in tables.items():
        if name in (AUTO, LIST) or not isinstance(table, dict):
            raise Invalid("formats", f"formats.{name} is not a format: write [formats.NAME] and its settings")
        if name == _TOCSIN:
            raise Invalid("formats", f"formats.{name} is what all others are read into and stays as it is")
        if name in known:
            changed[name] = _format(name, _merged(known[name], table), names)
        else:
            own[name] = _format(name, table, names)
            if not own[name].alert and own[name].inside is None:
                raise Invalid("formats", f"formats.{name} finds no fields: give it [formats.{name}.alert]")
    return own | changed


@cache
def _built_in_tables() -> tuple[Mapping[str, Severity], Mapping[str, dict[str, Any]]]:
    """The names of severities that all formats share, and the table of each format."""
    text = Path(__file__).with_name("built_in.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    return _severities("severities", tables["severities"], {}).names, tables["formats"]


def _merged(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    inner = {
        key: {**table[key], **changes[key]}
        for key in _TABLES
        if isinstance(table.get(key), dict) and isinstance(changes.get(key), dict)
    }
    return {**table, **changes, **inner}


def _format(name: str, table: Mapping[str, Any], names: Mapping[str, Severity]) -> Format:
    place = f"formats.{name}"
    _check_keys(place, table, _SETTINGS)
    alert = _table(f"{place}.alert", table.get("alert", {}))
    _check_keys(f"{place}.alert", alert, KEYS)
    return Format(
        name=name,
        about=_text(f"{place}.about", table.get("about", "")),
        **{key: _expression(f"{place}.{key}", table.get(key, "")) for key in _EXPRESSIONS},
        alert={
            key: expression
            for key, text in alert.items()
            if (expression := _expression(f"{place}.alert.{key}", text)) is not None
        },
        severities=_severities(f"{place}.severities", table.get("severities", {}), names),
    )


def _expression(place: str, text: object) -> Expression | None:
    """An empty one is none, so that a person can take out one that is built in."""
    written = _text(place, text)
    try:
        return Expression(written) if written.strip() else None
    except Invalid as error:
        raise Invalid("formats", f"{place}: {error.message}") from None


def _severities(place: str, table: object, names: Mapping[str, Severity]) -> Severities:
    """`HIGH = ["error", 12]`: these names, and numbers from 12 up, are HIGH."""
    rows = _table(place, table)
    _check_keys(place, rows, tuple(Severity))
    own: dict[str, Severity] = {}
    steps: list[tuple[float, Severity]] = []
    for key, listed in rows.items():
        for value in listed if isinstance(listed, list) else [listed]:
            if isinstance(value, str):
                own[value.casefold()] = Severity(key)
            elif isinstance(value, int | float) and not isinstance(value, bool):
                steps.append((float(value), Severity(key)))
            else:
                raise Invalid("formats", f"{place}.{key} lists names and numbers; {value!r} is neither")
    return Severities({**names, **own}, tuple(sorted(steps)))


def _check_keys(place: str, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            close = get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"it knows {', '.join(known)}"
            raise Invalid("formats", f"{place}: unknown setting {key}; {hint}")


def _table(place: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Invalid("formats", f"{place} is a table, not {value!r}")
    return value


def _text(place: str, value: object) -> str:
    if not isinstance(value, str):
        raise Invalid("formats", f"{place} is a text in quotation marks, not {value!r}")
    return value
