"""Time spans as users type them: `30m`, `2h`, `7d`."""

import re

from tui.domain.errors import Invalid

_UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def parse_span(typed: str) -> int | None:
    """Parse a time span into milliseconds; None if it is not valid."""
    match = re.fullmatch(r"(\d{1,6})([smhdw])", typed.strip().lower(), re.ASCII)
    return int(match[1]) * _UNITS_MS[match[2]] if match else None


def format_span(span_ms: int) -> str:
    """Format whole seconds for `parse_span` in the largest exact unit up to days, such as `10m`."""
    for unit in "dhm":
        if span_ms and span_ms % _UNITS_MS[unit] == 0:
            return f"{span_ms // _UNITS_MS[unit]}{unit}"
    return f"{span_ms // 1000}s"


def time_span(asked_by: str, value: str) -> int:
    """Return a time span like 30m, 2h or 7d in milliseconds. Raises Invalid (`filter`).

    `asked_by` names the option or term in the message.
    """
    span_ms = parse_span(value)
    if span_ms is None:
        raise Invalid("filter", f"{asked_by} requires a time span like 30m, 2h or 7d, not {value!r}")
    return span_ms
