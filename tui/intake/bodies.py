"""Limits on request bodies: the size of one, the memory of all together, and turns between senders."""

import asyncio
import contextlib
import zlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass, field

from starlette.requests import ClientDisconnect, Request

from tui.intake.answers import Answered
from tui.intake.room import Room, Sender

BODY_LIMIT = 16 * 1024 * 1024
TOGETHER_LIMIT = 4 * BODY_LIMIT
"""Bytes of all bodies being read or stored. The objects parsed from them take more; see `Bodies.alone`."""
MARKS_LIMIT = 1_000_000
"""Commas, `[` and `{` in one body. Almost every value has one.

A value takes some 100 bytes as an object, and a body of 16 MiB could hold eight million.
"""
LARGE = 1024 * 1024
_LIGHT_BYTES, _LIGHT_OBJECTS = 16 * 1024, 100
"""Bodies within both are parsed in a few milliseconds."""
_UNCOUNTED = 64 * 1024
"""A body needs room only beyond this length, so that no sender can keep others from sending one alert."""
_PART = 256 * 1024
_GZIP = 16 + zlib.MAX_WBITS
_MEMBERS_LIMIT = 20_000
"""As many as alerts. A megabyte can hold 50,000 empty members."""


@dataclass(slots=True)
class Bodies:
    room: Room = field(default_factory=lambda: Room(TOGETHER_LIMIT))
    marks_limit: int = MARKS_LIMIT
    _turns: defaultdict[Sender, asyncio.Lock] = field(
        init=False, default_factory=lambda: defaultdict[Sender, asyncio.Lock](asyncio.Lock)
    )
    _large_turns: defaultdict[Sender, asyncio.Lock] = field(
        init=False, default_factory=lambda: defaultdict[Sender, asyncio.Lock](asyncio.Lock)
    )
    _large: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    def turn(self, sender: Sender) -> asyncio.Lock:
        """Parse a body that is not light while holding this: one of each sender at a time.

        Parsing threads share one core, so a sender with many connections would get most of it.
        """
        return self._turns[sender]

    @contextlib.asynccontextmanager
    async def alone(self, sender: Sender, length: int) -> AsyncGenerator[None]:
        """Parse and store large bodies one after the other: parsed, each takes many times its length.

        The senders take turns.
        """
        if length <= LARGE:
            yield
            return
        async with self._large_turns[sender], self._large:
            yield

    @contextlib.asynccontextmanager
    async def read(
        self, request: Request, sender: Sender, signed: Callable[[bytes], None] | None = None
    ) -> AsyncGenerator[bytes]:
        """Yield the body, and keep its room inside the block. Raises Answered (400, 413, 422, 503).

        `signed` gets each part of a signed request as it was sent, before decompression. A body that arrives
        too slowly ends the connection.
        """
        announced = _announced_length(request)
        if announced is not None and announced > BODY_LIMIT:
            raise _too_long()
        gzip = _Gzip() if _is_gzip(request) else None
        # Taken as a whole and before the body is read: parts of several bodies could wait for each other.
        most = BODY_LIMIT if announced is None or gzip else announced
        body, marks, held = bytearray(), 0, 0
        try:
            async for chunk in request.stream():
                if signed:
                    signed(chunk)
                for part in gzip.inflate(chunk) if gzip else (chunk,):
                    body += part
                    if len(body) > BODY_LIMIT:
                        raise _too_long()
                    marks += _marks(part)
                    if marks > self.marks_limit:
                        raise Answered(413, f"the body has more than {self.marks_limit} values")
                    if len(body) > _UNCOUNTED and not held:
                        await self.room.take(sender, most)
                        held = most
                    if gzip:
                        await asyncio.sleep(0)  # a small chunk can inflate to megabytes
            if gzip:
                gzip.check_complete()
            whole = bytes(body)
            body.clear()
            yield whole
        except ClientDisconnect:
            raise Answered(400, "the connection closed before the request was complete") from None
        finally:
            if held:
                self.room.give(sender, held)


def is_light(body: bytes) -> bool:
    """Whether parsing this body takes so little time that other requests can wait for it."""
    return len(body) <= _LIGHT_BYTES and body.count(b"{") <= _LIGHT_OBJECTS


def _marks(part: bytes) -> int:
    return sum(map(part.count, (b",", b"[", b"{")))


def _announced_length(request: Request) -> int | None:
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() else None


class _Gzip:
    """Inflates one body in parts of bounded size, so that a small bomb never takes more than the limit."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._is_empty = True
        self._members = 1

    def inflate(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what `chunk` adds. Raises Answered (413, 422)."""
        try:
            while chunk:
                if self._member.eof:  # RFC 1952 allows several members, one after the other
                    self._member = zlib.decompressobj(_GZIP)
                    self._members += 1
                    if self._members > _MEMBERS_LIMIT:
                        raise Answered(413, f"the body has more than {_MEMBERS_LIMIT} gzip members")
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
