"""Read a document in a format: each item becomes an alert, a skip with a reason, or an error."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from tui.domain.alert import Alert
from tui.domain.errors import Invalid
from tui.intake.formats.embedded import embedded, unfolded
from tui.intake.formats.expression import is_foreign
from tui.intake.formats.fields import fields_of
from tui.intake.formats.format import Format, Formats
from tui.intake.formats.own_form import UNKNOWN_SEVERITY, parsed, understood
from tui.intake.formats.values import alert_id_from, as_text, candidates, digest_of_json
from tui.intake.json_text import JSON

MOST_ITEMS = 50_000
_DEEPEST = 5
"""How many nested envelopes are opened: SQS, SNS, EventBridge, and two to spare."""


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
    notes: tuple[str, ...] = ()
    """What was not understood, and what was used in its place."""


def read(
    document: JSON,
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
    In Tocsin's own form, if that is the format to use, nothing is guessed.
    Never raises, whatever the document holds.
    """
    several = isinstance(document, list)
    drafts: list[_Draft] = []
    opening = _Opening(formats, now)
    for number, entry in enumerate(document if several else [document], start=1):
        found = opening.document(entry, format, _DEEPEST)
        drafts += [draft.within(f"item {number}" if several else "").within(place) for draft in found]
    strict = format is not None
    return [_finish(draft, formats, now, new_id(), link_template, strict=strict) for draft in drafts]


def ids_of_tools(readings: Iterable[Reading]) -> frozenset[str]:
    """Return the ids of the alerts that are identified by id alone."""
    return frozenset(
        reading.result.alert_id for reading in readings if reading.by_id and isinstance(reading.result, Alert)
    )


@dataclass(frozen=True, slots=True)
class _Draft:
    """An item before validation: the fields of an alert in Tocsin's own form, or a result without one."""

    format: str
    fields: JSON = None
    own: bool = False
    """The item came in Tocsin's own form."""
    end: Skipped | Invalid | None = None
    place: str = ""
    foreign: str = ""
    """An id that the tool may give to several alerts: that of a rule, a monitor or a row."""
    item: JSON = None
    """The item as it was received; with `foreign`, its content identifies the alert."""
    notes: Mapping[str, str] = field(default_factory=dict[str, str])
    """What to say if a field stays empty because its value was not understood."""

    def value(self, key: str) -> JSON:
        return self.fields.get(key) if isinstance(self.fields, dict) else None

    def within(self, place: str) -> "_Draft":
        if not place:
            return self
        return replace(self, place=f"{place}, {self.place}" if self.place else place)


@dataclass(frozen=True, slots=True)
class _Opening:
    """Opens documents: finds their format, their items, and what is inside of them."""

    formats: Formats
    now: int

    def document(self, document: JSON, format: Format | None, deep: int) -> list[_Draft]:
        """Return a draft for each item, in this format or the first that fits."""
        view = unfolded(document)
        for each in [format] if format is not None else self.formats.fitting(view):
            if (drafts := self._in_format(document, view, each, deep)) is not None:
                return drafts
        if is_foreign(document) and "plain" in self.formats:
            return [_Draft("plain", end=_no_title(self.formats["plain"]))]
        return [_Draft("tocsin", document, own=True)]

    def _in_format(self, document: JSON, view: JSON, format: Format, deep: int) -> list[_Draft] | None:
        """Return None if the format is for what is inside only, and there is nothing inside."""
        if format.items is None:
            return self._item(document, view, format, deep)
        items = format.items.of(view)
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
            found = self._item(item, unfolded(item), format, deep) or []
            drafts += [draft.within(f"item {number}") if len(items) > 1 else draft for draft in found]
        return drafts

    def _item(self, item: JSON, view: JSON, format: Format, deep: int) -> list[_Draft] | None:
        if format.skip is not None and (reason := as_text(format.skip.of(view))):
            return [_Draft(format.name, end=Skipped(reason))]
        if not isinstance(item, dict) or not (format.alert or format.inside):
            return [_Draft(format.name, item, own=True)]
        inner, is_part = self._inside(view, format, deep)
        if inner is None and not format.alert:
            return None
        fields, notes = fields_of(item, view, format, self.formats, self.now)
        own_id = format.alert.get("alertId")
        foreign = as_text(own_id.of(view)) if own_id is not None and not format.identity else ""
        outer = _Draft(format.name, fields, foreign=foreign, item=item, notes=notes)
        if inner is None:
            return [outer]
        # Fields that the document lacks come from its envelope. Not if it holds several alerts: they
        # must not share the envelope's id.
        return [_filled(inner[0], outer, whole=format.whole and is_part)] if len(inner) == 1 else inner

    def _inside(self, view: JSON, format: Format, deep: int) -> tuple[list[_Draft] | None, bool]:
        """Return the drafts of the first document inside that is in a known format, else None.

        Also return whether the document is an object in the item, not in a text.
        """
        if format.inside is None or not deep:
            return None, False
        for found in candidates(format.inside.of(view)):
            inner = embedded(found)
            inner_view = unfolded(inner)
            for each in self.formats.fitting(inner_view) if inner else ():
                if not each.alert and each.inside is None and not self._is_valid(inner):
                    continue  # another format makes more of it
                if (drafts := self._in_format(inner, inner_view, each, deep - 1)) is not None:
                    return drafts, found is inner
        return None, False

    def _is_valid(self, document: JSON) -> bool:
        fields, _ = understood(document, self.formats.scales, self.now)
        return isinstance(parsed(fields, self.now, "any"), Alert)


def _no_title(format: Format) -> Invalid:
    """Return the error for a document in which a format found no title, naming the keys it looked at."""
    title = format.alert.get("title")
    looked = title.keys if title is not None else []
    if not looked:
        return Invalid("title", f"the format {format.name} found no title, name or id")
    return Invalid("title", f"no title: none of {', '.join(looked)} is in it (format {format.name})")


def _filled(draft: _Draft, outer: _Draft, *, whole: bool) -> _Draft:
    envelope, inner = outer.fields, draft.fields
    if draft.end is not None or not (isinstance(envelope, dict) and isinstance(inner, dict)):
        return draft
    headed = inner.get("title") or inner.get("name")
    kept = {"alertContext", "title", "name"} if headed else {"alertContext"}
    fields = {key: envelope[key] for key in envelope if key not in kept} | inner
    if whole:
        fields["alertContext"] = envelope["alertContext"]
    notes = {**outer.notes, **draft.notes}
    if "alertId" in inner or draft.own:
        return replace(draft, fields=fields, notes=notes)
    return replace(
        draft,
        fields=fields,
        notes=notes,
        foreign=draft.foreign or outer.foreign,
        item=draft.item or outer.item,
    )


def _finish(
    draft: _Draft, formats: Formats, now: int, new_id: str, link_template: str, *, strict: bool
) -> Reading:
    fields, notes = draft.fields, ()
    if draft.end is not None:
        return Reading(draft.place, draft.end, draft.format)
    if draft.own:
        result = parsed(fields, now, new_id, link_template)
        if isinstance(result, Invalid) and not strict:
            fields, notes = understood(fields, formats.scales, now)
            result = parsed(fields, now, new_id, link_template)
        return Reading(draft.place, result, draft.format, notes=notes)
    assert isinstance(fields, dict)
    by_id = bool(draft.foreign or draft.value("alertId"))
    if not any(fields.get(key) for key in ("title", "name", "id")):
        return Reading(draft.place, _no_title(formats[draft.format]), draft.format, by_id)
    fields = {"severity": UNKNOWN_SEVERITY, "id": draft.format, **fields}
    if draft.foreign:
        # With an id of an envelope that identifies the message, else with the whole content.
        occurrence = as_text(fields.get("alertId")) or digest_of_json(draft.item) or new_id
        fields["alertId"] = alert_id_from(draft.foreign, occurrence)
    notes = tuple(note for key, note in draft.notes.items() if draft.value(key) is None)
    fields["description"] = "\n\n".join(filter(None, [as_text(fields.get("description")), *notes]))
    result = parsed(fields, now, new_id, link_template)
    return Reading(draft.place, result, draft.format, by_id, notes)
