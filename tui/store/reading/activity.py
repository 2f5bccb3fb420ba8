"""What the activity screen reads: attempts counted by how they ended, never the rows themselves."""

from collections.abc import Sequence

import peewee

from tui.domain.activity import Ended, Span
from tui.domain.lifecycle import Outcome
from tui.store.tables.rows import fetch

# To two digits: percentiles stay within some per cent of the truth, and a minute has few kinds of end.
_ROUNDED = (
    "CASE WHEN attempt.duration_ms < 100 THEN attempt.duration_ms"
    " WHEN attempt.duration_ms < 1000 THEN attempt.duration_ms / 10 * 10"
    " WHEN attempt.duration_ms < 10000 THEN attempt.duration_ms / 100 * 100"
    " ELSE attempt.duration_ms / 1000 * 1000 END"
)


def attempts_ended(db: peewee.Database, spans: Sequence[Span]) -> list[tuple[Span, list[Ended]]]:
    """The attempts that ended in each of `spans`; durations are rounded down to two digits."""
    query = (
        # In this order, as SQLite takes CROSS JOIN: the index of attempts begins with their destination.
        f"SELECT attempt.destination_id, attempt.outcome, {_ROUNDED}, count(*)"
        " FROM destination CROSS JOIN attempt"
        " WHERE attempt.destination_id = destination.id AND attempt.ended_at >= ? AND attempt.ended_at < ?"
        " GROUP BY 1, 2, 3"
    )
    return [
        (span, [Ended(id, Outcome(outcome), duration, times) for id, outcome, duration, times in rows])
        for span in spans
        for rows in [fetch(db, query, (span.since, span.until))]
    ]


def destination_names(db: peewee.Database) -> dict[int, tuple[str, bool]]:
    """Name, and whether it is deleted, of each destination there ever was, by id."""
    rows = fetch(db, "SELECT id, name, deleted_at FROM destination ORDER BY name_folded, id")
    return {id: (name, deleted_at is not None) for id, name, deleted_at in rows}
