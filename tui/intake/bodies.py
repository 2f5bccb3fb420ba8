"""Limits on request bodies: the length of one, and the memory of all together."""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

from starlette.requests import ClientDisconnect, Request

from tui.intake.answers import RETRY_S, Answered

BODY_LIMIT = 16 * 1024 * 1024
TOGETHER_LIMIT = 4 * BODY_LIMIT
"""Bytes of all bodies being read or stored. The objects parsed from them take more; see `Bodies.turn`."""
SIGNED_LIMIT = 2 * BODY_LIMIT
"""Bytes of the signed ones among them. A stranger can fill these: they are read before they are verified."""
LARGE = 1024 * 1024
_PART = 256 * 1024
_GZIP = 16 + zlib.MAX_WBITS


@dataclass(slots=True)
class Bodies:
    together_limit: int = TOGETHER_LIMIT
    signed_limit: int = SIGNED_LIMIT
    _held: int = field(init=False, default=0)
    _signed: int = field(init=False, default=0)
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
    async def read(
        self, request: Request, signed: Callable[[bytes], None] | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the body, and count it against the limit inside the block. Raises Answered (400, 413, 429).

        `signed` gets each part of a signed request as it was sent, before decompression. A body that arrives
        too slowly ends the connection.
        """
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > BODY_LIMIT:
            raise _too_long()
        body = bytearray()
        gzip = _Gzip() if _is_gzip(request) else None
        try:
            async for chunk in request.stream():
                if signed:
                    signed(chunk)
                for part in gzip.inflate(chunk) if gzip else (chunk,):
                    body += part
                    self._held += len(part)
                    self._signed += len(part) if signed else 0
                    if len(body) > BODY_LIMIT:
                        raise _too_long()
                    if self._held > self.together_limit or self._signed > self.signed_limit:
                        raise Answered(429, "too many alerts are being stored right now", retry_s=RETRY_S)
                    if gzip:
                        await asyncio.sleep(0)  # a small chunk can inflate to megabytes
            if gzip:
                gzip.check_complete()
            yield bytes(body)
        except ClientDisconnect:
            raise Answered(400, "the connection closed before the request was complete") from None
        finally:
            self._held -= len(body)
            self._signed -= len(body) if signed else 0


class _Gzip:
    """Inflates one body in parts of bounded size, so that a small bomb never takes more than the limit."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._is_empty = True

    def inflate(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what `chunk` adds. Raises Answered (422) if it is not gzip."""
        try:
            while chunk:
                if self._member.eof:  # RFC 1952 allows several members, one after the other
                    self._member = zlib.decompressobj(_GZIP)
                yield self._member.decompress(chunk, _PART)
                self._is_empty = False
                chunk = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            while not self._member.eof and (rest := self._member.decompress(b"", _PART)):
                yield rest
        except zlib.error:
            raise Answered(422, "nothing was stored: the body is not valid gzip") from None

    def check_complete(self) -> None:
        """Raise Answered (422) if the compressed data is cut off."""
        if not self._is_empty and not self._member.eof:
            raise Answered(422, "nothing was stored: the gzip data is incomplete")


def _is_gzip(request: Request) -> bool:
    return request.headers.get("content-encoding", "").strip().lower() in ("gzip", "x-gzip")


def _too_long() -> Answered:
    return Answered(413, f"the body is too large; the limit is {BODY_LIMIT} bytes")
