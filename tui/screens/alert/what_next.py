"""What happens next to a delivery and when, or why nothing does."""

from dataclasses import replace

from textual.content import Content

from tui.domain.lifecycle import Standing
from tui.domain.retry import RetryPolicy
from tui.screens.alert.overview import heading
from tui.screens.shared import words
from tui.screens.shared.lines import Line
from tui.store.reading.turns import MOST_BEFORE
from tui.store.reading.views import DeliveryDetails, Turn

_LATE_MS = 10_000
"""A running dispatcher with a free slot claims a due delivery sooner than this."""
_SHOWN = 3
"""Number of times listed before the last one."""


def what_next(delivery: DeliveryDetails, policy: RetryPolicy, now: int, *, test: bool) -> list[Line]:
    """Make the section. Empty for a delivery that was delivered."""
    if delivery.row.standing is Standing.DELIVERED:
        return []
    if delivery.turn is not None and not delivery.turn.gate.applies(now):
        delivery = replace(delivery, turn=None)
    policy = policy.of(delivery.destination.retries)
    limit = policy.limit(test=test)
    sentences = [_sentence(delivery, limit, now), _schedule(delivery, policy, limit, now)]
    style = words.STANDING_STYLES[delivery.row.standing]
    first, *rest = [sentence for sentence in sentences if sentence]
    lines = [Line(Content.styled(first, style)), *(Line(Content(sentence)) for sentence in rest)]
    return heading("WHAT COMES NEXT", "what-next", lines)


def _sentence(delivery: DeliveryDetails, limit: int, now: int) -> str:
    """Describe the state."""
    row = delivery.row
    match row.standing:
        case Standing.WAITING | Standing.RETRYING if row.paused:
            return "The destination is paused. Resume it with p on the Destinations screen (2)."
        case Standing.WAITING | Standing.RETRYING if delivery.turn is not None and _is_due(delivery, now):
            return _turn(delivery.turn, now)
        case Standing.WAITING:
            return _due(row.due_at, now)
        case Standing.RETRYING if row.due_at is not None and row.due_at > now:
            return f"Next attempt in {words.until(row.due_at, now)}. Press c to cancel."
        case Standing.RETRYING:
            return _due(row.due_at, now, what="The retry")
        case Standing.SENDING:
            return _sending(delivery, limit, now)
        case Standing.FAILED if row.deleted:
            return "Permanently failed. The destination has been deleted."
        case Standing.FAILED:
            made = words.counted(row.attempts, "attempt")
            return f"Permanently failed after {made}. Press r to send it again."
        case _ if row.deleted:
            return "Cancelled. The destination has been deleted."
        case _:
            return "Cancelled. Press r to send it again."


def _due(due_at: int | None, now: int, *, what: str = "The delivery") -> str:
    late = now - (now if due_at is None else due_at)
    if late < _LATE_MS:
        return f"{what} is due now, waiting for a free dispatcher slot."
    asks = "no dispatcher has claimed it. Is tocsin dispatch running?"
    return f"{what} was due {words.span(late)} ago, but {asks}"


def _is_due(delivery: DeliveryDetails, now: int) -> bool:
    return delivery.row.due_at is not None and delivery.row.due_at <= now


def _turn(turn: Turn, now: int) -> str:
    limit = _limit(turn, now)
    comes = turn.comes_at(now)
    if turn.before > MOST_BEFORE:
        return f"{limit}; more than {MOST_BEFORE:,} deliveries are ahead."
    ahead = f"; {words.counted(turn.before, 'delivery')} ahead" if turn.before else ""
    when = f"expected about {words.wall_time(comes, now)}" if comes > now else "sent next"
    return f"{limit}{ahead}; {when}."


def _limit(turn: Turn, now: int) -> str:
    held, pace = turn.gate.hold.held_until(now), turn.gate.pace(now)
    if held is not None:
        when = words.wall_time(held, now)
        return f"The receiver asked Tocsin to wait: the destination is held until {when}"
    if pace is None or turn.gate.hold.count:
        return "Due now. One delivery goes first, to see whether the receiver takes alerts again"
    if pace.rate != turn.gate.limit:
        return f"Due now. The destination is slowed to {pace.rate:.3g}/s, because its receiver answered 429"
    return f"Due now. The destination's rate limit is {pace.rate:g}/s"


def _sending(delivery: DeliveryDetails, limit: int, now: int) -> str:
    row = delivery.row
    if not words.is_held(row, now) or row.due_at is None:
        ends = "" if row.due_at is None else words.until(row.due_at - words.LEASE_MARGIN_MS, now)
        return f"Being sent. The receiver has {ends} left to answer."
    what = "Next attempt" if row.attempts < limit and not row.deleted else "Marked as failed"
    when = f"in {words.until(row.due_at, now)}" if row.due_at > now else "as soon as a dispatcher runs"
    return f"The dispatcher sending this has stopped. {what} {when}. The receiver may already have the alert."


def _schedule(delivery: DeliveryDetails, policy: RetryPolicy, limit: int, now: int) -> str:
    """`Attempt 3 of 11 at 10:41:31, then about 10:42:01, 10:43:05 … Last attempt about 13:02:10.`"""
    row = delivery.row
    made = row.attempts
    if row.standing not in (Standing.WAITING, Standing.RETRYING, Standing.SENDING) or made >= limit:
        return "Test alerts are not retried." if limit == 1 and row.standing is Standing.SENDING else ""
    if row.paused:
        return f"Next: attempt {made + 1} of {limit}."
    moments = policy.expect(_first(delivery, policy, now), made=made, limit=limit)
    first, *later = [words.wall_time(moment, now) for moment in moments]
    is_under_way = row.standing is Standing.SENDING and not words.is_held(row, now)
    about = "about " if is_under_way or delivery.turn is not None else ""
    begin = "If it fails: attempt" if is_under_way else "Attempt"
    text = f"{begin} {made + 1} of {limit} at {about}{first}"
    if not later:
        return f"{text} (last attempt)."
    last = f" … Last attempt about {later[-1]}." if len(later) > _SHOWN else " (last attempt)."
    return f"{text}, then about {', '.join(later[:_SHOWN])}{last}"


def _first(delivery: DeliveryDetails, policy: RetryPolicy, now: int) -> int:
    row = delivery.row
    due = max(row.due_at or now, now)
    if row.standing is Standing.SENDING:
        if words.is_held(row, now):
            return due
        return now + policy.next_delay(row.attempts, 0.5)
    return max(due, delivery.turn.comes_at(now)) if delivery.turn is not None else due
