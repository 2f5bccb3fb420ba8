"""The dispatcher: claims due deliveries, sends them, records how the attempts ended.

One turn is one transaction: it records every attempt that ended since the last turn, and claims deliveries
for the free slots. So a hundred deliveries cost one fsync. A delivery counts as delivered only once that
transaction is committed. If the database does not answer, the results stay in memory and the turn is
retried; until then nothing is claimed.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from tui.delivery import mishaps
from tui.delivery.outage import Outage
from tui.delivery.reports import log_exhausted, log_finished
from tui.delivery.sender import Sender
from tui.delivery.slots import Limits, Room, Slots
from tui.domain.attempt import Answer
from tui.domain.holding import asks_to_wait
from tui.domain.lifecycle import Outcome
from tui.domain.retry import RetryPolicy
from tui.store import outbox
from tui.store.engine.database import SILENCE_S, ChangeNotice, Store, Transaction
from tui.store.errors import NotStorable, Orphaned, StoreUnavailable
from tui.store.outbox import Claim, Claims, Finish, Finished

log = logging.getLogger(__name__)

GATHER_S = 0.002
"""How long results gather before one turn records them.

It is not shortened when many have gathered: a turn that runs while the loop starts requests competes with it
for the GIL, and both lose more than the time gained (measured: 6,400 instead of 7,000 deliveries per second).
"""
NOTICE_S = 0.1
"""How often to check for changes by another process. A check takes microseconds."""
POLL_S = 5.0
"""How often to search the outbox without a hint. Hints only save time; delivery never depends on them."""
_CONTENDED_S = 0.01
"""The pause when due deliveries could not be claimed, because another dispatcher is changing them."""
_SILENCE_CHECK_S = 1.0
_LONGEST_SILENCE_S = 60.0
"""After this silence of the database, a new connection is more likely to help than waiting."""


@dataclass(frozen=True, slots=True)
class _Turn:
    now: int
    begun: float
    """The moment `now` on the monotonic clock, in seconds."""
    finished: list[Finished]
    claims: Claims
    recovered: list[Claim]
    """Claims of failed turns whose transaction turned out to be committed."""
    pulled_in: int


class Dispatcher:
    """Runs in one event loop. With `only`, it handles only the deliveries with these ids.

    `fraction` returns a random number from 0 to 1 for the jitter of retries.
    """

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
        self._store = store
        self._sender = sender
        self._limits = limits or Limits()
        self._only = only
        self._fraction = fraction
        self._wake = asyncio.Event()
        self._slots = Slots(self._limits, send=self._deliver, ended=self._conclude)
        self._outage = Outage()
        self._ended: list[Finish] = []
        self._in_doubt: set[str] = set()
        """Leases of results in failed turns, which may have been committed nevertheless."""
        self._handed_out: list[Claim] = []
        """Claims of the current turn, kept in case its commit succeeds but the confirmation is lost."""
        self._unconfirmed: list[Claim] = []
        """Claims of failed turns. If they were committed nevertheless, this dispatcher must send them."""
        self._stopping = False
        self._stop_by: float | None = None
        self._next_turn = 0.0
        self._last_now: int | None = None
        self._empty = False
        self._turn_began: float | None = None
        """When the current turn began (`time.monotonic`); None between turns."""

    @property
    def trouble(self) -> str | None:
        """Why the dispatcher cannot work, as a sentence without a full stop; None while it works."""
        return self._outage.reason

    @property
    def in_flight(self) -> int:
        return self._slots.in_flight

    @property
    def stopping(self) -> bool:
        return self._stopping

    @property
    def is_done(self) -> bool:
        """Whether the last turn found nothing scheduled or in flight, in this process or another."""
        return self._empty and self._settled

    @property
    def unrecorded(self) -> int:
        """Number of answers only in memory. Above zero after `run` if the database did not come back."""
        return len(self._ended)

    async def run(self, *, until_empty: bool = False) -> None:
        """Deliver until `drain` is called; with `until_empty`, also return once `is_done`."""
        notice = self._store.watch()
        silence = asyncio.create_task(self._watch_silence())
        try:
            while not (self._stopping and self._settled) and not self._given_up():
                await self.step()
                if until_empty and self.is_done:
                    return
                await self._wait(notice)
        finally:
            silence.cancel()
            notice.close()
        if self.unrecorded:
            log.error(
                "stopped with %d answers not recorded; they are sent again after their leases expire: %s",
                self.unrecorded,
                self.trouble,
            )

    async def step(self) -> None:
        """Run one turn: record ended attempts, claim due deliveries for free slots, start sending them."""
        ended = self._ended.copy()
        self._handed_out = []
        try:
            sent = (finish for finish in ended if finish.answer.outcome is not Outcome.INTERRUPTED)
            room = self._slots.room(Counter(finish.claim.destination.id for finish in sent))
            self._turn_began = time.monotonic()
            turn = await asyncio.shield(asyncio.wrap_future(self._store.write(self._turn, ended, room)))
        except Orphaned:
            raise
        except StoreUnavailable as error:
            self._in_doubt.update(finish.claim.lease for finish in ended)
            self._unconfirmed += self._handed_out
            self._back_off(str(error))
            return
        except NotStorable as error:
            await self._record_each(ended, str(error))
            return
        finally:
            self._turn_began = None
        # Only after the commit. Attempts that ended during the turn were appended behind these.
        del self._ended[: len(ended)]
        self._slots.waits_for = {
            finish.claim.destination.id for finish in self._ended if asks_to_wait(finish.answer)
        }
        self._in_doubt.clear()
        self._unconfirmed.clear()
        self._outage.end()
        self._last_now = turn.now
        if turn.pulled_in:
            log.warning("the clock went back: rescheduled %d deliveries due too far ahead", turn.pulled_in)
        self._plan(turn)
        self._start(turn)
        for finished in turn.finished:
            log_finished(finished)
        for exhausted in turn.claims.exhausted:
            log_exhausted(exhausted)

    async def _record_each(self, ended: list[Finish], reason: str) -> None:
        """Record results one by one, so that one that the database rejects does not block the others."""
        left: list[Finish] = []
        for finish in ended:
            try:
                recorded = self._store.write(outbox.finish, [finish], self.policy, in_doubt=self._in_doubt)
                done = await asyncio.shield(asyncio.wrap_future(recorded))
            except StoreUnavailable:
                self._in_doubt.add(finish.claim.lease)
                left.append(finish)
            except NotStorable:
                log.error("cannot store the answer to %s: %s", finish.claim.webhook_id, reason)
                left.append(replace(finish, answer=mishaps.without_text(finish.answer)))
            else:
                for finished in done:
                    log_finished(finished)
        self._ended[: len(ended)] = left
        if left or not ended:
            self._back_off(reason)

    def nudge(self) -> None:
        """Look for new deliveries now."""
        self._next_turn = 0.0
        self._wake.set()

    def drain(self, grace_s: float) -> None:
        """Claim nothing more, and let `run` return once the requests in flight have ended and are recorded.

        After `grace_s`, the remaining requests are cut off. They end as interrupted and do not count.
        """
        self._stopping = True
        self._stop_by = time.monotonic() + grace_s
        self._wake.set()

    # --- one turn

    def _turn(self, tx: Transaction, ended: list[Finish], room: Room) -> _Turn:
        begun = time.monotonic()
        finished = outbox.finish(tx, ended, self.policy, in_doubt=self._in_doubt) if ended else []
        # Whenever the clock goes back, and in the first turn, as it may have gone back before the start.
        went_back = self._last_now is None or tx.now < self._last_now
        pulled_in = outbox.pull_in(tx, self.policy) if went_back else 0
        recovered = outbox.still_held(tx, self._unconfirmed) if self._unconfirmed else []
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
        # If due deliveries were not claimed, another dispatcher is changing them at this moment.
        wait = max(wait, GATHER_S if turn.claims.claims else _CONTENDED_S)
        self._next_turn = time.monotonic() + wait

    async def _watch_silence(self) -> None:
        """Break the connection to a silent database server: nothing else would end the turn."""
        while True:
            await asyncio.sleep(_SILENCE_CHECK_S)
            silent = 0.0 if self._turn_began is None else time.monotonic() - self._turn_began
            if silent >= SILENCE_S:
                self._outage.note("the database does not answer")
            if silent >= (SILENCE_S if self._late else _LONGEST_SILENCE_S):
                self._store.break_off()

    def _back_off(self, reason: str) -> None:
        self._next_turn = time.monotonic() + self._outage.back_off(reason)

    async def _wait(self, notice: ChangeNotice) -> None:
        """Wait until a result can be recorded, a delivery is due, or another process changed the database."""
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
                continue  # a result woke us, but it cannot be recorded before the back-off ends
            if self._slots.in_flight:
                await asyncio.sleep(GATHER_S)
            return

    # --- one delivery

    def _start(self, turn: _Turn) -> None:
        # Recovered claims began in an earlier turn, so their slots count from that time.
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
        return not (self._slots.held.total() or self._ended or self._unconfirmed)

    @property
    def _late(self) -> bool:
        return self._stop_by is not None and time.monotonic() >= self._stop_by

    def _cut_off_if_late(self) -> None:
        if self._late:
            self._slots.cut_off()

    def _given_up(self) -> bool:
        """Whether to stop without the database. The leases expire, and then the deliveries are sent again."""
        return self._late and self.trouble is not None and not self._slots.held.total()
