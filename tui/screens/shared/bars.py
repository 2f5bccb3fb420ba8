"""Numbers as text bars that start at zero, so that heights can be compared."""

from collections.abc import Sequence

_EIGHTHS = " ▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[int]) -> str:
    """Return a line with a bar for each value. Zero has the lowest bar, so that the line is visible."""
    return "".join(mark if mark != " " else _EIGHTHS[1] for mark in chart(values, len(values), 1)[0])


def chart(values: Sequence[int], width: int, height: int, top: int | None = None) -> list[str]:
    """Return lines from the top down, `width` cells each. A value above zero is always visible."""
    most = top or max(values, default=0) or 1
    columns = [values[place * len(values) // width] for place in range(width)] if values else []
    heights = [_eighths(value, most, height) for value in columns]
    return [
        "".join(_EIGHTHS[max(0, min(8, eighths - 8 * line))] for eighths in heights)
        for line in reversed(range(height))
    ]


def _eighths(value: int, most: int, height: int) -> int:
    return max(1, value * 8 * height // most) if value else 0
