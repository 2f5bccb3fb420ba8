"""The dispatcher with a real store, a real sender and real receivers."""

import asyncio
import logging
import re
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import Clock, alert, destination, new_database, open_store, strategy, write
from tests.delivery.scripted import Peer, Receiver, answering, hang, keep_answering, response
from tui.delivery import dispatcher, slots
from tui.delivery.background import BackgroundDispatcher
from tui.delivery.dispatcher import Dispatcher
from tui.delivery.sender import Sender
from tui.delivery.slots import Limits
from tui.domain.alert import Alert, Severity, make_test_alert
from tui.domain.destination import Destination
from tui.domain.retry import RetryPolicy
from tui.receiver import Behaviour, build_app
from tui.serving import ServerThread, bind
from tui.store import destinations, outbox
from tui.store.engine import sqlite
from tui.store.engine.database import Store, wall_clock
from tui.store.errors import NotStorable, StoreUnavailable
from tui.store.outbox import LEASE_MARGIN_MS
from tui.store.tables.rows import fetch

AT_ONCE = RetryPolicy(delays_ms=(0,) * 10)
ONCE = RetryPolicy(delays_ms=())
REFUSAL = response(b"no", status="503 Busy")

Make = Callable[..., Dispatcher]


@pytest.fixture
def make(store: Store, sender: Sender) -> Make:
    """Make a dispatcher that retries without delay."""
    return partial(Dispatcher, store, sender, policy=AT_ONCE, fraction=lambda: 0.0)


class Turns(list[Any]):
    """Records the transactions of a store. `then` is called after each commit."""

    then: Callable[[], object] = staticmethod(lambda: None)


@pytest.fixture
def turns(store: Store, monkeypatch: pytest.MonkeyPatch) -> Turns:
    turns = Turns()
    write = store.write

    def counted(*args: Any) -> Any:
        future = write(*args)
        turns.append(args)
        future.add_done_callback(lambda _: turns.then())
        return future

    monkeypatch.setattr(store, "write", counted)
    return turns


async def eventually(condition: Callable[[], object]) -> None:
    """Wait for something that another task or thread does."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


async def settle(dispatcher: Dispatcher) -> None:
    """Wait until everything in flight has ended, then record it."""
    await eventually(lambda: not dispatcher.in_flight)
    for _ in range(20):
        if dispatcher.unrecorded:
            await dispatcher.step()
    assert not dispatcher.unrecorded


def add(store: Store, receiver: Receiver, name: str = "soc", **fields: Any) -> Destination:
    return write(store, destinations.add, destination(name=name, url=receiver.url, **fields))


def submit(store: Store, *alerts: Alert) -> list[int]:
    """Store alerts and return the ids of their deliveries."""
    receipts = write(store, outbox.submit, alerts)
    return [key for receipt in receipts for key, _, _ in receipt.deliveries]


def deliveries(store: Store) -> list[tuple[str, int, int, int]]:
    """Return state, round, counted attempts and last number of each delivery."""
    return store.read(fetch, "SELECT state, round, attempts, number FROM delivery ORDER BY id").result()


def states(store: Store) -> Counter[str]:
    return Counter(state for state, *_ in deliveries(store))


def attempts(store: Store) -> list[tuple[int, int, str, int]]:
    """Return round, number, outcome and status of each attempt."""
    return store.read(fetch, "SELECT round, number, outcome, status_code FROM attempt ORDER BY id").result()


class Gate:
    """A receiver that holds back all answers until it is opened, and counts the waiting requests."""

    def __init__(self) -> None:
        self.waiting = self.most = 0
        self.opened = asyncio.Event()

    async def __call__(self, peer: Peer) -> None:
        while True:
            await peer.request()
            self.waiting += 1
            self.most = max(self.most, self.waiting)
            await self.opened.wait()
            self.waiting -= 1
            await peer.send(response(b"success"))


class TestATurn:
    async def test_delivers_what_is_due(self, store, receive, make):
        receiver = await receive(keep_answering)
        add(store, receiver)
        submit(store, alert(), alert())
        dispatcher = make()

        await dispatcher.step()
        in_flight = dispatcher.in_flight
        await settle(dispatcher)

        assert (in_flight, dispatcher.in_flight, len(receiver.requests)) == (2, 0, 2)
        assert deliveries(store) == [("delivered", 1, 1, 1)] * 2
        assert attempts(store) == [(1, 1, "delivered", 200)] * 2

    async def test_leaves_deliveries_that_are_not_due(self, store, receive, make, clock):
        receiver = await receive(answering(REFUSAL, REFUSAL))
        add(store, receiver)
        submit(store, alert())
        dispatcher = make(policy=RetryPolicy(delays_ms=(5000,)))

        for wait_ms, expected in ((0, 1), (4999, 1), (1, 2)):
            clock.advance(wait_ms)
            await dispatcher.step()
            await settle(dispatcher)
            assert len(receiver.requests) == expected

    async def test_records_the_attempt_before_sending_it(self, store, receive, make):
        seen = []

        async def look(peer: Peer) -> None:
            await peer.request()
            seen.extend(await asyncio.to_thread(attempts, store))
            await peer.send(response())

        add(store, await receive(look))
        submit(store, alert())

        await make().run(until_empty=True)

        assert seen == [(1, 1, None, None)]

    async def test_handles_only_the_deliveries_given_with_only(self, store, receive, make):
        receiver = await receive(keep_answering)
        add(store, receiver)
        (wanted, _) = submit(store, alert(), alert())

        await make(only=[wanted]).run(until_empty=True)

        assert deliveries(store) == [("delivered", 1, 1, 1), ("scheduled", 1, 0, 0)]


class TestARound:
    async def test_is_eleven_requests_to_a_receiver_that_never_acknowledges(
        self, store, receive, make, caplog
    ):
        receiver = await receive(answering(*[REFUSAL] * 11))
        add(store, receiver)
        submit(store, alert(alert_id="b3c1"))

        await make().run(until_empty=True)

        assert len(receiver.requests) == 11
        assert deliveries(store) == [("failed", 1, 11, 11)]
        assert attempts(store) == [(1, number, "rejected", 503) for number in range(1, 12)]
        (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
        assert line == 'delivery permanently failed alert=b3c1 destination="soc" attempts=11 last="503 Busy"'

    async def test_ends_with_the_first_acknowledgement(self, store, receive, make):
        receiver = await receive(answering(REFUSAL, REFUSAL, response()))
        add(store, receiver)
        submit(store, alert())

        await make().run(until_empty=True)

        assert deliveries(store) == [("delivered", 1, 3, 3)]
        webhook_ids = re.findall(rb"webhook-id: (\S+)", b"".join(receiver.requests))
        assert (len(webhook_ids), len(set(webhook_ids))) == (3, 1)

    async def test_of_a_test_alert_is_one_request(self, store, receive, make, clock):
        receiver = await receive(answering(REFUSAL))
        add(store, receiver, severities=frozenset())
        submit(store, make_test_alert("soc", now=clock(), alert_id="test-1"))

        await make().run(until_empty=True)

        assert (len(receiver.requests), deliveries(store)) == (1, [("failed", 1, 1, 1)])

    async def test_starts_again_with_a_resend(self, store, receive, make):
        receiver = await receive(answering(REFUSAL, response()))
        add(store, receiver)
        ids = submit(store, alert(title="Root login"))
        dispatcher = make(policy=ONCE)
        await dispatcher.run(until_empty=True)

        assert write(store, outbox.resend, ids) == {ids[0]: None}
        await dispatcher.run(until_empty=True)

        titles = re.findall(rb'"title":"(.+?)"', b"".join(receiver.requests))
        assert titles == [b"New Alert: Root login", b"[Re-sent]: Root login"]
        assert deliveries(store) == [("delivered", 2, 1, 1)]
        assert attempts(store) == [(1, 1, "rejected", 503), (2, 1, "delivered", 200)]


async def test_an_answer_that_the_database_rejects_does_not_block_others(store, receive, make, monkeypatch):
    """PostgreSQL rejects text with a NUL, for example."""
    monkeypatch.setattr("tui.delivery.sender.decode_header", lambda raw: raw.decode("latin-1"))
    add(store, await receive(answering(b"HTTP/1.1 500 a\xff\x00b\r\nContent-Length: 0\r\n\r\n")), "odd")
    add(store, await receive(keep_answering), "healthy")
    submit(store, alert(), alert())
    dispatcher = make(policy=ONCE)

    await dispatcher.run(until_empty=True)

    assert states(store) == {"delivered": 2, "failed": 2}
    assert (1, 1, "rejected", 500) in attempts(store)
    assert dispatcher.trouble is None


async def test_a_rejected_answer_is_kept_during_an_outage(store, receive, make, monkeypatch):
    monkeypatch.setattr("tui.delivery.sender.decode_header", lambda _: "\ud800")
    receiver = await receive(answering(response()))
    add(store, receiver)
    submit(store, alert())
    dispatcher = make(policy=ONCE)
    await dispatcher.step()
    await eventually(lambda: not dispatcher.in_flight)
    write = store.write

    def go_away_once(work: Callable[..., Any], *rest: Any, **more: Any) -> Future[Any]:
        if work is not outbox.finish:  # the turn, of which each answer is then recorded by itself
            return write(work, *rest, **more)
        monkeypatch.undo()
        lost: Future[Any] = Future()
        lost.set_exception(StoreUnavailable("the database server does not answer"))
        return lost

    monkeypatch.setattr(store, "write", go_away_once)
    await settle(dispatcher)

    assert len(receiver.requests) == 1
    assert deliveries(store) == [("delivered", 1, 1, 1)]


class TestManyDestinations:
    async def test_get_no_more_parallel_requests_than_the_limit(self, store, receive, make):
        gate = Gate()
        receiver = await receive(gate)
        add(store, receiver)
        submit(store, *[alert() for _ in range(10)])
        dispatcher = make(limits=Limits(concurrency=8, per_destination=3))

        run = asyncio.create_task(dispatcher.run(until_empty=True))
        await eventually(lambda: gate.waiting == 3)
        await dispatcher.step()
        in_flight = dispatcher.in_flight
        gate.opened.set()
        await run

        assert (in_flight, gate.most, len(receiver.requests)) == (3, 3, 10)

    async def test_are_claimed_ahead_as_fast_as_they_answer(self, store, receive, make):
        healthy, stuck = await receive(keep_answering), await receive(hang)
        add(store, healthy, "healthy")
        add(store, stuck, "stuck")
        for name in ("healthy", "stuck"):
            submit(store, *[alert(destinations=(name,)) for _ in range(10)])
        dispatcher = make(limits=Limits(concurrency=4, per_destination=2))

        await dispatcher.step()
        await eventually(lambda: dispatcher.unrecorded == 2)
        await dispatcher.step()
        claimed = states(store)
        await eventually(lambda: dispatcher.unrecorded == 4)
        await dispatcher.step()

        # Two in flight to each; to the one that answered, two more that wait for nothing but a slot.
        assert claimed == {"delivered": 2, "in_flight": 2 + 4, "scheduled": 20 - 8}
        assert (len(healthy.requests), len(stuck.requests)) == (6, 2)
        dispatcher.drain(grace_s=0)
        await dispatcher.run()

    async def test_are_not_claimed_while_others_hang_in_every_slot(self, store, receive, make):
        """Such a claim would only wait, and another dispatcher may have a free slot."""
        add(store, await receive(hang), "stuck")
        add(store, await receive(keep_answering), "healthy")
        submit(store, *[alert(destinations=("stuck",)) for _ in range(2)])
        dispatcher = make(limits=Limits(concurrency=2, per_destination=2))
        await dispatcher.step()
        submit(store, alert(destinations=("healthy",)))
        await dispatcher.step()
        claimed = states(store)
        dispatcher.drain(grace_s=0)
        await dispatcher.run()

        assert claimed == {"in_flight": 2, "scheduled": 1}

    async def test_are_not_claimed_ahead_for_claims_given_back(self, store, receive, make, monkeypatch):
        """Claims that were given back say nothing about the speed of the receiver."""
        monkeypatch.setattr(slots, "_LATEST_START_S", -1)
        add(store, await receive(keep_answering))
        submit(store, *[alert() for _ in range(8)])
        dispatcher = make(limits=Limits(concurrency=2, per_destination=8))

        await dispatcher.step()
        first = dispatcher.unrecorded
        await dispatcher.step()

        assert (first, dispatcher.unrecorded) == (2, 2)

    async def test_are_not_delayed_by_one_that_hangs(self, store, receive, make):
        stuck, healthy = await receive(hang), await receive(keep_answering)
        add(store, stuck, "stuck")
        add(store, healthy, "healthy")
        submit(store, *[alert(severity=Severity.CRITICAL) for _ in range(20)])
        dispatcher = make(limits=Limits(concurrency=6, per_destination=3))

        run = asyncio.create_task(dispatcher.run())
        await eventually(lambda: states(store)["delivered"] == 20)
        at_work = states(store)
        dispatcher.drain(grace_s=0)
        await run

        assert at_work == {"delivered": 20, "in_flight": 3, "scheduled": 17}
        assert len(stuck.requests) == 3


class TestDraining:
    async def test_finishes_requests_in_flight_and_claims_nothing(self, store, receive, make):
        gate = Gate()
        receiver = await receive(gate)
        add(store, receiver)
        submit(store, alert(), alert())
        dispatcher = make(limits=Limits(per_destination=1))

        run = asyncio.create_task(dispatcher.run())
        await eventually(lambda: gate.waiting)
        dispatcher.drain(grace_s=60)
        gate.opened.set()
        await run

        assert dispatcher.stopping
        assert deliveries(store) == [("delivered", 1, 1, 1), ("scheduled", 1, 0, 0)]

    async def test_does_not_spin_while_due_deliveries_remain(self, store, receive, make, turns):
        receiver = await receive(hang)
        add(store, receiver)
        submit(store, alert())
        dispatcher = make()
        run = asyncio.create_task(dispatcher.run())
        await eventually(lambda: receiver.requests)

        dispatcher.drain(grace_s=0.2)
        submit(store, alert())
        turns.clear()
        await run

        assert deliveries(store) == [("scheduled", 1, 0, 1), ("scheduled", 1, 0, 0)]
        assert len(turns) <= 5

    async def test_cuts_off_late_requests_without_counting_them(self, store, receive, make):
        receiver = await receive(hang)
        add(store, receiver)
        submit(store, alert())
        dispatcher = make()

        run = asyncio.create_task(dispatcher.run())
        await eventually(lambda: receiver.requests)
        dispatcher.drain(grace_s=0)
        await run

        assert deliveries(store) == [("scheduled", 1, 0, 1)]
        assert attempts(store) == [(1, 1, "interrupted", None)]

    async def test_closes_claims_whose_request_has_not_started(self, store, receive, make, turns):
        receiver = await receive(hang)
        add(store, receiver)
        submit(store, alert())
        dispatcher = make()

        turns.then = lambda: dispatcher.drain(grace_s=0)
        await dispatcher.run()

        assert receiver.requests == []
        assert deliveries(store) == [("scheduled", 1, 0, 1)]
        assert attempts(store) == [(1, 1, "interrupted", None)]

    async def test_resumes_where_it_stopped(self, store, receive, make):
        receiver = await receive(answering(response()))
        add(store, receiver)
        submit(store, alert())
        stopped = make()
        stopped.drain(grace_s=0)
        await stopped.run()
        assert receiver.requests == []

        await make().run(until_empty=True)

        assert deliveries(store) == [("delivered", 1, 1, 1)]


class TestALockedDatabase:
    @pytest.fixture
    def store(self, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
        monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.05)
        with open_store("sqlite", tmp_path, clock) as store:
            yield store

    @pytest.fixture
    def other(self, store: Store) -> Iterator[sqlite3.Connection]:
        """A second store, like that of another process."""
        with closing(sqlite3.connect(store.strategy.shown, isolation_level=None)) as connection:
            yield connection

    async def test_is_retried_and_the_results_are_kept(self, store, other, receive, make, caplog):
        async def lock_and_acknowledge(peer: Peer) -> None:
            await peer.request()
            other.execute("BEGIN IMMEDIATE")
            await peer.send(response())

        receiver = await receive(lock_and_acknowledge)
        add(store, receiver)
        submit(store, alert())
        dispatcher = make()

        run = asyncio.create_task(dispatcher.run(until_empty=True))
        await eventually(lambda: dispatcher.trouble)
        trouble = dispatcher.trouble
        other.execute("ROLLBACK")
        await run

        assert trouble == "the database is locked by another process"
        assert caplog.messages.count(f"cannot record or claim, retrying: {trouble}") == 1
        assert (dispatcher.trouble, len(receiver.requests)) == (None, 1)
        assert deliveries(store) == [("delivered", 1, 1, 1)]

    async def test_does_not_prevent_the_dispatcher_from_stopping(self, store, other, receive, make):
        add(store, await receive(hang))
        submit(store, alert())
        dispatcher = make()
        await dispatcher.step()
        other.execute("BEGIN IMMEDIATE")

        dispatcher.drain(grace_s=0)
        await dispatcher.run()

        assert attempts(store) == [(1, 1, None, None)]


class TestACommitWithoutConfirmation:
    @pytest.fixture
    def lose_the_word(self, store, monkeypatch) -> Callable[..., None]:
        """Commit the next transaction but fail as if the connection broke. Then call `then`."""

        def lose_the_word(then: Callable[[], object] = lambda: None) -> None:
            write = store.write

            def commit_and_lose_the_connection(*work: Any) -> Future[Any]:
                write(*work).result()
                monkeypatch.undo()
                then()
                lost: Future[Any] = Future()
                lost.set_exception(StoreUnavailable("the database server does not answer"))
                return lost

            monkeypatch.setattr(store, "write", commit_and_lose_the_connection)

        return lose_the_word

    async def test_is_not_reported_as_a_late_answer(self, store, receive, make, caplog, lose_the_word):
        add(store, await receive(answering(REFUSAL)))
        submit(store, alert(alert_id="b3c1"))
        dispatcher = make(policy=ONCE)
        await dispatcher.step()
        await eventually(lambda: not dispatcher.in_flight)
        lose_the_word()

        await settle(dispatcher)

        assert deliveries(store) == [("failed", 1, 1, 1)]
        assert caplog.text.count("delivery permanently failed alert=b3c1") == 1
        assert "late answer ignored" not in caplog.text

    async def test_of_an_answer_recorded_by_itself_is_not_a_late_answer(
        self, store, receive, make, caplog, monkeypatch
    ):
        add(store, await receive(answering(REFUSAL)))
        submit(store, alert())
        dispatcher = make(policy=ONCE)
        await dispatcher.step()
        await eventually(lambda: not dispatcher.in_flight)
        write = store.write

        def refuse_the_turn_and_lose_the_word(
            work: Callable[..., Any], *rest: Any, **more: Any
        ) -> Future[Any]:
            failed: Future[Any] = Future()
            failed.set_exception(NotStorable("a value that no column can hold"))
            if work is outbox.finish:
                write(work, *rest, **more).result()
                monkeypatch.undo()
                failed = Future()
                failed.set_exception(StoreUnavailable("the database server does not answer"))
            return failed

        monkeypatch.setattr(store, "write", refuse_the_turn_and_lose_the_word)
        await settle(dispatcher)

        assert deliveries(store) == [("failed", 1, 1, 1)]
        assert "late answer ignored" not in caplog.text

    async def test_has_its_claims_sent_exactly_once(self, store, receive, make, lose_the_word):
        receiver = await receive(keep_answering)
        add(store, receiver)
        submit(store, alert(), alert())
        dispatcher = make(limits=Limits(concurrency=1))
        lose_the_word()

        for _ in range(3):
            await dispatcher.step()
            await settle(dispatcher)

        assert deliveries(store) == [("delivered", 1, 1, 1)] * 2
        assert len(receiver.requests) == 2

    async def test_has_its_claims_sent_before_the_dispatcher_stops(self, store, receive, make, lose_the_word):
        add(store, await receive(keep_answering))
        submit(store, alert())
        dispatcher = make()
        lose_the_word(then=lambda: dispatcher.drain(grace_s=20))

        async with asyncio.timeout(20):
            await dispatcher.run()

        assert deliveries(store) == [("delivered", 1, 1, 1)]

    async def test_does_not_send_a_claim_that_another_dispatcher_took(
        self, store, receive, make, clock, lose_the_word
    ):
        receiver = await receive(keep_answering)
        to = add(store, receiver)
        submit(store, alert())
        unlucky, other = make(), make()
        lose_the_word()
        await unlucky.step()

        clock.advance(to.timeout_ms + LEASE_MARGIN_MS)
        await other.step()
        await unlucky.step()
        await settle(other)
        await settle(unlucky)

        assert attempts(store) == [(1, 1, "abandoned", None), (1, 2, "delivered", 200)]
        assert len(receiver.requests) == 1


class TestAClaimHandedOutLate:
    async def test_is_given_back_unsent_without_counting(self, store, receive, make, clock, monkeypatch):
        """A late request could outlive its lease, and another dispatcher would send it too."""
        receiver = await receive(keep_answering)
        add(store, receiver)
        submit(store, alert())
        dispatcher = make()
        claim = outbox.claim

        def claim_and_wait(tx: Any, **terms: Any) -> Any:
            monkeypatch.undo()
            slow = time.monotonic
            claims = claim(tx, **terms)
            monkeypatch.setattr(time, "monotonic", lambda: slow() + LEASE_MARGIN_MS / 2000 + 0.001)
            return claims

        monkeypatch.setattr("tui.store.outbox.claim", claim_and_wait)
        await dispatcher.step()
        monkeypatch.undo()
        assert dispatcher.in_flight == 0
        await dispatcher.step()
        await settle(dispatcher)

        assert attempts(store) == [(1, 1, "interrupted", None), (1, 2, "delivered", 200)]
        assert deliveries(store) == [("delivered", 1, 1, 2)]
        assert len(receiver.requests) == 1


class TestMishaps:
    async def test_in_the_sender_cost_an_attempt_but_not_the_delivery(self, store, receive, caplog):
        class Faulty(Sender):
            async def send(self, claim):
                if claim.progress.number == 1:
                    raise ZeroDivisionError
                return await super().send(claim)

        add(store, await receive(keep_answering))
        submit(store, alert())

        async with Faulty() as sender:
            await Dispatcher(store, sender, policy=AT_ONCE).run(until_empty=True)

        assert deliveries(store) == [("delivered", 1, 2, 2)]
        assert attempts(store) == [(1, 1, "blocked", None), (1, 2, "delivered", 200)]
        assert "ZeroDivisionError" in caplog.text

    async def test_in_a_turn_leave_the_answers_to_be_recorded_later(self, store, receive, make, monkeypatch):
        add(store, await receive(keep_answering))
        submit(store, alert())
        dispatcher = make()
        await dispatcher.step()
        with monkeypatch.context() as patch:
            patch.setattr("tui.store.outbox.finish", lambda *_, **__: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                await settle(dispatcher)
        assert dispatcher.unrecorded == 1

        await settle(dispatcher)

        assert deliveries(store) == [("delivered", 1, 1, 1)]

    async def test_that_delay_an_answer_leave_the_delivery_to_its_new_holder(
        self, store, receive, make, clock, caplog
    ):
        gate = Gate()
        to = add(store, await receive(gate))
        submit(store, alert(alert_id="b3c1"))
        late, prompt = make(), make()
        await late.step()
        await eventually(lambda: gate.waiting)

        clock.advance(to.timeout_ms + LEASE_MARGIN_MS)
        await prompt.step()
        await eventually(lambda: gate.waiting == 2)
        gate.opened.set()
        await settle(late)
        assert deliveries(store) == [("in_flight", 1, 2, 2)]
        await settle(prompt)

        assert deliveries(store) == [("delivered", 1, 2, 2)]
        assert attempts(store) == [(1, 1, "abandoned", None), (1, 2, "delivered", 200)]
        late_line = 'late answer ignored alert=b3c1 destination="soc" round=1 number=1 outcome=delivered'
        assert late_line in caplog.text


class TestInTheBackground:
    def test_it_delivers_after_a_nudge_and_stops_after_a_drain(self, store):
        came = threading.Semaphore(0)
        app = build_app({"/": Behaviour()}, lambda _: came.release())
        background = BackgroundDispatcher(store, policy=AT_ONCE, limits=Limits())

        with ServerThread(bind("127.0.0.1", 0), app) as receiver:
            write(store, destinations.add, destination(url=f"http://127.0.0.1:{receiver.port}/"))
            background.start()
            for _ in range(2):
                submit(store, alert())
                background.nudge()
                assert came.acquire(timeout=20)
            background.drain(grace_s=20)

            assert background.join(timeout_s=20)

        assert (background.in_flight, background.trouble) == (0, None)
        assert deliveries(store) == [("delivered", 1, 1, 1)] * 2

    def test_a_crash_is_reported_as_trouble(self, store, monkeypatch, caplog):
        monkeypatch.setattr(Dispatcher, "step", lambda _: 1 / 0)
        background = BackgroundDispatcher(store, policy=AT_ONCE, limits=Limits())

        background.start()

        assert background.join(timeout_s=20)
        assert background.trouble == "the dispatcher stopped: ZeroDivisionError; restart Tocsin, see the log"
        background.nudge()
        background.drain(grace_s=0)


async def test_a_turn_that_hangs_in_the_database_is_broken_off_and_retried(
    tmp_path: Path, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SILENCE_S", "_LONGEST_SILENCE_S", "_SILENCE_CHECK_S"):
        monkeypatch.setattr(dispatcher, name, 0.05)
    address = new_database("postgresql", tmp_path)
    with Store(strategy("postgresql", address, wall_clock)) as store:
        with psycopg.connect(address) as other:
            other.execute("LOCK TABLE delivery")
            running = Dispatcher(store, sender, policy=ONCE)
            task = asyncio.create_task(running.run())
            # Not the lock's own timeout, of which it says another thing.
            await eventually(lambda: running.trouble == "the database server does not answer")
        await eventually(lambda: running.trouble is None)
        running.drain(0)
        await task
