"""An attempt ended: what came back is kept, and the delivery goes where the lifecycle says."""

from collections.abc import Sequence
from dataclasses import dataclass

from tui.domain.alert import encode_json
from tui.domain.attempt import Answer
from tui.domain.lifecycle import Event, Progress, Stale, State, Transition, advance, finishing_event
from tui.domain.retry import RetryPolicy
from tui.store.database import Transaction
from tui.store.outbox.claim import Claim
from tui.store.outbox.rows import Row, destinations_of, lock_by_id, progress_of, write_progress
from tui.store.rows import write_many


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of a claim's attempt. `fraction` in [0, 1) draws the retry's jitter."""

    claim: Claim
    answer: Answer
    fraction: float


@dataclass(frozen=True, slots=True)
class Finished:
    finish: Finish
    progress: Progress | None
    """What the delivery became; None when the lease was no longer ours and nothing changed."""
    exhausted: bool


def finish(tx: Transaction, finishes: Sequence[Finish], policy: RetryPolicy) -> list[Finished]:
    """Record how attempts ended. One whose lease is no longer the delivery's changes nothing."""
    rows = {row[0]: row for row in lock_by_id(tx, [f.claim.delivery_id for f in finishes])}
    _, deleted = destinations_of(tx, {f.claim.destination.id for f in finishes})
    finished: list[Finished] = []
    steps: list[tuple[int, Progress]] = []
    for item in finishes:
        row = rows.get(item.claim.delivery_id)
        try:
            if row is None:
                raise Stale
            progress, step = _finish_one(tx, item, row, policy, gone=row[8] in deleted)
        except Stale:
            finished.append(Finished(item, None, exhausted=False))
            continue
        del rows[item.claim.delivery_id]  # a second finish under this lease comes too late
        steps.append((item.claim.delivery_id, progress))
        finished.append(Finished(item, progress, step.exhausts))
    write_progress(tx, steps)
    _close_finished(tx, [done.finish for done in finished if done.progress is not None])
    return finished


def _finish_one(
    tx: Transaction, item: Finish, row: Row, policy: RetryPolicy, *, gone: bool
) -> tuple[Progress, Transition]:
    before, answer = progress_of(row), item.answer
    limit = 0 if gone else policy.limit(test=bool(row[7]))
    delay = (
        policy.next_delay(before.attempts, item.fraction, answer.retry_after_ms)
        if before.attempts < limit
        else 0
    )
    after, step = advance(
        before,
        finishing_event(answer.outcome),
        now=tx.now,
        limit=limit,
        lease=item.claim.lease,
        wait_ms=delay,
    )
    if gone and after.state is State.SCHEDULED:
        after, step = advance(after, Event.CANCEL, now=tx.now, limit=limit)
    return after, step


def _close_finished(tx: Transaction, finishes: list[Finish]) -> None:
    write_many(
        tx.db,
        "UPDATE attempt SET outcome = ?, ended_at = ?, duration_ms = ?, status_code = ?, reason = ?,"
        " error = ?, remote_address = ?, request_headers = ?, response_headers = ?, response_body = ?,"
        " response_length = ?, response_truncated = ?"
        " WHERE delivery_id = ? AND round = ? AND number = ?",
        [
            (
                item.answer.outcome.value,
                item.answer.ended_at,
                item.answer.duration_ms,
                item.answer.status_code,
                item.answer.reason,
                item.answer.error,
                item.answer.remote_address,
                encode_json(item.answer.request_headers),
                encode_json(item.answer.response_headers),
                item.answer.response_body,
                item.answer.response_length,
                item.answer.response_truncated,
                item.claim.delivery_id,
                item.claim.round,
                item.claim.number,
            )
            for item in finishes
        ],
    )
