"""Memory shared by senders: who finds none waits in line, and no sender takes more than half."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from tui.intake.answers import RETRY_S, Answered

Sender = int | None
"""The id of a token; None for all senders without one."""
UNPROVEN: Sender = -1
"""All senders of bodies whose signature is not verified yet. A stranger can fill their share."""


@dataclass(slots=True)
class Room:
    """Counts bytes. Belongs to one event loop."""

    limit: int
    patience_s: float = 15.0
    """How long a request waits. Well below the time that its body may take to arrive."""
    _held: Counter[Sender] = field(init=False, default_factory=Counter[Sender])
    _line: list[tuple[Sender, int, asyncio.Future[None]]] = field(
        init=False, default_factory=list[tuple[Sender, int, asyncio.Future[None]]]
    )

    async def take(self, sender: Sender, size: int) -> None:
        """Hold `size` bytes until `give`. Raises Answered (503) after waiting for too long."""
        try:
            async with asyncio.timeout(self.patience_s):
                await self._wait(sender, size)
        except TimeoutError:
            raise Answered(503, "too many alerts are being stored right now", retry_s=RETRY_S) from None

    async def _wait(self, sender: Sender, size: int) -> None:
        turn = asyncio.get_running_loop().create_future()
        place = (sender, size, turn)
        self._line.append(place)
        self._let_in()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._line.remove(place)
                self._let_in()
            else:  # it was let in at the same moment
                self.give(sender, size)
            raise

    def give(self, sender: Sender, size: int) -> None:
        self._held[sender] -= size
        self._let_in()

    def _let_in(self) -> None:
        """Let in those who wait, in order, but pass over a sender that has its share."""
        for place in [*self._line]:
            sender, size, turn = place
            if turn.done() or self._held[sender] + size > max(self.limit // 2, size):
                continue
            if self._held.total() + size > self.limit:
                break
            self._held[sender] += size
            self._line.remove(place)
            turn.set_result(None)
