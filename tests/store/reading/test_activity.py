"""Attempts are counted by outcome in the database, from the index alone."""

from tests.conftest import NOW, Clock
from tests.store.bench import Bench
from tui.domain.activity import Ended, Span
from tui.domain.lifecycle import Outcome
from tui.store.engine.database import Store
from tui.store.reading import activity

THIS = Span(NOW // 60_000, 1)
BEFORE = Span(THIS.first - 1, 1)


def end(bench: Bench, outcome: Outcome, ended_at: int, duration_ms: int) -> None:
    """Finish one attempt of a new delivery."""
    bench.submit()
    (claim,) = bench.claim().claims
    bench.finish(claim, outcome, ended_at=ended_at, duration_ms=duration_ms)


def test_attempts_are_counted_by_destination_outcome_and_duration(store: Store, bench: Bench) -> None:
    soc = bench.add().id
    for ended_at, duration in ((NOW, 84), (NOW + 59_999, 84), (NOW, 1_234), (NOW, 12_345), (NOW - 1, 999)):
        end(bench, Outcome.DELIVERED, ended_at, duration)
    end(bench, Outcome.TIMEOUT, NOW + 60_000, 30_000)
    [(first, here), (second, before)] = store.read(activity.attempts_ended, [THIS, BEFORE]).result()
    assert (first, second) == (THIS, BEFORE)
    assert sorted(here) == [
        Ended(soc, Outcome.DELIVERED, 84, 2),
        Ended(soc, Outcome.DELIVERED, 1_200, 1),
        Ended(soc, Outcome.DELIVERED, 12_000, 1),
    ]
    assert before == [Ended(soc, Outcome.DELIVERED, 990, 1)]


def test_an_abandoned_attempt_has_no_duration(store: Store, bench: Bench, clock: Clock) -> None:
    bench.add()
    bench.submit()
    bench.claim()
    clock.advance(3_600_000)
    bench.claim()
    [(_, ended)] = store.read(activity.attempts_ended, [Span(clock() // 60_000, 1)]).result()
    assert [(end.outcome, end.duration_ms, end.times) for end in ended] == [(Outcome.ABANDONED, None, 1)]


def test_names_include_those_of_deleted_destinations(store: Store, bench: Bench) -> None:
    soc, pager = bench.add(name="soc"), bench.add(name="Pager")
    bench.delete(soc)
    names = store.read(activity.destination_names).result()
    assert list(names.items()) == [(pager.id, ("Pager", False)), (soc.id, ("soc", True))]
