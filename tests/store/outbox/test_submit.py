"""An alert is stored together with its deliveries, or not at all."""

from dataclasses import replace

import pytest

from tests.conftest import NOW, alert, write
from tests.store.bench import Bench
from tui.domain.alert import AlertType, Severity
from tui.domain.destination import Destination
from tui.domain.errors import Invalid
from tui.domain.lifecycle import submitted
from tui.store import outbox
from tui.store.outbox import Receipt


def test_an_alert_becomes_a_delivery_for_each_destination_that_takes_it(bench: Bench) -> None:
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
def test_what_was_sent_in_is_what_is_sent_out(bench: Bench) -> None:
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
def test_an_alert_that_goes_nowhere_is_kept_with_the_reason(
    bench: Bench, changes: dict[str, object], reason: str
) -> None:
    bench.add(severities=frozenset({Severity.HIGH}))
    assert bench.submit(**changes) == []
    assert bench.rows("SELECT not_routed FROM alert") == [(reason,)]


@pytest.mark.usefixtures("soc")
def test_an_alert_that_goes_somewhere_keeps_no_reason(bench: Bench) -> None:
    bench.submit()
    assert bench.rows("SELECT not_routed FROM alert") == [(None,)]


@pytest.mark.usefixtures("soc")
def test_of_an_alert_that_names_an_unknown_destination_nothing_is_stored(bench: Bench) -> None:
    good, bad, also_good = alert(), alert(destinations=("soc", "nowhere")), alert()
    answers = write(bench.store, outbox.submit, [good, bad, also_good])
    assert [type(answer) for answer in answers] == [Receipt, Invalid, Receipt]
    assert str(answers[1]) == "no destination is called 'nowhere'; there is soc"
    assert bench.rows("SELECT alert_id FROM alert ORDER BY id") == [(good.alert_id,), (also_good.alert_id,)]
    assert bench.rows("SELECT count(*) FROM delivery") == [(2,)]


@pytest.mark.usefixtures("soc")
@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_the_same_alert_id_is_stored_once(bench: Bench, *, together: bool) -> None:
    first, second = alert(alert_id="a-1", title="first"), alert(alert_id="a-1", title="second")
    batches = [[first, second]] if together else [[first], [second]]
    answers = [answer for batch in batches for answer in write(bench.store, outbox.submit, batch)]
    assert [type(answer) for answer in answers] == [Receipt, Invalid]
    assert str(answers[1]) == "an alert with the id 'a-1' is stored already"
    assert bench.rows("SELECT title FROM alert") == [("first",)]
    assert bench.rows("SELECT count(*) FROM delivery") == [(1,)]


def test_an_alert_refused_for_its_destination_leaves_its_id_free(bench: Bench, soc: Destination) -> None:
    refused, sent = alert(alert_id="a-1", destinations=("nowhere",)), alert(alert_id="a-1")
    answers = write(bench.store, outbox.submit, [refused, sent])
    assert [type(answer) for answer in answers] == [Invalid, Receipt]


@pytest.mark.usefixtures("soc")
def test_urgency_runs_from_a_test_alert_over_critical_to_info(bench: Bench) -> None:
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


def test_a_deleted_destination_gets_nothing_more(bench: Bench, soc: Destination) -> None:
    bench.delete(soc)
    assert bench.submit() == []
    assert bench.rows("SELECT not_routed FROM alert") == [("there was no destination yet",)]


def test_no_alerts_are_no_trouble(bench: Bench) -> None:
    assert write(bench.store, outbox.submit, []) == []
