"""Queries about destinations and their last attempts."""

from collections.abc import Sequence

import peewee

from tui.domain.alert import Severity
from tui.domain.health import Health
from tui.domain.holding import Hold
from tui.domain.lifecycle import Outcome
from tui.store.reading.queries import ATTEMPT_COLUMNS, attempt_row
from tui.store.reading.views import AttemptRow, DestinationRow, PastAttempt, Record
from tui.store.tables.rows import (
    AMONG,
    DESTINATION_COLUMNS,
    HEALTH_COLUMNS,
    HOLD_COLUMNS,
    among,
    fetch,
    to_destination,
)

HEALTH_SPAN = 30
"""The number of last attempts that a destination's health is computed from."""
DAY_MS = 24 * 3600 * 1000
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}  # a lookup in the enum is slow

_LATEST = (
    "FROM attempt WHERE destination_id = ? AND ended_at IS NOT NULL ORDER BY ended_at DESC, id DESC LIMIT ?"
)


def destination_rows(db: peewee.Database) -> list[DestinationRow]:
    """Return the destinations that are not deleted, by name, with their health. 200 take about 25 ms."""
    waiting: dict[int, int] = dict(
        fetch(
            db,
            "SELECT destination_id, count(*) FROM delivery WHERE due_at IS NOT NULL AND state = 'scheduled'"
            " GROUP BY destination_id",
        )
    )
    failed: dict[int, int] = dict(
        fetch(
            db,
            "SELECT destination_id, count(*) FROM delivery WHERE state = 'failed' AND NOT test"
            " GROUP BY destination_id",
        )
    )
    query = (
        f"SELECT {HEALTH_COLUMNS}, {HOLD_COLUMNS}, {DESTINATION_COLUMNS} FROM destination"
        " WHERE deleted_at IS NULL ORDER BY name_folded"
    )
    stored = [(Health(*row[:3]), Hold(*row[3:7]), to_destination(row[7:])) for row in fetch(db, query)]
    recent = [_recent(db, destination.id) for _, _, destination in stored]
    last = _attempts(db, [attempts[0][0] for attempts in recent if attempts])
    rows: list[DestinationRow] = []
    for (health, hold, destination), attempts in zip(stored, recent, strict=True):
        durations = sorted(duration for *_, duration in attempts if duration is not None)
        rows.append(
            DestinationRow(
                destination,
                health,
                hold,
                waiting.get(destination.id, 0),
                failed.get(destination.id, 0),
                tuple(_OUTCOMES[outcome] for _, outcome, _ in reversed(attempts)),
                durations[_p95(len(durations))] if durations else None,
                last.get(attempts[0][0]) if attempts else None,
            )
        )
    return rows


def _recent(db: peewee.Database, destination_id: int) -> list[tuple[int, str, int | None]]:
    """Return (id, outcome, duration in ms) of the last attempts, newest first, from the index alone."""
    return fetch(db, f"SELECT id, outcome, duration_ms {_LATEST}", (destination_id, HEALTH_SPAN))


def _attempts(db: peewee.Database, ids: Sequence[int]) -> dict[int, AttemptRow]:
    rows = fetch(db, f"SELECT {ATTEMPT_COLUMNS} FROM attempt WHERE id {AMONG}", (among(ids),))
    return {row[0]: attempt_row(row) for row in rows}


def record(db: peewee.Database, destination_id: int, *, since: int) -> Record:
    """Return the success and p95 of a destination's attempts since `since` (ms since 1970).

    Reads every such attempt, but only in the index.
    """
    span = "FROM attempt WHERE destination_id = ? AND ended_at >= ?"
    counts = f"SELECT outcome, count(*), count(duration_ms) {span} GROUP BY outcome"
    rows = fetch(db, counts, (destination_id, since))
    timed = sum(row[2] for row in rows)
    query = f"SELECT duration_ms {span} AND duration_ms IS NOT NULL ORDER BY duration_ms LIMIT 1 OFFSET ?"
    p95 = fetch(db, query, (destination_id, since, _p95(timed)))[0][0] if timed else None
    delivered = sum(count for outcome, count, _ in rows if outcome == Outcome.DELIVERED)
    return Record(sum(row[1] for row in rows), delivered, p95)


def latest_attempts(db: peewee.Database, destination_id: int, limit: int) -> list[PastAttempt]:
    """Return the last attempts at a destination with their alerts, newest first."""
    query = (
        f"SELECT alert.id, alert.severity, alert.test, coalesce(nullif(alert.title, ''), alert.name,"
        f" alert.rule_id), {_qualified(ATTEMPT_COLUMNS)} FROM attempt"
        " JOIN delivery ON delivery.id = attempt.delivery_id JOIN alert ON alert.id = delivery.alert_id"
        f" WHERE attempt.id IN (SELECT id {_LATEST}) ORDER BY attempt.ended_at DESC, attempt.id DESC"
    )
    return [
        PastAttempt(row[0], Severity(row[1]), bool(row[2]), row[3], attempt_row(row[4:]))
        for row in fetch(db, query, (destination_id, limit))
    ]


def _qualified(columns: str) -> str:
    return ", ".join(f"attempt.{name.strip()}" for name in columns.split(","))


def _p95(count: int) -> int:
    """Return the index of the 95th percentile among `count` sorted values."""
    return int(0.95 * (count - 1))
