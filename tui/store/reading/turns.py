"""When a delivery's turn comes at a destination that is held or has a rate limit."""

import peewee

from tui.domain.holding import Gate, Hold
from tui.domain.lifecycle import State
from tui.store.reading.views import Turn
from tui.store.tables.rows import HOLD_COLUMNS, fetch, qualified

MOST_BEFORE = 10_000
"""The most deliveries ahead of another that are counted: a backlog may hold millions."""


def turn_of(db: peewee.Database, delivery_id: int, state: State) -> Turn | None:
    """Return the delivery's turn; None unless it is scheduled and its destination may be held or limited.

    A test alert does not wait for a hold.
    """
    if state is not State.SCHEDULED:
        return None
    found = fetch(
        db,
        "SELECT delivery.destination_id, delivery.urgency, delivery.due_at, destination.rate,"
        f" destination.paced_until, {qualified('destination', HOLD_COLUMNS)}"
        " FROM delivery JOIN destination ON destination.id = delivery.destination_id"
        " WHERE delivery.id = ? AND delivery.due_at IS NOT NULL AND (destination.rate > 0"
        " OR destination.slowed_to > 0 OR destination.holds > 0 AND NOT delivery.test)",
        (delivery_id,),
    )
    if not found:
        return None
    *place, rate, paced_until, until, count, slowed, since = found[0]
    gate = Gate(rate, paced_until, Hold(until, count, slowed, since))
    before = fetch(
        db,
        "SELECT count(*) FROM (SELECT 1 FROM delivery WHERE due_at IS NOT NULL AND destination_id = ?"
        " AND state = 'scheduled' AND (urgency < ? OR urgency = ? AND (due_at < ? OR due_at = ? AND id < ?))"
        " AND due_at <= ? LIMIT ?) AS earlier",
        (place[0], place[1], place[1], place[2], place[2], delivery_id, place[2], MOST_BEFORE + 1),
    )[0][0]
    return Turn(gate, before)
