"""An alert: what happened. It is read from JSON or options, validated once, and never changed."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, TypeVar, cast

from tui.domain.alert_type import AlertType
from tui.domain.errors import Invalid
from tui.domain.text import storable

_Member = TypeVar("_Member", bound=StrEnum)

DEFAULT_RULE_ID = "tocsin.manual"
RESOLVED = "resolved"
"""The tag of an alert that says that something is well again."""
_MOST_DIGITS = 640
"""Of an integer. Reading and writing one takes time with the square of its digits; Python allows 4,300."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Severity(StrEnum):
    INFO = "INFO"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"

    @property
    def rank(self) -> int:
        """0 for INFO up to 4 for CRITICAL."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class Alert:
    alert_id: str
    rule_id: str
    severity: Severity
    type: AlertType
    created_at: int
    """Milliseconds since 1970, UTC."""
    title: str = ""
    name: str | None = None
    link: str = ""
    context: str = "{}"
    """A JSON object as compact text. As text, it is sent exactly as it was received."""
    description: str = ""
    runbook: str = ""
    tags: tuple[str, ...] = ()
    log_types: tuple[str, ...] = ()
    """The kinds of logs that it was found in, such as `AWS.CloudTrail`."""
    version: str | None = None
    destinations: tuple[str, ...] | None = None
    """Names or ids of destinations, `()` for no destination; None to use the routing rules."""
    test: bool = False
    dedup_key: str | None = None
    """The key shared by alerts that fold into each other. None: the rule and the title."""

    @property
    def headline(self) -> str:
        """The title, else the name, else the id of the rule."""
        return self.title or self.name or self.rule_id


KEYS = (
    "id",
    "createdAt",
    "severity",
    "type",
    "link",
    "title",
    "name",
    "alertId",
    "alertContext",
    "description",
    "runbook",
    "tags",
    "version",
    "destinations",
    "dedupKey",
    "logTypes",
)


def parse_alert(value: object, *, now: int, alert_id: str, link_template: str = "") -> Alert:
    """Return the alert in a decoded JSON object with any of `KEYS`.

    `now` (ms) and `alert_id` are used if the object has no time or id. Raises Invalid, naming the first key
    that is unknown or has an invalid value: no value is guessed and no key is ignored.
    """
    if not isinstance(value, dict):
        raise Invalid("alert", f"an alert must be a JSON object, not {_json_kind(value)}")
    source = cast("dict[str, object]", value)
    for key in source:
        if key not in KEYS:
            raise Invalid(key, f"unknown key {_short(key)}; {_suggest(key)}")
    title, name, rule_id = _text(source, "title"), _optional_text(source, "name"), _text(source, "id")
    if not (title or name or rule_id):
        raise Invalid("title", "an alert needs a title, a name or an id")
    own_id = _text(source, "alertId") or alert_id
    if not is_alert_id(own_id):
        raise Invalid("alertId", "alertId must be at most 200 printable characters without spaces")
    return Alert(
        alert_id=own_id,
        rule_id=rule_id or DEFAULT_RULE_ID,
        severity=parse_severity(source.get("severity", Severity.INFO)),
        type=parse_alert_type(source.get("type", AlertType.RULE)),
        created_at=_parse_time(source["createdAt"]) if "createdAt" in source else now,
        title=title,
        name=name,
        link=_text(source, "link") or link_template.replace("{alertId}", own_id),
        context=encode_context(source.get("alertContext", {})),
        description=_text(source, "description"),
        runbook=_text(source, "runbook"),
        tags=_texts(source, "tags") or (),
        version=_optional_text(source, "version"),
        destinations=_texts(source, "destinations"),
        dedup_key=_text(source, "dedupKey") or None,
        log_types=_texts(source, "logTypes") or (),
    )


def is_alert_id(text: str) -> bool:
    return 0 < len(text) <= 200 and " " not in text and text.isprintable()


def make_test_alert(destination: str, *, now: int, alert_id: str, link_template: str = "") -> Alert:
    """Return the test alert for one destination. It ignores the destination's filters."""
    return Alert(
        alert_id=alert_id,
        rule_id="Test.Alert",
        severity=Severity.INFO,
        type=AlertType.RULE,
        created_at=now,
        title="This is a Test Alert",
        name="Test Alert",
        link=link_template.replace("{alertId}", alert_id),
        context='{"test":true}',
        description="This is a Test Alert, sent by Tocsin to check that this destination works.",
        runbook="Nothing to do: this is a test.",
        tags=("test",),
        destinations=(destination,),
        test=True,
    )


def parse_severity(value: object) -> Severity:
    """Parse a severity, in any case. Raises Invalid (`severity`)."""
    return _member(Severity, "severity", value)


def parse_alert_type(value: object) -> AlertType:
    """Parse an alert type, in any case. Raises Invalid (`type`)."""
    return _member(AlertType, "type", value)


def decode_json(text: str) -> Any:
    """Decode strict JSON: NaN, infinities and numbers too large for a receiver are errors.

    Raises ValueError with a message for users. A json.JSONDecodeError keeps its line and column.
    """
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise _plain_error(error) from None


def decode_json_at(text: str, start: int) -> tuple[Any, int]:
    """Like `decode_json`, for the one value that begins at `start`. Return it and where it ends."""
    try:
        return _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError) as error:
        raise _plain_error(error) from None


def _plain_error(error: Exception) -> Exception:
    return ValueError("the JSON is nested too deeply") if isinstance(error, RecursionError) else error


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON; use a number, a string or null")


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"the number {number[:20]} is too large")
    return value


def _integer(number: str) -> int:
    if len(number) > _MOST_DIGITS:
        raise ValueError("a number in the JSON has too many digits")
    return int(number)


# json.loads and json.dumps would create a decoder and an encoder at every call.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite, parse_int=_integer)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def encode_json(value: object) -> str:
    """Encode compact JSON, without spaces and without escaping non-ASCII text."""
    return _ENCODER.encode(value)


def encode_context(value: object) -> str:
    """Return an alert's context as it is stored. Raises Invalid unless it is a JSON object."""
    if not isinstance(value, dict):
        raise Invalid("alertContext", f"alertContext must be a JSON object, not {_json_kind(value)}")
    try:
        return storable(encode_json(cast("object", value)))
    except RecursionError:
        raise Invalid("alertContext", "alertContext is nested too deeply") from None
    except (ValueError, TypeError) as error:
        raise Invalid("alertContext", f"alertContext cannot be written as JSON: {error}") from None


def format_time(milliseconds: int) -> str:
    """Format a time as RFC 3339 in UTC with milliseconds: `2026-01-31T09:30:00.000Z`."""
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC).replace(tzinfo=None)
    return f"{moment.isoformat()}.{milliseconds % 1000:03d}Z"


def _parse_time(value: object) -> int:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            since = moment.astimezone(UTC) - _EPOCH if moment.tzinfo is not None else None
        except (ValueError, OverflowError):
            since = None
        if since is not None and since >= timedelta():
            return since // timedelta(milliseconds=1)
    raise Invalid("createdAt", "createdAt must be an RFC 3339 time with an offset, like 2026-01-31T09:30:00Z")


def _member(kind: type[_Member], field: str, value: object) -> _Member:
    allowed = ", ".join(kind)
    if not isinstance(value, str):
        raise Invalid(field, f"{field} must be one of {allowed}, not {_json_kind(value)}")
    try:
        return kind(value.upper())
    except ValueError:
        raise Invalid(field, f"unknown {field} {_short(value)}; use one of {allowed}") from None


def _text(source: Mapping[str, object], key: str) -> str:
    value = source.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Invalid(key, f"{key} must be a string, not {_json_kind(value)}")
    return storable(value)


def _optional_text(source: Mapping[str, object], key: str) -> str | None:
    return _text(source, key) if source.get(key) is not None else None


def _texts(source: Mapping[str, object], key: str) -> tuple[str, ...] | None:
    value = source.get(key)
    if value is None:
        return None
    if not isinstance(value, list):
        raise Invalid(key, f"{key} must be an array of strings, not {_json_kind(value)}")
    items = cast("list[object]", value)
    for item in items:
        if not isinstance(item, str):
            raise Invalid(key, f"{key} must be an array of strings, but contains {_json_kind(item)}")
    return tuple(storable(cast("str", item)) for item in items)


def _json_kind(value: object) -> str:
    if value is None:
        return "null"
    kinds: dict[type, str] = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "an array",
    }
    return kinds.get(type(value), "an object")


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else shown[:39] + "…"


def _suggest(key: str) -> str:
    folded = {known.lower(): known for known in KEYS} | {"context": "alertContext", "rule": "id"}
    close = get_close_matches(key.lower(), folded, n=1)
    return f"did you mean {folded[close[0]]!r}?" if close else f"use one of {', '.join(KEYS)}"
