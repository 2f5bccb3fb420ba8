"""What a dispatcher holds: the requests in flight, and the claims that wait for a slot among them."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from tui.delivery import mishaps
from tui.domain.attempt import Answer
from tui.store.outbox import LEASE_MARGIN_MS, Claim

_LATEST_START_S = LEASE_MARGIN_MS / 2000
"""A request that starts this long after its claim could outlive the lease, and is not made."""


@dataclass(frozen=True, slots=True)
class Limits:
    concurrency: int = 64
    """Requests in flight at once."""
    per_destination: int = 16
    """Of these to one destination, so that one that hangs leaves slots to the others."""


@dataclass(slots=True)
class _Held:
    claim: Claim
    begun: float
    """When it was claimed, later when its request began, on the clock that nobody sets, in seconds."""


class Slots:
    """In one event loop. `ended` is called once for each claim added, with how its attempt ended."""

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
        """By destination: of one that hangs they must not stand before another's."""
        self._busy: Counter[int] = Counter()
        self.held: Counter[int] = Counter()
        """Claims that have not ended, by destination."""

    @property
    def in_flight(self) -> int:
        return len(self._sending)

    def add(self, claims: Iterable[tuple[Claim, float]]) -> None:
        """Send claims, each with the moment it was made (`time.monotonic`), as slots are free."""
        for claim, claimed_at in claims:
            destination = claim.destination.id
            self.held[destination] += 1
            self._waiting.setdefault(destination, deque()).append(_Held(claim, claimed_at))
        self._fill()

    def give_back_late(self) -> None:
        """Nothing is sent of what has waited too long behind the requests before it."""
        latest = time.monotonic() - _LATEST_START_S
        for waiting in list(self._waiting.values()):
            while waiting and waiting[0].begun < latest:
                self._give_back(waiting.popleft())

    def cut_off(self) -> None:
        """End everything now: what has not ended by itself is told as interrupted."""
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
        held.begun = now
        self._busy[held.claim.destination.id] += 1
        task = asyncio.ensure_future(self._send(held.claim))
        self._sending[task] = held
        task.add_done_callback(self._end)

    def _end(self, task: "asyncio.Task[Answer]") -> None:
        # A callback, because a task cut off before its first step never runs a line of its own.
        held = self._sending.pop(task)
        self._busy[held.claim.destination.id] -= 1
        if self._waiting:
            self._fill()
        cut_off = mishaps.cut_off(held.claim, held.begun) if task.cancelled() else None
        self._conclude(held.claim, cut_off or task.result())

    def _give_back(self, held: _Held) -> None:
        self._conclude(held.claim, mishaps.not_started(held.claim, held.begun))

    def _conclude(self, claim: Claim, answer: Answer) -> None:
        self.held[claim.destination.id] -= 1
        self._ended(claim, answer)
