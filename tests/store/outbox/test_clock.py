"""Times that lie too far ahead after the clock was set back are pulled in. All others stay."""

import pytest

from tests.conftest import Clock, write
from tests.store.bench import Bench
from tui.domain.destination import Destination
from tui.domain.lifecycle import Outcome
from tui.domain.pacing import FASTEST, SLOWEST
from tui.store import outbox
from tui.store.outbox import LEASE_MARGIN_MS

HOUR = 3_600_000
LONGEST_LEASE = 120_000 + LEASE_MARGIN_MS


def pull_in(bench: Bench) -> int:
    return write(bench.store, outbox.pull_in, bench.policy)


def test_a_first_attempt_is_due_now(bench: Bench, soc: Destination, clock: Clock) -> None:
    [delivery] = bench.submit()
    clock.advance(-HOUR)
    assert bench.claim().claims == []

    assert pull_in(bench) == 1

    assert bench.progress(delivery).due_at == clock.now
    assert bench.claim_one().delivery_id == delivery


def test_a_lease_lasts_no_longer_than_a_lease_can(bench: Bench, soc: Destination, clock: Clock) -> None:
    [delivery] = bench.submit()
    held = bench.claim_one()
    clock.advance(-HOUR)

    assert pull_in(bench) == 1

    assert bench.progress(delivery).due_at == clock.now + LONGEST_LEASE
    assert bench.progress(delivery).lease == held.lease, "its holder may live, and can still finish"


def test_a_retry_lies_no_further_ahead_than_the_longest_delay(
    bench: Bench, soc: Destination, clock: Clock
) -> None:
    [delivery] = bench.submit()
    bench.finish(bench.claim_one(), Outcome.REJECTED)
    clock.advance(-24 * HOUR)

    assert pull_in(bench) == 1

    assert bench.progress(delivery).due_at == clock.now


def test_a_pace_lies_no_further_ahead_than_pacing_puts_it(bench: Bench, clock: Clock) -> None:
    bench.add(rate=SLOWEST)
    bench.submit()
    bench.claim_one()
    [waiting] = bench.submit()
    clock.advance(-HOUR)

    pull_in(bench)

    assert bench.claim_one().delivery_id == waiting


@pytest.mark.parametrize("rate", [SLOWEST, FASTEST])
def test_a_pace_set_by_pacing_stays(bench: Bench, rate: float) -> None:
    bench.add(rate=rate)
    for _ in range(110):
        bench.submit()
    bench.claim(slots=110, cap=110)
    [(before,)] = bench.rows("SELECT paced_until FROM destination")

    pull_in(bench)

    assert bench.rows("SELECT paced_until FROM destination") == [(before,)]
    assert before > bench.clock.now


def test_a_time_set_by_another_just_after_our_now_stays(bench: Bench, soc: Destination, clock: Clock) -> None:
    clock.advance(5)
    bench.submit()
    bench.add(name="slow", timeout_ms=120_000)
    [_, slow] = bench.submit()
    bench.claim(only=[slow])
    before = bench.all_progress()
    clock.advance(-5)

    assert pull_in(bench) == 0

    assert bench.all_progress() == before


def test_times_set_by_the_lifecycle_stay(bench: Bench, soc: Destination, clock: Clock) -> None:
    for seen in ({}, {"retry_after_ms": 6 * HOUR}):
        bench.submit()
        bench.finish(bench.claim_one(), Outcome.REJECTED, fraction=0.999, **seen)
    bench.submit()
    bench.claim_one()
    bench.submit()
    before = bench.all_progress()

    assert pull_in(bench) == 0

    assert bench.all_progress() == before


def test_a_retry_of_a_destination_with_longer_delays_stays(bench: Bench) -> None:
    bench.add(retries=(48 * HOUR,))
    [delivery] = bench.submit()
    bench.finish(bench.claim_one(), Outcome.REJECTED)

    assert pull_in(bench) == 0

    assert bench.progress(delivery).due_at == bench.clock.now + 48 * HOUR
