"""The claims that a dispatcher holds: requests in flight, and claims that wait for a free slot."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from tui.delivery import mishaps
from tui.domain.attempt import Answer
from tui.domain.holding import asks_to_wait
from tui.store.outbox import LEASE_MARGIN_MS, Claim

_LATEST_START_S = LEASE_MARGIN_MS / 2000
"""A request that started later than this after its claim could outlive the lease, so it is not sent."""


@dataclass(frozen=True, slots=True)
class Limits:
    concurrency: int = 64
    """Maximum requests in flight."""
    per_destination: int = 16
    """Maximum requests in flight to one destination, so that one that hangs leaves slots for the others."""


@dataclass(frozen=True, slots=True)
class Room:
    """How much may be claimed."""

    slots: int
    busy: dict[int, int]
    """Claims already held, by destination."""


@dataclass(slots=True)
class _Held:
    claim: Claim
    begun: float
    """When it was claimed, then when its request began (`time.monotonic`)."""


class Slots:
    """Sends claims within limits, in one event loop. Calls `ended` exactly once for each claim added."""

    def __init__(
        self,
        limits: Limits,
        *,
        send: Callable[[Claim], Awaitable[Answer]],
        ended: Callable[[Claim, Answer], None],
    ) -> None:
        self._limits = limits
        self._send = send
        self._ended = ended
        self._sending: dict[asyncio.Task[Answer], _Held] = {}
        self._waiting: dict[int, deque[_Held]] = {}
        """One queue per destination, so that one that hangs does not delay the others."""
        self._busy: Counter[int] = Counter()
        self.held: Counter[int] = Counter()
        """Number of claims that have not ended, by destination."""
        self.waits_for: set[int] = set()
        """The destinations whose receiver asked to wait in an answer that is not recorded yet. Their claims
        are given back unsent. The dispatcher removes a destination once the answer is recorded."""

    @property
    def in_flight(self) -> int:
        return len(self._sending)

    def room(self, ended: Counter[int]) -> Room:
        """Return how much may be claimed: the free slots, and some claims ahead.

        `ended` counts the requests that ended since the last turn, by destination. As many are claimed ahead,
        so that sending continues during the next turn. A destination that hangs ends no requests, so nothing
        is claimed ahead for it.
        """
        cap = self._limits.per_destination
        busy = {key: held - min(ended[key], cap) for key, held in self.held.items()}
        ahead = min(ended.total(), self._limits.concurrency)
        return Room(self._limits.concurrency + ahead - self.held.total(), busy)

    def add(self, claims: Iterable[tuple[Claim, float]]) -> None:
        """Send claims as slots become free. Each comes with the time of its claim (`time.monotonic`)."""
        for claim, claimed_at in claims:
            destination = claim.destination.id
            self.held[destination] += 1
            self._waiting.setdefault(destination, deque()).append(_Held(claim, claimed_at))
        self._fill()

    def give_back_late(self) -> None:
        """Give back, unsent, the claims that have waited too long for a slot."""
        latest = time.monotonic() - _LATEST_START_S
        for waiting in list(self._waiting.values()):
            while waiting and waiting[0].begun < latest:
                self._give_back(waiting.popleft())

    def cut_off(self) -> None:
        """End everything now. Requests in flight end as interrupted."""
        for waiting in self._waiting.values():
            while waiting:
                self._give_back(waiting.popleft())
        for task in self._sending:
            task.cancel()

    def _fill(self) -> None:
        for destination, waiting in list(self._waiting.items()):
            while waiting and self._has_room(destination):
                self._start(waiting.popleft())
            if not waiting:
                del self._waiting[destination]

    def _has_room(self, destination: int) -> bool:
        return (
            len(self._sending) < self._limits.concurrency
            and self._busy[destination] < self._limits.per_destination
        )

    def _start(self, held: _Held) -> None:
        now = time.monotonic()
        if now - held.begun > _LATEST_START_S:
            self._give_back(held)
            return
        if held.claim.destination.id in self.waits_for:
            self._give_back(held, mishaps.HELD)
            return
        held.begun = now
        self._busy[held.claim.destination.id] += 1
        task = asyncio.ensure_future(self._send(held.claim))
        self._sending[task] = held
        task.add_done_callback(self._end)

    def _end(self, task: "asyncio.Task[Answer]") -> None:
        # A callback, because a task that is cancelled before its first step never runs any of its code.
        held = self._sending.pop(task)
        destination = held.claim.destination.id
        self._busy[destination] -= 1
        answer = mishaps.cut_off(held.claim, held.begun) if task.cancelled() else task.result()
        if asks_to_wait(answer):
            self.waits_for.add(destination)
        if self._waiting:
            self._fill()
        self._conclude(held.claim, answer)

    def _give_back(self, held: _Held, reason: str = mishaps.NO_SLOT) -> None:
        self._conclude(held.claim, mishaps.not_started(held.claim, held.begun, reason))

    def _conclude(self, claim: Claim, answer: Answer) -> None:
        self.held[claim.destination.id] -= 1
        self._ended(claim, answer)
