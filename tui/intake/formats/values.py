"""Convert the results of expressions to the fields of an alert: texts, times, severities."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tui.domain.alert import Severity, is_alert_id

_NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d{1,18})?")
_TITLE_LIMIT = 300
_FOREIGN_LIMIT = 150
_LATEST_MS = 253_402_300_799_999
"""The end of the year 9999, the last that Python's datetime supports."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = ((1e8, 1e11, 0.001), (1e11, 1e14, 1.0), (1e14, 1e17, 1e3), (1e17, 1e20, 1e6))
"""Seconds, milliseconds, µs and ns since 1970: lower bound, upper bound, units per millisecond."""


@dataclass(frozen=True, slots=True)
class Severities:
    """Maps a tool's own severities to the five."""

    names: Mapping[str, Severity] = field(default_factory=dict)
    """Severities by name, in lower case."""
    steps: tuple[tuple[float, Severity], ...] = ()
    """Each severity with the number it starts from, in ascending order."""

    def of(self, value: object) -> Severity | None:
        """Return the severity that a name or a number stands for, or None if it is unknown."""
        if isinstance(value, str) and (known := self.names.get(value.strip().casefold())):
            return known
        number = as_number(value)
        reached = [severity for start, severity in self.steps if number is not None and number >= start]
        return reached[-1] if reached else None


def candidates(found: object) -> Iterator[object]:
    """Yield the entries of an array in order, or anything else itself."""
    if isinstance(found, list):
        yield from found
    else:
        yield found


def as_text(found: object) -> str:
    """Return the first text, else the first number, else an empty string."""
    numbers: list[str] = []
    for value in candidates(found):
        if text := _scalar(value):
            if isinstance(value, str):
                return text
            numbers.append(text)
    return numbers[0] if numbers else ""


def as_texts(found: object) -> list[str]:
    """Return every distinct text and number. The entries of an object become `key=value`."""
    return list(dict.fromkeys(_texts(found, depth=3)))


def as_time(found: object) -> int | None:
    """Return the first time in milliseconds: RFC 3339, or a number since 1970 in s, ms, µs or ns."""
    return next((time for time in map(_time, candidates(found)) if time is not None), None)


def as_alert_id(found: object) -> str:
    """Return a valid alert id. A text that is too long or has spaces is replaced by its digest."""
    text = as_text(found)
    return text if not text or is_alert_id(text) else digest(text)


def digest(text: str) -> str:
    """Return an id derived from a text, of the same form as the ids that Tocsin generates."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def digest_of_json(value: object) -> str:
    """Return the digest of a JSON value, with its keys in any order. Empty if it is nested too deeply."""
    try:
        return digest(json.dumps(value, sort_keys=True))
    except (ValueError, RecursionError):
        return ""


def alert_id_from(foreign: str, occurrence: str) -> str:
    """Return an alert id for one occurrence of an id that a tool gives to several alerts.

    It begins with the foreign id, so that a search for that finds the alert.
    """
    readable = "".join(letter if letter.isprintable() and letter != " " else "-" for letter in foreign)
    return f"{readable[:_FOREIGN_LIMIT]}-{digest(f'{foreign} {occurrence}')}"


def as_severity(found: object, severities: Severities) -> tuple[Severity | None, object]:
    """Return the first known severity and None; or None and the first value given, if none is known."""
    given = [value for value in candidates(found) if _scalar(value)]
    known = next((severity for severity in map(severities.of, given) if severity is not None), None)
    return known, given[0] if given and known is None else None


def title_line(text: str) -> tuple[str, bool]:
    """Return the first line, shortened to fit a title, and whether anything was left out."""
    text = text.strip()
    line = text.splitlines()[0].rstrip() if text else ""
    cut = line if len(line) <= _TITLE_LIMIT else line[: _TITLE_LIMIT - 1] + "…"
    return cut, cut != text


def as_number(value: object) -> float | None:
    """Return a number or a text that holds one as a float; None for anything else, or if out of range."""
    if isinstance(value, str):
        value = float(value) if _NUMBER.fullmatch(value.strip()) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e18 < value < 1e19:
        return None
    return float(value)


def as_context(found: object) -> dict[str, Any]:
    """Return an object as it is, None as an empty object, anything else as `{"value": …}`."""
    if isinstance(found, dict):
        return found
    return {} if found is None else {"value": found}


def _scalar(value: object) -> str:
    if isinstance(value, str):
        return value if value.strip() else ""
    if isinstance(value, bool) or as_number(value) is None:
        return ""
    return str(value)


def _texts(found: object, *, depth: int) -> Iterator[str]:
    if isinstance(found, dict):
        for key, value in found.items():
            if text := _scalar(value):
                yield f"{key}={text}"
    elif isinstance(found, list):
        for entry in found if depth else ():
            yield from _texts(entry, depth=depth - 1)
    elif text := _scalar(found):
        yield text


def _time(value: object) -> int | None:
    number = as_number(value)
    if number is None:
        return _written_time(value) if isinstance(value, str) else None
    # Times of these decades have ranges that do not overlap between the four units.
    for least, limit, per_millisecond in _UNITS:
        if least <= number < limit:
            return round(number / per_millisecond)
    return None


def _written_time(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text.strip().upper())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        milliseconds = (moment - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None
    return milliseconds if 0 <= milliseconds <= _LATEST_MS else None
