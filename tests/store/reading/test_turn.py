"""When a pending delivery's turn comes at a destination with a rate limit."""

from tests.store.bench import Bench
from tui.domain.alert import Severity
from tui.store.reading import queries
from tui.store.reading.views import Turn


def turn_of(bench: Bench, delivery: int) -> Turn | None:
    [(key,)] = bench.rows("SELECT alert_id FROM delivery WHERE id = ?", delivery)
    details = bench.store.read(queries.alert_details, key).result()
    assert details is not None
    return details.deliveries[0].turn


def test_the_turn_counts_the_deliveries_ahead_at_a_destination_with_a_rate_limit(bench: Bench) -> None:
    bench.add(rate=5.0)
    bench.submit(severity=Severity.INFO)
    [first] = bench.submit(severity=Severity.HIGH)
    [second] = bench.submit(severity=Severity.HIGH)
    [urgent] = bench.submit(severity=Severity.CRITICAL)

    turns = [turn_of(bench, delivery) for delivery in (urgent, first, second)]

    assert [turn.before for turn in turns if turn] == [0, 1, 2]
    assert turns[0] is not None
    assert turns[0].comes_at(bench.clock()) == bench.clock()
    assert turns[2] is not None
    assert turns[2].comes_at(bench.clock()) == bench.clock() + 400


def test_there_is_no_turn_without_a_rate_limit_or_in_flight(bench: Bench) -> None:
    soc = bench.add(rate=5.0)
    bench.add(name="pager")
    [free] = bench.submit(destinations=("pager",))
    [paced] = bench.submit(destinations=(soc.name,))
    bench.claim()

    assert turn_of(bench, free) is None
    assert turn_of(bench, paced) is None
