"""The fields of an alert that a format finds in an item."""

from collections.abc import Iterator, Mapping

from tui.domain.alert import RESOLVED, Severity, format_time
from tui.domain.alert_type import AlertType
from tui.intake.formats.format import Format, Formats
from tui.intake.formats.own_form import UNKNOWN_SEVERITY, not_understood
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
from tui.intake.json_text import JSON

_TEXTS = ("id", "name", "runbook", "link", "version", "dedupKey")


def fields_of(
    item: dict[str, JSON], view: JSON, format: Format, formats: Formats, now: int
) -> tuple[dict[str, JSON], dict[str, str]]:
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
    if context is not item:
        if unknown is not None:
            context = {**context, "unknownSeverity": unknown}
        if unread:
            context = {**context, "unknownTime": unread}
        if type and not known_type:
            context = {**context, "unknownType": type}
    found = (
        *_texts(find, format),
        ("severity", severity),
        ("type", known_type),
        ("alertContext", context),
    )
    fields: dict[str, JSON] = {key: value for key, value in found if value is not None and value != ""}
    if created is not None:
        fields["createdAt"] = format_time(created)
    if format.resolved is not None:
        said, success = formats.scales.recovery(format.resolved.of(view))
        if said or (success and severity is None):
            _resolve(fields, by_word=said, formats=formats)
    notes: dict[str, str] = {}
    if unread:
        notes["createdAt"] = not_understood("time", unread, "the current time")
    if unknown is not None:
        notes["severity"] = not_understood("severity", unknown, UNKNOWN_SEVERITY)
    if type and not known_type:
        notes["type"] = not_understood("type", type, AlertType.RULE)
    return fields, notes


def _severity(found: JSON, format: Format) -> tuple[Severity | None, JSON]:
    """Return the first known severity and None; or None and the first value given, if none is known."""
    given = [value for value in candidates(found) if scalar(value)]
    known = next((known for known in map(format.severities.of, given) if known is not None), None)
    return known, given[0] if given and known is None else None


def _resolve(fields: dict[str, JSON], *, by_word: bool, formats: Formats) -> None:
    """Mark an alert as resolved: INFO, tagged, and with a title that says so."""
    fields["severity"] = Severity.INFO
    fields["tags"] = [*dict.fromkeys([RESOLVED, *as_texts(fields.get("tags"))])]
    title = as_text(fields.get("title")) or as_text(fields.get("name"))
    if by_word and title and not formats.scales.says_resolved(title):
        fields["title"], _ = title_line(f"Resolved: {title}")


def _texts(find: Mapping[str, JSON], format: Format) -> Iterator[tuple[str, JSON]]:
    yield from ((key, as_text(find.get(key))) for key in _TEXTS)
    if format.identity:
        yield "alertId", as_alert_id(find.get("alertId"))
    title, cut = title_line(as_text(find.get("title")))
    described = [as_text(find.get("title"))] * cut + [as_text(find.get("description"))]
    yield "title", title
    yield "description", "\n\n".join(text for text in dict.fromkeys(described) if text and text != title)
    yield "tags", [*as_texts(find.get("tags"))] or None
    yield "logTypes", [*as_texts(find.get("logTypes"))] or None
    if find.get("destinations") is not None:
        yield "destinations", [*as_texts(find["destinations"])]
