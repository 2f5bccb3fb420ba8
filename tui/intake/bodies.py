"""The bodies of requests: how long one may be, and how much memory all of them together."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from starlette.requests import ClientDisconnect, Request

from tui.intake.answers import RETRY_S, Answered

BODY_LIMIT = 1024 * 1024
TOGETHER_LIMIT = 64 * BODY_LIMIT
"""Of bodies that are being read or stored. What is made of them takes about three times as much."""


@dataclass(slots=True)
class Bodies:
    together_limit: int = TOGETHER_LIMIT
    _held: int = field(init=False, default=0)

    @contextlib.asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """The body; it counts until this is left. Raises Answered (400, 413, 429).

        One that is too slow ends the connection.
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
                    raise Answered(429, "too much is being stored at this moment", retry_s=RETRY_S)
            yield bytes(body)
        except ClientDisconnect:
            raise Answered(400, "the request broke off") from None
        finally:
            self._held -= len(body)


def _too_long() -> Answered:
    return Answered(413, f"a request has at most {BODY_LIMIT} bytes")
