"""What comes next for a delivery, and when: or why nothing does."""

from textual.content import Content

from tui.domain.lifecycle import Standing
from tui.domain.retry import RetryPolicy
from tui.screens.alert.overview import heading
from tui.screens.shared import words
from tui.screens.shared.lines import Line
from tui.store.reading.turns import MOST_BEFORE
from tui.store.reading.views import DeliveryDetails, Turn

_LATE_MS = 10_000
"""A dispatcher that runs has taken up by then what it has room for, or is very busy."""
_SHOWN = 3
"""Moments that are named before the last."""


def what_next(delivery: DeliveryDetails, policy: RetryPolicy, now: int, *, test: bool) -> list[Line]:
    """The section that says so; empty for what was delivered."""
    if delivery.row.standing is Standing.DELIVERED:
        return []
    limit = policy.limit(test=test)
    sentences = [_sentence(delivery, limit, now), _schedule(delivery, policy, limit, now)]
    style = words.STANDING_STYLES[delivery.row.standing]
    first, *rest = [sentence for sentence in sentences if sentence]
    lines = [Line(Content.styled(first, style)), *(Line(Content(sentence)) for sentence in rest)]
    return heading("WHAT COMES NEXT", "what-next", lines)


def _sentence(delivery: DeliveryDetails, limit: int, now: int) -> str:
    """How it stands."""
    row = delivery.row
    match row.standing:
        case Standing.WAITING | Standing.RETRYING if row.paused:
            return "The destination is paused: this waits until it is resumed (p in the destinations)."
        case Standing.WAITING | Standing.RETRYING if delivery.turn is not None and _is_due(delivery, now):
            return _turn(delivery.turn, now)
        case Standing.WAITING:
            return _due(row.due_at, now)
        case Standing.RETRYING if row.due_at is not None and row.due_at > now:
            return f"Tried again in {words.until(row.due_at, now)}, unless it is cancelled (c)."
        case Standing.RETRYING:
            return _due(row.due_at, now, what="The retry")
        case Standing.SENDING:
            return _sending(delivery, limit, now)
        case Standing.FAILED if row.deleted:
            return "It failed for good, and its destination has been deleted."
        case Standing.FAILED:
            return f"It failed for good after {words.counted(row.attempts, 'attempt')}; r sends it again."
        case _ if row.deleted:
            return "Cancelled: its destination has been deleted."
        case _:
            return "Cancelled; r sends it again."


def _due(due_at: int | None, now: int, *, what: str = "It") -> str:
    late = now - (now if due_at is None else due_at)
    if late < _LATE_MS:
        return f"{what} is due now: it is sent as soon as a dispatcher has room for it."
    asks = "no dispatcher has taken it. Does one run (tocsin dispatch)?"
    return f"{what} was due {words.span(late)} ago and {asks}"


def _is_due(delivery: DeliveryDetails, now: int) -> bool:
    return delivery.row.due_at is not None and delivery.row.due_at <= now


def _turn(turn: Turn, now: int) -> str:
    pace = f"the destination takes {turn.pace.rate:g} a second"
    comes = turn.comes_at(now)
    if turn.before > MOST_BEFORE:
        return f"Due now, but {pace} and more than {MOST_BEFORE:,} are before it."
    before = f", {words.counted(turn.before, 'delivery')} before it" if turn.before else ""
    when = f": about {words.wall_time(comes, now)}" if comes > now else ": sent next"
    return f"Due now; {pace}{before}{when}."


def _sending(delivery: DeliveryDetails, limit: int, now: int) -> str:
    row = delivery.row
    if not words.is_held(row, now) or row.due_at is None:
        ends = "" if row.due_at is None else words.until(row.due_at - words.LEASE_MARGIN_MS, now)
        return f"Being sent; the receiver has {ends} more to answer."
    what = "sent again" if row.attempts < limit and not row.deleted else "given up"
    when = f"in {words.until(row.due_at, now)}" if row.due_at > now else "as soon as one runs"
    return f"Held by a dispatcher that stopped: {what} {when}. The receiver may or may not have it."


def _schedule(delivery: DeliveryDetails, policy: RetryPolicy, limit: int, now: int) -> str:
    """`Attempt 3 of 11 at 10:41:31, then about 10:42:01, 10:43:05 … gives up about 13:02:10.`"""
    row = delivery.row
    made = row.attempts
    if row.standing not in (Standing.WAITING, Standing.RETRYING, Standing.SENDING) or made >= limit:
        return "A test alert is sent once." if limit == 1 and row.standing is Standing.SENDING else ""
    if row.paused:
        return f"Then attempt {made + 1} of {limit}."
    moments = policy.expect(_first(delivery, policy, now), made=made, limit=limit)
    first, *later = [words.wall_time(moment, now) for moment in moments]
    is_under_way = row.standing is Standing.SENDING and not words.is_held(row, now)
    about = "about " if is_under_way or delivery.turn is not None else ""
    begin = "If it fails: attempt" if is_under_way else "Attempt"
    text = f"{begin} {made + 1} of {limit} at {about}{first}"
    if not later:
        return f"{text}, the last."
    shown, more = later[:_SHOWN], len(later) > _SHOWN
    return f"{text}, then about {', '.join(shown)}{' …' if more else ';'} gives up about {later[-1]}."


def _first(delivery: DeliveryDetails, policy: RetryPolicy, now: int) -> int:
    row = delivery.row
    due = max(row.due_at or now, now)
    if row.standing is Standing.SENDING:
        if words.is_held(row, now):
            return due
        return now + policy.next_delay(row.attempts, 0.5)
    return max(due, delivery.turn.comes_at(now)) if delivery.turn is not None else due
