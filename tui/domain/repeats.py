"""Repeats of an alert that nobody received: when one queues the alert again.

A tool that reports the same alert again says that it still fires. That must not stay unheard because an
earlier delivery failed permanently, nor send a receiver that is down a round for every repeat.
"""

from tui.domain.errors import Invalid
from tui.domain.lifecycle import State
from tui.domain.span import parse_span

DEFAULT_REVIVE_MS = 15 * 60_000
_LONGEST_MS = 30 * 24 * 3_600_000


def revives(state: State, revived_at: int | None, *, now: int, after_ms: int) -> bool:
    """Return whether a repeat that arrives `now` opens a new round for a delivery.

    `revived_at` is when a repeat last queued this delivery; `after_ms` must have passed since.
    """
    if state is not State.FAILED:
        return False
    # After the clock was set back, the last time could lie in the future and would not pass in time.
    return revived_at is None or not 0 <= now - revived_at < after_ms


def parse_revive_after(value: str) -> int | None:
    """Parse a time span into milliseconds; `0` or `off` disables it (None). Raises Invalid."""
    typed = value.strip().lower()
    if typed in ("0", "off"):
        return None
    span = parse_span(typed)
    if span is None or not 0 < span <= _LONGEST_MS:
        raise Invalid(
            "repeats.revive_after",
            f"a time span from 1s to 30d, like 15m, or off to disable it, not {value!r}",
        )
    return span
