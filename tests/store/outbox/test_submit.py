"""An alert is stored together with its deliveries, or not at all."""

import contextlib
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.conftest import NOW, Clock, alert, new_database, write
from tests.store.bench import Bench
from tui.domain.alert import Alert, Severity
from tui.domain.alert_type import AlertType
from tui.domain.destination import Destination
from tui.domain.errors import Conflict, Invalid, Unknown
from tui.domain.lifecycle import submitted
from tui.store import outbox
from tui.store.engine.database import Store, Transaction
from tui.store.engine.postgres import Postgres
from tui.store.outbox import Group, Receipt, Rejected

PATIENCE_S = 4
"""Shorter than the lock timeout of a transaction."""


def test_an_alert_becomes_a_delivery_per_matching_destination(bench: Bench) -> None:
    soc = bench.add(name="soc")
    paused = bench.add(name="pager", paused=True)
    bench.add(name="policies", alert_types=frozenset({AlertType.POLICY}))
    sent = alert()

    [receipt] = write(bench.store, outbox.submit, [sent])

    assert isinstance(receipt, Receipt)
    assert (receipt.alert_id, receipt.not_routed) == (sent.alert_id, None)
    assert {destination for _, _, destination in receipt.deliveries} == {soc, paused}
    assert bench.rows("SELECT id, webhook_id, destination_id FROM delivery ORDER BY id") == [
        (key, webhook_id, destination.id) for key, webhook_id, destination in receipt.deliveries
    ]


@pytest.mark.usefixtures("soc")
def test_a_delivery_begins_scheduled_for_now(bench: Bench) -> None:
    [delivery] = bench.submit()
    assert bench.progress(delivery) == submitted(NOW)
    assert bench.history(delivery) == []


@pytest.mark.usefixtures("soc")
def test_a_stored_alert_is_read_back_unchanged(bench: Bench) -> None:
    sent = alert(
        severity=Severity.LOW,
        type=AlertType.RULE_ERROR,
        name="Console login",
        link="https://soc.example.com/1",
        context='{"münze":[1,2.5,null],"nul":"\\u0000"}',
        description="Zwei\nZeilen",
        runbook="'; DROP TABLE alert; --",
        tags=("aws", "identität"),
        version="7",
        destinations=("soc",),
        test=True,
    )
    write(bench.store, outbox.submit, [sent])
    assert bench.claim_one().alert == replace(sent, destinations=None)


def test_an_alert_that_names_destinations_goes_to_exactly_those(bench: Bench) -> None:
    bench.add(name="soc")
    pager = bench.add(name="Pager", severities=frozenset())
    named = bench.submit(destinations=("pager",)) + bench.submit(destinations=(str(pager.id),))
    assert bench.rows("SELECT id, destination_id FROM delivery ORDER BY id") == [
        (delivery, pager.id) for delivery in named
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"destinations": ()}, "the alert asks for no destination"),
        ({"severity": Severity.LOW}, "no destination takes severity LOW"),
    ],
)
def test_an_alert_that_matches_no_destination_is_stored_with_the_reason(
    bench: Bench, changes: dict[str, object], reason: str
) -> None:
    bench.add(severities=frozenset({Severity.HIGH}))
    assert bench.submit(**changes) == []
    assert bench.rows("SELECT not_routed FROM alert") == [(reason,)]


@pytest.mark.usefixtures("soc")
def test_a_routed_alert_has_no_reason(bench: Bench) -> None:
    bench.submit()
    assert bench.rows("SELECT not_routed FROM alert") == [(None,)]


@pytest.mark.usefixtures("soc")
def test_an_alert_that_names_an_unknown_destination_is_not_stored(bench: Bench) -> None:
    good, bad, also_good = alert(), alert(destinations=("soc", "nowhere")), alert()
    answers = write(bench.store, outbox.submit, [good, bad, also_good])
    assert [type(answer) for answer in answers] == [Receipt, Unknown, Receipt]
    assert str(answers[1]) == "no destination is named 'nowhere'; choose from: soc"
    assert bench.rows("SELECT alert_id FROM alert ORDER BY id") == [(good.alert_id,), (also_good.alert_id,)]
    assert bench.rows("SELECT count(*) FROM delivery") == [(2,)]


ONE_BY_ONE = pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])


def submit_each(bench: Bench, *alerts: Alert, together: bool) -> list[Receipt | Invalid]:
    batches = [list(alerts)] if together else [[one] for one in alerts]
    return [answer for batch in batches for answer in write(bench.store, outbox.submit, batch)]


@ONE_BY_ONE
def test_a_repeat_is_recognized_and_stored_once(bench: Bench, soc: Destination, *, together: bool) -> None:
    """Its sender did not learn that it was stored. It may have no time of its own and gets ours."""
    first, again = alert(alert_id="a-1", title="first"), alert(alert_id="a-1", title="first", created_at=7)

    answers = submit_each(bench, first, again, together=together)

    assert all(isinstance(answer, Receipt) for answer in answers)
    assert answers[0].deliveries == answers[1].deliveries
    assert bench.rows("SELECT title, created_at FROM alert") == [("first", first.created_at)]
    assert bench.rows("SELECT count(*) FROM delivery") == [(1,)]


@ONE_BY_ONE
def test_a_receipt_says_whether_the_alert_is_a_repeat(
    bench: Bench, soc: Destination, *, together: bool
) -> None:
    sent = alert()
    receipts = submit_each(bench, sent, sent, together=together)
    assert all(isinstance(receipt, Receipt) for receipt in receipts)
    assert [receipt.repeated for receipt in receipts] == [False, True]


@pytest.mark.parametrize(
    "change",
    [
        {"title": "second"},
        {"severity": Severity.LOW},
        {"context": '{"n":2}'},
        {"tags": ("aws",)},
        {"test": True},
        {"destinations": ("soc",)},
    ],
    ids=str,
)
@ONE_BY_ONE
def test_an_alert_with_the_id_of_another_is_refused(
    bench: Bench, soc: Destination, change: dict[str, Any], *, together: bool
) -> None:
    bench.add(name="pager")
    first, other = (
        alert(alert_id="a-1", title="first"),
        alert(**{"alert_id": "a-1", "title": "first"} | change),
    )

    answers = submit_each(bench, first, other, together=together)

    assert [type(answer) for answer in answers] == [Receipt, Conflict]
    assert str(answers[1]) == "an alert with the id 'a-1' is already stored with other content"
    assert bench.rows("SELECT title FROM alert") == [("first",)]
    assert bench.rows("SELECT count(*) FROM delivery") == [(2,)]


def test_a_repeat_may_name_its_destinations(bench: Bench, soc: Destination) -> None:
    bench.add(name="pager")
    sent = alert(destinations=("soc",))
    bench.receive(sent)
    assert bench.receive(sent).repeated
    assert bench.receive(replace(sent, destinations=None)).repeated


def test_a_group_is_stored_completely_or_not_at_all(bench: Bench, soc: Destination) -> None:
    known = alert(title="known")
    bench.receive(known)
    groups = [
        [alert(), alert(destinations=("nowhere",))],
        [alert(), known, alert()],
        [alert(), replace(known, title="other")],
    ]

    unknown, good, conflict = write(bench.store, outbox.submit_groups, [Group(one) for one in groups])

    assert isinstance(unknown, Rejected)
    assert {place: str(error) for place, error in unknown.errors.items()} == {
        1: "no destination is named 'nowhere'; choose from: soc"
    }
    assert isinstance(conflict, Rejected)
    assert {place: type(error) for place, error in conflict.errors.items()} == {1: Conflict}
    assert isinstance(good, list)
    assert [receipt.repeated for receipt in good] == [False, True, False]
    assert bench.rows("SELECT alert_id FROM alert ORDER BY id") == [
        (one.alert_id,) for one in (known, groups[1][0], groups[1][2])
    ]
    assert bench.rows("SELECT count(*) FROM delivery") == [(3,)]


def test_a_repeat_known_by_its_id_may_differ(bench: Bench, soc: Destination) -> None:
    first, again = alert(alert_id="a-1", title="91 %"), alert(alert_id="a-1", title="92 %")
    [stored] = write(bench.store, outbox.submit, [first], {"a-1"})
    [known] = write(bench.store, outbox.submit, [again], {"a-1"})
    assert isinstance(stored, Receipt)
    assert isinstance(known, Receipt)
    assert known.repeated
    assert bench.rows("SELECT title FROM alert") == [("91 %",)]


def test_an_id_of_a_rejected_group_is_free(bench: Bench, soc: Destination) -> None:
    wanted = alert(alert_id="a-1")
    groups = [Group([wanted, alert(destinations=("nowhere",))]), Group([wanted])]
    refused, stored = write(bench.store, outbox.submit_groups, groups)
    assert isinstance(refused, Rejected)
    assert isinstance(stored, list)


def test_an_id_of_an_alert_with_an_unknown_destination_is_free(bench: Bench, soc: Destination) -> None:
    refused, sent = alert(alert_id="a-1", destinations=("nowhere",)), alert(alert_id="a-1")
    answers = write(bench.store, outbox.submit, [refused, sent])
    assert [type(answer) for answer in answers] == [Unknown, Receipt]


@pytest.mark.usefixtures("soc")
def test_urgency_decreases_from_test_alerts_over_critical_to_info(bench: Bench) -> None:
    bench.submit(severity=Severity.INFO, test=True)
    for severity in sorted(Severity, key=lambda severity: -severity.rank):
        bench.submit(severity=severity)
    assert bench.rows("SELECT urgency FROM delivery ORDER BY id") == [(urgency,) for urgency in range(6)]


@pytest.mark.usefixtures("soc")
def test_webhook_ids_differ_and_grow_with_time(bench: Bench) -> None:
    for _ in range(20):
        bench.submit()
        bench.clock.advance(1)
    ids = [row[0] for row in bench.rows("SELECT webhook_id FROM delivery ORDER BY id")]
    assert ids == sorted(set(ids))
    assert all(len(key) == len("dlv_") + 31 and key.startswith("dlv_") for key in ids)


def test_a_deleted_destination_gets_no_deliveries(bench: Bench, soc: Destination) -> None:
    bench.delete(soc)
    assert bench.submit() == []
    assert bench.rows("SELECT not_routed FROM alert") == [("there was no destination yet",)]


class Never(Exception):
    """Rolls a transaction back."""


def test_concurrent_repeats_in_another_order_are_stored_once_on_postgresql(
    tmp_path: Path, clock: Clock
) -> None:
    """Each waits for an id that the other just inserted. The server ends one, which is retried."""
    address = new_database("postgresql", tmp_path)
    stores = [Store(Postgres(address, clock)) for _ in range(3)]
    with contextlib.ExitStack() as closing:
        first, second, third = (closing.enter_context(store) for store in stores)
        bench = Bench(first, clock)
        bench.add()
        a, between, z = (alert(alert_id=name) for name in ("a", "between", "z"))
        held, may_end = Event(), Event()

        def hold(tx: Transaction) -> None:
            outbox.submit(tx, [between])
            held.set()
            may_end.wait(PATIENCE_S)
            raise Never

        holding = third.write(hold)
        assert held.wait(PATIENCE_S)
        forwards = first.write(outbox.submit, [a, between, z])  # has a, waits in the middle
        bench.until_waiting(1)
        backwards = second.write(outbox.submit, [z, a])  # has z, waits for a
        bench.until_waiting(2)
        may_end.set()  # now the first goes on to z

        with pytest.raises(Never):
            holding.result()
        receipts = [*forwards.result(), *backwards.result()]
        assert all(isinstance(receipt, Receipt) for receipt in receipts)
        assert sorted(bench.rows("SELECT alert_id FROM alert")) == [("a",), ("between",), ("z",)]
        assert bench.rows("SELECT count(*) FROM delivery") == [(3,)]


def test_an_empty_submit_is_accepted(bench: Bench) -> None:
    assert write(bench.store, outbox.submit, []) == []
