"""A finish stores the response of an attempt. Only the holder of the lease may finish it."""

import json
import time
from pathlib import Path

import psycopg
import pytest

from tests.conftest import NOW, Clock, answer, new_database, write
from tests.store.bench import ONE_ROUND, Bench
from tui.domain.destination import Destination
from tui.domain.lifecycle import Outcome, Progress, State
from tui.domain.retry import RetryPolicy
from tui.store import outbox
from tui.store.engine.database import Store
from tui.store.engine.postgres import Postgres
from tui.store.outbox import LEASE_MARGIN_MS, Finish

LEASE = 30_000 + LEASE_MARGIN_MS

FAILURES = [outcome for outcome in Outcome if outcome not in (Outcome.DELIVERED, Outcome.INTERRUPTED)]


@pytest.mark.usefixtures("soc")
def test_a_delivered_delivery_is_done(bench: Bench) -> None:
    [delivery] = bench.submit()
    finished = bench.finish(bench.claim_one())
    assert finished.progress == bench.progress(delivery)
    assert bench.progress(delivery) == Progress(
        State.DELIVERED, round=1, attempts=1, number=1, due_at=None, lease=None
    )
    assert bench.history(delivery) == [(1, 1, "delivered")]
    assert (finished.exhausted, bench.claim().next_due) == (False, None)


@pytest.mark.usefixtures("soc")
@pytest.mark.parametrize("outcome", FAILURES)
def test_every_failure_is_retried(bench: Bench, outcome: Outcome) -> None:
    [delivery] = bench.submit()
    finished = bench.finish(bench.claim_one(), outcome)
    assert finished.progress == bench.progress(delivery)
    assert bench.progress(delivery) == Progress(
        State.SCHEDULED, round=1, attempts=1, number=1, due_at=NOW + 5_000, lease=None
    )
    assert bench.history(delivery) == [(1, 1, outcome)]
    assert not finished.exhausted


@pytest.mark.usefixtures("soc")
def test_the_response_is_stored_with_the_attempt(bench: Bench) -> None:
    bench.submit()
    body = bytes(range(256))
    bench.finish(
        bench.claim_one(),
        Outcome.REJECTED,
        status_code=503,
        reason="Büsy",
        error="the receiver is busy",
        remote_address="203.0.113.9:443",
        request_headers=(("Authorization", "••••••"),),
        response_headers=(("Set-Cookie", "a"), ("Set-Cookie", "b")),
        response_body=body,
        response_length=1_000_000,
        response_truncated=True,
    )
    [row] = bench.rows(
        "SELECT outcome, ended_at, duration_ms, status_code, reason, error, remote_address, request_headers,"
        " response_headers, response_body, response_length, response_truncated FROM attempt"
    )
    assert row[:7] == (
        "rejected",
        NOW + 84,
        84,
        503,
        "Büsy",
        "the receiver is busy",
        "203.0.113.9:443",
    )
    assert json.loads(row[7]) == [["Authorization", "••••••"]]
    assert json.loads(row[8]) == [["Set-Cookie", "a"], ["Set-Cookie", "b"]]
    assert (bytes(row[9]), row[10], bool(row[11])) == (body, 1_000_000, True)


# --- retries ---


@pytest.mark.usefixtures("soc")
def test_a_delivery_fails_permanently_after_eleven_attempts_with_the_delays_of_the_policy(
    bench: Bench,
) -> None:
    [delivery] = bench.submit()
    waited: list[int] = []
    while not (finished := bench.finish(bench.claim_one(), Outcome.TIMEOUT)).exhausted:
        assert finished.progress is not None
        assert finished.progress.due_at is not None
        waited.append(finished.progress.due_at - bench.clock.now)
        bench.clock.advance(waited[-1])
    assert waited == list(RetryPolicy().delays_ms)
    assert bench.progress(delivery) == Progress(
        State.FAILED, round=1, attempts=11, number=11, due_at=None, lease=None
    )
    assert bench.history(delivery) == [(1, number, "timeout") for number in range(1, 12)]
    assert bench.claim().next_due is None


@pytest.mark.usefixtures("soc")
@pytest.mark.parametrize(
    ("fraction", "asked", "delay"),
    [
        (0.0, None, 5_000),
        (0.5, None, 5_500),
        (0.0, 4_000, 5_000),
        (0.0, 60_000, 60_000),
        (0.0, 10**12, 6 * 3600 * 1000),
    ],
)
def test_a_retry_waits_for_the_longer_of_its_delay_and_retry_after(
    bench: Bench, fraction: float, asked: int | None, delay: int
) -> None:
    [delivery] = bench.submit()
    bench.finish(bench.claim_one(), Outcome.REJECTED, fraction=fraction, retry_after_ms=asked)
    assert bench.progress(delivery).due_at == NOW + delay


@pytest.mark.usefixtures("soc")
def test_a_test_alert_gets_one_attempt(bench: Bench) -> None:
    [delivery] = bench.submit(test=True)
    assert bench.finish(bench.claim_one(), Outcome.UNREACHABLE).exhausted
    assert bench.progress(delivery).state is State.FAILED


# --- interrupted by a shutdown ---


@pytest.mark.usefixtures("soc")
@pytest.mark.parametrize("test", [False, True])
def test_an_interrupted_attempt_does_not_count_but_keeps_its_row_and_number(
    bench: Bench, *, test: bool
) -> None:
    [delivery] = bench.submit(test=test)
    bench.finish(bench.claim_one(), Outcome.INTERRUPTED)
    assert bench.progress(delivery) == Progress(
        State.SCHEDULED, round=1, attempts=0, number=1, due_at=NOW, lease=None
    )
    claim = bench.claim_one()
    assert (claim.progress.number, claim.progress.attempts) == (2, 1)
    assert bench.history(delivery) == [(1, 1, "interrupted"), (1, 2, None)]


@pytest.mark.usefixtures("soc")
def test_interrupted_attempts_do_not_use_up_retries(bench: Bench) -> None:
    [delivery] = bench.submit()
    for _ in range(20):
        bench.finish(bench.claim_one(), Outcome.INTERRUPTED)
    assert bench.fail_until_exhausted() == ONE_ROUND
    assert bench.progress(delivery).number == 20 + ONE_ROUND


# --- leases ---


@pytest.mark.usefixtures("soc")
@pytest.mark.parametrize("outcome", [Outcome.DELIVERED, Outcome.REJECTED, Outcome.INTERRUPTED])
def test_a_finish_with_a_lost_lease_changes_nothing(bench: Bench, outcome: Outcome) -> None:
    bench.submit()
    late = bench.claim_one()
    bench.clock.advance(LEASE)
    bench.claim_one()
    before = bench.books()
    finished = bench.finish(late, outcome, status_code=200)
    assert (finished.progress, finished.exhausted) == (None, False)
    assert bench.books() == before


@pytest.mark.usefixtures("soc")
@pytest.mark.parametrize("first", [Outcome.DELIVERED, Outcome.REJECTED, Outcome.INTERRUPTED])
@pytest.mark.parametrize("second", [Outcome.DELIVERED, Outcome.REJECTED, Outcome.INTERRUPTED])
def test_a_second_finish_of_the_same_claim_changes_nothing(
    bench: Bench, first: Outcome, second: Outcome
) -> None:
    bench.submit()
    claim = bench.claim_one()
    bench.finish(claim, first)
    before = bench.books()
    assert bench.finish(claim, second).progress is None
    assert bench.books() == before


@pytest.mark.parametrize("outcome", [Outcome.DELIVERED, Outcome.REJECTED, Outcome.INTERRUPTED])
@pytest.mark.parametrize("retries", [0, 1])
def test_a_finish_whose_commit_was_in_doubt_is_returned_as_recorded(
    bench: Bench, soc: Destination, outcome: Outcome, retries: int
) -> None:
    policy = RetryPolicy(delays_ms=(5_000,) * retries)
    bench.submit()
    claim = bench.claim_one()
    ended = [Finish(claim, answer(outcome), 0.0)]
    [recorded] = write(bench.store, outbox.finish, ended, policy)
    before, health = bench.books(), bench.rows("SELECT failures, exhausted FROM destination")

    [again] = write(bench.store, outbox.finish, ended, policy, in_doubt={claim.lease})

    assert (again.progress, again.exhausted) == (recorded.progress, recorded.exhausted)
    assert bench.books() == before
    assert bench.rows("SELECT failures, exhausted FROM destination") == health


@pytest.mark.usefixtures("soc")
def test_a_failed_finish_that_was_overtaken_is_late(bench: Bench) -> None:
    bench.submit()
    late = bench.claim_one()
    bench.clock.advance(LEASE)
    bench.claim_one()
    before = bench.books()
    [finished] = write(
        bench.store, outbox.finish, [Finish(late, answer(), 0.0)], bench.policy, in_doubt={late.lease}
    )
    assert finished.progress is None
    assert bench.books() == before


@pytest.mark.usefixtures("soc")
def test_of_two_finishes_of_one_claim_in_one_transaction_the_first_counts(bench: Bench) -> None:
    [delivery] = bench.submit()
    claim = bench.claim_one()
    both = [Finish(claim, answer(outcome), 0.0) for outcome in (Outcome.DELIVERED, Outcome.REJECTED)]
    first, second = write(bench.store, outbox.finish, both, bench.policy)
    assert (first.progress, second.progress) == (bench.progress(delivery), None)
    assert bench.history(delivery) == [(1, 1, "delivered")]


@pytest.mark.usefixtures("soc")
def test_a_stale_finish_does_not_block_a_good_one_in_the_same_transaction(bench: Bench) -> None:
    [delivery] = bench.submit()
    late = bench.claim_one()
    bench.clock.advance(LEASE)
    holder = bench.claim_one()
    both = [Finish(claim, answer(), 0.0) for claim in (late, holder)]
    stale, good = write(bench.store, outbox.finish, both, bench.policy)
    assert (stale.progress, good.progress) == (None, bench.progress(delivery))
    assert bench.history(delivery) == [(1, 1, "abandoned"), (1, 2, "delivered")]


@pytest.mark.usefixtures("soc")
def test_a_finish_after_the_lease_expired_counts_if_no_one_else_claimed(bench: Bench) -> None:
    [delivery] = bench.submit()
    claim = bench.claim_one()
    bench.clock.advance(10 * LEASE)
    assert bench.finish(claim).progress == bench.progress(delivery)
    assert bench.progress(delivery).state is State.DELIVERED


@pytest.mark.usefixtures("soc")
def test_each_delivery_of_a_batch_ends_its_own_way(bench: Bench) -> None:
    first, second, third = (bench.submit()[0] for _ in range(3))
    outcomes = {first: Outcome.DELIVERED, second: Outcome.REJECTED, third: Outcome.INTERRUPTED}
    claims = bench.claim().claims
    ended = [Finish(claim, answer(outcomes[claim.delivery_id]), 0.0) for claim in claims]
    write(bench.store, outbox.finish, ended, bench.policy)
    assert [bench.progress(delivery).state for delivery in outcomes] == [
        State.DELIVERED,
        State.SCHEDULED,
        State.SCHEDULED,
    ]
    assert [bench.history(delivery) for delivery in outcomes] == [
        [(1, 1, outcome)] for outcome in outcomes.values()
    ]


def test_an_empty_batch_of_finishes_is_accepted(bench: Bench) -> None:
    assert write(bench.store, outbox.finish, [], bench.policy) == []


# --- a destination deleted in the meantime ---


@pytest.mark.parametrize(
    ("outcome", "state", "exhausted"),
    [
        (Outcome.DELIVERED, State.DELIVERED, False),
        (Outcome.REJECTED, State.FAILED, True),
        (Outcome.INTERRUPTED, State.CANCELLED, False),
    ],
)
def test_a_delivery_in_flight_to_a_deleted_destination_is_not_retried(
    bench: Bench, soc: Destination, outcome: Outcome, state: State, *, exhausted: bool
) -> None:
    [delivery] = bench.submit()
    claim = bench.claim_one()
    bench.delete(soc)
    finished = bench.finish(claim, outcome)
    assert (finished.progress, finished.exhausted) == (bench.progress(delivery), exhausted)
    assert bench.progress(delivery).state is state
    assert bench.history(delivery) == [(1, 1, outcome)]


# --- concurrent finishes ---


def test_postgresql_locks_rows_in_a_fixed_order(tmp_path: Path, clock: Clock) -> None:
    """Any other order could deadlock. Here a transaction waits for the first row; the second is free."""
    address = new_database("postgresql", tmp_path)
    with Store(Postgres(address, clock)) as store, psycopg.connect(address) as other:
        bench = Bench(store, clock)
        bench.add()
        for _ in range(2):
            bench.submit()
        first, second = sorted(bench.claim().claims, key=lambda claim: claim.delivery_id)
        # Rewritten, the first row lies behind the second, so a scan reads the second first.
        write(store, lambda tx: tx.db.execute_sql("UPDATE delivery SET round = 1 WHERE id = 1"))
        other.execute("SELECT id FROM delivery WHERE id = %s FOR UPDATE", (first.delivery_id,))

        ends = [Finish(claim, answer(), 0.0) for claim in (second, first)]
        finishing = store.write(outbox.finish, ends, bench.policy)
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        assert any(bench.rows(waiting)[0][0] or time.sleep(0.01) for _ in range(400))

        other.execute("SELECT id FROM delivery WHERE id = %s FOR UPDATE NOWAIT", (second.delivery_id,))
        other.rollback()
        assert [done.progress is not None for done in finishing.result()] == [True, True]


def test_a_destination_with_its_own_schedule_gives_up_at_the_end_of_it(bench: Bench) -> None:
    bench.add(name="soc", retries=(1_000,) * 15)
    bench.add(name="pager", retries=())
    pager, soc = bench.submit()
    for claim in bench.claim().claims:
        bench.finish(claim, Outcome.REJECTED)
    assert bench.progress(pager).state is State.FAILED
    assert bench.progress(soc).due_at == bench.clock.now + 1_000
    bench.clock.advance(1_000)
    assert bench.fail_until_exhausted() == 15
    assert bench.progress(soc).attempts == 16


def test_a_test_alert_is_sent_once_whatever_the_schedule_of_its_destination(bench: Bench) -> None:
    bench.add(retries=(1_000,) * 15)
    bench.submit(test=True)
    assert bench.finish(bench.claim_one(), Outcome.REJECTED).exhausted
