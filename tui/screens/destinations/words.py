"""How a destination is shown: state, filters, health."""

from textual.content import Content

from tui.domain.activity import percent
from tui.domain.alert import Severity
from tui.domain.alert_type import AlertType
from tui.domain.destination import ALL_SEVERITIES, ALL_TYPES, Destination
from tui.domain.health import DestinationState
from tui.domain.lifecycle import Outcome
from tui.domain.text import visible
from tui.domain.tls import UNVERIFIED
from tui.screens.shared import words
from tui.store.reading.health import HEALTH_SPAN
from tui.store.reading.views import AttemptRow, DestinationRow

_URL_END = 6


def state(row: DestinationRow, now: int) -> Content:
    """`● active`, `▲ failing 2h`, `‖ paused`, `‖ paused ▲ 2h`, `◷ held 12s`, …

    Active only if no recent attempt failed.
    """
    state, since = row.state(now), row.health.failing_since
    failing = "" if since is None else f" {words.span(now - since)}"
    match state:
        case DestinationState.PAUSED:
            also = Content.styled(f" ▲{failing}", "$text-error") if failing else Content("")
            return Content.styled(f"{words.PAUSED} {state}", "$text-warning") + also
        case DestinationState.FAILING:
            return Content.styled(f"▲ {state}{failing}", "$text-error")
        case DestinationState.HELD:
            wait = words.until(row.hold.until, now)
            return Content.styled(f"{words.HELD} {state} {wait}", "$text-warning")
        case DestinationState.LAST_FAILED:
            return Content.styled(f"✗ {state}", "$text-error")
        case DestinationState.RECOVERING:
            return Content.styled(f"◐ {state}", "$text-warning")
        case DestinationState.ACTIVE:
            return Content.styled(f"● {state}", "$text-success")


def severities(destination: Destination) -> Content:
    """Return the accepted severities, briefly: `all`, `HIGH and up`."""
    if destination.severities == ALL_SEVERITIES:
        return Content.styled("all", words.MUTED)
    if not destination.severities:
        return Content.styled("only by name", words.MUTED)
    chosen = sorted(destination.severities, key=lambda severity: -severity.rank)
    if len(chosen) == 1:
        return words.severity(chosen[0], 0)
    if chosen[0] is Severity.CRITICAL and len(chosen) == chosen[0].rank - chosen[-1].rank + 1:
        return Content.assemble(words.severity(chosen[-1], 0), (" and up", words.MUTED))
    return Content(" ").join([Content.styled(s[:4], words.SEVERITY_STYLES[s]) for s in chosen])


def alert_types(destination: Destination) -> str:
    if destination.alert_types == ALL_TYPES:
        return "all alert types"
    taken = [kind.label for kind in AlertType if kind in destination.alert_types]
    others = [kind.label for kind in AlertType if kind not in destination.alert_types]
    if len(others) < len(taken):
        return f"all alert types except {', '.join(others)}"
    return ", ".join(taken) or "no alert type"


def url(destination: Destination, width: int) -> Content:
    """Return the masked URL. If it is too long, keep its end, which tells URLs apart.

    A warning comes first, where it is never cut.
    """
    warning = unverified(destination)
    if warning.cell_length:
        warning += Content("  ")
        width -= warning.cell_length
    shown = visible(destination.masked_url)
    if len(shown) > width > 2 * _URL_END:
        shown = f"{shown[: width - _URL_END].rstrip('…')}…{shown[-_URL_END + 1 :].lstrip('…')}"
    return warning + Content.styled(shown, words.MUTED)


def unverified(destination: Destination) -> Content:
    """Return a warning if certificates are not verified, else empty text."""
    return Content("") if destination.tls.verify else Content.styled(UNVERIFIED, "$text-warning")


def bar(recent: tuple[Outcome, ...]) -> Content:
    """Return a mark for each recent attempt. Failed ones are as heavy as delivered ones, and have a cross."""
    marks = [
        Content.styled("█", "$text-success")
        if outcome is Outcome.DELIVERED
        else Content.styled("✗", "reverse $text-error")
        for outcome in recent
    ]
    return Content.assemble(" " * (HEALTH_SPAN - len(marks)), *marks)


def success(row: DestinationRow) -> str:
    return "" if row.success is None else percent(row.success)


def never_used(row: DestinationRow) -> Content:
    """No test hint for a paused destination: its test alert would wait."""
    hint = "" if row.destination.paused else "; press t to test"
    return Content.styled(f"never used{hint}", words.MUTED)


def answer(attempt: AttemptRow, now: int, most: int = 200) -> Content:
    """Return how and when an attempt ended: `✗ 503 Service Unavailable  2m ago`."""
    failed = attempt.outcome is not Outcome.DELIVERED
    ago = words.span(now - (attempt.ended_at or now))
    text = Content.styled(visible(attempt.summary)[:500], "$text-error" if failed else "$text-success")
    return Content.assemble(
        words.outcome_glyph(attempt.outcome),
        " ",
        text.truncate(min(most, text.cell_length), ellipsis=True),
        (f"  {ago} ago", words.MUTED),
    )


def cell(content: Content, width: int) -> Content:
    """Return the content cut or padded to exactly this width."""
    cut = content.truncate(width, ellipsis=True) if content.cell_length > width else content
    return cut + Content(" " * max(0, width - cut.cell_length))
