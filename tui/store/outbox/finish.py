"""Finish attempts: store the answer and move the delivery to the state that the lifecycle says."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from tui.domain.alert import encode_json
from tui.domain.attempt import Answer
from tui.domain.lifecycle import Event, Outcome, Progress, State, Transition, advance, finishing_event
from tui.domain.retry import RetryPolicy
from tui.store.engine.database import Transaction
from tui.store.outbox.claim import Claim
from tui.store.outbox.ends import End, note_ends
from tui.store.outbox.rows import destinations_of, write_if_held
from tui.store.tables.rows import AMONG, among, fetch, update_many
from tui.store.tables.words import index_failures


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of a claim's attempt. `fraction`, in [0, 1), is the random part of the retry's jitter."""

    claim: Claim
    answer: Answer
    fraction: float


@dataclass(frozen=True, slots=True)
class Finished:
    finish: Finish
    progress: Progress | None
    """The delivery's new state; None if the lease was lost, and nothing changed."""
    exhausted: bool
    recorded_before: bool = False


def finish(
    tx: Transaction, finishes: Sequence[Finish], policy: RetryPolicy, *, in_doubt: Collection[str] = ()
) -> list[Finished]:
    """Record how attempts ended. A finish whose lease was lost changes nothing.

    `in_doubt` are the leases of finishes that were tried before and may have been committed although the
    connection broke. If they were, the result is returned again with `recorded_before`.
    """
    _, deleted = destinations_of(tx, {f.claim.destination.id for f in finishes})
    finished: list[Finished] = []
    left = list(finishes)
    while left:
        # One finish per delivery at a time: a second one under the same lease then finds the lease gone.
        turn: dict[int, Finish] = {}
        again: list[Finish] = []
        for item in left:
            if turn.setdefault(item.claim.delivery_id, item) is not item:
                again.append(item)
        finished += _finish_each(tx, list(turn.values()), policy, deleted, in_doubt)
        left = again
    recorded = [done for done in finished if done.progress is not None and not done.recorded_before]
    note_ends(tx, [End(done.finish.claim, done.finish.answer, done.exhausted) for done in recorded])
    return finished


def _finish_each(
    tx: Transaction,
    finishes: Sequence[Finish],
    policy: RetryPolicy,
    deleted: Collection[int],
    in_doubt: Collection[str],
) -> list[Finished]:
    steps = [_step(item, tx.now, policy, gone=item.claim.destination.id in deleted) for item in finishes]
    held = write_if_held(
        tx,
        [
            (item.claim.delivery_id, item.claim.lease, progress)
            for item, (progress, _) in zip(finishes, steps, strict=True)
        ],
    )
    _close(tx, [item for item in finishes if item.claim.delivery_id in held])
    finished: list[Finished] = []
    for item, (progress, row) in zip(finishes, steps, strict=True):
        if item.claim.delivery_id in held:
            finished.append(Finished(item, progress, row.exhausts))
        elif item.claim.lease in in_doubt and _is_recorded(tx, item):
            finished.append(Finished(item, progress, row.exhausts, recorded_before=True))
        else:
            finished.append(Finished(item, None, exhausted=False))
    return finished


def _is_recorded(tx: Transaction, item: Finish) -> bool:
    progress, answer = item.claim.progress, item.answer
    same = "delivery_id = ? AND round = ? AND number = ? AND outcome = ? AND ended_at = ?"
    values = (
        item.claim.delivery_id,
        progress.round,
        progress.number,
        answer.outcome.value,
        answer.ended_at,
    )
    return bool(fetch(tx.db, f"SELECT 1 FROM attempt WHERE {same}", values))


def _step(item: Finish, now: int, policy: RetryPolicy, *, gone: bool) -> tuple[Progress, Transition]:
    """Return the delivery's next state. If the lease still holds, its present state is the claim's."""
    before, answer = item.claim.progress, item.answer
    policy = policy.of(item.claim.destination.retries)
    limit = 0 if gone or answer.permanent else policy.limit(test=item.claim.alert.test)
    delay = (
        policy.next_delay(before.attempts, item.fraction, answer.retry_after_ms)
        if before.attempts < limit
        else 0
    )
    after, row = advance(
        before,
        finishing_event(answer.outcome),
        now=now,
        limit=limit,
        lease=item.claim.lease,
        wait_ms=delay,
    )
    if gone and after.state is State.SCHEDULED:
        after, row = advance(after, Event.CANCEL, now=now, limit=limit)
    return after, row


_NAMES = [
    "delivery_id",
    "round",
    "number",
    "outcome",
    "ended_at",
    "duration_ms",
    "status_code",
    "reason",
    "error",
    "remote_address",
    "request_headers",
    "response_headers",
    "response_body",
    "response_length",
    "response_truncated",
]
_CHANGES = (
    "outcome = step.outcome, ended_at = step.ended_at, duration_ms = step.duration_ms,"
    " status_code = CAST(step.status_code AS bigint), reason = CAST(step.reason AS text),"
    " error = CAST(step.error AS text), remote_address = CAST(step.remote_address AS text),"
    " request_headers = step.request_headers, response_headers = step.response_headers,"
    " response_body = step.response_body, response_length = CAST(step.response_length AS bigint),"
    " response_truncated = step.response_truncated"
)
_SAME = (
    "attempt.delivery_id = step.delivery_id AND attempt.round = step.round AND attempt.number = step.number"
)


def _close(tx: Transaction, finishes: Sequence[Finish]) -> None:
    rows = [_columns(item.claim, item.answer) for item in finishes]
    update_many(tx.db, "attempt", _CHANGES, _NAMES, rows, where=_SAME)
    _index_failures(tx, [item for item in finishes if item.answer.outcome is not Outcome.DELIVERED])


def _index_failures(tx: Transaction, failed: Sequence[Finish]) -> None:
    """Index the words of failures only: few search for the answer to a success, and there are many more."""
    if not failed:
        return
    texts = {
        (item.claim.delivery_id, item.claim.progress.round, item.claim.progress.number): (
            item.answer.error,
            item.answer.reason,
            item.answer.response_body,
        )
        for item in failed
    }
    query = f"SELECT id, delivery_id, round, number FROM attempt WHERE delivery_id {AMONG} ORDER BY id"
    rows = fetch(tx.db, query, (among(place[0] for place in texts),))
    index_failures(tx.db, [(id, *texts[place]) for id, *key in rows if (place := tuple(key)) in texts])


def _columns(claim: Claim, answer: Answer) -> tuple[Any, ...]:
    return (
        claim.delivery_id,
        claim.progress.round,
        claim.progress.number,
        answer.outcome.value,
        answer.ended_at,
        answer.duration_ms,
        answer.status_code,
        answer.reason,
        answer.error,
        answer.remote_address,
        encode_json(answer.request_headers),
        encode_json(answer.response_headers),
        answer.response_body,
        answer.response_length,
        answer.response_truncated,
    )
