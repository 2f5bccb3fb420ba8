"""The fields of an alert that a format finds in an item."""

from collections.abc import Iterator, Mapping
from typing import Any

from tui.domain.alert import RESOLVED, Severity, format_time
from tui.domain.alert_type import AlertType
from tui.intake.formats.format import Format, Formats
from tui.intake.formats.times import as_time, unread_time
from tui.intake.formats.values import (
    as_alert_id,
    as_context,
    as_text,
    as_texts,
    candidates,
    scalar,
    title_line,
)

UNKNOWN_SEVERITY = Severity.MEDIUM
"""The severity of an alert whose own is missing or unknown."""
_TEXTS = ("id", "name", "runbook", "link", "version", "dedupKey")
_QUOTED = 100


def fields_of(
    item: dict[str, Any], view: object, format: Format, formats: Formats, now: int
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the fields that the format finds, in the form of an alert, and notes on what it could not read.

    Missing fields are left out. `view` is the item with its dotted keys unfolded.
    """
    find = {key: expression.of(view) for key, expression in format.alert.items()}
    type = as_text(find.get("type"))
    known_type = type.upper() if type.upper() in tuple(AlertType) else None
    created = as_time(find.get("createdAt"), now)
    unread = unread_time(find.get("createdAt")) if created is None else ""
    severity, unknown = _severity(find.get("severity"), format)
    context = as_context(find["alertContext"]) if "alertContext" in find else item
    if context is not item and isinstance(context, dict):
        context = {
            **context,
            **({"unknownSeverity": unknown} if unknown is not None else {}),
            **({"unknownTime": unread} if unread else {}),
            **({"unknownType": type} if type and not known_type else {}),
        }
    found = (
        *_texts(find, format),
        ("severity", severity),
        ("type", known_type),
        ("alertContext", context),
    )
    fields = {key: value for key, value in found if value is not None and value != ""}
    if created is not None:
        fields["createdAt"] = format_time(created)
    if format.resolved is not None:
        said, success = formats.scales.recovery(format.resolved.of(view))
        if said or (success and severity is None):
            _resolve(fields, by_word=said, formats=formats)
    notes = {}
    if unread:
        notes["createdAt"] = (
            f'Tocsin did not understand the time "{unread[:_QUOTED]}" and used the current time.'
        )
    if unknown is not None:
        notes["severity"] = (
            f'Tocsin did not understand the severity "{str(unknown)[:_QUOTED]}" and used {UNKNOWN_SEVERITY}.'
        )
    if type and not known_type:
        notes["type"] = f'Tocsin does not know the alert type "{type[:_QUOTED]}" and used {AlertType.RULE}.'
    return fields, notes


def _severity(found: object, format: Format) -> tuple[Severity | None, object]:
    """Return the first known severity and None; or None and the first value given, if none is known."""
    given = [value for value in candidates(found) if scalar(value)]
    known = next((known for known in map(format.severities.of, given) if known is not None), None)
    return known, given[0] if given and known is None else None


def _resolve(fields: dict[str, Any], *, by_word: bool, formats: Formats) -> None:
    """Mark an alert as resolved: INFO, tagged, and with a title that says so."""
    fields["severity"] = Severity.INFO
    fields["tags"] = list(dict.fromkeys([RESOLVED, *fields.get("tags", ())]))
    title = fields.get("title") or fields.get("name", "")
    if by_word and title and not formats.scales.says_resolved(title):
        fields["title"], _ = title_line(f"Resolved: {title}")


def _texts(find: Mapping[str, Any], format: Format) -> Iterator[tuple[str, Any]]:
    yield from ((key, as_text(find.get(key))) for key in _TEXTS)
    if format.identity:
        yield "alertId", as_alert_id(find.get("alertId"))
    title, cut = title_line(as_text(find.get("title")))
    described = [as_text(find.get("title"))] * cut + [as_text(find.get("description"))]
    yield "title", title
    yield "description", "\n\n".join(text for text in dict.fromkeys(described) if text and text != title)
    yield "tags", as_texts(find.get("tags")) or None
    yield "logTypes", as_texts(find.get("logTypes")) or None
    if find.get("destinations") is not None:
        yield "destinations", as_texts(find["destinations"])
