"""The store stays consistent whatever dispatchers, users and clocks do, in any order.

Hypothesis plays dispatchers that finish late, twice or never, people who resend, cancel, pause and
delete, and a clock that also runs backward. After every step the invariants of the lifecycle are checked
against what an observer outside has seen; at the end an honest dispatcher must drain all that is left.

It is worth as much as the mistakes it finds. Each of these was put into the code and turned it red:

- leases: finish without comparing the lease; claim what is not due; re-claim under the old token; a lease
  without its margin; never re-claim what has expired; count two finishes in one transaction
- budget: no limit of retries; one attempt too many after a lease ran out; keep the budget on interrupt;
  give it back on failure; retry a test alert; retry at once; ignore Retry-After; retry after delivery
- attempts: leave the abandoned one open; write none before sending; delete the interrupted one
- people: resend in the same round; number on from the last round; resend or cancel what is in flight;
  leave the cancelled claimable; resend for a deleted destination; leave its deliveries waiting when it is
  deleted; retry, or wait for ever, when its attempt fails or is interrupted
- claims: for a paused destination (also with `only`); over the cap; over the slots; not counting what is
  busy; skip a lane; never look for the least urgent
- holds: claim while a receiver asked to wait; two probes at once; ignore the answer of a probe; hold test
  alerts
"""

from collections import Counter
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.conftest import ENGINES, Clock, alert, answer, open_store, write
from tests.store.bench import Bench
from tui.domain.alert import Alert, Severity
from tui.domain.destination import Destination
from tui.domain.errors import Refused
from tui.domain.holding import ACCEPTED_SPAN_MS, Gate, Hold
from tui.domain.lifecycle import Outcome, Progress, State
from tui.domain.repeats import DEFAULT_REVIVE_MS
from tui.domain.retry import RetryPolicy
from tui.store import destinations, outbox
from tui.store.outbox import LEASE_MARGIN_MS, Claim, Claims, Finish, Finished

Thing = TypeVar("Thing")

# A round has three attempts, so that its end is reached often.
POLICY = RetryPolicy((1_000, 5_000))
LIMIT, LIMIT_OF_A_TEST = 3, 1
LEASE = 30_000 + LEASE_MARGIN_MS
NAMES = ("soc", "pager", "archive")
any_one = st.integers(0, 99)
ENDS = [outcome for outcome in Outcome if outcome is not Outcome.ABANDONED]


@dataclass
class Seen:
    """What an observer knows about a delivery from the answers of the outbox."""

    destination: int
    limit: int
    round: int = 1
    claimable_from: int | None = None
    """None once the delivery has ended."""
    lease: str | None = None
    """The lease of the only claim that may finish it."""
    acknowledged: bool = False
    failed: bool = False
    revived_at: int | None = None


def one_of(things: Collection[Thing], which: int) -> Thing:
    return [*things][which % len(things)]


class OutboxMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.resources = ExitStack()
        self.seen: dict[int, Seen] = {}
        self.handed_out: list[Claim] = []
        self.in_hand: dict[str, list[Claim]] = {"A": [], "B": []}
        self.active: dict[int, Destination] = {}
        self.paused: set[int] = set()
        self.gates: dict[int, Gate] = {}
        """What each destination lets through, after all that was claimed and answered."""
        self.attempts: dict[int, tuple[Any, ...]] = {}
        self.sent: dict[int, Alert] = {}
        """The alert of each delivery that a repeat may revive."""

    @initialize(engine=st.sampled_from(ENGINES))
    def open(self, engine: str) -> None:
        directory = self.resources.enter_context(TemporaryDirectory())
        store = self.resources.enter_context(open_store(engine, Path(directory), self.clock))
        self.bench = Bench(store, self.clock, POLICY)
        self.add()
        self.add()
        self.submit([Severity.HIGH, Severity.LOW])

    # --- what happens ---

    @precondition(lambda self: len(self.active) < len(NAMES))
    @rule()
    def add(self) -> None:
        """Use the first free name, which may be that of a deleted destination."""
        taken = {destination.name for destination in self.active.values()}
        added = self.bench.add(name=next(name for name in NAMES if name not in taken))
        self.active[added.id] = added
        self.gates[added.id] = Gate(None, 0, Hold())

    @rule(severities=st.lists(st.sampled_from(Severity), min_size=1, max_size=3))
    def submit(self, severities: list[Severity]) -> None:
        self.submit_and_note([alert(severity=severity) for severity in severities], LIMIT)

    @rule()
    def submit_a_test(self) -> None:
        self.submit_and_note([alert(test=True)], LIMIT_OF_A_TEST)

    @precondition(lambda self: len(self.active) > 1)
    @rule(which=any_one)
    def send_to_another(self, which: int) -> None:
        """Send an alert that named one destination to a second one, where it goes only once."""
        first = one_of(self.active, which)
        second = one_of(self.active.keys() - {first}, which)
        receipt = self.bench.receive(alert(destinations=(self.active[first].name,)))
        [(named, _, _)] = receipt.deliveries
        [by_hand] = self.bench.send_to(receipt.alert_id, second)
        for delivery, destination in ((named, first), (by_hand, second)):
            self.seen[delivery] = Seen(destination, LIMIT, claimable_from=self.clock.now)
            assert self.bench.send_to(receipt.alert_id, destination) == []

    @rule(dispatcher=st.sampled_from("AB"), slots=st.integers(1, 6), cap=st.integers(1, 2))
    def claim(self, dispatcher: str, slots: int, cap: int) -> None:
        busy = Counter(claim.destination.id for claim in self.in_hand[dispatcher])
        self.in_hand[dispatcher] += self.claim_and_check(slots, cap, busy).claims

    @rule(which=any_one)
    def claim_only(self, which: int) -> None:
        delivery = one_of(self.seen, which)
        claims = self.claim_and_check(1, 1, {}, only=[delivery])
        assert {claim.delivery_id for claim in claims.claims} <= {delivery}

    @precondition(lambda self: self.in_flight())
    @rule(
        which=any_one,
        times=st.integers(1, 2),
        outcome=st.sampled_from(ENDS),
        fraction=st.sampled_from([0.0, 0.99]),
        asked=st.sampled_from([None, 3_000, 10**9]),
        status=st.sampled_from([None, 503, 429]),
    )
    def finish(
        self, which: int, times: int, outcome: Outcome, fraction: float, asked: int | None, status: int | None
    ) -> None:
        """Finish in time or after the lease expired, once or twice in one transaction."""
        self.finish_and_check([one_of(self.in_flight(), which)] * times, outcome, fraction, asked, status)

    @precondition(lambda self: self.overtaken())
    @rule(outcome=st.sampled_from(ENDS))
    def finish_too_late(self, outcome: Outcome) -> None:
        """Finish after someone else claimed the delivery, or after its end."""
        before = self.bench.books()
        self.finish_and_check(self.overtaken(), outcome)
        assert self.bench.books() == before

    @precondition(lambda self: self.in_flight())
    @rule(which=any_one, act=st.sampled_from([Bench.resend, Bench.cancel]))
    def interfere(self, which: int, act: Callable[[Bench, int], Refused | None]) -> None:
        before = self.bench.books()
        assert act(self.bench, one_of(self.in_flight(), which).delivery_id) is not None
        assert self.bench.books() == before

    @rule(
        times=st.integers(1, 4),
        outcome=st.sampled_from([Outcome.REJECTED, None]),
        status=st.sampled_from([None, 503, 429]),
    )
    def go_wrong(self, times: int, outcome: Outcome | None, status: int | None) -> None:
        """Receivers are down for a while or, without an outcome, dispatchers crash one after another."""
        for _ in range(times):
            claims = self.claim_and_check(100, 100, {}).claims
            if outcome:
                self.finish_and_check(claims, outcome, asked=10_000, status=status)
            self.clock.advance(LEASE)

    @rule(which=any_one)
    def edit_the_url(self, which: int) -> None:
        key = one_of(self.active, which)
        changed = replace(self.active[key], url=f"https://hooks.example.com/{len(self.handed_out)}")
        if changed != self.active[key]:
            self.active[key] = write(self.bench.store, destinations.edit, changed)
            self.gates[key] = replace(self.gates[key], hold=Hold())

    @rule(which=any_one)
    def resend(self, which: int) -> None:
        delivery = one_of(self.seen, which)
        seen = self.seen[delivery]
        possible = seen.lease is None and seen.destination in self.active
        assert (self.bench.resend(delivery) is None) is possible
        if possible:
            seen.round += 1
            seen.claimable_from, seen.acknowledged, seen.failed = self.clock.now, False, False

    @precondition(lambda self: self.sent)
    @rule(which=any_one, failed=st.booleans())
    def repeat(self, which: int, *, failed: bool) -> None:
        """Receive an alert again, preferably one whose delivery failed."""
        candidates = [key for key in self.sent if self.seen[key].failed] if failed else []
        sent = self.sent[one_of(candidates or self.sent, which)]
        now = self.clock.now
        expected: set[int] = set()
        for delivery in (key for key, each in self.sent.items() if each.alert_id == sent.alert_id):
            seen = self.seen[delivery]
            again = seen.revived_at is None or not 0 <= now - seen.revived_at < DEFAULT_REVIVE_MS
            if seen.failed and again and seen.destination in self.active and not sent.test:
                expected.add(delivery)
        receipt = self.bench.receive(sent)
        assert receipt.repeated
        assert {delivery for delivery, _, _ in receipt.revived} == expected
        for delivery in expected:
            seen = self.seen[delivery]
            seen.round += 1
            seen.claimable_from = seen.revived_at = now
            seen.failed = False

    @rule(which=any_one)
    def cancel(self, which: int) -> None:
        delivery = one_of(self.seen, which)
        seen = self.seen[delivery]
        waits = seen.claimable_from is not None and seen.lease is None
        assert (self.bench.cancel(delivery) is None) is (waits and seen.destination in self.active)
        if waits:
            seen.claimable_from = None

    @rule(which=any_one, paused=st.booleans())
    def pause_or_resume(self, which: int, *, paused: bool) -> None:
        destination = one_of(self.active, which)
        self.bench.pause(self.active[destination], paused=paused)
        (self.paused.add if paused else self.paused.discard)(destination)

    @precondition(lambda self: len(self.active) > 1)
    @rule(which=any_one, ending=st.sampled_from([None, Outcome.REJECTED, Outcome.INTERRUPTED]))
    def delete(self, which: int, ending: Outcome | None) -> None:
        """Delete a destination while deliveries are in flight."""
        destination = one_of(self.active, which)
        claims = self.claim_and_check(100, 100, {}).claims if ending else []
        self.bench.delete(self.active.pop(destination))
        del self.gates[destination]
        self.paused.discard(destination)
        for seen in self.seen.values():
            if seen.destination == destination and seen.lease is None:
                seen.claimable_from = None
        if ending:
            self.finish_and_check(claims, ending)

    @rule(milliseconds=st.sampled_from([1, 1_000, 5_000, LEASE, 10**8, -1, -3_600_000]))
    def move_the_clock(self, milliseconds: int) -> None:
        self.clock.advance(milliseconds)

    # --- what each answer must agree with ---

    def in_flight(self) -> list[Claim]:
        return [claim for claim in self.handed_out if self.seen[claim.delivery_id].lease == claim.lease]

    def overtaken(self) -> list[Claim]:
        """Return claims whose delivery has another lease by now; if there are none, of ended deliveries."""
        late = [claim for claim in self.handed_out if self.seen[claim.delivery_id].lease != claim.lease]
        return [claim for claim in late if self.seen[claim.delivery_id].lease] or late

    def submit_and_note(self, alerts: list[Alert], limit: int) -> None:
        for sent in alerts:
            deliveries = self.bench.receive(sent).deliveries
            assert {destination.id for _, _, destination in deliveries} == self.active.keys()
            for delivery, _, destination in deliveries:
                self.seen[delivery] = Seen(destination.id, limit, claimable_from=self.clock.now)
                self.sent[delivery] = sent

    def claim_and_check(self, slots: int, cap: int, busy: dict[int, int], only: Any = None) -> Claims:
        due_before = self.due()
        claims = self.bench.claim(slots=slots, cap=cap, busy=busy, only=only)
        per_destination = Counter(claim.destination.id for claim in claims.claims)
        assert len(claims.claims) <= slots
        assert all(count + busy.get(key, 0) <= cap for key, count in per_destination.items())
        for claim in claims.claims:
            seen = self.seen[claim.delivery_id]
            assert seen.destination in self.active.keys() - self.paused
            assert seen.claimable_from is not None, "it has ended"
            assert seen.claimable_from <= self.clock.now, "not due, or under a lease that has not run out"
            assert all(claim.lease != earlier.lease for earlier in self.handed_out), "a token is used once"
            seen.lease = claim.lease
            seen.claimable_from = self.clock.now + LEASE
        self.handed_out += claims.claims
        closed = self.pass_gates(claims.claims, due_before)
        if claims.exhausted:
            self.note_exhausted(len(claims.exhausted))
        elif len(claims.claims) < slots and only is None:
            left = self.due().keys()
            full = {key for key in left if per_destination[key] + busy.get(key, 0) >= cap}
            assert left - self.paused - closed <= full, "slots stay empty while deliveries are due"
        return claims

    def due(self) -> dict[int, bool]:
        """Return the destinations of the deliveries that could be claimed now, and whether one is a test."""
        due: dict[int, bool] = {}
        for delivery, progress in self.bench.all_progress().items():
            seen = self.seen[delivery]
            if progress.due_at is not None and progress.due_at <= self.clock.now:
                due[seen.destination] = due.get(seen.destination, False) or seen.limit == LIMIT_OF_A_TEST
        return due

    def pass_gates(self, claims: list[Claim], due: dict[int, bool]) -> set[int]:
        """Check that the gates let the claims through. Return the destinations that let no more through."""
        closed: set[int] = set()
        for key in due.keys() & self.gates.keys():
            own = [claim for claim in claims if claim.destination.id == key]
            tests = bool(own) and all(claim.alert.test for claim in own)
            gate, now = self.gates[key], self.clock.now
            assert len(own) <= gate.allowance(now, most=100, test=tests), "it was held, or too fast"
            if len(own) >= gate.allowance(now, most=100, test=due[key]):
                closed.add(key)
            if own:
                self.gates[key] = gate.after(len(own), now, lease_ms=LEASE)
        return closed

    def finish_and_check(
        self,
        claims: list[Claim],
        outcome: Outcome,
        fraction: float = 0.0,
        asked: int | None = None,
        status: int | None = None,
    ) -> list[Finished]:
        said = {"retry_after_ms": asked, "status_code": status}
        ended = [Finish(claim, answer(outcome, **said), fraction) for claim in claims]
        finished = write(self.bench.store, outbox.finish, ended, POLICY)
        for one in finished:
            self.note_finish(one)
            self.note_answer(one)
        for dispatcher, held in self.in_hand.items():
            self.in_hand[dispatcher] = [claim for claim in held if claim not in claims]
        return finished

    def note_exhausted(self, count: int) -> None:
        """Return the deliveries whose lease expired with no attempt left."""
        failed = [
            (self.seen[delivery], progress.attempts)
            for delivery, progress in self.bench.all_progress().items()
            if progress.state is State.FAILED and self.seen[delivery].lease is not None
        ]
        assert len(failed) == count
        for seen, attempts in failed:
            assert seen.claimable_from is not None
            assert seen.claimable_from <= self.clock.now
            assert attempts == seen.limit or seen.destination not in self.active
            seen.lease = seen.claimable_from = None
            seen.failed = True

    def note_finish(self, finished: Finished) -> None:
        claim, ended, progress = finished.finish.claim, finished.finish.answer, finished.progress
        seen = self.seen[claim.delivery_id]
        assert (progress is not None) is (seen.lease == claim.lease)
        if progress is None:
            return
        assert finished.exhausted is (progress.state is State.FAILED)
        seen.lease = seen.claimable_from = None
        seen.failed = progress.state is State.FAILED
        if ended.outcome is Outcome.DELIVERED:
            seen.acknowledged = True
        elif seen.destination not in self.active:
            interrupted = ended.outcome is Outcome.INTERRUPTED
            assert progress.state is (State.CANCELLED if interrupted else State.FAILED)
        elif ended.outcome is Outcome.INTERRUPTED:
            seen.claimable_from = self.clock.now
        elif progress.attempts < seen.limit:
            own, asked = POLICY.delays_ms[progress.attempts - 1], ended.retry_after_ms or 0
            seen.claimable_from = self.clock.now + max(own, min(asked, 6 * 3600 * 1000))

    def note_answer(self, finished: Finished) -> None:
        """Hold or release the destination, unless it is gone or the answer came from another URL."""
        claim, ended = finished.finish.claim, finished.finish.answer
        key = claim.destination.id
        if (
            finished.progress is None
            or key not in self.active
            or self.active[key].url != claim.destination.url
        ):
            return
        [(accepted,)] = self.bench.rows(
            "SELECT count(*) FROM attempt WHERE destination_id = ? AND outcome = 'delivered'"
            " AND ended_at > ?",
            key,
            self.clock.now - ACCEPTED_SPAN_MS,
        )
        hold = self.gates[key].hold.after(
            ended, self.clock.now, started_at=claim.started_at, lease_ms=LEASE, limit=None, accepted=accepted
        )
        self.gates[key] = replace(self.gates[key], hold=hold)

    # --- what always holds ---

    @invariant()
    def the_books_are_in_order(self) -> None:
        attempts = {
            row[0]: row
            for row in self.bench.rows(
                "SELECT id, delivery_id, round, number, outcome, ended_at FROM attempt"
            )
        }
        for key, before in self.attempts.items():
            assert key in attempts, "an attempt has disappeared"
            assert attempts[key] == before or before[4] is None, "an attempt that had ended has changed"
        self.attempts = attempts
        deliveries = self.bench.all_progress()
        assert deliveries.keys() == self.seen.keys()
        for delivery, progress in deliveries.items():
            own = [row for row in attempts.values() if row[1] == delivery]
            self.check_delivery(self.seen[delivery], progress, own)

    def check_delivery(self, seen: Seen, progress: Progress, attempts: list[tuple[Any, ...]]) -> None:
        rounds = {
            number: [row for row in attempts if row[2] == number] for number in {a[2] for a in attempts}
        }
        for rows in rounds.values():
            assert sorted(row[3] for row in rows) == list(range(1, len(rows) + 1)), "a number is missing"
            assert sum(row[4] != Outcome.INTERRUPTED for row in rows) <= seen.limit, "one attempt too many"
        current = rounds.pop(progress.round, [])
        assert progress.round == seen.round
        assert progress.number == len(current)
        assert progress.attempts == sum(row[4] != Outcome.INTERRUPTED for row in current)

        open_attempts = [row for row in attempts if row[4] is None]
        assert len(open_attempts) == (1 if progress.state is State.IN_FLIGHT else 0)
        assert all((row[2], row[3]) == (progress.round, progress.number) for row in open_attempts)

        assert (progress.lease, progress.state is State.IN_FLIGHT) == (seen.lease, seen.lease is not None)
        assert (progress.due_at is None) is (seen.claimable_from is None)
        assert (progress.due_at or 0) >= (seen.claimable_from or 0), "it is tried too early"
        assert (progress.state is State.DELIVERED) is seen.acknowledged
        assert (progress.state is State.FAILED) is seen.failed

    # --- the end ---

    def teardown(self) -> None:
        with self.resources:
            if hasattr(self, "bench"):
                self.drain()

    def drain(self) -> None:
        """A correct dispatcher finishes everything that is left."""
        for destination in self.active.values():
            self.bench.pause(destination, paused=False)
        self.paused.clear()
        for _ in range(10 + 4 * len(self.seen)):
            claims = self.claim_and_check(100, 100, {})
            self.finish_and_check(claims.claims, Outcome.DELIVERED)
            if claims.next_due is None:
                break
            self.clock.now = max(self.clock.now, claims.next_due)
        self.the_books_are_in_order()
        ended = {State.DELIVERED, State.FAILED, State.CANCELLED}
        assert {progress.state for progress in self.bench.all_progress().values()} <= ended


OutboxMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestOutbox = OutboxMachine.TestCase
