"""The dispatcher: claims what is due, sends it, records what came back.

One turn is one transaction: it records every attempt that ended since the last turn and claims
into the slots that became free, so that a hundred deliveries cost one fsync. A delivery counts as
delivered only once that transaction is committed. When the database does not answer, the results
stay in memory and the turn is tried again; nothing is claimed meanwhile.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from tui.delivery import mishaps
from tui.delivery.reports import log_exhausted, log_finished
from tui.delivery.sender import Sender
from tui.delivery.slots import Limits, Slots
from tui.domain.attempt import Answer
from tui.domain.lifecycle import Outcome
from tui.domain.retry import RetryPolicy
from tui.store import outbox
from tui.store.engine.database import SILENCE_S, ChangeNotice, Store, Transaction
from tui.store.errors import NotStorable, Orphaned, StoreUnavailable
from tui.store.outbox import Claim, Claims, Finish, Finished

log = logging.getLogger(__name__)

GATHER_S = 0.002
"""How long results gather before they are recorded together.

Not less when many are there already: a turn begun while the loop is starting requests competes with
it for the interpreter's lock, and both get slower by more than the time gained (measured: 6,400
deliveries a second for 7,000).
"""
NOTICE_S = 0.1
"""How often a change made by another process is looked for; some microseconds each time."""
POLL_S = 5.0
"""How often the outbox is searched when nothing hints at work. The hints save time; this is the truth."""
_CONTENDED_S = 0.01
_LOOK_S = 1.0
_LONGEST_SILENCE_S = 60.0
"""After which a new connection is more likely to help than to wait on."""
_BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class _Turn:
    now: int
    begun: float
    """The moment `now` on the clock that nobody sets, in seconds."""
    finished: list[Finished]
    claims: Claims
    recovered: list[Claim]
    """Of earlier turns: claims that were committed, though no word of it came."""
    pulled_in: int


@dataclass(frozen=True, slots=True)
class _Room:
    slots: int
    busy: dict[int, int]


class Dispatcher:
    """Runs in one event loop. With `only`, it looks at no other deliveries than these ids."""

    def __init__(
        self,
        store: Store,
        sender: Sender,
        *,
        policy: RetryPolicy,
        limits: Limits | None = None,
        only: Collection[int] | None = None,
        fraction: Callable[[], float] = random.random,
    ) -> None:
        self.policy = policy
        self.trouble: str | None = None
        """What keeps the dispatcher from working, in words; None while it works."""
        self._store = store
        self._sender = sender
        self._limits = limits or Limits()
        self._only = only
        self._fraction = fraction
        self._wake = asyncio.Event()
        self._slots = Slots(self._limits, send=self._deliver, ended=self._conclude)
        self._ended: list[Finish] = []
        self._in_doubt: set[str] = set()
        """Leases of what was in a turn that failed, perhaps only after its commit."""
        self._handed_out: list[Claim] = []
        """What the turn under way claims, known here even if the word of its commit is lost."""
        self._unheard: list[Claim] = []
        """Claims of turns that failed, perhaps only after their commit: then they are ours to send."""
        self._stopping = False
        self._stop_by: float | None = None
        self._next_turn = 0.0
        self._last_now: int | None = None
        self._empty = False
        self._failures = 0
        self._asked: float | None = None
        """When the turn under way was begun (`time.monotonic`)."""

    @property
    def in_flight(self) -> int:
        return self._slots.in_flight

    @property
    def stopping(self) -> bool:
        return self._stopping

    @property
    def is_done(self) -> bool:
        """Whether nothing was scheduled or in flight anywhere when it last looked."""
        return self._empty and self._settled

    @property
    def unrecorded(self) -> int:
        """Answers that are only in memory; more than none after `run` when the database stayed away."""
        return len(self._ended)

    async def run(self, *, until_empty: bool = False) -> None:
        """Deliver until `drain`; with `until_empty`, until nothing is scheduled or in flight anywhere."""
        notice = self._store.watch()
        patience = asyncio.create_task(self._lose_patience())
        try:
            while not (self._stopping and self._settled) and not self._given_up():
                await self.step()
                if until_empty and self.is_done:
                    return
                await self._wait(notice)
        finally:
            patience.cancel()
            notice.close()
        if self.unrecorded:
            log.error(
                "stopped with %d answers not recorded; once their leases run out they are sent again: %s",
                self.unrecorded,
                self.trouble,
            )

    async def step(self) -> None:
        """One turn: record what ended, claim what is due into the free slots, start sending it."""
        ended = self._ended.copy()
        self._handed_out = []
        try:
            room = self._room(ended)
            self._asked = time.monotonic()
            turn = await asyncio.shield(asyncio.wrap_future(self._store.write(self._turn, ended, room)))
        except Orphaned:
            raise
        except StoreUnavailable as error:
            self._in_doubt.update(finish.claim.lease for finish in ended)
            self._unheard += self._handed_out
            self._back_off(str(error))
            return
        except NotStorable as error:
            await self._record_each(ended, str(error))
            return
        finally:
            self._asked = None
        # Only now that they are committed; what has ended meanwhile stands behind them.
        del self._ended[: len(ended)]
        self._in_doubt.clear()
        self._unheard.clear()
        if self.trouble:
            log.info("the database answers again")
        self.trouble, self._failures = None, 0
        self._last_now = turn.now
        if turn.pulled_in:
            log.warning("the clock has gone back: pulled in %d deliveries due too far ahead", turn.pulled_in)
        self._plan(turn)
        self._start(turn)
        for finished in turn.finished:
            log_finished(finished)
        for exhausted in turn.claims.exhausted:
            log_exhausted(exhausted)

    async def _record_each(self, ended: list[Finish], reason: str) -> None:
        """An answer that the database refuses must not take those beside it along."""
        left: list[Finish] = []
        for finish in ended:
            try:
                recorded = self._store.write(outbox.finish, [finish], self.policy, in_doubt=self._in_doubt)
                done = await asyncio.shield(asyncio.wrap_future(recorded))
            except StoreUnavailable:
                self._in_doubt.add(finish.claim.lease)
                left.append(finish)
            except NotStorable:
                log.error("an answer to %s cannot be stored: %s", finish.claim.webhook_id, reason)
                left.append(replace(finish, answer=mishaps.without_text(finish.answer)))
            else:
                for finished in done:
                    log_finished(finished)
        self._ended[: len(ended)] = left
        if left or not ended:
            self._back_off(reason)

    def nudge(self) -> None:
        """There is something new to deliver."""
        self._next_turn = 0.0
        self._wake.set()

    def drain(self, grace_s: float) -> None:
        """Claim no more. What is in flight has `grace_s` to end; `run` returns when it is recorded.

        What has not ended by then is cut off and closed as interrupted, not counted.
        """
        self._stopping = True
        self._stop_by = time.monotonic() + grace_s
        self._wake.set()

    # --- one turn

    def _room(self, ended: list[Finish]) -> _Room:
        """How much may be claimed: into the free slots, and ahead.

        As many ahead as have ended since the last turn, so that sending goes on while the next is
        under way. A destination that hangs ends none, so nothing is claimed to wait behind it.
        """
        pace = Counter(f.claim.destination.id for f in ended if f.answer.outcome is not Outcome.INTERRUPTED)
        cap = self._limits.per_destination
        busy = {key: held - min(pace[key], cap) for key, held in self._slots.held.items()}
        ahead = min(pace.total(), self._limits.concurrency)
        return _Room(self._limits.concurrency + ahead - self._slots.held.total(), busy)

    def _turn(self, tx: Transaction, ended: list[Finish], room: _Room) -> _Turn:
        begun = time.monotonic()
        finished = outbox.finish(tx, ended, self.policy, in_doubt=self._in_doubt) if ended else []
        # Looked for when it goes back before our eyes, and once for what it did before we came.
        went_back = self._last_now is None or tx.now < self._last_now
        pulled_in = outbox.pull_in(tx, self.policy) if went_back else 0
        recovered = outbox.still_held(tx, self._unheard) if self._unheard else []
        busy = Counter(room.busy)
        busy.update(claim.destination.id for claim in recovered)
        claims = outbox.claim(
            tx,
            policy=self.policy,
            slots=0 if self._stopping else room.slots - len(recovered),
            cap=self._limits.per_destination,
            busy=busy,
            only=self._only,
        )
        self._handed_out = claims.claims
        return _Turn(tx.now, begun, finished, claims, recovered, pulled_in)

    def _plan(self, turn: _Turn) -> None:
        next_due = turn.claims.next_due
        self._empty = next_due is None
        wait = POLL_S
        full = len(turn.claims.claims) + self._slots.held.total() >= self._limits.concurrency
        if next_due is not None and not full and not self._stopping:
            wait = min(POLL_S, max(0.0, (next_due - turn.now) / 1000))
        # What is due and was not claimed is being changed by somebody else right now.
        wait = max(wait, GATHER_S if turn.claims.claims else _CONTENDED_S)
        self._next_turn = time.monotonic() + wait

    async def _lose_patience(self) -> None:
        """With a server that keeps silent and its connection open: nothing else would ever end the turn."""
        while True:
            await asyncio.sleep(_LOOK_S)
            silent = 0.0 if self._asked is None else time.monotonic() - self._asked
            if silent >= SILENCE_S:
                self._note_trouble("the database does not answer")
            if silent >= (SILENCE_S if self._late else _LONGEST_SILENCE_S):
                self._store.break_off()

    def _note_trouble(self, reason: str) -> None:
        if self.trouble is None:  # once an outage, whatever the reasons it goes through
            log.warning("cannot record or claim, trying again: %s", reason)
        self.trouble = reason

    def _back_off(self, reason: str) -> None:
        self._note_trouble(reason)
        self._next_turn = time.monotonic() + _BACKOFF_S[min(self._failures, len(_BACKOFF_S) - 1)]
        self._failures += 1

    async def _wait(self, notice: ChangeNotice) -> None:
        """Until there is something to record, something is due, or somebody changed the database."""
        while not (self._stopping and self._settled):
            self._slots.give_back_late()
            self._cut_off_if_late()
            now = time.monotonic()
            if now >= self._next_turn:
                return
            try:
                async with asyncio.timeout(min(NOTICE_S, self._next_turn - now)):
                    await self._wake.wait()
            except TimeoutError:
                if not self.trouble and notice.changed():
                    return
                continue
            self._wake.clear()
            if self.trouble:
                continue  # woken by a result that cannot be recorded before the pause is over
            if self._slots.in_flight:
                await asyncio.sleep(GATHER_S)
            return

    # --- one delivery

    def _start(self, turn: _Turn) -> None:
        # Claims of an earlier turn are that much older.
        claims = (*turn.recovered, *turn.claims.claims)
        self._slots.add((claim, turn.begun - (turn.now - claim.started_at) / 1000) for claim in claims)

    async def _deliver(self, claim: Claim) -> Answer:
        try:
            return await self._sender.send(claim)
        except Exception as error:
            log.exception("sending %s failed inside Tocsin", claim.webhook_id)
            return mishaps.internal_error(claim, error)

    def _conclude(self, claim: Claim, answer: Answer) -> None:
        self._ended.append(Finish(claim, answer, self._fraction()))
        self._wake.set()

    # --- the end

    @property
    def _settled(self) -> bool:
        return not (self._slots.held.total() or self._ended or self._unheard)

    @property
    def _late(self) -> bool:
        return self._stop_by is not None and time.monotonic() >= self._stop_by

    def _cut_off_if_late(self) -> None:
        if self._late:
            self._slots.cut_off()

    def _given_up(self) -> bool:
        """The database is still gone when we have to stop: the leases run out and tell the rest."""
        return self._late and self.trouble is not None and not self._slots.held.total()
