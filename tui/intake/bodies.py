"""Limits on request bodies: the length of one, and the memory of all together."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from starlette.requests import ClientDisconnect, Request

from tui.intake.answers import RETRY_S, Answered

BODY_LIMIT = 16 * 1024 * 1024
TOGETHER_LIMIT = 4 * BODY_LIMIT
"""Bytes of all bodies being read or stored. The objects parsed from them take more; see `Bodies.turn`."""
LARGE = 1024 * 1024


@dataclass(slots=True)
class Bodies:
    together_limit: int = TOGETHER_LIMIT
    _held: int = field(init=False, default=0)
    _large: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    @contextlib.asynccontextmanager
    async def turn(self, length: int) -> AsyncIterator[None]:
        """Parse and store large bodies one after the other: parsed, each takes many times its length."""
        if length <= LARGE:
            yield
            return
        async with self._large:
            yield

    @contextlib.asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """Yield the body, and count it against the limit inside the block. Raises Answered (400, 413, 429).

        A body that arrives too slowly ends the connection.
        """
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > BODY_LIMIT:
            raise _too_long()
        body = bytearray()
        try:
            async for chunk in request.stream():
                body += chunk
                self._held += len(chunk)
                if len(body) > BODY_LIMIT:
                    raise _too_long()
                if self._held > self.together_limit:
                    raise Answered(429, "too many alerts are being stored right now", retry_s=RETRY_S)
            yield bytes(body)
        except ClientDisconnect:
            raise Answered(400, "the connection closed before the request was complete") from None
        finally:
            self._held -= len(body)


def _too_long() -> Answered:
    return Answered(413, f"the body is too large; the limit is {BODY_LIMIT} bytes")
