"""A repeat queues an alert that nobody received, at most once per delivery in a while."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Clock, alert, new_database, strategy, write
from tests.store.bench import Bench
from tui.domain.alert import Alert
from tui.domain.destination import Destination
from tui.domain.errors import Invalid
from tui.domain.lifecycle import Outcome, State
from tui.domain.repeats import DEFAULT_REVIVE_MS, parse_revive_after
from tui.store import outbox
from tui.store.engine.database import Store
from tui.store.outbox import Receipt
from tui.store.reading import queries

SENT = alert(alert_id="still-firing")


def fail(bench: Bench, sent: Alert = SENT) -> int:
    """Submit `sent`, let its only delivery fail permanently, and return the delivery's id."""
    [(delivery, _, _)] = bench.receive(sent).deliveries
    bench.fail_until_exhausted()
    return delivery


def revived(receipt: Receipt) -> list[int]:
    return [delivery for delivery, _, _ in receipt.revived]


@pytest.mark.usefixtures("soc")
def test_a_repeat_of_a_failed_alert_opens_a_round(bench: Bench) -> None:
    delivery = fail(bench)
    receipt = bench.receive(SENT)
    assert receipt.repeated
    assert revived(receipt) == [delivery]
    progress = bench.progress(delivery)
    assert (progress.state, progress.round, progress.attempts) == (State.SCHEDULED, 2, 0)
    details = bench.store.read(queries.alert_details, 1).result()
    assert details is not None
    assert details.deliveries[0].row.revived_at == bench.clock.now
    assert bench.store.check() == []


@pytest.mark.usefixtures("soc")
@pytest.mark.parametrize("end", [None, Outcome.DELIVERED, "cancelled", "retrying", "in flight"])
def test_a_repeat_of_any_other_alert_changes_nothing(bench: Bench, end: Any) -> None:
    [delivery] = bench.submit(alert_id="still-firing")
    match end:
        case Outcome.DELIVERED:
            bench.finish(bench.claim_one())
        case "cancelled":
            bench.cancel(delivery)
        case "retrying":
            bench.finish(bench.claim_one(), Outcome.REJECTED)
        case "in flight":
            bench.claim_one()
        case _:
            pass
    before = bench.books()
    receipt = bench.receive(SENT)
    assert (receipt.repeated, receipt.revived) == (True, ())
    assert bench.books() == before


@pytest.mark.usefixtures("soc")
def test_a_delivery_is_revived_once_in_fifteen_minutes(bench: Bench, clock: Clock) -> None:
    delivery = fail(bench)
    assert revived(bench.receive(SENT)) == [delivery]
    started = clock.now
    bench.fail_until_exhausted()
    clock.now = started + DEFAULT_REVIVE_MS - 1
    assert revived(bench.receive(SENT)) == []
    clock.now = started - 1  # the clock was set back: it must not hold the alert for ever
    assert revived(bench.receive(SENT)) == [delivery]
    bench.fail_until_exhausted()
    clock.now = started - 1 + DEFAULT_REVIVE_MS
    assert revived(bench.receive(SENT)) == [delivery]


@pytest.mark.usefixtures("soc")
def test_it_can_be_disabled(bench: Bench) -> None:
    fail(bench)
    before = bench.books()
    [receipt] = write(bench.store, outbox.submit, [SENT], revive_after_ms=None)
    assert isinstance(receipt, Receipt)
    assert (receipt.repeated, receipt.revived) == (True, ())
    assert bench.books() == before


@pytest.mark.usefixtures("soc")
def test_a_failed_test_alert_is_not_revived(bench: Bench) -> None:
    sent = alert(alert_id="a-test", test=True)
    bench.receive(sent)
    bench.finish(bench.claim_one(), Outcome.REJECTED)
    assert bench.receive(sent).revived == ()


def test_a_repeat_is_routed_to_the_destinations_of_today(bench: Bench) -> None:
    assert bench.receive(SENT).not_routed == "there was no destination yet"
    assert bench.receive(SENT).not_routed == "there was no destination yet"
    soc = bench.add()
    receipt = bench.receive(SENT)
    assert (receipt.repeated, receipt.not_routed) == (True, None)
    assert receipt.deliveries == receipt.revived
    assert [target.id for _, _, target in receipt.deliveries] == [soc.id]
    again = bench.receive(SENT)
    assert (again.deliveries, again.revived) == (receipt.deliveries, ())
    assert bench.store.check() == []
    bench.fail_until_exhausted()
    assert revived(bench.receive(SENT)) == revived(receipt)  # the retries took longer than 15 minutes


def test_a_repeat_may_name_the_destinations_of_an_alert_that_was_not_routed(bench: Bench) -> None:
    asked_for_none = replace(SENT, destinations=())
    bench.receive(asked_for_none)
    bench.add()
    pager = bench.add(name="pager")
    assert bench.receive(asked_for_none).revived == ()
    receipt = bench.receive(replace(SENT, destinations=("pager",)))
    assert [target.id for _, _, target in receipt.revived] == [pager.id]


def test_only_the_named_destinations_are_revived(bench: Bench) -> None:
    both = [bench.add(name=name) for name in ("soc", "pager")]
    bench.receive(SENT)
    for _ in range(11):
        for claim in bench.claim().claims:
            bench.finish(claim, Outcome.REJECTED)
        bench.clock.advance(3_600_000)
    named = replace(SENT, destinations=("pager",))
    [receipt] = write(bench.store, outbox.submit, [named], [SENT.alert_id])
    assert isinstance(receipt, Receipt)
    assert [target.id for _, _, target in receipt.revived] == [both[1].id]
    assert [target.id for _, _, target in bench.receive(SENT).revived] == [both[0].id]


def test_a_paused_destination_keeps_the_round_and_a_deleted_one_gets_none(
    bench: Bench, soc: Destination
) -> None:
    delivery = fail(bench)
    bench.pause(soc)
    assert revived(bench.receive(SENT)) == [delivery]
    assert bench.claim().claims == []
    bench.pause(soc, paused=False)
    bench.fail_until_exhausted()
    bench.clock.advance(DEFAULT_REVIVE_MS)
    bench.delete(soc)
    assert revived(bench.receive(SENT)) == []


def test_a_repeat_of_a_folded_alert_revives_what_it_folded_into(bench: Bench) -> None:
    bench.add(fold_ms=24 * 3_600_000)
    [opener] = bench.submit()
    assert bench.receive(SENT).folded
    assert bench.receive(SENT).revived == ()
    bench.fail_until_exhausted()
    receipt = bench.receive(SENT)
    assert (receipt.deliveries, revived(receipt)) == ((), [opener])
    assert bench.store.check() == []


def test_an_alert_that_is_routed_now_folds_into_an_open_window(bench: Bench) -> None:
    bench.receive(SENT)
    bench.add(fold_ms=3_600_000)
    first = bench.receive(alert())
    receipt = bench.receive(SENT)
    assert [into for _, into in receipt.folded] == [first.alert_id]
    assert (receipt.deliveries, receipt.revived, receipt.not_routed) == ((), (), None)
    assert bench.store.check() == []


@pytest.mark.usefixtures("soc")
def test_a_repeat_in_a_rejected_group_opens_no_round(bench: Bench) -> None:
    fail(bench)
    before = bench.books()
    group = outbox.Group([SENT, alert(destinations=("nobody",))])
    [answer] = write(bench.store, outbox.submit_groups, [group])
    assert isinstance(answer, outbox.Rejected)
    assert bench.books() == before


@pytest.mark.usefixtures("soc")
def test_two_repeats_in_one_transaction_open_one_round(bench: Bench) -> None:
    delivery = fail(bench)
    receipts = [one for one in write(bench.store, outbox.submit, [SENT, SENT]) if isinstance(one, Receipt)]
    assert [revived(receipt) for receipt in receipts] == [[delivery], []]
    assert bench.progress(delivery).round == 2


@pytest.mark.parametrize("routed", [True, False])
def test_concurrent_repeats_open_one_round(
    engine: str, tmp_path: Path, clock: Clock, *, routed: bool
) -> None:
    address = new_database(engine, tmp_path)
    with (
        Store(strategy(engine, address, clock)) as store,
        Store(strategy(engine, address, clock)) as other,
        ThreadPoolExecutor() as threads,
    ):
        bench = Bench(store, clock)
        for number in range(10):
            sent = alert(alert_id=f"still-firing-{number}", destinations=None if routed else ())
            if routed and not number:
                bench.add()
            bench.receive(sent)
            if routed:
                bench.fail_until_exhausted()
            elif not number:
                bench.add()
            repeat = replace(sent, destinations=None)
            receipts = [
                answer
                for answers in threads.map(
                    lambda each, repeat=repeat: each.write(outbox.submit, [repeat]).result(),
                    [store, other] * 3,
                )
                for answer in answers
                if isinstance(answer, Receipt)
            ]
            assert len(receipts) == 6
            assert sum(len(receipt.revived) for receipt in receipts) == 1
            assert {len(receipt.deliveries) for receipt in receipts} == {1}
            [(_, claim)] = [(c.progress.round, c) for c in bench.claim().claims]
            assert claim.progress.round == (2 if routed else 1)
            bench.finish(claim)
        assert store.check() == []


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("15m", 900_000), ("1s", 1000), ("30d", 2_592_000_000), ("0", None), (" Off ", None)],
)
def test_the_time_between_rounds_is_a_span(typed: str, expected: int | None) -> None:
    assert parse_revive_after(typed) == expected


@pytest.mark.parametrize("typed", ["", "0s", "31d", "15", "soon"])
def test_any_other_time_between_rounds_is_refused(typed: str) -> None:
    with pytest.raises(Invalid, match="like 15m, or off to disable it"):
        parse_revive_after(typed)
