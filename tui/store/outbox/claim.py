"""Claim due deliveries for a limited time under a random lease token."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from tui.domain.alert import Alert
from tui.domain.destination import PANTHER, Destination
from tui.domain.lifecycle import Event, Outcome, Progress, State, advance
from tui.domain.retry import RetryPolicy
from tui.store.engine.database import Transaction
from tui.store.outbox.gates import GATE_COLUMNS, Lane, lease_ms, lock_gates, passing, to_gate, write_gates
from tui.store.outbox.rows import Row, destinations_of, lock_free, progress_of, write_progress
from tui.store.tables.rows import (
    ALERT_COLUMNS,
    AMONG,
    among,
    fetch,
    insert_quietly,
    qualified,
    to_alert,
    update_many,
)

# A loose index scan: one step per lane (destination and urgency) that has something due or pending, however
# long the lanes are. Each lane's head is its earliest due_at. With `>` instead of `>=` the step would walk
# through the lane, because SQLite seeks the lane's first entry and skips the equal ones.
_HEADS = """
WITH RECURSIVE lane(destination_id, urgency, due_at) AS (
    SELECT * FROM (
        SELECT destination_id, urgency, due_at FROM delivery WHERE due_at IS NOT NULL
        ORDER BY destination_id, urgency, due_at LIMIT 1) AS head
    UNION ALL
    SELECT later.destination_id, later.urgency, later.due_at
    FROM lane JOIN delivery AS later ON later.id = (
        SELECT id FROM delivery
        WHERE due_at IS NOT NULL AND (destination_id, urgency) >= (lane.destination_id, lane.urgency + 1)
        ORDER BY destination_id, urgency, due_at LIMIT 1))
"""
_LANES = f"""
SELECT lane.destination_id, lane.urgency, lane.due_at, {qualified("destination", GATE_COLUMNS)}
FROM lane JOIN destination ON destination.id = lane.destination_id
WHERE NOT destination.paused OR destination.deleted_at IS NOT NULL
ORDER BY lane.urgency, lane.due_at
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that the claimer may send until the lease ends."""

    delivery_id: int
    webhook_id: str
    lease: str
    progress: Progress
    """The state after the claim, which does not change while the lease holds."""
    started_at: int
    alert: Alert
    destination: Destination


@dataclass(frozen=True, slots=True)
class Exhausted:
    """A permanently failed delivery, for the log."""

    alert_id: str
    destination: str
    attempts: int
    last: str


@dataclass(frozen=True, slots=True)
class Claims:
    claims: list[Claim]
    exhausted: list[Exhausted]
    """Deliveries whose lease had expired and that have no attempt left."""
    next_due: int | None
    """When something will be due, in ms; in the past if there were not enough slots. None if nothing is."""


def claim(
    tx: Transaction,
    *,
    policy: RetryPolicy,
    slots: int,
    cap: int,
    busy: Mapping[int, int],
    only: Collection[int] | None = None,
) -> Claims:
    """Claim due deliveries: at most `slots`, most urgent first, at most `cap` in flight per destination.

    `busy` holds the number of deliveries that the caller already has in flight, by destination id. With
    `only`, other deliveries than these ids are ignored.
    """
    lanes = _lanes(tx, only)
    room = {lane.destination: cap - busy.get(lane.destination, 0) for lane in lanes}
    next_due = min((lane.opens_at(tx.now) for lane in lanes if room[lane.destination] > 0), default=None)
    gates = lock_gates(tx, lanes) if slots > 0 else {}
    rows = _due_in_lanes(tx, passing(lanes, gates, room, tx.now), slots, room, only)
    if not rows:
        return Claims([], [], next_due)
    claims = _take(tx, rows, policy, next_due)
    write_gates(tx, gates, [claim.destination for claim in claims.claims])
    return claims


def still_held(tx: Transaction, claims: Sequence[Claim]) -> list[Claim]:
    """Return the claims that are committed and whose lease no other dispatcher has taken over."""
    rows = fetch(
        tx.db,
        f"SELECT id, lease FROM delivery WHERE id {AMONG}",
        (among(claim.delivery_id for claim in claims),),
    )
    held = dict(rows)
    return [claim for claim in claims if held.get(claim.delivery_id) == claim.lease]


def _lanes(tx: Transaction, only: Collection[int] | None) -> list[Lane]:
    if only is None:
        rows = fetch(tx.db, _HEADS + _LANES)
    else:
        own = (
            "WITH lane(destination_id, urgency, due_at) AS (SELECT destination_id, urgency, min(due_at)"
            f" FROM delivery WHERE id {AMONG} AND due_at IS NOT NULL"
            " GROUP BY destination_id, urgency)"
        )
        rows = fetch(tx.db, own + _LANES, (among(only),))
    return [
        Lane(destination, urgency, due_at, gate if (gate := to_gate(rest)).applies(tx.now) else None)
        for destination, urgency, due_at, *rest in rows
    ]


def _due_in_lanes(
    tx: Transaction, lanes: list[Lane], slots: int, room: dict[int, int], only: Collection[int] | None
) -> list[Row]:
    own, own_values = ("", ()) if only is None else (f" AND id {AMONG}", (among(only),))
    taken: list[Row] = []
    for urgency in sorted({lane.urgency for lane in lanes}):
        heads: list[list[Row]] = []
        for lane in lanes:
            limit = min(room[lane.destination], slots - len(taken))
            if lane.urgency == urgency and lane.due_at <= tx.now and limit > 0:
                heads.append(
                    lock_free(
                        tx,
                        f"destination_id = ? AND urgency = ? AND due_at <= ?{own} ORDER BY due_at LIMIT ?",
                        (lane.destination, urgency, tx.now, *own_values, limit),
                    )
                )
        # Round-robin over destinations, so that none takes all the slots of its urgency.
        fair = [row for turn in zip_longest(*heads) for row in turn if row is not None]
        for row in fair[: slots - len(taken)]:
            room[row[8]] -= 1
            taken.append(row)
    return taken


def _take(tx: Transaction, rows: list[Row], policy: RetryPolicy, next_due: int | None) -> Claims:
    alerts = _alerts(tx, {row[9] for row in rows})
    destinations, deleted = destinations_of(tx, {row[8] for row in rows})
    claims: list[Claim] = []
    exhausted: list[Exhausted] = []
    steps: list[tuple[int, Progress]] = []
    abandoned: list[tuple[int, int, int]] = []
    for row in rows:
        alert, destination = alerts[row[9]], destinations[row[8]]
        before = progress_of(row)
        if row[8] in deleted and before.state is State.SCHEDULED:
            # Queued while the destination was deleted, in a transaction that did not see the deletion.
            steps.append((row[0], advance(before, Event.CANCEL, now=tx.now, limit=0)[0]))
            continue
        after, step = advance(
            before,
            Event.CLAIM,
            now=tx.now,
            limit=0 if row[8] in deleted else policy.of(destination.retries).limit(test=bool(row[7])),
            lease=tx.token(),
            wait_ms=lease_ms(destination),
        )
        steps.append((row[0], after))
        if step.abandons:
            abandoned.append((row[0], before.round, before.number))
        if step.exhausts:
            exhausted.append(Exhausted(alert.alert_id, destination.name, after.attempts, "abandoned"))
        if step.opens and after.lease:
            claims.append(Claim(row[0], row[10], after.lease, after, tx.now, alert, destination))
    _close_abandoned(tx, abandoned)
    write_progress(tx, steps)
    _open_attempts(tx, claims)
    return Claims(claims, exhausted, next_due)


_ATTEMPT = (
    "delivery_id",
    "destination_id",
    "round",
    "number",
    "started_at",
    "url",
    "response_truncated",
    "shape",
)


def _open_attempts(tx: Transaction, claims: list[Claim]) -> None:
    rows = [
        (
            c.delivery_id,
            c.destination.id,
            c.progress.round,
            c.progress.number,
            tx.now,
            c.destination.url,
            False,
            None if c.destination.shape == PANTHER else c.destination.shape,
        )
        for c in claims
    ]
    insert_quietly(tx.db, "attempt", _ATTEMPT, rows)


def _close_abandoned(tx: Transaction, attempts: list[tuple[int, int, int]]) -> None:
    error = "the dispatcher stopped before the answer was recorded; the receiver may or may not have it"
    update_many(
        tx.db,
        "attempt",
        "outcome = step.outcome, ended_at = step.ended_at, error = step.error",
        ("delivery_id", "round", "number", "outcome", "ended_at", "error"),
        [(*attempt, Outcome.ABANDONED.value, tx.now, error) for attempt in attempts],
        where="attempt.delivery_id = step.delivery_id AND attempt.round = step.round"
        " AND attempt.number = step.number AND attempt.outcome IS NULL",
    )


def _alerts(tx: Transaction, ids: Collection[int]) -> dict[int, Alert]:
    sql = f"SELECT {ALERT_COLUMNS} FROM alert WHERE id {AMONG}"
    return {row[0]: to_alert(row) for row in fetch(tx.db, sql, (among(ids),))}
