"""A connection to a server of ours: what it may send, how long it may take, and when it gives way.

uvicorn itself has no limit to headers, waits for them and for bodies as long as the client likes, and
once it has as many connections as it may, slow ones shut everybody else out.
"""

import asyncio
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tui.serving.refusals import Refusals


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may cost."""

    connections: int = 500
    """Well below the 1,024 files a process may have open on most systems: a dispatcher needs some, too."""
    header_bytes: int = 32 * 1024
    """All the headers of a request with its first line; also what may stand around the parts of a body."""
    drain_bytes: int = 1024 * 1024
    """Read of a body that was answered before its end, so that the answer is seen and not a reset."""
    pipelined: int = 32
    """Requests on one connection that wait for the answer to one before them."""
    header_s: float = 10.0
    body_s: float = 30.0
    idle_s: float = 60.0
    """Between two requests; also how long nobody may take an answer."""


_TOO_LONG = "the headers are too long"


class Connection(HttpToolsProtocol):
    """uvicorn's, with limits. `deadline` is looked at by the server, some times a second."""

    limits: Limits
    refusals: Refusals

    def __init__(self, *args: Any, limits: Limits, refusals: Refusals, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.limits, self.refusals = limits, refusals
        self.deadline = 0.0
        self.since = 0.0
        self._header_bytes = 0
        self._unused_bytes = 0
        """Since something last came of what was received."""
        self._refusal = (400, "this is not HTTP/1.1")
        """Why the parser stopped."""

    @property
    def at_rest(self) -> bool:
        """Whether no request of it is being answered."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def owed(self) -> bool:
        """Whether a request came in whole and has no answer yet: only these are never cut off."""
        return not self.at_rest and not self.cycle.more_body

    @property
    def _draining(self) -> bool:
        """Whether what comes is the rest of a body that was answered before its end."""
        return self.cycle is not None and self.cycle.response_complete and self.cycle.more_body

    # --- what comes in

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._allow(self.limits.header_s)
        if len(self.connections) > self.limits.connections:
            self._find_room()

    def data_received(self, data: bytes) -> None:
        self._unused_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._draining:
            if self._unused_bytes > self.limits.drain_bytes:
                self._abort(413, "it goes on sending what was answered")
        elif self._unused_bytes > self.limits.header_bytes:
            self._end(431, _TOO_LONG)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_bytes = 0
        if self.cycle is not None:
            self._allow(self.limits.header_s)

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._unused_bytes = 0
        if len(self.pipeline) >= self.limits.pipelined:
            self._stop(429, "too many requests before the first is answered")
        super().on_headers_complete()
        self._allow(self.limits.body_s)

    def on_body(self, body: bytes) -> None:
        if not self.cycle.response_complete:
            self._unused_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unused_bytes = 0
        if self.cycle.response_complete:
            self.cycle.more_body = False
            self._allow(self.limits.idle_s)
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """What uvicorn does when the parser stops."""
        self._end(*self._refusal)

    # --- what goes out

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._unset_keepalive_if_required()
        if self.at_rest and not self._draining:
            self._allow(self.limits.idle_s)

    # --- its end

    def expire(self) -> None:
        """The deadline has passed."""
        if self.transport.is_closing() or self.flow.write_paused:
            self._abort(408, "the answer was not taken")
        elif self.owed:
            pass  # the answer is ours to give, and takes what it takes
        elif not self.at_rest:
            self._end(408, f"the request did not end within {self.limits.body_s:g} s")
        elif self._unused_bytes and not self._draining:
            self._end(408, f"the headers did not end within {self.limits.header_s:g} s")
        else:
            self.transport.close()

    def give_way(self) -> None:
        """To another, when there are too many."""
        self._abort(503, "it was slow, and gave way to another connection")

    def _find_room(self) -> None:
        """Whoever has not sent a whole request gives way, the slowest first: they shut nobody out."""
        slow = [each for each in self._others() if not each.owed]
        if slow:
            min(slow, key=lambda each: each.since).give_way()
        else:
            self._end(503, "too many requests are being answered")

    def _others(self) -> "list[Connection]":
        every = cast("set[Connection]", self.connections)
        return [each for each in every if each is not self and not each.transport.is_closing()]

    def _allow(self, seconds: float) -> None:
        self.since = self.loop.time()
        self.deadline = self.since + seconds

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > self.limits.header_bytes:
            self._stop(431, _TOO_LONG)

    def _stop(self, status: int, words: str) -> None:
        """Let the parser stop here."""
        self._refusal = (status, words)
        raise ValueError

    def _end(self, status: int, words: str) -> None:
        """With an answer, unless one has begun."""
        if self.cycle is not None and not self.cycle.response_complete and self.cycle.response_started:
            self._abort(status, words)
            return
        self._tell(status, words)
        body = json.dumps({"error": words}).encode()
        lines = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            "connection: close",
            *(("retry-after: 5",) if status == 503 else ()),
        )
        self.transport.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        self.transport.close()
        self._allow(self.limits.header_s)

    def _abort(self, status: int, words: str) -> None:
        self._tell(status, words)
        self.transport.abort()

    def _tell(self, status: int, words: str) -> None:
        self.refusals.tell(self.client[0] if self.client else "a connection", status, words)
