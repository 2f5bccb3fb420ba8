"""Dry run: explain what would be stored of a document, and why. Nothing is stored."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tui.domain.alert import RESOLVED, Alert, format_time
from tui.domain.errors import Invalid
from tui.intake.answers import RETRY_S, Answered, refused
from tui.intake.formats import Format, Formats, Reading, Skipped, ids_of_tools
from tui.intake.formats.embedded import unfolded
from tui.intake.formats.values import as_text, candidates, title_line
from tui.intake.json_text import JSON
from tui.store.engine.database import Store
from tui.store.errors import StoreUnavailable
from tui.store.outbox import Receipt, preview

MOST_EXPLAINED = 100
"""Alerts in one request, and items in one transaction: it holds the lock of the database."""
GENERATED = "generated: the document has no ID, so every send stores a new alert"
FROM_KEY = "derived from the key of the request"
OWN = "the ID of the document: the same ID with other content is an error"
OF_TOOL = "the tool's ID of this occurrence: the same ID is a repeat"
OF_RULE = "the tool's ID and the content: the tool may give this ID to several alerts"


@dataclass(frozen=True, slots=True)
class Explanation:
    place: str
    format: str
    result: Alert | Skipped | Invalid
    receipt: Receipt | None = None
    """What storing the alert would have answered."""
    origins: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """The keys of the document that title, severity, createdAt and alertId came from. Missing: a default."""
    looked_at: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """The keys that were looked at for a field with a default."""
    identity: str = ""
    """Why the alert has its ID, and what a repeat is."""
    notes: tuple[str, ...] = ()
    """What was not understood, and what was used in its place."""

    @property
    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"item": self.place, "format": self.format}
        match self.result:
            case Invalid():
                return {**found, "field": self.result.field, "error": self.result.message}
            case Skipped():
                return {**found, "skipped": self.result.reason}
            case alert:
                pass
        receipt = self.receipt
        assert receipt is not None
        return {
            **found,
            "title": alert.headline,
            "severity": alert.severity,
            "type": alert.type,
            "createdAt": format_time(alert.created_at),
            "alertId": None if self.identity == GENERATED else alert.alert_id,
            "identity": self.identity,
            "from": self.origins,
            "notes": list(self.notes),
            "repeated": receipt.repeated,
            "notRouted": receipt.not_routed,
            "destinations": [
                {"destination": target.name, "destinationId": target.id, "paused": target.paused}
                for _, _, target in receipt.deliveries
            ],
            "folded": [
                {"destination": target.name, "destinationId": target.id, "into": into}
                for target, into in receipt.folded
            ],
            "revived": [
                {"destination": target.name, "destinationId": target.id} for _, _, target in receipt.revived
            ],
        }


@dataclass(slots=True)
class DryRun:
    """Explains readings, made with IDs from `new_id`."""

    store: Store
    formats: Formats
    new_id: Callable[[], str]
    revive_after_ms: int | None
    generated: str = GENERATED
    """Why an ID from `new_id` is as it is."""
    _made: set[str] = field(init=False, default_factory=set[str])

    def id(self) -> str:
        """Return a new ID, for an alert that has none."""
        made = self.new_id()
        self._made.add(made)
        return made

    def explain(self, read: Sequence[tuple[JSON, Reading]]) -> list[Explanation]:
        """Explain readings, each given with its document. Raises StoreUnavailable.

        Each alert is compared with what is stored and with the alerts before it.
        """
        readings = [reading for _, reading in read]
        alerts = [reading.result for reading in readings if isinstance(reading.result, Alert)]
        by_id = ids_of_tools(readings)
        answers = iter(preview(self.store, alerts, by_id, revive_after_ms=self.revive_after_ms))
        explained: list[Explanation] = []
        for document, reading in read:
            answer = next(answers) if isinstance(reading.result, Alert) else None
            explained.append(self._explain(document, reading, answer))
        self._made.clear()
        return explained

    def _explain(self, document: JSON, reading: Reading, answer: Receipt | Invalid | None) -> Explanation:
        alert = reading.result
        if not isinstance(alert, Alert) or isinstance(answer, Invalid):
            refused = answer if isinstance(answer, Invalid) else reading.result
            return Explanation(reading.place, reading.format, refused)
        own = not self.formats[reading.format].alert
        origins, looked_at = _own_origins(document, alert) if own else self._origins(document, reading, alert)
        return Explanation(
            reading.place,
            reading.format,
            alert,
            answer,
            origins,
            looked_at,
            self._identity(reading, alert, document),
            reading.notes,
        )

    def _identity(self, reading: Reading, alert: Alert, document: JSON) -> str:
        if alert.alert_id in self._made:
            return self.generated
        if not reading.by_id:
            return OWN
        for format, item in self._sources(document, reading, alert):
            expression = format.alert.get("alertId")
            if expression is not None and as_text(expression.of(item)):
                return OF_TOOL if format.identity else OF_RULE
        return OF_TOOL

    def _origins(
        self, document: JSON, reading: Reading, alert: Alert
    ) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        origins: dict[str, list[str]] = {}
        looked_at: dict[str, list[str]] = {}
        for name in ("title", "severity", "createdAt", "alertId"):
            if name == "alertId" and alert.alert_id in self._made:
                continue
            for format, item in self._sources(document, reading, alert):
                recovered = name == "severity" and RESOLVED in alert.tags
                expression = format.resolved if recovered else format.alert.get(name)
                if expression is None:
                    continue
                looked_at.setdefault(name, expression.keys)
                for keys, value in expression.alternatives(item):
                    if keys and self._gave(name, value, alert, format):
                        origins[name] = keys
                        break
                if name in origins:
                    break
        return origins, looked_at

    def _gave(self, name: str, found: JSON, alert: Alert, format: Format) -> bool:
        """Whether this value is the one that the field was taken from."""
        if name == "title":
            line, _ = title_line(as_text(found))
            return bool(line) and alert.headline.endswith(line)
        if name != "severity":
            return bool(as_text(found))
        if RESOLVED in alert.tags:
            return any(self.formats.scales.recovery(found))
        return any(format.severities.of(one) is alert.severity for one in candidates(found))

    def _sources(self, document: JSON, reading: Reading, alert: Alert) -> Iterator[tuple[Format, JSON]]:
        """Yield where the fields of an alert may have been found: the format's item first, then envelopes."""
        format = self.formats[reading.format]
        yield format, unfolded(json.loads(alert.context))  # in most formats, the item itself
        for item in _items(document, format):
            yield format, unfolded(item)
        for envelope in self.formats.values():
            if envelope is not format and envelope.alert and envelope.fits(document):
                for item in _items(document, envelope):
                    yield envelope, unfolded(item)


def is_asked(given: str | None) -> bool:
    """Return the value of `?dryRun=`. Raises Answered (422): a slip must not store anything."""
    if given not in (None, "true", "false"):
        raise Answered(422, "nothing was stored: dryRun must be true or false")
    return given == "true"


def answer(run: DryRun, documents: Sequence[JSON], readings: Sequence[Reading]) -> list[dict[str, Any]]:
    """Return the answer to a dry run over HTTP. Raises Answered as storing the alerts would."""
    if len(readings) > MOST_EXPLAINED:
        raise Answered(413, f"a dry run explains at most {MOST_EXPLAINED} alerts; send fewer")
    try:
        explained = run.explain(list(zip(documents, readings, strict=True)))
    except StoreUnavailable as error:
        raise Answered(503, str(error), retry_s=RETRY_S) from None
    errors = [(one.place, one.result) for one in explained if isinstance(one.result, Invalid)]
    if errors:
        raise refused(errors)
    return [one.as_json for one in explained]


def _entries(document: JSON) -> list[JSON]:
    return document if isinstance(document, list) else [document]


def _items(document: JSON, format: Format) -> list[JSON]:
    items: list[JSON] = []
    for entry in _entries(document):
        found = format.items.of(entry) if format.items is not None else None
        items += found if isinstance(found, list) else [entry]
    return items


def _own_origins(document: JSON, alert: Alert) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the keys that were given in the entry with the alert's title, and those not understood."""
    unread = json.loads(alert.context)
    for entry in _entries(document):
        if not isinstance(entry, dict):
            continue
        titled = next((key for key in ("title", "name", "id") if entry.get(key)), "")
        if titled and entry[titled] == alert.headline:
            given = [name for name in ("severity", "createdAt", "alertId") if entry.get(name) is not None]
            unknown = [name for name, kept in _KEPT if kept in unread]
            origins = {name: [name] for name in given if name not in unknown}
            return {"title": [titled], **origins}, {name: [name] for name in unknown}
    return {}, {}


_KEPT = (("severity", "unknownSeverity"), ("createdAt", "unknownTime"))
"""Where a value that was not understood stays in the context."""
