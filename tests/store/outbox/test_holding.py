"""A receiver that asks to wait holds its destination, for every dispatcher."""

from dataclasses import replace
from typing import Any

import pytest

from tests.conftest import NOW, Clock, write
from tests.store.bench import Bench
from tui.domain.alert import Severity
from tui.domain.destination import Destination
from tui.domain.lifecycle import Outcome
from tui.store import destinations, outbox
from tui.store.outbox import LEASE_MARGIN_MS, Claim

BUSY: dict[str, Any] = {"outcome": Outcome.REJECTED, "status_code": 429, "retry_after_ms": 10_000}
LEASE = 30_000 + LEASE_MARGIN_MS


@pytest.fixture
def held(bench: Bench, soc: Destination) -> Bench:
    """A destination whose receiver asked for ten seconds, with a queue of three deliveries."""
    bench.submit()
    claim = bench.claim_one()
    bench.clock.advance(5)
    bench.finish(claim, **BUSY)
    for severity in (Severity.LOW, Severity.CRITICAL, Severity.LOW):
        bench.submit(severity=severity)
    return bench


def probe(bench: Bench) -> Claim:
    """Claim the probe at the end of the hold, and let it take 5 ms."""
    bench.clock.now = bench.claim().next_due or 0
    claim = bench.claim_one()
    bench.clock.advance(5)
    return claim


def test_nothing_is_claimed_while_the_destination_is_held(held: Bench) -> None:
    claims = held.claim()
    assert (claims.claims, claims.next_due) == ([], held.clock.now + 10_000)
    held.clock.advance(9_999)
    assert held.claim().claims == []
    assert [progress.attempts for progress in held.all_progress().values()] == [1, 0, 0, 0]


def test_one_probe_goes_when_the_hold_ends_and_the_most_urgent_delivery_is_it(held: Bench) -> None:
    claim = probe(held)
    assert claim.alert.severity is Severity.CRITICAL
    assert held.claim().claims == []


def test_a_delivered_probe_releases_the_rest(held: Bench) -> None:
    held.finish(probe(held))
    assert len(held.claim().claims) == 3


def test_a_refused_probe_holds_the_destination_again(held: Bench) -> None:
    held.finish(probe(held), **BUSY)
    assert held.claim().next_due == held.clock.now + 10_000


def test_the_next_probe_goes_after_the_lease_of_one_whose_dispatcher_died(held: Bench) -> None:
    first = probe(held)
    claims = held.claim()
    assert claims.next_due == first.started_at + LEASE
    held.clock.advance(LEASE)
    assert held.claim_one().delivery_id == first.delivery_id


def test_a_probe_that_is_given_back_unsent_makes_room_for_the_next(held: Bench) -> None:
    first = probe(held)
    held.finish(first, Outcome.INTERRUPTED)
    assert held.claim_one().delivery_id == first.delivery_id


def test_another_destination_does_not_wait(held: Bench) -> None:
    held.add(name="pager")
    held.submit()
    assert held.claim_one().destination.name == "pager"


def test_a_test_alert_goes_at_once_and_ends_the_hold_if_it_is_delivered(held: Bench) -> None:
    held.clock.advance(1)
    held.submit(test=True)
    claim = held.claim_one()
    assert claim.alert.test
    held.clock.advance(5)
    held.finish(claim)
    assert len(held.claim().claims) == 3


def test_a_new_url_ends_the_hold(held: Bench, soc: Destination) -> None:
    write(held.store, destinations.edit, replace(soc, url="https://hooks.example.com/new"))
    assert len(held.claim().claims) == 3


def test_other_settings_do_not_end_the_hold(held: Bench, soc: Destination) -> None:
    write(held.store, destinations.edit, replace(soc, rate=5.0))
    assert held.claim().claims == []


def test_the_answer_of_an_old_url_does_not_hold_the_new_one(bench: Bench, soc: Destination) -> None:
    bench.submit()
    claim = bench.claim_one()
    write(bench.store, destinations.edit, replace(soc, url="https://hooks.example.com/new"))
    bench.clock.advance(5)
    bench.finish(claim, **BUSY)
    bench.submit()
    assert len(bench.claim().claims) == 1


def test_a_pause_neither_ends_nor_lengthens_a_hold(held: Bench, soc: Destination) -> None:
    held.pause(soc)
    held.clock.advance(5_000)
    held.pause(soc, paused=False)
    assert held.claim().next_due == NOW + 5 + 10_000


def test_a_lease_of_a_deleted_destination_is_closed_despite_the_hold(bench: Bench, soc: Destination) -> None:
    bench.submit()
    bench.submit()
    died, refused = bench.claim().claims
    bench.clock.advance(5)
    bench.finish(refused, **{**BUSY, "retry_after_ms": 3_600_000})
    bench.delete(soc)
    bench.clock.advance(LEASE)
    assert [one.attempts for one in bench.claim().exhausted] == [1]
    assert bench.progress(died.delivery_id).due_at is None


def test_a_destination_that_answered_429_is_slowed_to_less_than_it_accepted(bench: Bench) -> None:
    bench.add()
    for _ in range(60):
        bench.submit()
    claims = bench.claim(slots=25).claims
    bench.clock.advance(84)
    for claim in claims[:20]:
        bench.finish(claim)
    bench.finish(claims[20], **BUSY)
    bench.clock.advance(10_000)
    bench.finish(bench.claim_one())
    started = 0
    for _ in range(100):
        bench.clock.advance(10)
        started += len(bench.claim().claims)
    assert 17 <= started <= 19


def test_a_clock_set_back_does_not_lengthen_a_hold(held: Bench, clock: Clock) -> None:
    clock.advance(-3_600_000)
    write(held.store, outbox.pull_in, held.policy)
    clock.advance(10_000)
    assert len(held.claim().claims) == 1


def test_a_clock_that_was_years_ahead_does_not_hold_the_destination_for_years(
    held: Bench, clock: Clock
) -> None:
    clock.advance(10 * 365 * 24 * 3_600_000)
    held.claim_one()  # a probe, with a lease that ends years ahead
    clock.now = NOW + 60_000
    write(held.store, outbox.pull_in, held.policy)
    assert len(held.claim().claims) == 1
