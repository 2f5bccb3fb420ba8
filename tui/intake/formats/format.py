"""A format: how to detect it, where its alerts are, and where each field is. Parsed from TOML tables."""

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
"""The name that stands for detection: the first format that fits."""

LIST = "list"
"""Given instead of a name, prints all formats."""
_TOCSIN = "tocsin"
_EXPRESSIONS = ("detect", "items", "skip", "inside")
_TABLES = ("alert", "severities")
_SETTINGS = ("about", "identity", *_EXPRESSIONS, *_TABLES)


@dataclass(frozen=True, slots=True)
class Format:
    name: str
    about: str = ""
    detect: Expression | None = None
    """True for a document in this format. None: the format is used only if named."""
    items: Expression | None = None
    """Finds the list of items that each become an alert. None: the whole document is one."""
    skip: Expression | None = None
    """For an item that is not an alert, returns the reason."""
    inside: Expression | None = None
    """Finds a document inside an item, which is then read as if it had come alone."""
    alert: Mapping[str, Expression] = field(default_factory=dict)
    """Finds the fields of an alert in an item. Empty: an item is an alert in Tocsin's own form."""
    severities: Severities = field(default_factory=Severities)
    identity: str = ""
    """Where the tool documents that the id in `alertId` belongs to one occurrence only.

    If set, an alert with the same id is a repeat even with other content. If empty, the id may be that
    of a rule, a monitor or a row, and only an alert with the same id and the same content is a repeat.
    """

    def fits(self, document: object) -> bool:
        return self.detect is not None and self.detect.holds(document)


Formats = Mapping[str, Format]
"""Formats by name, in the order in which detection tries them."""


def format_named(name: str, formats: Formats) -> Format | None:
    """Return the format of this name, None for `auto`. Raises Invalid listing the known names."""
    if name == AUTO:
        return None
    if name not in formats:
        close = get_close_matches(name.lower(), [AUTO, *formats], n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known formats: {AUTO}, {', '.join(formats)}"
        raise Invalid("format", f"unknown format {name!r}; {hint}")
    return formats[name]


@cache
def built_in() -> Formats:
    names, tables = _built_in_tables()
    return {name: _format(name, table, names) for name, table in tables.items()}


def parse_formats(tables: object) -> Formats:
    """Return the built-in formats together with those of a configuration, `[formats.NAME]`.

    Detection tries a user's own formats first. A table with the name of a built-in format overrides only
    the settings it contains. Raises Invalid naming the format, the setting and the problem.
    """
    if not isinstance(tables, dict):
        raise Invalid("formats", "formats needs one table per format, like [formats.acme]")
    names, known = _built_in_tables()
    own: dict[str, Format] = {}
    changed = dict(built_in())
    for name, table in tables.items():
        if name in (AUTO, LIST) or not isinstance(table, dict):
            raise Invalid("formats", f"formats.{name} is not a format: write [formats.NAME] and its settings")
        if name == _TOCSIN:
            raise Invalid("formats", f"formats.{name} is Tocsin's own form and cannot be changed")
        if name in known:
            changed[name] = _format(name, _merged(known[name], table), names)
        else:
            own[name] = _format(name, table, names)
            if not own[name].alert and own[name].inside is None:
                raise Invalid("formats", f"formats.{name} defines no fields; add [formats.{name}.alert]")
    return own | changed


@cache
def _built_in_tables() -> tuple[Mapping[str, Severity], Mapping[str, dict[str, Any]]]:
    """Return the severity names that all formats share, and the table of each format."""
    text = Path(__file__).with_name("built_in.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    return _severities("severities", tables["severities"], {}).names, tables["formats"]


def _merged(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    inner = {
        key: {**table[key], **changes[key]}
        for key in _TABLES
        if isinstance(table.get(key), dict) and isinstance(changes.get(key), dict)
    }
    merged = {**table, **changes, **inner}
    if "alertId" in inner.get("alert", {}) and "alertId" in changes.get("alert", {}):
        merged["identity"] = changes.get("identity", "")  # the built-in source is about another id
    return merged


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
        identity=_text(f"{place}.identity", table.get("identity", "")).strip(),
    )


def _expression(place: str, text: object) -> Expression | None:
    """Return None for an empty text, so that users can remove a built-in expression."""
    written = _text(place, text)
    try:
        return Expression(written) if written.strip() else None
    except Invalid as error:
        raise Invalid("formats", f"{place}: {error.message}") from None


def _severities(place: str, table: object, names: Mapping[str, Severity]) -> Severities:
    """Parse `HIGH = ["error", 12]`: this name, and numbers from 12 up, are HIGH."""
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
                raise Invalid("formats", f"{place}.{key} must list names and numbers, not {value!r}")
    return Severities({**names, **own}, tuple(sorted(steps)))


def _check_keys(place: str, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            close = get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known settings: {', '.join(known)}"
            raise Invalid("formats", f"{place}: unknown setting {key}; {hint}")


def _table(place: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Invalid("formats", f"{place} must be a table, not {value!r}")
    return value


def _text(place: str, value: object) -> str:
    if not isinstance(value, str):
        raise Invalid("formats", f"{place} must be a string, not {value!r}")
    return value
