"""A user resends or cancels deliveries, or learns why that is refused."""

from typing import Any

import pytest

from tests.conftest import NOW, alert, write
from tests.store.bench import Bench
from tui.domain.alert import Severity
from tui.domain.destination import Destination
from tui.domain.lifecycle import Outcome, Progress, State, submitted
from tui.store import outbox
from tui.store.reading import queries


def bring_to(bench: Bench, state: State) -> int:
    """A delivery in `state` after one attempt; a cancelled one had none."""
    [delivery] = bench.submit(test=state is State.FAILED)
    if state is State.CANCELLED:
        bench.cancel(delivery)
    else:
        claim = bench.claim_one()
        if state is not State.IN_FLIGHT:
            bench.finish(claim, Outcome.DELIVERED if state is State.DELIVERED else Outcome.REJECTED)
    assert bench.progress(delivery).state is state
    return delivery


NOT_IN_FLIGHT = [state for state in State if state is not State.IN_FLIGHT]


@pytest.mark.usefixtures("soc")
@pytest.mark.parametrize("state", NOT_IN_FLIGHT)
def test_a_resend_opens_a_new_round_at_once_and_keeps_the_history(bench: Bench, state: State) -> None:
    delivery = bring_to(bench, state)
    history = bench.history(delivery)
    bench.clock.advance(1_000)
    assert bench.resend(delivery) is None
    assert bench.progress(delivery) == Progress(
        State.SCHEDULED, round=2, attempts=0, number=0, due_at=NOW + 1_000, lease=None
    )
    claim = bench.claim_one()
    assert (claim.progress.round, claim.progress.number, claim.progress.attempts) == (2, 1, 1)
    assert bench.history(delivery) == [*history, (2, 1, None)]


@pytest.mark.usefixtures("soc")
def test_a_new_round_has_all_its_retries(bench: Bench) -> None:
    [delivery] = bench.submit()
    first = bench.fail_until_exhausted()
    bench.resend(delivery)
    assert bench.fail_until_exhausted() == first
    assert len(bench.history(delivery)) == 2 * first


@pytest.mark.usefixtures("soc")
def test_every_round_has_the_same_webhook_id(bench: Bench) -> None:
    [delivery] = bench.submit()
    first = bench.claim_one()
    bench.finish(first)
    bench.resend(delivery)
    assert bench.claim_one().webhook_id == first.webhook_id


@pytest.mark.usefixtures("soc")
def test_a_cancelled_delivery_is_not_sent(bench: Bench) -> None:
    [delivery] = bench.submit()
    assert bench.cancel(delivery) is None
    assert bench.progress(delivery) == Progress(
        State.CANCELLED, round=1, attempts=0, number=0, due_at=None, lease=None
    )
    assert (bench.claim().claims, bench.claim(only=[delivery]).claims) == ([], [])


@pytest.mark.usefixtures("soc")
@pytest.mark.parametrize("state", [State.DELIVERED, State.FAILED, State.CANCELLED])
def test_a_finished_delivery_cannot_be_cancelled(bench: Bench, state: State) -> None:
    delivery = bring_to(bench, state)
    before = bench.books()
    assert str(bench.cancel(delivery)) == f"nothing to cancel: it is already {state}"
    assert bench.books() == before


@pytest.mark.usefixtures("soc")
@pytest.mark.parametrize("act", [Bench.resend, Bench.cancel])
def test_a_delivery_in_flight_can_be_neither_cancelled_nor_resent(bench: Bench, act: Any) -> None:
    delivery = bring_to(bench, State.IN_FLIGHT)
    before = bench.books()
    assert str(act(bench, delivery)) == "it is being sent now; wait for the answer, then try again"
    assert bench.books() == before


@pytest.mark.parametrize("act", [Bench.resend, Bench.cancel])
def test_nothing_can_be_done_for_a_deleted_destination(bench: Bench, soc: Destination, act: Any) -> None:
    delivery = bring_to(bench, State.DELIVERED)
    bench.delete(soc)
    before = bench.books()
    assert str(act(bench, delivery)) == "the destination 'soc' has been deleted"
    assert bench.books() == before


@pytest.mark.usefixtures("soc")
def test_each_of_many_deliveries_gets_its_own_answer(bench: Bench) -> None:
    in_flight, delivered = bring_to(bench, State.IN_FLIGHT), bring_to(bench, State.DELIVERED)
    answers = write(bench.store, outbox.resend, [in_flight, delivered, delivered])
    assert {delivery: answer is None for delivery, answer in answers.items()} == {
        in_flight: False,
        delivered: True,
    }
    assert bench.progress(delivered).round == 2


def test_an_empty_list_of_deliveries_is_accepted(bench: Bench) -> None:
    assert write(bench.store, outbox.resend, []) == {}


# --- sending to another destination


@pytest.mark.parametrize("test", [False, True])
def test_an_unrouted_alert_can_be_sent_to_a_later_destination(bench: Bench, *, test: bool) -> None:
    sent = bench.receive(alert(test=test, severity=Severity.LOW))
    soc = bench.add(severities=frozenset({Severity.CRITICAL}))
    [delivery] = bench.send_to(sent.alert_id, soc.id)
    assert bench.progress(delivery) == submitted(NOW)
    assert bench.store.check() == [], "it is no longer one that was not routed"
    claim = bench.claim_one()
    assert (claim.delivery_id, claim.alert.alert_id, claim.alert.test) == (delivery, sent.alert_id, test)
    bench.finish(claim, Outcome.REJECTED)
    bench.clock.advance(3_600_000)
    claims = bench.claim().claims
    assert len(claims) == (0 if test else 1), "a test alert has one attempt"


def test_an_alert_can_be_sent_to_another_destination_once(bench: Bench, soc: Destination) -> None:
    sent = bench.receive(alert())
    pager = bench.add(name="pager")
    [delivery] = bench.send_to(sent.alert_id, pager.id)
    assert {claim.destination.name for claim in bench.claim().claims} == {"soc", "pager"}
    before = bench.books()
    key = bench.store.read(queries.find_alert, sent.alert_id).result()
    for destination in (soc, pager):
        refused = write(bench.store, outbox.send_to, [key], destination.id)
        assert str(refused[key]) == "it was already sent there"
    assert bench.books() == before
    assert bench.progress(delivery).state is State.IN_FLIGHT


def test_a_new_delivery_is_as_urgent_as_its_alert(bench: Bench) -> None:
    sent = [
        bench.receive(alert(severity=severity, test=test))
        for severity, test in ((Severity.LOW, False), (Severity.CRITICAL, False), (Severity.INFO, True))
    ]
    soc = bench.add()
    for each in sent:
        bench.send_to(each.alert_id, soc.id)
    first = [bench.claim(slots=1).claims[0].alert.alert_id for _ in sent]
    assert first == [each.alert_id for each in reversed(sent)]


def test_sending_to_a_deleted_destination_or_of_a_deleted_alert_is_refused(
    bench: Bench, soc: Destination
) -> None:
    pager = bench.add(name="pager")
    sent = bench.receive(alert(destinations=("soc",)))
    key = bench.store.read(queries.find_alert, sent.alert_id).result()
    gone = write(bench.store, outbox.send_to, [key + 1], pager.id)
    assert {each: str(refused) for each, refused in gone.items()} == {key + 1: "it no longer exists"}
    bench.delete(pager)
    before = bench.books()
    for destination, reason in (
        (pager.id, "the destination 'pager' has been deleted"),
        (99, "it no longer exists"),
    ):
        assert str(write(bench.store, outbox.send_to, [key], destination)[key]) == reason
    assert bench.books() == before
