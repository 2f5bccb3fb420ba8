"""The figures of `tocsin status`."""

import peewee

from tui.domain.condition import Intake, Load
from tui.store.reading.health import destination_rows
from tui.store.tables.rows import fetch


def loads(db: peewee.Database, *, since: int, now: int) -> list[Load]:
    """Return the load of each destination that is not deleted, by name.

    `since` (ms since 1970) begins the period in which permanent failures count.
    """
    lanes = {
        (destination, state): (count, due)
        for destination, state, count, due in fetch(
            db,
            "SELECT destination_id, state, count(*), min(due_at) FROM delivery WHERE due_at IS NOT NULL"
            " AND NOT test GROUP BY destination_id, state",
        )
    }
    failed: dict[int, int] = dict(
        fetch(
            db,
            "SELECT destination_id, count(*) FROM delivery WHERE state = 'failed' AND NOT test AND EXISTS"
            " (SELECT 1 FROM attempt WHERE delivery_id = delivery.id AND ended_at >= ?)"
            " GROUP BY destination_id",
            (since,),
        )
    )
    found: list[Load] = []
    for row in destination_rows(db):
        key = row.destination.id
        pending, due = lanes.get((key, "scheduled"), (0, None))
        in_flight, lease_ends = lanes.get((key, "in_flight"), (0, None))
        if lease_ends is not None:  # after its lease, another dispatcher should have taken it over
            due = lease_ends if due is None else min(due, lease_ends)
        if due is not None and row.hold.count:
            due = max(due, row.hold.until)
        last = (row.last.error or row.last.summary) if row.last else ""
        held = row.hold.held_until(now)
        found.append(
            Load(row.destination, row.health, pending, in_flight, due, held, failed.get(key, 0), last)
        )
    return found


def intake(db: peewee.Database, *, since: int, unreadable: str) -> Intake:
    """Count the alerts since `since` that matched no destination, and those of the rule `unreadable`."""
    span = "FROM alert WHERE NOT test AND created_at >= ?"
    unrouted = fetch(db, f"SELECT count(*) {span} AND not_routed IS NOT NULL", (since,))[0][0]
    query = f"SELECT count(*) {span} AND type = 'RULE_ERROR' AND rule_id = ?"
    return Intake(unrouted, fetch(db, query, (since, unreadable))[0][0])
