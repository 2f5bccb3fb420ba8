"""When a delivery's turn comes at a destination with a rate limit."""

import peewee

from tui.domain.lifecycle import State
from tui.domain.pacing import Pace
from tui.store.reading.views import Turn
from tui.store.tables.rows import fetch

MOST_BEFORE = 10_000
"""The most deliveries ahead of another that are counted: a backlog may hold millions."""


def turn_of(db: peewee.Database, delivery_id: int, state: State) -> Turn | None:
    """Return the delivery's turn; None unless it is scheduled and its destination has a rate limit."""
    if state is not State.SCHEDULED:
        return None
    paced = fetch(
        db,
        "SELECT destination.rate, destination.paced_until, delivery.destination_id, delivery.urgency,"
        " delivery.due_at FROM delivery JOIN destination ON destination.id = delivery.destination_id"
        " WHERE delivery.id = ? AND destination.rate > 0 AND delivery.due_at IS NOT NULL",
        (delivery_id,),
    )
    if not paced:
        return None
    rate, paced_until, *place = paced[0]
    before = fetch(
        db,
        "SELECT count(*) FROM (SELECT 1 FROM delivery WHERE due_at IS NOT NULL AND destination_id = ?"
        " AND state = 'scheduled' AND (urgency < ? OR urgency = ? AND (due_at < ? OR due_at = ? AND id < ?))"
        " AND due_at <= ? LIMIT ?) AS earlier",
        (place[0], place[1], place[1], place[2], place[2], delivery_id, place[2], MOST_BEFORE + 1),
    )[0][0]
    return Turn(Pace(rate, paced_until), before)
