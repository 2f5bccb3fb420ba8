"""A destination with a rate limit receives its queue at that rate, and no other destination waits."""

import pytest

from tests.conftest import NOW
from tests.store.bench import Bench
from tui.domain.alert import Severity
from tui.domain.lifecycle import Outcome


@pytest.fixture
def slow(bench: Bench) -> None:
    """A destination with a limit of two requests per second."""
    bench.add(name="slow", rate=2.0)


@pytest.mark.usefixtures("slow")
def test_a_queue_drains_at_the_rate_of_its_destination(bench: Bench) -> None:
    for _ in range(5):
        bench.submit()
    started = []
    while (claims := bench.claim()).next_due is not None:
        for claim in claims.claims:
            started.append(bench.clock.now - NOW)
            bench.finish(claim)
        bench.clock.now = max(bench.clock.now + 1, bench.claim().next_due or 0)
    assert started == [0, 500, 1000, 1500, 2000]


@pytest.mark.usefixtures("slow")
def test_retries_count_towards_the_rate(bench: Bench) -> None:
    bench.submit()
    bench.finish(bench.claim_one(), Outcome.REJECTED)
    bench.clock.advance(5_000)
    bench.submit()
    assert len(bench.claim().claims) == 1


@pytest.mark.usefixtures("slow")
def test_two_dispatchers_share_the_rate(bench: Bench) -> None:
    for _ in range(5):
        bench.submit()
    assert [len(bench.claim().claims) for _ in range(3)] == [1, 0, 0]


@pytest.mark.usefixtures("slow", "soc")
def test_another_destination_does_not_wait(bench: Bench) -> None:
    for _ in range(10):
        bench.submit()
    claims = bench.claim()
    assert sorted(claim.destination.name for claim in claims.claims) == ["slow", *["soc"] * 10]


@pytest.mark.usefixtures("slow")
def test_the_most_urgent_goes_first(bench: Bench) -> None:
    for severity in (Severity.INFO, Severity.CRITICAL):
        bench.submit(severity=severity)
    assert bench.claim_one().alert.severity is Severity.CRITICAL


@pytest.mark.usefixtures("slow")
def test_a_claim_returns_when_the_next_delivery_may_go(bench: Bench) -> None:
    for _ in range(2):
        bench.submit()
    bench.claim()
    assert bench.claim().next_due == NOW + 500


@pytest.mark.usefixtures("slow")
def test_deliveries_asked_for_by_id_are_paced_too(bench: Bench) -> None:
    ids = [delivery for _ in range(3) for delivery in bench.submit()]
    assert len(bench.claim(only=ids).claims) == 1
    assert bench.claim(only=ids).claims == []
