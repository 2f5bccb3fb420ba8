"""Read Tocsin's own form: strictly, or with a substitute for an invalid severity, time, tag or type."""

from collections.abc import Callable

from tui.domain.alert import Alert, Severity, encode_json, format_time, parse_alert
from tui.domain.alert_type import AlertType
from tui.domain.errors import Invalid
from tui.intake.formats.severities import Scales
from tui.intake.formats.times import as_time, unread_time
from tui.intake.formats.values import as_text, as_texts, candidates, scalar
from tui.intake.json_text import JSON

UNKNOWN_SEVERITY = Severity.MEDIUM
"""The severity of an alert whose own is missing or unknown."""

_QUOTED = 100


def parsed(fields: JSON, now: int, alert_id: str, link_template: str = "") -> Alert | Invalid:
    """Return the alert in a document, or the first mistake in it."""
    try:
        return parse_alert(fields, now=now, alert_id=alert_id, link_template=link_template)
    except Invalid as error:
        return error


def understood(fields: JSON, scales: Scales, now: int) -> tuple[JSON, tuple[str, ...]]:
    """Return a document with valid values for severity, time, tags and type, and notes on what was changed.

    A value that is not understood is kept in the context and named in the description.
    """
    if not isinstance(fields, dict):
        return fields, ()
    result, kept = dict(fields), dict[str, JSON]()
    notes: list[str] = []
    for key, (name, read, instead) in _READ.items():
        if key not in fields:
            continue
        value, unknown = read(fields[key], scales, now)
        if value is None:
            del result[key]
        else:
            result[key] = value
        if unknown:
            kept[f"unknown{name.title().replace(' ', '')}"] = fields[key]
            notes.append(not_understood(name, fields[key], instead))
    context = result.get("alertContext", {})
    if kept and isinstance(context, dict):
        result["alertContext"] = {**kept, **context}
        if not result.get("description") or isinstance(result["description"], str):
            result["description"] = "\n\n".join(filter(None, [as_text(result.get("description")), *notes]))
    return result, tuple(notes)


def not_understood(name: str, value: JSON, instead: str) -> str:
    """Return the sentence that says so in the details."""
    try:
        shown = value if isinstance(value, str) else encode_json(value)
    except (ValueError, RecursionError):  # nested too deeply
        shown = "…"
    return f'Tocsin did not understand the {name} "{shown[:_QUOTED]}" and used {instead}.'


def _severity(value: JSON, scales: Scales, _: int) -> tuple[JSON, bool]:
    if isinstance(value, str) and value.upper() in tuple(Severity):
        return value, False
    known = next((known for known in map(scales.names.of, candidates(value)) if known is not None), None)
    return known or UNKNOWN_SEVERITY, known is None


def _time(value: JSON, _: Scales, now: int) -> tuple[JSON, bool]:
    created = as_time(value, now)
    if created is not None:
        return format_time(created), False
    return None, bool(unread_time(value)) or not (value is None or isinstance(value, str))


def _tags(value: JSON, _: Scales, __: int) -> tuple[JSON, bool]:
    each = value.values() if isinstance(value, dict) else candidates(value)
    return [*as_texts(value)], value is not None and not all(map(scalar, each))


def _type(value: JSON, _: Scales, __: int) -> tuple[JSON, bool]:
    known = isinstance(value, str) and value.upper() in tuple(AlertType)
    return (value if known else None), not known and value is not None and value != ""


_Read = Callable[[JSON, Scales, int], tuple[JSON, bool]]
_READ: dict[str, tuple[str, _Read, str]] = {
    "severity": ("severity", _severity, UNKNOWN_SEVERITY),
    "createdAt": ("time", _time, "the current time"),
    "tags": ("tags", _tags, "only their texts and numbers"),
    "logTypes": ("log types", _tags, "only their texts and numbers"),
    "type": ("type", _type, AlertType.RULE),
}
"""What each is called, how to read it (also: whether it was not understood), and what takes its place."""
