"""Convert the results of expressions to the fields of an alert: texts, numbers, ids."""

import hashlib
import json
import re
from collections.abc import Iterator

from tui.domain.alert import is_alert_id
from tui.intake.json_text import JSON

_NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d{1,18})?")
_TITLE_LIMIT = 300
_FOREIGN_LIMIT = 150


def candidates(found: JSON) -> Iterator[JSON]:
    """Yield the entries of an array in order, or anything else itself."""
    if isinstance(found, list):
        yield from found
    else:
        yield found


def as_text(found: JSON) -> str:
    """Return the first text, else the first number, else an empty string."""
    numbers: list[str] = []
    for value in candidates(found):
        if text := scalar(value):
            if isinstance(value, str):
                return text
            numbers.append(text)
    return numbers[0] if numbers else ""


def as_texts(found: JSON) -> list[str]:
    """Return every distinct text and number. The entries of an object become `key=value`."""
    return list(dict.fromkeys(_texts(found, depth=3)))


def as_alert_id(found: JSON) -> str:
    """Return a valid alert id. One that is too long or has spaces is shortened, with its digest."""
    text = as_text(found)
    return text if not text or is_alert_id(text) else alert_id_from(text, "")


def digest(text: str) -> str:
    """Return an id derived from a text, of the same form as the ids that Tocsin generates."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def digest_of_json(value: JSON) -> str:
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


def title_line(text: str) -> tuple[str, bool]:
    """Return the first line, shortened to fit a title, and whether anything was left out."""
    text = text.strip()
    line = text.splitlines()[0].rstrip() if text else ""
    cut = line if len(line) <= _TITLE_LIMIT else line[: _TITLE_LIMIT - 1] + "…"
    return cut, cut != text


def as_number(value: JSON) -> float | None:
    """Return a number or a text that holds one as a float; None for anything else, or if out of range."""
    if isinstance(value, str):
        value = float(value) if _NUMBER.fullmatch(value.strip()) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e18 < value < 1e19:
        return None
    return float(value)


def as_context(found: JSON) -> dict[str, JSON]:
    """Return an object as it is, None as an empty object, anything else as `{"value": …}`."""
    if isinstance(found, dict):
        return found
    return {} if found is None else {"value": found}


def scalar(value: JSON) -> str:
    """Return a text that is not blank, or a number as text; empty for anything else."""
    if isinstance(value, str):
        return value if value.strip() else ""
    if isinstance(value, bool) or as_number(value) is None:
        return ""
    return str(value)


def _texts(found: JSON, *, depth: int) -> Iterator[str]:
    if isinstance(found, dict):
        for key, value in found.items():
            if text := scalar(value):
                yield f"{key}={text}"
    elif isinstance(found, list):
        for entry in found if depth else ():
            yield from _texts(entry, depth=depth - 1)
    elif text := scalar(found):
        yield text
