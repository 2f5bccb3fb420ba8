"""A claim takes due deliveries under a lease: most urgent first, fairly, and each once."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NOW, Clock, alert, answer, new_database, open_store, write
from tests.store.bench import ONE_ROUND, Bench
from tui.domain.alert import Severity
from tui.domain.destination import Destination
from tui.domain.lifecycle import Outcome, Progress, State
from tui.domain.retry import RetryPolicy
from tui.store import destinations, outbox
from tui.store.engine.database import Store, Transaction
from tui.store.engine.postgres import Postgres
from tui.store.outbox import LEASE_MARGIN_MS, Claims, Exhausted, Finish
from tui.store.tables.rows import fetch

LEASE = 30_000 + LEASE_MARGIN_MS


def taken(claims: Claims) -> list[int]:
    return [claim.delivery_id for claim in claims.claims]


def per_destination(claims: Claims) -> dict[str, int]:
    return Counter(claim.destination.name for claim in claims.claims)


# --- leases and attempts ---


def test_a_lease_lasts_the_timeout_and_a_margin(bench: Bench, soc: Destination) -> None:
    [delivery] = bench.submit()
    claim = bench.claim_one()
    assert bench.progress(delivery) == Progress(
        State.IN_FLIGHT, round=1, attempts=1, number=1, due_at=NOW + LEASE, lease=claim.lease
    )
    assert (claim.delivery_id, claim.destination, claim.started_at) == (delivery, soc, NOW)
    assert (claim.progress.round, claim.progress.number, claim.progress.attempts) == (1, 1, 1)


def test_the_attempt_is_written_before_anything_is_sent(bench: Bench, soc: Destination) -> None:
    [delivery] = bench.submit()
    bench.claim()
    columns = "delivery_id, destination_id, round, number, outcome, started_at, ended_at, url"
    assert bench.rows(f"SELECT {columns} FROM attempt") == [
        (delivery, soc.id, 1, 1, None, NOW, None, soc.url)
    ]


def test_the_lease_follows_the_timeout_of_the_destination(bench: Bench) -> None:
    bench.add(timeout_ms=120_000)
    [delivery] = bench.submit()
    bench.claim()
    assert bench.progress(delivery).due_at == NOW + 120_000 + LEASE_MARGIN_MS


@pytest.mark.usefixtures("soc")
def test_every_claim_has_a_different_lease(bench: Bench) -> None:
    for _ in range(5):
        bench.submit()
    assert len({claim.lease for claim in bench.claim().claims}) == 5


@pytest.mark.usefixtures("soc")
def test_a_claimed_delivery_is_not_claimed_again(bench: Bench) -> None:
    bench.submit()
    assert len(bench.claim().claims) == 1
    assert bench.claim().claims == []


@pytest.mark.usefixtures("soc")
def test_nothing_is_claimed_before_it_is_due(bench: Bench) -> None:
    bench.submit()
    bench.clock.advance(-1)
    assert bench.claim() == Claims([], [], next_due=NOW)
    bench.clock.advance(1)
    assert len(bench.claim().claims) == 1


def test_an_empty_queue_has_nothing_to_claim(bench: Bench) -> None:
    assert bench.claim() == Claims([], [], next_due=None)


# --- order and limits ---


@pytest.mark.usefixtures("soc")
def test_a_test_alert_goes_first_and_then_critical_before_info(bench: Bench) -> None:
    for severity in Severity:
        bench.submit(severity=severity)
    bench.submit(severity=Severity.INFO, test=True)
    order = [(claim.alert.test, claim.alert.severity) for claim in bench.claim().claims]
    assert order == [(True, Severity.INFO), *((False, severity) for severity in reversed(Severity))]


@pytest.mark.usefixtures("soc")
def test_the_earliest_due_delivery_of_an_urgency_goes_first(bench: Bench) -> None:
    waiting: list[int] = []
    for _ in range(3):
        waiting += bench.submit()
        bench.clock.advance(1)
    assert [taken(bench.claim(slots=1)) for _ in range(3)] == [[delivery] for delivery in waiting]


@pytest.mark.usefixtures("soc")
def test_no_more_are_taken_than_there_are_slots(bench: Bench) -> None:
    for _ in range(3):
        bench.submit()
    assert len(bench.claim(slots=2).claims) == 2
    assert bench.claim(slots=0).claims == []
    assert len(bench.claim(slots=2).claims) == 1


def test_a_destination_gets_no_more_than_its_cap_over_all_urgencies(bench: Bench) -> None:
    bench.add(name="soc")
    pager = bench.add(name="pager")
    for severity in (Severity.HIGH, Severity.LOW):
        for _ in range(2):
            bench.submit(severity=severity)
    assert per_destination(bench.claim(cap=3, busy={pager.id: 1})) == {"soc": 3, "pager": 2}


def test_slots_of_one_urgency_are_shared_round_robin(bench: Bench) -> None:
    for name in ("soc", "pager", "archive"):
        bench.add(name=name)
    for _ in range(10):
        bench.submit(destinations=("soc",))
    for _ in range(2):
        bench.submit(destinations=("pager",))
    bench.submit(destinations=("archive",))
    assert per_destination(bench.claim(slots=6)) == {"soc": 3, "pager": 2, "archive": 1}


def test_urgency_goes_before_fairness(bench: Bench) -> None:
    bench.add(name="soc")
    bench.add(name="pager")
    for _ in range(3):
        bench.submit(severity=Severity.CRITICAL, destinations=("soc",))
        bench.submit(severity=Severity.INFO, destinations=("pager",))
    assert per_destination(bench.claim(slots=4)) == {"soc": 3, "pager": 1}


def test_a_destination_that_hangs_with_a_backlog_leaves_the_others_their_slots(bench: Bench) -> None:
    hanging = bench.add(name="hanging")
    bench.add(name="soc")
    for _ in range(50):
        bench.submit(destinations=("hanging",), severity=Severity.CRITICAL)
    bench.submit(destinations=("soc",), severity=Severity.INFO)
    assert per_destination(bench.claim(slots=4, cap=16, busy={hanging.id: 16})) == {"soc": 1}


# --- paused and deleted destinations ---


def test_deliveries_of_a_paused_destination_wait_until_it_is_resumed(bench: Bench, soc: Destination) -> None:
    [delivery] = bench.submit()
    bench.pause(soc)
    assert bench.claim() == Claims([], [], next_due=None)
    assert bench.claim(only=[delivery]) == Claims([], [], next_due=None)
    bench.pause(soc, paused=False)
    assert taken(bench.claim()) == [delivery]


@pytest.mark.parametrize("paused", [False, True])
def test_a_delivery_in_flight_to_a_deleted_destination_fails_when_its_lease_expires(
    bench: Bench, soc: Destination, *, paused: bool
) -> None:
    [delivery] = bench.submit()
    bench.claim()
    bench.pause(soc, paused=paused)
    bench.delete(soc)
    bench.clock.advance(LEASE)
    claims = bench.claim()
    assert (claims.claims, [exhausted.destination for exhausted in claims.exhausted]) == ([], ["soc"])
    assert bench.progress(delivery).state is State.FAILED
    assert bench.history(delivery) == [(1, 1, "abandoned")]


@pytest.fixture
def two_stores(tmp_path: Path, clock: Clock) -> Iterator[tuple[Store, Store]]:
    """Two stores on one PostgreSQL database, whose transactions do not wait for each other."""
    address = new_database("postgresql", tmp_path)
    with Store(Postgres(address, clock)) as one, Store(Postgres(address, clock)) as other:
        yield one, other


@pytest.mark.parametrize("deletion_commits_first", [True, False])
def test_a_delivery_queued_while_its_destination_is_deleted_is_cancelled(
    two_stores: tuple[Store, Store], clock: Clock, *, deletion_commits_first: bool
) -> None:
    one, other = two_stores
    bench = Bench(one, clock)
    soc = bench.add()

    def queue(tx: Transaction) -> None:
        outbox.submit(tx, [alert()])
        other.write(destinations.delete, soc.id).result()

    def delete(tx: Transaction) -> None:
        destinations.delete(tx, soc.id)
        other.write(outbox.submit, [alert()]).result()

    write(one, queue if deletion_commits_first else delete)
    [delivery] = bench.all_progress()
    assert bench.progress(delivery).state is State.SCHEDULED, "neither saw the other"

    assert bench.claim().claims == []

    assert bench.progress(delivery).state is State.CANCELLED
    assert bench.history(delivery) == []
    assert bench.claim() == Claims([], [], next_due=None)


def test_a_submit_does_not_wait_for_an_update_of_health(
    two_stores: tuple[Store, Store], clock: Clock
) -> None:
    one, other = two_stores
    bench = Bench(one, clock)
    bench.add()
    bench.submit()
    failed = Finish(bench.claim_one(), answer(Outcome.REJECTED), 0.0)

    def count_and_see_another_queue(tx: Transaction) -> None:
        outbox.finish(tx, [failed], bench.policy)
        other.write(outbox.submit, [alert()]).result()

    write(one, count_and_see_another_queue)
    assert len(bench.all_progress()) == 2


# --- expired leases ---


@pytest.mark.usefixtures("soc")
def test_an_unexpired_lease_is_never_taken(bench: Bench) -> None:
    [delivery] = bench.submit()
    bench.claim()
    bench.clock.advance(LEASE - 1)
    assert bench.claim() == Claims([], [], next_due=NOW + LEASE)
    assert bench.claim(only=[delivery]) == Claims([], [], next_due=NOW + LEASE)


@pytest.mark.usefixtures("soc")
def test_an_expired_lease_abandons_the_attempt_and_begins_the_next(bench: Bench) -> None:
    [delivery] = bench.submit()
    first = bench.claim_one()
    bench.clock.advance(LEASE)
    second = bench.claim_one()
    assert second.lease != first.lease
    assert (second.progress.number, second.progress.attempts, second.webhook_id) == (2, 2, first.webhook_id)
    assert bench.history(delivery) == [(1, 1, "abandoned"), (1, 2, None)]
    assert bench.rows("SELECT ended_at, error FROM attempt WHERE number = 1") == [
        (
            NOW + LEASE,
            "the dispatcher stopped before the answer was recorded; the receiver may or may not have it",
        )
    ]


@pytest.mark.usefixtures("soc")
def test_a_crash_uses_up_an_attempt(bench: Bench) -> None:
    [delivery] = bench.submit(alert_id="poison")
    for _ in range(ONE_ROUND):
        assert taken(bench.claim()) == [delivery]
        bench.clock.advance(LEASE)
    assert bench.claim() == Claims(
        [], [Exhausted("poison", "soc", ONE_ROUND, "abandoned")], next_due=bench.clock.now
    )
    assert bench.progress(delivery) == Progress(
        State.FAILED, round=1, attempts=ONE_ROUND, number=ONE_ROUND, due_at=None, lease=None
    )
    assert bench.history(delivery) == [(1, number, "abandoned") for number in range(1, ONE_ROUND + 1)]
    assert bench.claim() == Claims([], [], next_due=None)


@pytest.mark.usefixtures("soc")
def test_a_test_alert_with_an_expired_lease_is_not_retried(bench: Bench) -> None:
    [delivery] = bench.submit(test=True)
    bench.claim()
    bench.clock.advance(LEASE)
    assert bench.claim().claims == []
    assert bench.progress(delivery).state is State.FAILED


# --- only the given deliveries ---


@pytest.mark.usefixtures("soc")
def test_only_limits_a_claim_to_the_given_deliveries(bench: Bench) -> None:
    [delivery], [other] = bench.submit(), bench.submit(severity=Severity.CRITICAL)
    assert taken(bench.claim(only=[delivery])) == [delivery]
    assert bench.progress(other).state is State.SCHEDULED
    assert bench.claim(only=[delivery]).next_due == NOW + LEASE
    assert bench.claim(only=[delivery + other + 1]) == Claims([], [], next_due=None)


@pytest.mark.usefixtures("soc")
def test_only_takes_no_more_than_there_are_slots(bench: Bench) -> None:
    deliveries = [delivery for _ in range(3) for delivery in bench.submit()]
    assert len(bench.claim(only=deliveries, slots=2).claims) == 2


# --- the next due time ---


def test_the_next_due_time_is_the_earliest_attempt_or_end_of_a_lease(bench: Bench) -> None:
    bench.add(name="soc")
    bench.add(name="slow", timeout_ms=120_000)
    bench.submit(destinations=("slow",))
    bench.claim()
    bench.submit(destinations=("soc",))
    bench.finish(bench.claim_one(), Outcome.REJECTED)
    assert bench.claim().next_due == NOW + RetryPolicy().delays_ms[0]
    bench.clock.advance(5_000)
    bench.finish(bench.claim_one())
    assert bench.claim().next_due == NOW + 120_000 + LEASE_MARGIN_MS


@pytest.mark.usefixtures("soc")
def test_the_next_due_time_is_past_while_slots_are_short(bench: Bench) -> None:
    bench.submit()
    bench.submit()
    bench.claim(slots=1)
    bench.clock.advance(1_000)
    assert bench.claim(slots=0).next_due == NOW


def test_a_destination_at_its_cap_does_not_wake_the_dispatcher(bench: Bench, soc: Destination) -> None:
    bench.submit()
    assert bench.claim(cap=2, busy={soc.id: 2}) == Claims([], [], next_due=None)


# --- query plans ---


@pytest.fixture
def queued(tmp_path: Path, clock: Clock) -> Iterator[Bench]:
    """Deliveries of each kind for two destinations, on SQLite."""
    with open_store("sqlite", tmp_path, clock) as store:
        bench = Bench(store, clock)
        for name in ("soc", "pager"):
            bench.add(name=name)
        for severity in Severity:
            bench.submit(severity=severity)
        yield bench


def traced(tx: Transaction, **changes: Any) -> list[str]:
    """Return the statements that a claim runs, as SQLite sees them."""
    statements: list[str] = []
    connection = tx.db.connection()
    connection.set_trace_callback(statements.append)
    outbox.claim(tx, policy=RetryPolicy(), **{"slots": 8, "cap": 4, "busy": {}, **changes})
    connection.set_trace_callback(None)
    return statements


@pytest.mark.parametrize("only", [None, [1, 2]])
def test_no_statement_of_a_claim_reads_more_of_the_deliveries_than_it_takes(
    queued: Bench, only: list[int] | None
) -> None:
    statements = [sql for sql in write(queued.store, traced, only=only) if re.search(r"\bdelivery\b", sql)]
    plans = {sql: [row[3] for row in queued.rows(f"EXPLAIN QUERY PLAN {sql}")] for sql in statements}
    steps = [step for plan in plans.values() for step in plan if re.search(r"\b(delivery|later)\b", step)]

    # The only scan reads just the first entry of the index (LIMIT 1).
    whole = [step for step in steps if step.startswith("SCAN")]
    assert set(whole) <= {"SCAN delivery USING COVERING INDEX delivery_lane"}
    assert all("LIMIT 1" in sql for sql, plan in plans.items() if set(plan) & set(whole))
    assert steps

    if only is None:
        heads = [plan for sql, plan in plans.items() if re.match(r"SELECT .* AND urgency = ", sql)]
        assert len(heads) > 1
        assert all(
            "USING INDEX delivery_lane (destination_id=? AND urgency=? AND due_at<?)" in plan[0]
            for plan in heads
        )
        assert any("USING COVERING INDEX delivery_lane" in step for step in steps)


def test_a_claim_costs_the_same_however_long_the_backlog_of_a_full_destination(queued: Bench) -> None:
    soc = queued.rows("SELECT id FROM destination WHERE name = 'soc'")[0][0]

    def cost(tx: Transaction) -> int:
        """Return the cost in hundreds of instructions of SQLite's virtual machine."""
        instructions: list[None] = []
        connection = tx.db.connection()
        connection.set_progress_handler(lambda: instructions.append(None), 100)
        outbox.claim(tx, policy=RetryPolicy(), slots=8, cap=4, busy={soc: 4})
        connection.set_progress_handler(None, 0)
        return len(instructions)

    queued.claim(busy={soc: 100})  # only the backlog is left
    short = write(queued.store, cost)
    write(queued.store, outbox.submit, [alert(destinations=("soc",)) for _ in range(2_000)])
    assert 0 < write(queued.store, cost) <= short * 1.5


BACKLOG = """
WITH stored AS (
    INSERT INTO alert (alert_id, rule_id, severity, type, created_at, title, link, context, description,
                       runbook, tags, test)
    SELECT 'backlog-' || number, 'r', 'HIGH', 'RULE', 0, '', '', '{}', '', '', '[]', false
    FROM generate_series(1, 100000) AS number RETURNING id)
INSERT INTO delivery (webhook_id, alert_id, destination_id, state, round, attempts, number, due_at, urgency,
                      test)
SELECT 'dlv-' || id, id, 1 + mod(id, 2), 'scheduled', 1, 0, 0, 1, 1 + mod(id, 5), false FROM stored
"""


@pytest.mark.parametrize("analysed", [True, False])
def test_on_postgresql_a_claim_reads_a_hundred_thousand_deliveries_by_its_index(
    tmp_path: Path, clock: Clock, *, analysed: bool
) -> None:
    with open_store("postgresql", tmp_path, clock) as store:
        bench = Bench(store, clock)
        for name in ("soc", "pager"):
            bench.add(name=name)
        write(store, lambda tx: tx.db.execute_sql("ALTER TABLE delivery SET (autovacuum_enabled = off)"))
        write(store, lambda tx: tx.db.execute_sql(BACKLOG))
        if analysed:
            write(store, lambda tx: tx.db.execute_sql("ANALYZE delivery"))
        asked: list[tuple[str, Any]] = []

        def explained(tx: Transaction) -> list[str]:
            """Return the server's plan for each statement of a claim."""
            execute = tx.db.execute_sql
            tx.db.execute_sql = lambda sql, values=(): (asked.append((sql, values)), execute(sql, values))[1]
            try:
                outbox.claim(tx, policy=RetryPolicy(), slots=64, cap=16, busy={})
            finally:
                del tx.db.execute_sql
            return [line for sql, values in asked for (line,) in fetch(tx.db, f"EXPLAIN {sql}", values)]

        steps = [step.strip() for step in write(store, explained) if " on delivery" in step]

    assert any("delivery_lane" in step for step in steps)
    assert [step for step in steps if "Seq Scan" in step or "Bitmap" in step] == []
