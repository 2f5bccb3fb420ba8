"""One alert of a storm is delivered and all are stored, whoever submits them."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import NOW, Clock, alert, new_database, strategy, write
from tests.store.bench import Bench
from tui.domain.alert import Severity
from tui.domain.destination import Destination
from tui.domain.filter_language import parse_filter
from tui.domain.lifecycle import Outcome
from tui.store import destinations, outbox, prune
from tui.store.engine import database
from tui.store.engine.database import Store
from tui.store.outbox import Receipt
from tui.store.reading import listing, queries
from tui.store.reading.views import AlertDetails, AlertRow
from tui.store.tables.invariants import broken

MINUTE = 60_000
WINDOW = 10 * MINUTE


@pytest.fixture
def pager(bench: Bench) -> Destination:
    """A destination with a fold window of ten minutes."""
    return bench.add(name="pager", fold_ms=WINDOW)


def rows(bench: Bench, text: str = "") -> list[AlertRow]:
    up_to = bench.store.read(listing.newest_key).result()
    found = listing.page_of_alerts, parse_filter(text), bench.clock.now
    return bench.store.read(*found, up_to=up_to, limit=1_000).result()


def details(bench: Bench, alert_id: str) -> AlertDetails:
    found = bench.store.read(queries.alert_details, bench.store.read(queries.find_alert, alert_id).result())
    shown = found.result()
    assert shown is not None
    return shown


def delivered(bench: Bench) -> int:
    return bench.rows("SELECT count(*) FROM delivery")[0][0]


def test_one_alert_of_a_storm_is_delivered_and_all_are_stored(bench: Bench, pager: Destination) -> None:
    storm = [alert() for _ in range(37)]
    receipts = write(bench.store, outbox.submit, storm[:20]) + [bench.receive(one) for one in storm[20:]]

    first, *others = (receipt for receipt in receipts if isinstance(receipt, Receipt))
    assert len(first.deliveries) == 1
    assert all(other.deliveries == () for other in others)
    assert {other.folded for other in others} == {((pager, first.alert_id),)}
    assert {other.not_routed for other in others} == {None}

    *folded, opener = rows(bench)
    assert len(folded) == 36
    assert [(d.folded, d.folded_at) for d in opener.deliveries] == [(36, NOW)]
    assert {(fold.destination, fold.into_alert_id) for row in folded for fold in row.folds} == {
        ("pager", first.alert_id)
    }
    assert bench.store.read(broken).result() == []


def test_each_destination_folds_separately(bench: Bench, pager: Destination) -> None:
    archive = bench.add(name="archive")
    bench.receive(alert())
    again = bench.receive(alert())
    assert [destination for _, _, destination in again.deliveries] == [archive]
    assert [destination for destination, _ in again.folded] == [pager]


def test_folding_does_not_prolong_a_window(bench: Bench, pager: Destination) -> None:
    for _ in range(25):
        bench.receive(alert())
        bench.clock.advance(MINUTE)
    assert [row.deliveries[0].folded for row in reversed(rows(bench)) if row.deliveries] == [9, 9, 4]


@pytest.mark.usefixtures("pager")
def test_a_more_severe_alert_is_delivered(bench: Bench) -> None:
    sent = [Severity.LOW, Severity.LOW, Severity.CRITICAL, Severity.LOW, Severity.CRITICAL]
    together = write(bench.store, outbox.submit, [alert(severity=severity) for severity in sent])
    assert [len(one.deliveries) for one in together if isinstance(one, Receipt)] == [1, 0, 1, 0, 0]


@pytest.mark.usefixtures("pager")
def test_a_test_alert_never_folds(bench: Bench) -> None:
    assert [len(bench.receive(alert(test=True)).deliveries) for _ in range(3)] == [1, 1, 1]
    assert len(bench.receive(alert()).deliveries) == 1


def test_an_alert_that_names_the_destination_folds_too(bench: Bench, pager: Destination) -> None:
    assert [len(bench.receive(alert(destinations=("pager",))).deliveries) for _ in range(2)] == [1, 0]


@pytest.mark.usefixtures("pager")
@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_nothing_folds_into_a_failed_or_cancelled_delivery(bench: Bench, end: str) -> None:
    [delivery] = bench.submit()
    if end == "failed":
        bench.fail_until_exhausted()
        bench.clock.now = NOW + 1
    else:
        bench.cancel(delivery)
    assert len(bench.submit()) == 1
    assert bench.submit() == []


@pytest.mark.usefixtures("pager")
def test_a_repeat_of_a_folded_alert_is_recognized(bench: Bench) -> None:
    first, second = alert(), alert(destinations=("pager",))
    bench.receive(first)
    stored, again = bench.receive(second), bench.receive(second)
    assert again.repeated
    assert again.folded == stored.folded == ((again.folded[0][0], first.alert_id),)


def test_a_folded_alert_can_be_sent_separately_once(bench: Bench, pager: Destination) -> None:
    bench.receive(alert())
    receipt = bench.receive(alert())
    [fold] = details(bench, receipt.alert_id).folds

    assert write(bench.store, outbox.send_folded, [fold.id]) == {fold.id: None}
    refused = write(bench.store, outbox.send_folded, [fold.id])[fold.id]

    assert str(refused) == "it is already being sent"
    assert delivered(bench) == 2
    shown = details(bench, receipt.alert_id)
    assert (len(shown.deliveries), shown.folds) == (1, ())
    assert rows(bench, "state:folded") == []
    assert bench.claim().claims[-1].alert.alert_id == receipt.alert_id


def test_a_folded_alert_is_not_sent_to_a_deleted_destination(bench: Bench, pager: Destination) -> None:
    bench.receive(alert())
    [fold] = details(bench, bench.receive(alert()).alert_id).folds
    bench.delete(pager)
    answer = write(bench.store, outbox.send_folded, [fold.id, 99])
    assert {key: str(refused) for key, refused in answer.items()} == {
        fold.id: "the destination 'pager' has been deleted",
        99: "it no longer exists",
    }


def test_folded_alerts_are_found_by_state_and_destination(bench: Bench, pager: Destination) -> None:
    bench.add(name="archive")
    opener = bench.receive(alert())
    folded = [bench.receive(alert()).alert_id for _ in range(3)]
    nowhere = bench.receive(alert(destinations=())).alert_id

    def found(text: str) -> list[str]:
        return sorted(row.alert_id for row in rows(bench, text))

    assert found("state:folded") == found("state:folded to:pager") == sorted(folded)
    assert found("state:folded to:archive") == []
    assert found("-state:folded") == sorted([opener.alert_id, nowhere])
    assert found("state:folded,unrouted") == sorted([*folded, nowhere])
    assert found("state:folded,waiting") == sorted([*folded, opener.alert_id])
    assert found("root state:folded") == sorted(folded)
    ids = bench.store.read(queries.matching_folds, parse_filter("state:folded to:pager"), NOW).result()
    assert len(ids) == 3


def test_folded_alerts_are_found_by_the_failure_of_the_opener(bench: Bench, pager: Destination) -> None:
    bench.add(name="archive")
    opener = bench.receive(alert(severity=Severity.HIGH, destinations=("pager",)))
    for _ in range(3):
        bench.receive(alert(severity=Severity.LOW, destinations=("pager",)))
    [(delivery, _, _)] = opener.deliveries

    def found(text: str) -> list[tuple[int, str]]:
        return bench.store.read(queries.folds_into_failed, parse_filter(text), bench.clock.now).result()

    assert found("state:failed") == [], "it waits"
    bench.fail_until_exhausted()
    assert found("state:failed severity:low to:pager") == [(delivery, opener.alert_id)] * 3
    assert found("state:failed severity:high") == found("state:failed to:archive") == []
    assert bench.store.read(queries.count_folds, [delivery]).result() == 3

    [fold] = details(bench, rows(bench, "state:folded")[0].alert_id).folds
    write(bench.store, outbox.send_folded, [fold.id])
    assert len(found("state:failed")) == bench.store.read(queries.count_folds, [delivery]).result() == 2
    bench.delete(pager)
    assert found("state:failed") == []


def test_the_last_folded_alerts_are_read_with_the_opener(bench: Bench, pager: Destination) -> None:
    first = bench.receive(alert())
    folded = [bench.receive(alert()).alert_id for _ in range(25)]
    [delivery] = details(bench, first.alert_id).deliveries
    assert [one.alert_id for one in delivery.folded] == folded[:-21:-1]
    assert delivery.row.folded == 25


def test_folded_alerts_stay_when_the_opener_is_pruned(bench: Bench, pager: Destination) -> None:
    first = bench.receive(alert(created_at=NOW - WINDOW))
    folded = bench.receive(alert()).alert_id
    bench.finish(bench.claim_one())
    bench.clock.advance(MINUTE)
    write(bench.store, prune.step, bench.clock.now, ["delivered"], after=0, limit=100)
    assert first.alert_id not in [row.alert_id for row in rows(bench)]
    [fold] = details(bench, folded).folds
    assert fold.into_alert_id is None
    assert len(bench.submit()) == 1


def storm_from(store: Store, count: int) -> list[Receipt]:
    """Submit pairs of alerts in alternating order."""
    receipts: list[Any] = []
    for number in range(count):
        pair = [alert(), alert(title="another")]
        receipts += write(store, outbox.submit, pair if number % 2 else pair[::-1])
    return receipts


def test_one_alert_of_concurrent_storms_is_delivered(engine: str, tmp_path: Path) -> None:
    address, clock = new_database(engine, tmp_path), Clock()
    with Store(strategy(engine, address, clock)) as first, Store(strategy(engine, address, clock)) as second:
        bench = Bench(first, clock)
        bench.add(name="pager", fold_ms=WINDOW)
        with ThreadPoolExecutor(2) as both:
            storms = [both.submit(storm_from, store, 40) for store in (first, second)]
            receipts = [receipt for storm in storms for receipt in storm.result()]
        assert len(receipts) == 160
        assert sum(len(receipt.deliveries) for receipt in receipts) == delivered(bench) == 2
        numbers = bench.rows("SELECT delivery_id, number FROM fold ORDER BY delivery_id, number")
        assert Counter(delivery for delivery, _ in numbers) == {1: 79, 2: 79}
        assert {number for _, number in numbers} == set(range(1, 80))


def test_a_prune_and_a_fold_do_not_deadlock_on_postgresql(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A submit locks a window, then refers to its delivery. A prune locks them in the same order."""
    monkeypatch.setattr(database, "_DEADLOCKS", 0)  # a retry would hide a deadlock
    address, clock = new_database("postgresql", tmp_path), Clock()
    with Store(strategy("postgresql", address, clock)) as store, psycopg.connect(address) as other:
        bench = Bench(store, clock)
        bench.add(name="pager", fold_ms=WINDOW)
        bench.receive(alert(created_at=NOW - WINDOW))
        bench.finish(bench.claim_one())
        bench.receive(alert(destinations=()))
        clock.advance(MINUTE)
        other.execute("SELECT id FROM fold_window FOR NO KEY UPDATE")  # like a submit

        pruning = store.write(prune.step, clock.now, ["delivered"], after=0, limit=100)
        bench.until_waiting(1)
        other.execute("SET lock_timeout = '3s'")
        other.execute("SELECT id FROM delivery FOR KEY SHARE")  # like a new fold that refers to it
        other.commit()
        assert pruning.result().alerts == 1


def test_a_fold_that_is_pruned_while_it_is_sent_no_longer_exists_on_postgresql(tmp_path: Path) -> None:
    address = new_database("postgresql", tmp_path)
    with Store(strategy("postgresql", address, Clock())) as store, psycopg.connect(address) as pruning:
        bench = Bench(store, Clock())
        bench.add(name="pager", fold_ms=WINDOW)
        bench.receive(alert())
        bench.receive(alert())
        [(fold, folded)] = bench.rows("SELECT id, alert_id FROM fold")
        pruning.execute("DELETE FROM alert WHERE id = %s", (folded,))
        sending = store.write(outbox.send_folded, [fold])
        bench.until_waiting(1)
        pruning.commit()
        assert str(sending.result()[fold]) == "it no longer exists"


def test_a_pruned_window_is_inserted_again_without_holding_locks_on_postgresql(tmp_path: Path) -> None:
    """Otherwise another submit that inserted the first window would deadlock with it at the second."""
    address, clock = new_database("postgresql", tmp_path), Clock()
    with (
        Store(strategy("postgresql", address, clock)) as store,
        psycopg.connect(address) as pruning,
        psycopg.connect(address) as holding,
        psycopg.connect(address) as beside,
    ):
        bench = Bench(store, clock)
        bench.add(name="pager", fold_ms=WINDOW)
        write(store, outbox.submit, [alert(title="one"), alert(title="another")])
        [(first,), (second,)] = bench.rows("SELECT key FROM fold_window ORDER BY key")
        lock = "SELECT id FROM fold_window WHERE key = %s FOR NO KEY UPDATE"
        pruning.execute(lock, (first,))
        holding.execute(lock, (second,))

        submitting = store.write(outbox.submit, [alert(title="one"), alert(title="another")])
        bench.until_waiting(1)
        pruning.execute("DELETE FROM fold_window WHERE key = %s", (first,))
        pruning.commit()
        made = "INSERT INTO fold_window (key, opened_at, severity, folded) VALUES (%s, 0, 'INFO', 0)"
        beside.execute("SET deadlock_timeout = '100ms'")  # so that the server would end this one
        beside.execute(made, (first,))
        holding.commit()
        beside.execute(lock, (second,))
        beside.rollback()

        assert sorted(len(receipt.deliveries) for receipt in submitting.result()) == [0, 1]


KEYS, SEVERITIES = ("a", "b"), (Severity.LOW, Severity.HIGH)
steps = st.lists(
    st.one_of(
        st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(SEVERITIES)), min_size=1, max_size=3),
        st.sampled_from([1, 4 * MINUTE, WINDOW, -MINUTE]),
        st.sampled_from(["fail", "cancel", "deliver"]),
    ),
    max_size=15,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_each_alert_is_delivered_or_folded_into_a_recent_one(bench: Bench, steps: Sequence[Any]) -> None:
    target = bench.add(name=f"d{len(bench.rows('SELECT id FROM destination'))}", fold_ms=WINDOW)
    openers: dict[str, tuple[str, int, Severity]] = {}
    dead: set[str] = set()
    waiting: list[tuple[int, str]] = []
    for step in steps:
        if isinstance(step, int):
            bench.clock.advance(step)
        elif isinstance(step, list):
            sent = [alert(title=key, severity=severity) for key, severity in step]
            for one, receipt in zip(sent, write(bench.store, outbox.submit, sent), strict=True):
                assert isinstance(receipt, Receipt)
                before = openers.get(one.title)
                folds = (
                    before is not None
                    and before[0] not in dead
                    and 0 <= bench.clock.now - before[1] < WINDOW
                    and one.severity.rank <= before[2].rank
                )
                assert [into for _, into in receipt.folded] == ([before[0]] if folds and before else [])
                assert len(receipt.deliveries) == (not folds)
                if not folds:
                    openers[one.title] = (one.alert_id, bench.clock.now, one.severity)
                    waiting.append((receipt.deliveries[0][0], one.alert_id))
        elif waiting:
            end_one(bench, step, waiting.pop(), dead)
    assert bench.store.read(broken).result() == []
    bench.delete(target)


def end_one(bench: Bench, how: str, which: tuple[int, str], dead: set[str]) -> None:
    delivery, alert_id = which
    if how == "cancel":
        bench.cancel(delivery)
    else:
        due = bench.rows("SELECT due_at FROM delivery WHERE id = ?", delivery)[0][0]
        if due > bench.clock.now:
            return
        [claim] = bench.claim(only=[delivery]).claims
        if how == "deliver":
            bench.finish(claim)
            return
        final = Bench(bench.store, bench.clock, type(bench.policy)(()))
        final.finish(claim, Outcome.REJECTED)
    dead.add(alert_id)


def test_folding_is_stored_with_the_destination(bench: Bench, pager: Destination) -> None:
    stored = bench.store.read(destinations.find, pager.id).result()
    assert stored == pager
    assert stored is not None
    assert stored.fold_ms == WINDOW
