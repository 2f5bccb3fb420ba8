"""How moments, states and severities read on screen. Everything from outside becomes inert here."""

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
PAUSED, NOT_ROUTED, FOLDED = "‖", "–", "⊂"

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
"""The most telling first: what failed, what is on its way, what is done."""


def plain(text: str, style: str = "") -> Content:
    """Text from outside on one line, with nothing in it that a terminal or markup acts on."""
    return Content.styled(visible(text), style) if style else Content(visible(text))


def severity(value: Severity, width: int = 8) -> Content:
    return Content.styled(f"{value:<{width}}", SEVERITY_STYLES[value])


def span(milliseconds: int) -> str:
    """A length of time in its two or fewer most telling letters: `3s`, `12m`, `5h`, `9d`."""
    seconds = max(0, milliseconds // 1000)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def until(moment: int, now: int) -> str:
    """How long until `moment`, rounded up so that it never says 0s while there is time: `12s`, `3m 20s`."""
    seconds = max(0, -(-(moment - now) // 1000))
    if seconds < 60:
        return f"{seconds}s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes}m {seconds:02d}s"
    return f"{minutes // 60}h {minutes % 60:02d}m"


def clock_time(moment: int) -> str:
    """Wall-clock time of this machine: `10:41:31`."""
    return f"{datetime.fromtimestamp(moment / 1000):%H:%M:%S}"


def wall_time(moment: int, now: int) -> str:
    """`10:41:31`, and on another day than today's which: `30 Nov 10:41`."""
    then, today = datetime.fromtimestamp(moment / 1000), datetime.fromtimestamp(now / 1000)
    return f"{then:%H:%M:%S}" if then.date() == today.date() else f"{then:%d %b %H:%M}"


def duration(milliseconds: int | None) -> str:
    if milliseconds is None:
        return ""
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def brief_duration(milliseconds: int | None) -> str:
    """In five cells: `84ms`, `1.2s`, `30s`, `120s`; a dash for none."""
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
    """`text` filled up with spaces to a width on screen, where an emoji takes two cells."""
    return text + " " * max(0, cells - cell_len(text))


def delivery_brief(row: DeliveryRow, now: int) -> Content:
    """One delivery in a list: glyph, destination, and when it is tried next."""
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
    """A destination where the alert folded into another, in a list."""
    return Content.styled(f"{FOLDED} {visible(row.destination)} folded", MUTED)


def next_step(row: DeliveryRow, now: int) -> str:
    """What happens next to a delivery, and when, in words."""
    match row.standing:
        case Standing.WAITING | Standing.RETRYING if row.paused:
            return "waits: the destination is paused"
        case Standing.WAITING:
            return "waits to be sent"
        case Standing.RETRYING if row.due_at is not None and row.due_at > now:
            return f"retry in {until(row.due_at, now)}"
        case Standing.RETRYING:
            return "retry is due now"
        case Standing.SENDING if is_held(row, now):
            due = row.due_at or now
            return (
                f"held by a dispatcher that stopped, sent again in {until(due, now)}"
                if due > now
                else "held by a dispatcher that stopped, sent again as soon as one runs"
            )
        case Standing.SENDING:
            return "being sent"
        case Standing.DELIVERED:
            return "delivered"
        case Standing.FAILED if row.deleted:
            return "failed for good"
        case Standing.FAILED:
            return "failed for good; r sends it again"
        case _:
            return "cancelled"


def is_held(row: DeliveryRow, now: int) -> bool:
    """Whether it is past its deadline and not finished: whoever sends it is gone, and the lease runs out."""
    return row.state is State.IN_FLIGHT and row.due_at is not None and row.due_at - now < LEASE_MARGIN_MS


def attempt_brief(outcome: Outcome | None, summary: str) -> str:
    """How an attempt ended, on one line."""
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
