"""How times, states and severities read on screen. Text from outside is made safe to display here."""

from datetime import datetime

from rich.cells import cell_len
from textual.content import Content

from tui.domain.alert import Severity
from tui.domain.lifecycle import Outcome, Standing, State
from tui.domain.text import visible
from tui.store.outbox import LEASE_MARGIN_MS
from tui.store.reading.views import DeliveryRow, FoldRow

GLYPHS = {
    Standing.WAITING: "○",
    Standing.RETRYING: "↻",
    Standing.SENDING: "→",
    Standing.DELIVERED: "✓",
    Standing.FAILED: "✗",
    Standing.CANCELLED: "⊘",
}
PAUSED, NOT_ROUTED, FOLDED, HELD = "‖", "–", "⊂", "◷"

STANDING_STYLES = {
    Standing.WAITING: "$foreground-muted",
    Standing.RETRYING: "$text-warning",
    Standing.SENDING: "$text-accent",
    Standing.DELIVERED: "$text-success",
    Standing.FAILED: "$text-error bold",
    Standing.CANCELLED: "$foreground-muted",
}
SEVERITY_STYLES = {
    Severity.CRITICAL: "bold $text-error",
    Severity.HIGH: "$text-error",
    Severity.MEDIUM: "$text-warning",
    Severity.LOW: "$text-accent",
    Severity.INFO: "$foreground-muted",
}
MUTED = "$foreground-muted"

ORDER = (
    Standing.FAILED,
    Standing.RETRYING,
    Standing.SENDING,
    Standing.WAITING,
    Standing.DELIVERED,
    Standing.CANCELLED,
)
"""The most important first: failed, then under way, then done."""


def plain(text: str, style: str = "") -> Content:
    """Return text from outside on one line, safe from markup and terminal control sequences."""
    return Content.styled(visible(text), style) if style else Content(visible(text))


def severity(value: Severity, width: int = 8) -> Content:
    return Content.styled(f"{value:<{width}}", SEVERITY_STYLES[value])


def span(milliseconds: int) -> str:
    """Return a duration in its largest unit: `3s`, `12m`, `5h`, `9d`."""
    seconds = max(0, milliseconds // 1000)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def until(moment: int, now: int) -> str:
    """Return the time until `moment`, rounded up so that 0s means now: `12s`, `3m 20s`."""
    seconds = max(0, -(-(moment - now) // 1000))
    if seconds < 60:
        return f"{seconds}s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes}m {seconds:02d}s"
    return f"{minutes // 60}h {minutes % 60:02d}m"


def clock_time(moment: int) -> str:
    """Return the local time: `10:41:31`."""
    return f"{datetime.fromtimestamp(moment / 1000):%H:%M:%S}"


def wall_time(moment: int, now: int) -> str:
    """Return `10:41:31` or, for another day, `30 Nov 10:41`. Local time."""
    then, today = datetime.fromtimestamp(moment / 1000), datetime.fromtimestamp(now / 1000)
    return f"{then:%H:%M:%S}" if then.date() == today.date() else f"{then:%d %b %H:%M}"


def duration(milliseconds: int | None) -> str:
    if milliseconds is None:
        return ""
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def brief_duration(milliseconds: int | None) -> str:
    """Return a duration in at most five cells: `84ms`, `1.2s`, `30s`, `120s`; a dash for None."""
    if milliseconds is None:
        return "–"
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    return f"{milliseconds / 1000:.1f}s" if milliseconds < 10_000 else f"{milliseconds // 1000}s"


def size(count: int) -> str:
    """`512 B`, `64 KiB`, `3.2 MB`."""
    if count < 1024:
        return f"{count} B"
    if count < 1024 * 1024:
        return f"{count / 1024:.0f} KiB"
    return f"{count / 1_000_000:.1f} MB"


def counted(number: int, noun: str) -> str:
    """`1 delivery`, `12 deliveries`, `3 keys`."""
    plural = noun.removesuffix("y") + "ies" if noun.endswith("y") and noun[-2] not in "aeo" else noun + "s"
    return f"{number:,} {noun if number == 1 else plural}"


def padded(text: str, cells: int) -> str:
    """Pad `text` with spaces to a width in cells. An emoji takes two."""
    return text + " " * max(0, cells - cell_len(text))


def delivery_brief(row: DeliveryRow, now: int) -> Content:
    """Return a delivery for a list: glyph, destination, and the time until the next attempt."""
    style, glyph, name = STANDING_STYLES[row.standing], GLYPHS[row.standing], visible(row.destination)
    tail = ""
    if row.standing in (Standing.WAITING, Standing.RETRYING):
        if row.paused:
            glyph, tail = PAUSED, " paused"
        elif row.standing is Standing.RETRYING and row.due_at is not None:
            tail = f" {until(row.due_at, now)}" if row.due_at > now else " now"
    times = f" ×{row.folded + 1:,}" if row.folded else ""
    return Content.assemble((glyph, style), f" {name}", (times, "$text-accent"), (tail, style))


def fold_brief(row: FoldRow) -> Content:
    """Return, for a list, a destination where the alert was folded into another one."""
    return Content.styled(f"{FOLDED} {visible(row.destination)} folded", MUTED)


def next_step(row: DeliveryRow, now: int) -> str:
    """Describe what happens next to a delivery, and when."""
    match row.standing:
        case Standing.WAITING | Standing.RETRYING if row.paused:
            return "waiting: the destination is paused"
        case Standing.WAITING:
            return "waiting to be sent"
        case Standing.RETRYING if row.due_at is not None and row.due_at > now:
            return f"retry in {until(row.due_at, now)}"
        case Standing.RETRYING:
            return "retry due now"
        case Standing.SENDING if is_held(row, now):
            due = row.due_at or now
            return (
                f"its dispatcher stopped, retry in {until(due, now)}"
                if due > now
                else "its dispatcher stopped, retry as soon as one runs"
            )
        case Standing.SENDING:
            return "being sent"
        case Standing.DELIVERED:
            return "delivered"
        case Standing.FAILED if row.deleted:
            return "permanently failed"
        case Standing.FAILED:
            return "failed; r resends"
        case _:
            return "cancelled"


def is_held(row: DeliveryRow, now: int) -> bool:
    """Whether the delivery is past its deadline but not finished: its dispatcher stopped."""
    return row.state is State.IN_FLIGHT and row.due_at is not None and row.due_at - now < LEASE_MARGIN_MS


def attempt_brief(outcome: Outcome | None, summary: str) -> str:
    """Describe on one line how an attempt ended."""
    if outcome in (Outcome.ABANDONED, Outcome.INTERRUPTED):
        return f"{outcome}: {visible(summary)}"
    return visible(summary) or "being sent"


def outcome_glyph(outcome: Outcome | None) -> Content:
    match outcome:
        case None:
            return Content.styled("→", STANDING_STYLES[Standing.SENDING])
        case Outcome.DELIVERED:
            return Content.styled("✓", STANDING_STYLES[Standing.DELIVERED])
        case Outcome.ABANDONED | Outcome.INTERRUPTED:
            return Content.styled("?", STANDING_STYLES[Standing.RETRYING])
        case _:
            return Content.styled("✗", STANDING_STYLES[Standing.FAILED])
