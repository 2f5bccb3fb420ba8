"""Queries of the activity screen: counts of attempts by outcome, never single rows."""

from collections.abc import Sequence

import peewee

from tui.domain.activity import Ended, Span
from tui.domain.lifecycle import Outcome
from tui.store.tables.rows import fetch

# Two significant digits: percentiles stay within a few percent, and each minute groups into few rows.
_ROUNDED = (
    "CASE WHEN attempt.duration_ms < 100 THEN attempt.duration_ms"
    " WHEN attempt.duration_ms < 1000 THEN attempt.duration_ms / 10 * 10"
    " WHEN attempt.duration_ms < 10000 THEN attempt.duration_ms / 100 * 100"
    " ELSE attempt.duration_ms / 1000 * 1000 END"
)


def attempts_ended(db: peewee.Database, spans: Sequence[Span]) -> list[tuple[Span, list[Ended]]]:
    """Count the attempts that ended in each span, by destination, outcome and duration.

    Durations are in milliseconds, rounded down to two significant digits.
    """
    query = (
        # CROSS JOIN keeps this order on SQLite: the index of attempts begins with the destination.
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
    """Return (name, deleted) of every destination, deleted ones included, by id."""
    rows = fetch(db, "SELECT id, name, deleted_at FROM destination ORDER BY name_folded, id")
    return {id: (name, deleted_at is not None) for id, name, deleted_at in rows}
