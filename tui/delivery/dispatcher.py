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
from dataclasses import dataclass

from tui.delivery import mishaps
from tui.delivery.reports import log_exhausted, log_finished
from tui.delivery.sender import Sender
from tui.domain.attempt import Answer
from tui.domain.retry import RetryPolicy
from tui.store import outbox
from tui.store.database import ChangeNotice, Store, Transaction
from tui.store.errors import StoreUnavailable
from tui.store.outbox import LEASE_MARGIN_MS, Claim, Claims, Finish, Finished

log = logging.getLogger(__name__)

GATHER_S = 0.002
"""How long results gather before they are recorded together."""
NOTICE_S = 0.1
"""How often a change made by another process is looked for; some microseconds each time."""
POLL_S = 5.0
"""How often the outbox is searched when nothing hints at work. The hints save time; this is the truth."""
_CONTENDED_S = 0.01
_LATEST_START_MS = LEASE_MARGIN_MS // 2
"""A request that starts this long after its claim could outlive the lease, and is not made."""
_BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Limits:
    concurrency: int = 64
    """Requests in flight at once."""
    per_destination: int = 16
    """Of these to one destination, so that one that hangs leaves slots to the others."""


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
class _Request:
    claim: Claim
    begun: float


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
        self._sending: dict[asyncio.Task[Answer], _Request] = {}
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

    @property
    def in_flight(self) -> int:
        return len(self._sending)

    @property
    def stopping(self) -> bool:
        return self._stopping

    @property
    def unrecorded(self) -> int:
        """Answers that are only in memory; more than none after `run` when the database stayed away."""
        return len(self._ended)

    async def run(self, *, until_empty: bool = False) -> None:
        """Deliver until `drain`; with `until_empty`, until nothing is scheduled or in flight anywhere."""
        notice = self._store.watch()
        try:
            while not (self._stopping and self._settled) and not self._given_up():
                await self.step()
                if until_empty and self._empty and self._settled:
                    return
                await self._wait(notice)
        finally:
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
            turn = await asyncio.shield(asyncio.wrap_future(self._store.write(self._turn, ended)))
        except StoreUnavailable as error:
            self._in_doubt.update(finish.claim.lease for finish in ended)
            self._unheard += self._handed_out
            self._back_off(str(error))
            return
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

    def _turn(self, tx: Transaction, ended: list[Finish]) -> _Turn:
        begun = time.monotonic()
        finished = outbox.finish(tx, ended, self.policy, in_doubt=self._in_doubt) if ended else []
        # Looked for when it goes back before our eyes, and once for what it did before we came.
        went_back = self._last_now is None or tx.now < self._last_now
        pulled_in = outbox.pull_in(tx, self.policy) if went_back else 0
        recovered = outbox.still_held(tx, self._unheard) if self._unheard else []
        held = [*recovered, *(request.claim for request in list(self._sending.values()))]
        slots = 0 if self._stopping else self._limits.concurrency - len(held)
        claims = outbox.claim(
            tx,
            policy=self.policy,
            slots=slots,
            cap=self._limits.per_destination,
            busy=Counter(claim.destination.id for claim in held),
            only=self._only,
        )
        self._handed_out = claims.claims
        return _Turn(tx.now, begun, finished, claims, recovered, pulled_in)

    def _plan(self, turn: _Turn) -> None:
        next_due = turn.claims.next_due
        self._empty = next_due is None
        wait = POLL_S
        full = len(turn.claims.claims) + len(self._sending) >= self._limits.concurrency
        if next_due is not None and not full and not self._stopping:
            wait = min(POLL_S, max(0.0, (next_due - turn.now) / 1000))
        # What is due and was not claimed is being changed by somebody else right now.
        wait = max(wait, GATHER_S if turn.claims.claims else _CONTENDED_S)
        self._next_turn = time.monotonic() + wait

    def _back_off(self, reason: str) -> None:
        if self.trouble is None:  # once an outage, whatever the reasons it goes through
            log.warning("cannot record or claim, trying again: %s", reason)
        self.trouble = reason
        self._next_turn = time.monotonic() + _BACKOFF_S[min(self._failures, len(_BACKOFF_S) - 1)]
        self._failures += 1

    async def _wait(self, notice: ChangeNotice) -> None:
        """Until there is something to record, something is due, or somebody changed the database."""
        while not (self._stopping and self._settled):
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
            if self._sending:
                await asyncio.sleep(GATHER_S)
            return

    # --- one delivery

    def _start(self, turn: _Turn) -> None:
        loop, begun = asyncio.get_running_loop(), time.monotonic()
        now = turn.now + round((begun - turn.begun) * 1000)
        for claim in (*turn.recovered, *turn.claims.claims):
            if now - claim.started_at > _LATEST_START_MS:
                self._conclude(claim, mishaps.handed_out_late(now))
                continue
            task = loop.create_task(self._deliver(claim))
            self._sending[task] = _Request(claim, begun)
            task.add_done_callback(self._end)

    async def _deliver(self, claim: Claim) -> Answer:
        try:
            return await self._sender.send(claim)
        except Exception as error:
            log.exception("sending %s failed inside Tocsin", claim.webhook_id)
            return mishaps.internal_error(claim, error)

    def _end(self, task: asyncio.Task[Answer]) -> None:
        # A callback, because a task cut off before its first step never runs a line of its own.
        request = self._sending.pop(task)
        self._conclude(
            request.claim,
            mishaps.cut_off(request.claim, request.begun) if task.cancelled() else task.result(),
        )

    def _conclude(self, claim: Claim, answer: Answer) -> None:
        self._ended.append(Finish(claim, answer, self._fraction()))
        self._wake.set()

    # --- the end

    @property
    def _settled(self) -> bool:
        return not (self._sending or self._ended or self._unheard)

    def _cut_off_if_late(self) -> None:
        if self._stop_by is not None and time.monotonic() >= self._stop_by:
            for task in self._sending:
                task.cancel()

    def _given_up(self) -> bool:
        """The database is still gone when we have to stop: the leases run out and tell the rest."""
        late = self._stop_by is not None and time.monotonic() >= self._stop_by
        return late and self.trouble is not None and not self._sending
