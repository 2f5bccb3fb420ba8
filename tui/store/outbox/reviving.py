"""Open a new round for a failed delivery whose alert is reported again."""

from collections.abc import Collection

from tui.domain.lifecycle import Event, Progress, advance
from tui.domain.repeats import revives
from tui.store.engine.database import Transaction
from tui.store.outbox.rows import COLUMNS, destinations_of, progress_of, write_progress
from tui.store.tables.rows import AMONG, among, execute, fetch


def revive(tx: Transaction, delivery_ids: Collection[int], after_ms: int) -> set[int]:
    """Open a new round for each failed delivery and return their ids.

    A delivery is skipped if its destination was deleted, or if a repeat queued it less than `after_ms` ago.
    Both are decided under the lock: of two concurrent repeats, the second sees the round of the first.
    """
    if not delivery_ids:
        return set()
    select = f"SELECT {COLUMNS}, revived_at FROM delivery WHERE id {AMONG} ORDER BY id"
    rows = fetch(tx.db, tx.lock_rows(select), (among(delivery_ids),))
    _, deleted = destinations_of(tx, {row[8] for row in rows})
    steps: list[tuple[int, Progress]] = []
    for row in rows:
        before = progress_of(row)
        if row[8] not in deleted and revives(before.state, row[-1], now=tx.now, after_ms=after_ms):
            progress, _ = advance(before, Event.RESEND, now=tx.now, limit=0)
            steps.append((row[0], progress))
    write_progress(tx, steps)
    revived = {key for key, _ in steps}
    note_revived(tx, revived)
    return revived


def note_revived(tx: Transaction, delivery_ids: Collection[int]) -> None:
    """Record that a repeat queued these deliveries now."""
    execute(tx.db, f"UPDATE delivery SET revived_at = ? WHERE id {AMONG}", (tx.now, among(delivery_ids)))
