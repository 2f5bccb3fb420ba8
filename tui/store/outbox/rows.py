"""The rows a step of the lifecycle reads and writes."""

from collections.abc import Collection, Sequence
from typing import Any

from tui.domain.destination import Destination
from tui.domain.lifecycle import Progress, State
from tui.store.database import Transaction
from tui.store.rows import DESTINATION_COLUMNS, fetch, marks, to_destination, write_many

Row = tuple[Any, ...]

COLUMNS = "id, state, round, attempts, number, due_at, lease, test, destination_id, alert_id, webhook_id"


def lock_deliveries(tx: Transaction, where: str, values: Sequence[Any]) -> list[Row]:
    """Rows of `COLUMNS` that are ours until the transaction ends."""
    sql = f"SELECT {COLUMNS} FROM delivery WHERE {where}"
    return fetch(tx.db, tx.strategy.lock_rows(sql), values)


def lock_by_id(tx: Transaction, ids: Collection[int]) -> list[Row]:
    return lock_deliveries(tx, f"id IN ({marks(ids)})", tuple(ids))


def progress_of(row: Row) -> Progress:
    return Progress(State(row[1]), row[2], row[3], row[4], row[5], row[6])


def write_progress(tx: Transaction, steps: list[tuple[int, Progress]]) -> None:
    write_many(
        tx.db,
        "UPDATE delivery SET state = ?, round = ?, attempts = ?, number = ?, due_at = ?, lease = ?"
        " WHERE id = ?",
        [(p.state.value, p.round, p.attempts, p.number, p.due_at, p.lease, key) for key, p in steps],
    )


def destinations_of(tx: Transaction, ids: Collection[int]) -> tuple[dict[int, Destination], set[int]]:
    """The destinations with these ids, and which of them have been deleted."""
    sql = f"SELECT {DESTINATION_COLUMNS}, deleted_at FROM destination WHERE id IN ({marks(ids)})"
    rows = fetch(tx.db, sql, tuple(ids))
    return {row[0]: to_destination(row) for row in rows}, {row[0] for row in rows if row[-1] is not None}
