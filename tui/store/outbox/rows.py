"""Read, lock and write the rows of a lifecycle step."""

from collections.abc import Collection, Sequence
from typing import Any

from tui.domain.destination import Destination
from tui.domain.lifecycle import Progress, State
from tui.store.engine.database import Transaction
from tui.store.tables.rows import (
    AMONG,
    DESTINATION_COLUMNS,
    among,
    fetch,
    fetch_unmatched,
    to_destination,
    update_many,
)

Row = tuple[Any, ...]

COLUMNS = "id, state, round, attempts, number, due_at, lease, test, destination_id, alert_id, webhook_id"
_SELECT = f"SELECT {COLUMNS} FROM delivery WHERE "
_NAMES = ("id", "held", "state", "round", "attempts", "number", "due_at", "lease")
_CHANGES = (
    "state = step.state, round = step.round, attempts = step.attempts, number = step.number,"
    " due_at = CAST(step.due_at AS bigint), lease = CAST(step.lease AS text)"
)


def lock_free(tx: Transaction, where: str, values: Sequence[Any]) -> list[Row]:
    """Lock and return rows of `COLUMNS`, skipping rows that others hold."""
    return fetch(tx.db, tx.lock_rows(_SELECT + where, skip_locked=True), values)


def lock_by_id(tx: Transaction, ids: Collection[int]) -> list[Row]:
    """Lock and return rows of `COLUMNS`, waiting for others that hold them."""
    where = f"id {AMONG} ORDER BY id"  # in a fixed order: any other could deadlock
    return fetch(tx.db, tx.lock_rows(_SELECT + where), (among(ids),))


def lock_deliveries_of(tx: Transaction, alert_keys: Collection[int]) -> None:
    """Lock all deliveries of these alerts, waiting for others that hold them."""
    select = f"SELECT id FROM delivery WHERE alert_id {AMONG} ORDER BY id"
    tx.lock(select, (among(alert_keys),))


def progress_of(row: Row) -> Progress:
    return Progress(State(row[1]), row[2], row[3], row[4], row[5], row[6])


def write_progress(tx: Transaction, steps: Sequence[tuple[int, Progress]]) -> None:
    """Write the new state of locked rows, given as (id, progress)."""
    rows = [(key, None, *_columns(progress)) for key, progress in steps]
    update_many(tx.db, "delivery", _CHANGES, _NAMES, rows, where="delivery.id = step.id")


def write_if_held(tx: Transaction, steps: Sequence[tuple[int, str, Progress]]) -> set[int]:
    """Write the state of each (id, lease, progress) whose lease still holds. Return those ids.

    This is the fence of every finish. It checks the lease under the lock, and again in the UPDATE.
    """
    in_order = f"SELECT id FROM delivery WHERE id {AMONG} ORDER BY id"
    tx.lock(in_order, (among(key for key, _, _ in steps),))
    held = {key for key, _, _ in steps} - fetch_unmatched(
        tx.db, "delivery", ("id", "lease"), [(key, lease) for key, lease, _ in steps]
    )
    rows = [(key, lease, *_columns(progress)) for key, lease, progress in steps if key in held]
    fence = "delivery.id = step.id AND delivery.lease = step.held"
    update_many(tx.db, "delivery", _CHANGES, _NAMES, rows, where=fence)
    return held


def _columns(progress: Progress) -> tuple[Any, ...]:
    return (
        progress.state.value,
        progress.round,
        progress.attempts,
        progress.number,
        progress.due_at,
        progress.lease,
    )


def destinations_of(tx: Transaction, ids: Collection[int]) -> tuple[dict[int, Destination], set[int]]:
    """Return the destinations with these ids by id, and the ids of the deleted ones among them."""
    sql = f"SELECT {DESTINATION_COLUMNS}, deleted_at FROM destination WHERE id {AMONG}"
    rows = fetch(tx.db, sql, (among(ids),))
    return {row[0]: to_destination(row) for row in rows}, {row[0] for row in rows if row[-1] is not None}
