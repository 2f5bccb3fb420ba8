"""A format: how to detect it, where its alerts are, and where each field is. Parsed from TOML tables."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from tui.domain.alert import KEYS
from tui.domain.errors import Invalid
from tui.intake.formats.detection import Index
from tui.intake.formats.expression import Expression
from tui.intake.formats.severities import Scales, Severities, built_in_scales, parse_scales, parse_severities
from tui.intake.json_text import JSON

AUTO = "auto"
"""The name that stands for detection: the first format that fits."""

LIST = "list"
"""Given instead of a name, prints all formats."""
_TOCSIN = "tocsin"
_EXPRESSIONS = ("detect", "items", "skip", "inside", "resolved")
_TABLES = ("alert", "severities")
_SETTINGS = ("about", "identity", "scale", "whole", *_EXPRESSIONS, *_TABLES)

FAMILIES = (
    "built_in",
    "incidents",
    "cloud",
    "endpoints",
    "siem",
    "network",
    "kubernetes",
    "monitoring",
    "logs",
    "plain",
)
"""The files of the built-in formats, in the order of detection. The first format that fits is used."""


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
    """Finds a document inside an item, which is then read as if it had come alone.

    An array lists places to look in: the first that holds a document in a known format is used. A format
    with no fields of its own passes the item on to the next format if there is nothing inside.
    """
    whole: bool = False
    """If an object inside is read, the context is the whole item."""
    resolved: Expression | None = None
    """Finds the state of the item. A word of recovery, or true, marks the alert as resolved."""
    alert: Mapping[str, Expression] = field(default_factory=dict[str, Expression])
    """Finds the fields of an alert in an item. Empty: an item is an alert in Tocsin's own form."""
    severities: Severities = field(default_factory=Severities)
    identity: str = ""
    """Where the tool documents that the id in `alertId` belongs to one occurrence only.

    If set, an alert with the same id is a repeat even with other content. If empty, the id may be that
    of a rule, a monitor or a row, and only an alert with the same id and the same content is a repeat.
    """

    def fits(self, document: JSON) -> bool:
        return self.detect is not None and self.detect.holds(document)


class Formats(dict[str, Format]):
    """Formats by name, in the order in which detection tries them. Not changed once it is made."""

    def __init__(self, formats: Mapping[str, Format], scales: Scales) -> None:
        super().__init__(formats)
        self.scales = scales
        self._order = [format for format in formats.values() if format.detect is not None]
        self._index = Index(format.detect.needed for format in self._order if format.detect is not None)

    def fitting(self, document: JSON) -> Iterator[Format]:
        """Yield the formats that fit a document, the one to use first."""
        for number in self._index.candidates(document):
            if self._order[number].fits(document):
                yield self._order[number]


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
    scales = built_in_scales()
    return Formats(
        {name: _format(name, table, scales, check=False) for name, table in _built_in_tables().items()},
        scales,
    )


def parse_formats(tables: JSON, severities: JSON = None, recoveries: JSON = None) -> Formats:
    """Return the built-in formats with those of a configuration, `[formats.NAME]`, and its scales.

    Detection tries a user's own formats first. A table with the name of a built-in format overrides only
    the settings it contains. Raises Invalid naming the format, the setting and the problem.
    """
    if not isinstance(tables, dict):
        raise Invalid("formats", "formats needs one table per format, like [formats.acme]")
    own_scales = bool(severities or recoveries)
    scales = parse_scales(severities or {}, recoveries or {}) if own_scales else built_in_scales()
    known = _built_in_tables()
    own: dict[str, Format] = {}
    changed: dict[str, Format] = dict(built_in())
    if own_scales:
        changed = {name: _format(name, table, scales, check=False) for name, table in known.items()}
    for name, table in tables.items():
        if name in (AUTO, LIST) or not isinstance(table, dict):
            raise Invalid("formats", f"formats.{name} is not a format: write [formats.NAME] and its settings")
        if name == _TOCSIN:
            raise Invalid("formats", f"formats.{name} is Tocsin's own form and cannot be changed")
        if name in known:
            changed[name] = _format(name, _merged(known[name], table), scales)
        else:
            own[name] = _format(name, table, scales)
            if not own[name].alert and own[name].inside is None:
                raise Invalid("formats", f"formats.{name} defines no fields; add [formats.{name}.alert]")
    return Formats(own | changed, scales)


@cache
def _built_in_tables() -> Mapping[str, dict[str, JSON]]:
    """Return the table of each built-in format, in the order of detection."""
    tables: dict[str, dict[str, JSON]] = {}
    for family in FAMILIES:
        text = (Path(__file__).parent / "families" / f"{family}.toml").read_text(encoding="utf-8")
        tables |= tomllib.loads(text)["formats"]
    return tables


def _merged(table: Mapping[str, JSON], changes: Mapping[str, JSON]) -> dict[str, JSON]:
    merged = {**table, **changes}
    for key in _TABLES:
        if isinstance(old := table.get(key), dict) and isinstance(new := changes.get(key), dict):
            merged[key] = {**old, **new}
            if "alertId" in new:
                merged["identity"] = changes.get("identity", "")  # the built-in source is about another id
    return merged


def _format(name: str, table: Mapping[str, JSON], scales: Scales, *, check: bool = True) -> Format:
    """Return the format of a table. `check` compiles its expressions now, to report a mistake at once."""
    place = f"formats.{name}"
    _check_keys(place, table, _SETTINGS)
    alert = _table(f"{place}.alert", table.get("alert", {}))
    _check_keys(f"{place}.alert", alert, KEYS)
    return Format(
        name=name,
        about=_text(f"{place}.about", table.get("about", "")),
        **{key: _expression(f"{place}.{key}", table.get(key, ""), scales, check) for key in _EXPRESSIONS},
        whole=table.get("whole") is True,
        alert={
            key: expression
            for key, text in alert.items()
            if (expression := _expression(f"{place}.alert.{key}", text, scales, check)) is not None
        },
        severities=_severities(place, table, scales),
        identity=_text(f"{place}.identity", table.get("identity", "")).strip(),
    )


def _expression(place: str, text: JSON, scales: Scales, check: bool) -> Expression | None:
    """Return None for an empty text, so that users can remove a built-in expression."""
    written = _text(place, text)
    try:
        if not written.strip():
            return None
        expression = Expression(written, scales)
        return expression.checked() if check else expression
    except Invalid as error:
        raise Invalid("formats", f"{place}: {error.message}") from None


def _severities(place: str, table: Mapping[str, JSON], scales: Scales) -> Severities:
    """Return the common names, then the scale that the format uses, then its own names and numbers."""
    own = parse_severities(f"{place}.severities", _table(f"{place}.severities", table.get("severities", {})))
    scale = _text(f"{place}.scale", table.get("scale", ""))
    if scale and scale not in scales.by_name:
        close = get_close_matches(scale, scales.by_name, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known scales: {', '.join(scales.by_name)}"
        raise Invalid("formats", f"{place}.scale: unknown scale {scale}; {hint}")
    common = scales.names.with_more(scales.by_name[scale]) if scale else scales.names
    return common.with_more(own)


def _check_keys(place: str, table: Mapping[str, JSON], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            close = get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known settings: {', '.join(known)}"
            raise Invalid("formats", f"{place}: unknown setting {key}; {hint}")


def _table(place: str, value: JSON) -> dict[str, JSON]:
    if not isinstance(value, dict):
        raise Invalid("formats", f"{place} must be a table, not {value!r}")
    return value


def _text(place: str, value: JSON) -> str:
    if not isinstance(value, str):
        raise Invalid("formats", f"{place} must be a string, not {value!r}")
    return value
