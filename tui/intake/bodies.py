"""Limits on request bodies: the length of one, and the memory of all together."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from starlette.requests import ClientDisconnect, Request

from tui.intake.answers import RETRY_S, Answered

BODY_LIMIT = 1024 * 1024
TOGETHER_LIMIT = 64 * BODY_LIMIT
"""Bytes of all bodies being read or stored. The objects parsed from them take about three times as much."""


@dataclass(slots=True)
class Bodies:
    together_limit: int = TOGETHER_LIMIT
    _held: int = field(init=False, default=0)

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
