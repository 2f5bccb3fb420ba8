"""The store counts failures per destination."""

import pytest

from tests.conftest import NOW, answer, write
from tests.store.bench import Bench
from tui.domain.destination import Destination
from tui.domain.health import FAILING_AFTER, Health
from tui.domain.lifecycle import Outcome
from tui.domain.retry import RetryPolicy
from tui.store import destinations, outbox
from tui.store.outbox import Finish
from tui.store.reading import health
from tui.store.reading.views import DestinationRow, Record

NO_RETRIES = RetryPolicy(())


def row(bench: Bench) -> DestinationRow:
    [only] = bench.store.read(health.destination_rows).result()
    return only


def end(bench: Bench, *outcomes: Outcome, policy: RetryPolicy = NO_RETRIES, **seen: object) -> None:
    """Finish one delivery per outcome, all in one transaction, in this order."""
    for _ in outcomes:
        bench.submit()
    claims = bench.claim().claims
    finishes = [Finish(c, answer(o, **seen), 0.0) for c, o in zip(claims, outcomes, strict=True)]
    write(bench.store, outbox.finish, finishes, policy)


@pytest.mark.usefixtures("soc")
def test_a_destination_is_failing_from_ten_exhausted_deliveries_until_one_is_delivered(
    bench: Bench,
) -> None:
    end(bench, *[Outcome.REJECTED] * (FAILING_AFTER - 1))
    assert row(bench).health == Health(9, 9, None)
    end(bench, Outcome.UNREACHABLE)
    assert row(bench).health == Health(10, 10, NOW)
    end(bench, Outcome.REJECTED, Outcome.DELIVERED)
    assert row(bench).health == Health()


@pytest.mark.usefixtures("soc")
def test_a_410_marks_the_destination_as_failing_and_retries_continue(bench: Bench) -> None:
    end(bench, Outcome.REJECTED, policy=bench.policy, status_code=410)
    assert row(bench).health == Health(1, 0, NOW)
    bench.clock.advance(3_600_000)
    assert len(bench.claim().claims) == 1


@pytest.mark.usefixtures("soc")
def test_a_late_finish_does_not_change_health(bench: Bench) -> None:
    bench.submit()
    late = bench.claim_one()
    bench.clock.advance(60_000)
    bench.claim_one()
    bench.finish(late, Outcome.REJECTED, status_code=410)
    assert row(bench).health == Health()


def test_a_new_url_resets_health_and_a_new_name_does_not(bench: Bench, soc: Destination) -> None:
    end(bench, Outcome.REJECTED, status_code=410)
    changed = Destination(**{**_fields(soc), "name": "renamed"})
    write(bench.store, destinations.edit, changed)
    assert row(bench).health.failing_since == NOW
    write(bench.store, destinations.edit, Destination(**{**_fields(changed), "url": "http://localhost/new"}))
    assert row(bench).health == Health()


def test_an_answer_of_the_old_url_does_not_change_the_health_of_the_new_one(
    bench: Bench, soc: Destination
) -> None:
    bench.submit()
    claim = bench.claim_one()
    write(bench.store, destinations.edit, Destination(**{**_fields(soc), "url": "http://localhost/new"}))
    bench.finish(claim, Outcome.REJECTED, status_code=410)
    assert row(bench).health == Health()


@pytest.mark.usefixtures("soc")
@pytest.mark.parametrize(
    ("outcome", "test"), [(Outcome.BLOCKED, False), (Outcome.REJECTED, True), (Outcome.BLOCKED, True)]
)
def test_blocked_attempts_and_failed_test_alerts_do_not_count(
    bench: Bench, outcome: Outcome, *, test: bool
) -> None:
    for _ in range(FAILING_AFTER):
        bench.submit(test=test)
        [claim] = bench.claim().claims
        ended = Finish(claim, answer(outcome, status_code=410), 0.0)
        [finished] = write(bench.store, outbox.finish, [ended], NO_RETRIES)
        assert finished.exhausted
    assert row(bench).health == Health()


@pytest.mark.usefixtures("soc")
def test_a_delivered_test_alert_ends_the_failing_state(bench: Bench) -> None:
    end(bench, Outcome.REJECTED, status_code=410)
    bench.submit(test=True)
    bench.finish(bench.claim_one())
    assert row(bench).health == Health()


def record_of_a_day(bench: Bench) -> Record:
    return bench.store.read(health.record, 1, since=NOW - health.DAY_MS).result()


def _fields(of: Destination) -> dict[str, object]:
    return {name: getattr(of, name) for name in Destination.__dataclass_fields__}


@pytest.mark.usefixtures("soc")
def test_the_record_of_a_day_leaves_out_what_is_older(bench: Bench) -> None:
    end(bench, Outcome.REJECTED, Outcome.REJECTED, ended_at=NOW - 25 * 3_600_000, duration_ms=9_000)
    for duration in range(1, 100):
        end(bench, Outcome.DELIVERED, ended_at=NOW - duration, duration_ms=duration)
    end(bench, Outcome.TIMEOUT, ended_at=NOW, duration_ms=30_000)
    day = record_of_a_day(bench)
    assert (day.attempts, day.delivered, day.success) == (100, 99, 0.99)
    assert day.p95_ms == 95


@pytest.mark.usefixtures("soc")
def test_an_unused_destination_has_no_record(bench: Bench) -> None:
    day = record_of_a_day(bench)
    assert (day.attempts, day.success, day.p95_ms) == (0, None, None)


@pytest.mark.usefixtures("soc")
def test_the_latest_attempts_come_newest_first_with_their_alerts(bench: Bench) -> None:
    bench.add(name="pager")
    for number, outcome in enumerate((Outcome.REJECTED, Outcome.DELIVERED, Outcome.TIMEOUT)):
        bench.submit(title=f"alert {number}", destinations=("soc",))
        bench.finish(bench.claim_one(), outcome, ended_at=NOW + number)
    bench.submit(title="to another", destinations=("pager",))
    bench.finish(bench.claim_one())
    latest = bench.store.read(health.latest_attempts, 1, 2).result()
    assert [(past.headline, past.attempt.outcome) for past in latest] == [
        ("alert 2", Outcome.TIMEOUT),
        ("alert 1", Outcome.DELIVERED),
    ]


@pytest.mark.usefixtures("soc")
def test_health_is_computed_from_the_last_thirty_attempts(bench: Bench) -> None:
    bench.add(name="pager", severities=frozenset())
    end(bench, *[Outcome.REJECTED] * 5, ended_at=NOW)
    for number in range(health.HEALTH_SPAN - 1):
        end(bench, Outcome.DELIVERED, ended_at=NOW + 1 + number, duration_ms=number)
    pager, soc = bench.store.read(health.destination_rows).result()
    assert (pager.destination.name, pager.recent, pager.last) == ("pager", (), None)
    assert soc.recent == (Outcome.REJECTED, *[Outcome.DELIVERED] * (health.HEALTH_SPAN - 1))
    assert soc.p95_ms == health.HEALTH_SPAN - 2 - 1
    assert soc.last is not None
    assert soc.last.ended_at == NOW + health.HEALTH_SPAN - 1
