"""A shape: how an alert becomes the request that a receiver expects, and how its answer is judged."""

import json
import math
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote, urlsplit, urlunsplit

from tui.delivery.shapes.errors import ShapeError
from tui.delivery.shapes.filters import header, one_line
from tui.delivery.shapes.judging import Judge
from tui.domain.alert import RESOLVED, Alert, encode_json, format_time
from tui.domain.errors import Invalid
from tui.domain.secret import MASK

MOST_BYTES = 1 << 24
_CONDITION = "?"
"""The key whose value decides whether the object that has it is sent."""
_KEYS = {"about", "source", "urls", "method", "send_to", "headers", "secrets", "body", "ack", "permanent"}
_MARKS = ("{{", "{%", "{#")
_DROPPED = object()

_Build = Callable[[list[Any]], Any]


@dataclass(frozen=True, slots=True)
class Rendered:
    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Shape:
    """A parsed shape. Raises ShapeError, with line and column in `text`, for a mistake."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self._text = text
        self._cursor = 0
        table = self._table()
        for key in table:
            if key not in _KEYS:
                raise self._error(f"a shape has no key {key!r}; it has {', '.join(sorted(_KEYS))}", key)
        self.about = self._string(table, "about")
        self.source = self._string(table, "source")
        self.urls = self._strings(table, "urls")
        self.method = self._string(table, "method") or "POST"
        if self.method not in ("POST", "PUT"):
            raise self._error("method must be POST or PUT", "method")
        self.send_to = self._string(table, "send_to")
        if self.send_to not in ("", "parent"):
            raise self._error('send_to can only be "parent"', "send_to")
        self.secrets = self._pairs(table, "secrets")
        """The names of secrets in templates, with the header of the destination that holds each."""
        if "body" not in table:
            raise ShapeError("a shape needs a body")
        self.judge = self._judge(table)
        from tui.delivery.shapes.template import Program  # imports Jinja, which panther does not need

        self._program = Program()
        self._headers = [(key, self._node(value)) for key, value in self._pairs(table, "headers").items()]
        self._body = self._node(table["body"])
        self._wants_context = "alert.context" in self._program.names or "alert" in self._bare()

    def render(
        self,
        alert: Alert,
        url: str,
        *,
        webhook_id: str,
        round: int,
        secret: Callable[[str], str],
        masked: bool = False,
    ) -> Rendered:
        """Return the request for an alert. It is identical in every attempt of a round.

        `secret` returns the value of a header of the destination, or "". With `masked`, the parts of the
        URL's path are masked. Raises ShapeError.
        """
        path = [part for part in urlsplit(url).path.split("/") if part] if self.send_to else []
        data = self._data(alert, webhook_id=webhook_id, round=round, secret=secret)
        values = self._program.run({**data, "path": [MASK if masked else unquote(part) for part in path]})
        from tui.delivery.shapes.environment import as_text

        headers = [(key, header(as_text(value(values)))) for key, value in self._headers]
        try:
            text = encode_json(self._body(values))
        except RecursionError:
            raise ShapeError("it nests values too deeply") from None
        body = text.encode(errors="replace")
        if len(body) > MOST_BYTES:
            raise ShapeError(f"the body has {len(body):,} bytes; at most {MOST_BYTES:,} are allowed")
        return Rendered(
            self.method,
            _parent(url) if self.send_to else url,
            tuple((key, value) for key, value in headers if value),
            body,
        )

    def consumes(self, header: str) -> bool:
        """Whether the destination's header goes into the body instead of being sent."""
        return any(header.lower() == each.lower() for each in self.secrets.values())

    def _data(
        self, alert: Alert, *, webhook_id: str, round: int, secret: Callable[[str], str]
    ) -> dict[str, Any]:
        resend = round > 1
        headline = one_line(alert.headline) or alert.alert_id
        secrets = {key: secret(header) for key, header in self.secrets.items()}
        for key, value in secrets.items():
            if not value:
                raise ShapeError(
                    f"the shape {self.name} needs the header {self.secrets[key]}, which it puts into the body"
                )
        return {
            "alert": {
                "id": alert.rule_id,
                "alertId": alert.alert_id,
                "createdAt": format_time(alert.created_at),
                "createdAtMillis": alert.created_at,
                "createdAtSeconds": alert.created_at / 1000,
                "severity": alert.severity.value,
                "type": alert.type.value,
                "link": alert.link,
                "title": headline,
                "name": alert.name,
                "context": json.loads(alert.context) if self._wants_context else {},
                "description": alert.description,
                "runbook": alert.runbook,
                "tags": list(alert.tags),
                "logTypes": list(alert.log_types),
                "version": alert.version,
                "dedupKey": alert.dedup_key,
                "test": alert.test,
            },
            "title": f"[Re-sent]: {headline}" if resend else headline,
            "resend": resend,
            "resolved": RESOLVED in alert.tags,
            "webhook_id": webhook_id,
            "secret": secrets,
        }

    # --- reading

    def _table(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            reason, _, place = str(error).rpartition(" (at ")
            place = place.rstrip(")")
            if place.startswith("line "):
                raise ShapeError(f"{place}: {_lower(reason)}") from None
            line = self._text.count("\n") + 1
            raise ShapeError(f"line {line}, column 1: {_lower(reason or str(error))}") from None
        except RecursionError:
            raise ShapeError("nested too deeply") from None

    def _node(self, value: Any) -> _Build:
        """Return what makes a part of the body from the values of the leaves."""
        if isinstance(value, str):
            return self._leaf(value)
        if isinstance(value, dict):
            return self._object(cast("dict[str, Any]", value))
        if isinstance(value, list):
            parts = [self._node(item) for item in cast("list[Any]", value)]
            return lambda values: [v for part in parts if (v := part(values)) is not _DROPPED]
        if isinstance(value, (bool, int, float)):
            if not math.isfinite(value):
                raise self._error("a number must be finite", str(value))
            return lambda _: value
        raise self._error("write dates as strings", str(value))

    def _object(self, table: Mapping[str, Any]) -> _Build:
        condition = self._node(table[_CONDITION]) if _CONDITION in table else None
        parts = [(key, self._node(value)) for key, value in table.items() if key != _CONDITION]

        def build(values: list[Any]) -> Any:
            if condition is not None and not condition(values):
                return _DROPPED
            return {key: v for key, part in parts if (v := part(values)) is not _DROPPED}

        return build

    def _leaf(self, text: str) -> _Build:
        if not any(mark in text for mark in _MARKS):
            return lambda _: text
        start, encoded = self._find(text)
        self._cursor = max(start, 0) + 1
        try:
            index = self._program.add(text)
        except ShapeError as error:
            at = error.offset or 0
            shift = len(json.dumps(text[:at], ensure_ascii=False)) - 2 if encoded else at
            raise ShapeError(f"{self._place(start + shift)}: {error.message}") from None
        from tui.delivery.shapes.environment import OMIT, Exceeded, jsonable

        def build(values: list[Any]) -> Any:
            value = values[index]
            if type(value) is str:
                return value
            if value is OMIT:
                return _DROPPED
            try:
                return jsonable(value)
            except Exceeded as error:
                raise ShapeError(str(error)) from None

        return build

    def _bare(self) -> Iterator[str]:
        """Yield `alert` if a leaf uses the whole alert, so that its context is needed too."""
        if "alert" in self._program.names and "{{ alert }}" in self._text:
            yield "alert"

    def _judge(self, table: Mapping[str, Any]) -> Judge:
        ack = table.get("ack", {})
        if not isinstance(ack, dict):
            raise self._error("ack must be a table with statuses and answer", "ack")
        for key in cast("dict[str, Any]", ack):
            if key not in ("statuses", "answer"):
                raise self._error(f"ack has no key {key!r}; it has answer, statuses", key)
        statuses = self._statuses(cast("dict[str, Any]", ack), "statuses")
        answer = self._string(cast("dict[str, Any]", ack), "answer")
        try:
            return Judge(statuses, answer, self._statuses(table, "permanent"))
        except Invalid as error:
            raise self._error(error.message, answer) from None

    def _statuses(self, table: Mapping[str, Any], key: str) -> frozenset[int]:
        value = table.get(key, [])
        if not isinstance(value, list) or not all(
            isinstance(item, int) and 100 <= item <= 599 for item in cast("list[Any]", value)
        ):
            raise self._error(f"{key} must be a list of HTTP statuses, like [400, 404]", key)
        return frozenset(cast("list[int]", value))

    def _string(self, table: Mapping[str, Any], key: str) -> str:
        value = table.get(key, "")
        if not isinstance(value, str):
            raise self._error(f"{key} must be a string", key)
        return value

    def _strings(self, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) for v in cast("list[Any]", value)):
            raise self._error(f"{key} must be a list of strings", key)
        return tuple(cast("list[str]", value))

    def _pairs(self, table: Mapping[str, Any], key: str) -> dict[str, str]:
        value = table.get(key, {})
        if not isinstance(value, dict):
            raise self._error(f"{key} must be a table of strings", key)
        pairs = cast("dict[str, Any]", value)
        if not all(isinstance(item, str) for item in pairs.values()):
            raise self._error(f"{key} must be a table of strings", key)
        return cast("dict[str, str]", pairs)

    # --- places

    def _find(self, text: str) -> tuple[int, bool]:
        """Return where a string is in the file, and whether it is written with escapes."""
        for form, escaped in ((text, False), (json.dumps(text, ensure_ascii=False)[1:-1], True)):
            for start in (self._cursor, 0):
                if (found := self._text.find(form, start)) >= 0:
                    return found, escaped
        return -1, False

    def _error(self, message: str, word: str) -> ShapeError:
        return ShapeError(f"{self._place(self._text.find(word))}: {message}")

    def _place(self, offset: int) -> str:
        before = self._text[: max(offset, 0)]
        return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"


def _parent(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/").rpartition("/")[0] or "/"))


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
