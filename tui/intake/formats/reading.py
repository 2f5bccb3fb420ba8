"""Read a document in a format: each item becomes an alert, a skip with a reason, or an error."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tui.domain.alert import Alert, AlertType, Severity, decode_json, format_time, parse_alert
from tui.domain.errors import Invalid
from tui.intake.formats.expression import is_foreign
from tui.intake.formats.format import Format, Formats
from tui.intake.formats.values import (
    alert_id_from,
    as_alert_id,
    as_context,
    as_severity,
    as_text,
    as_texts,
    as_time,
    digest_of_json,
    title_line,
)

UNKNOWN_SEVERITY = Severity.MEDIUM
"""The severity of an alert whose own is missing or unknown."""

MOST_ITEMS = 50_000
_DEEPEST = 5
"""How many nested envelopes are opened: SQS, SNS, EventBridge, and two to spare."""
_TEXTS = ("id", "name", "runbook", "link", "version", "dedupKey")


@dataclass(frozen=True, slots=True)
class Skipped:
    """An item that is not an alert and is not meant to be one."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of reading one item."""

    place: str
    """`item 2`, or empty for a single document."""
    result: Alert | Skipped | Invalid
    format: str
    """The name of the format it was read with."""
    by_id: bool = False
    """The id alone identifies the occurrence: an alert with the same id is a repeat, whatever its content."""


def read(
    document: object,
    format: Format | None,
    formats: Formats,
    *,
    now: int,
    new_id: Callable[[], str],
    link_template: str = "",
    place: str = "",
) -> list[Reading]:
    """Return a reading for each alert in a decoded JSON document, or in each entry of an array.

    `format` is the format to use, None for the first of `formats` that fits. `now` (ms) and `new_id`
    supply the time and id of alerts that have none. `place` is where the document stood in its source.
    Never raises, whatever the document holds.
    """
    several = isinstance(document, list)
    drafts: list[_Draft] = []
    for number, entry in enumerate(document if several else [document], start=1):
        found = _open(entry, format or _fitting(entry, formats), formats, _DEEPEST)
        drafts += [draft.within(f"item {number}" if several else "").within(place) for draft in found]
    return [
        Reading(
            draft.place,
            draft.end or _finish(draft, formats, now, new_id(), link_template),
            draft.format,
            by_id=not draft.own and bool(draft.foreign or (draft.fields and "alertId" in draft.fields)),
        )
        for draft in drafts
    ]


def ids_of_tools(readings: Iterable[Reading]) -> frozenset[str]:
    """Return the ids of the alerts that are identified by id alone."""
    return frozenset(
        reading.result.alert_id for reading in readings if reading.by_id and isinstance(reading.result, Alert)
    )


@dataclass(frozen=True, slots=True)
class _Draft:
    """An item before validation: the fields of an alert in Tocsin's own form, or a result without one."""

    format: str
    fields: Any = None
    own: bool = False
    """The item came in Tocsin's own form: nothing is guessed, and every mistake is an error."""
    end: Skipped | Invalid | None = None
    place: str = ""
    foreign: str = ""
    """An id that the tool may give to several alerts: that of a rule, a monitor or a row."""
    item: Any = None
    """The item as it was received; with `foreign`, its content identifies the alert."""

    def within(self, place: str) -> "_Draft":
        if not place:
            return self
        return replace(self, place=f"{place}, {self.place}" if self.place else place)


def _fitting(document: object, formats: Formats) -> Format | None:
    return next((format for format in formats.values() if format.fits(document)), None)


def _open(document: object, format: Format | None, formats: Formats, deep: int) -> list[_Draft]:
    if format is None:
        if is_foreign(document) and "plain" in formats:
            return [_Draft("plain", end=_no_title(formats["plain"]))]
        return [_Draft("tocsin", document, own=True)]
    if format.items is None:
        return _open_item(document, format, formats, deep)
    items = format.items.of(document)
    if not isinstance(items, list):
        nothing = Invalid("format", f"the document has no alerts in the format {format.name}")
        return [_Draft(format.name, end=nothing)]
    if not items:
        return [_Draft(format.name, end=Skipped(f"{format.name} sent no alerts in this document"))]
    if len(items) > MOST_ITEMS:
        many = f"the document has {len(items)} alerts; the limit is {MOST_ITEMS}"
        return [_Draft(format.name, end=Invalid("format", many))]
    drafts: list[_Draft] = []
    for number, item in enumerate(items, start=1):
        drafts += [draft.within(f"item {number}") for draft in _open_item(item, format, formats, deep)]
    return drafts


def _no_title(format: Format) -> Invalid:
    """Return the error for a document in which a format found no title, naming the keys it looked at."""
    title = format.alert.get("title")
    looked = title.keys if title is not None else []
    if not looked:
        return Invalid("title", f"the format {format.name} found no title, name or id")
    return Invalid("title", f"no title: none of {', '.join(looked)} is in it (format {format.name})")


def _open_item(item: object, format: Format, formats: Formats, deep: int) -> list[_Draft]:
    if format.skip is not None and (reason := as_text(format.skip.of(item))):
        return [_Draft(format.name, end=Skipped(reason))]
    if not isinstance(item, dict) or not (format.alert or format.inside):
        return [_Draft(format.name, item, own=True)]
    fields = _fields(item, format)
    own_id = format.alert.get("alertId")
    foreign = as_text(own_id.of(item)) if own_id is not None and not format.identity else ""
    outer = _Draft(format.name, fields, foreign=foreign, item=item)
    inner = _decoded(format.inside.of(item)) if format.inside is not None and deep else None
    inner_format = _fitting(inner, formats) if inner else None
    if inner_format is None:
        return [outer]
    drafts = _open(inner, inner_format, formats, deep - 1)
    # Fields that the document lacks come from its envelope. Not if it holds several alerts: they
    # must not share the envelope's id.
    return [_filled(drafts[0], outer)] if len(drafts) == 1 else drafts


def _decoded(found: object) -> dict[str, Any] | None:
    if isinstance(found, str):
        try:
            found = decode_json(found)
        except ValueError:
            return None
    return found if isinstance(found, dict) else None


def _filled(draft: _Draft, outer: _Draft) -> _Draft:
    envelope: Mapping[str, Any] = outer.fields
    if draft.end is not None or not isinstance(draft.fields, dict):
        return draft
    headed = draft.fields.get("title") or draft.fields.get("name")
    kept = {"alertContext", "title", "name"} if headed else {"alertContext"}
    fields = {key: envelope[key] for key in envelope if key not in kept} | draft.fields
    if "alertId" in draft.fields or draft.own:
        return replace(draft, fields=fields)
    return replace(
        draft, fields=fields, foreign=draft.foreign or outer.foreign, item=draft.item or outer.item
    )


def _fields(item: object, format: Format) -> dict[str, Any]:
    """Return the fields that the format finds, in the form of an alert. Missing ones are left out."""
    return {key: value for key, value in _found(item, format) if value is not None and value != ""}


def _found(item: object, format: Format) -> Iterator[tuple[str, Any]]:
    find = {key: expression.of(item) for key, expression in format.alert.items()}
    yield from ((key, as_text(find.get(key))) for key in _TEXTS)
    if format.identity:
        yield "alertId", as_alert_id(find.get("alertId"))
    title, cut = title_line(as_text(find.get("title")))
    described = [as_text(find.get("title"))] * cut + [as_text(find.get("description"))]
    yield "title", title
    yield "description", "\n\n".join(text for text in dict.fromkeys(described) if text and text != title)
    yield "tags", as_texts(find.get("tags")) or None
    if find.get("destinations") is not None:
        yield "destinations", as_texts(find["destinations"])
    if (kind := as_text(find.get("type")).upper()) in tuple(AlertType):
        yield "type", kind
    if (created := as_time(find.get("createdAt"))) is not None:
        yield "createdAt", format_time(created)
    context = as_context(find["alertContext"]) if "alertContext" in find else item
    severity, unknown = as_severity(find.get("severity"), format.severities)
    yield "severity", severity
    if unknown is not None and context is not item and isinstance(context, dict):
        context = {**context, "unknownSeverity": unknown}
    yield "alertContext", context


def _finish(draft: _Draft, formats: Formats, now: int, new_id: str, link_template: str) -> Alert | Invalid:
    fields = draft.fields
    if not draft.own:
        if not any(fields.get(key) for key in ("title", "name", "id")):
            return _no_title(formats[draft.format])
        fields = {"severity": UNKNOWN_SEVERITY, "id": draft.format, **fields}
        if draft.foreign:
            # With an id of an envelope that identifies the message, else with the whole content.
            occurrence = fields.get("alertId") or digest_of_json(draft.item) or new_id
            fields["alertId"] = alert_id_from(draft.foreign, occurrence)
    try:
        return parse_alert(fields, now=now, alert_id=new_id, link_template=link_template)
    except Invalid as error:
        return error
