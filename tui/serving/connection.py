"""A connection to one of Tocsin's servers, with limits for size and time.

uvicorn does not limit headers, and waits for headers and bodies without a timeout. At its connection limit,
slow clients lock out all others.
"""

import asyncio
import json
import select
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tui.serving.refusals import Refusals


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for a client."""

    connections: int = 500
    """Well below the usual limit of 1,024 open files, because a dispatcher in the process needs files too."""
    header_bytes: int = 32 * 1024
    """For the request line and all headers; also for the framing around the parts of a body."""
    drain_bytes: int = 17 * 1024 * 1024
    """How much to read of a body that was answered early, so that the client gets the answer, not a reset.

    More than the largest body that is accepted: its sender must see that it should try again.
    """
    pipelined: int = 32
    """Requests on one connection that wait for the answer to an earlier one."""
    header_s: float = 10.0
    body_s: float = 30.0
    idle_s: float = 60.0
    """Between two requests. A client must also start to read an answer within this time."""
    grace_s: float = 0.25
    """At the connection limit, a client may take this long to send a request before it gives way."""


_TOO_LONG = "the headers are too long"


class Connection(HttpToolsProtocol):
    """uvicorn's connection, with limits. The server checks `deadline` several times per second."""

    limits: Limits
    refusals: Refusals

    def __init__(
        self, *args: Any, limits: Limits, refusals: Refusals, freed: Callable[[], None], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.limits, self.refusals, self.freed = limits, refusals, freed
        self.deadline = 0.0
        self.since = 0.0
        self._header_bytes = 0
        self._in_head = False
        self._unanswered = 0
        """Requests with complete headers whose answer is not complete."""
        self._last_answer: tuple[int, str] | None = None
        """The refusal to send before closing, once the earlier requests are answered."""
        self._unused_bytes = 0
        """Bytes received since the parser last produced something from them."""
        self._refusal = (400, "this is not HTTP/1.1")
        """The answer to send when the parser stops."""

    @property
    def at_rest(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def owed(self) -> bool:
        """Whether a complete request has no answer yet. Only such connections are never cut off."""
        return self._unanswered > self._is_incomplete

    @property
    def gives_way(self) -> bool:
        """Whether a new connection may take its place: it had time to send a request but did not."""
        if self.owed or self._last_answer or self.transport.is_closing():
            return False
        return self.loop.time() - self.since >= self.limits.grace_s and not self._has_unread

    @property
    def _has_unread(self) -> bool:
        """Whether unread bytes wait in the socket. Then the server is slow, not the client."""
        sock = self.transport.get_extra_info("socket")
        poll = select.poll()
        poll.register(sock.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    @property
    def _is_incomplete(self) -> bool:
        """Whether the body of the newest request is incomplete."""
        return not self.at_rest and self.cycle.more_body

    @property
    def _draining(self) -> bool:
        """Whether the client is still sending a body that was answered early."""
        return self.cycle is not None and self.cycle.response_complete and self.cycle.more_body

    # --- requests

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._allow(self.limits.header_s)
        if len(self.connections) > self.limits.connections:
            self._end(503, "too many requests are being answered")

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.freed()

    def data_received(self, data: bytes) -> None:
        if self._last_answer is not None:
            return
        self._unused_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing() or self._last_answer is not None:
            return
        if self._draining:
            if self._unused_bytes > self.limits.drain_bytes:
                self._abort(413, "the client keeps sending a body that was already answered")
        elif self._unused_bytes > self.limits.header_bytes:
            self._end(431, _TOO_LONG)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_bytes = 0
        self._in_head = True
        if self.cycle is not None:
            self._allow(self.limits.header_s)

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        if self._in_head:  # otherwise a trailer, which is not a header (RFC 9110 section 6.5.1)
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._unused_bytes = 0
        self._in_head = False
        if len(self.pipeline) >= self.limits.pipelined:
            self._stop(429, "too many requests before the first is answered")
        super().on_headers_complete()
        self._unanswered += 1
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
        """Send the refusal. uvicorn calls this when the parser stops."""
        self._end(*self._refusal)

    # --- answers

    def on_response_complete(self) -> None:
        self._unanswered -= 1
        super().on_response_complete()
        self._unset_keepalive_if_required()
        if self._last_answer is not None:
            if not self._unanswered and not self.transport.is_closing():
                self._answer_and_close(*self._last_answer)
            return
        if self.at_rest and not self._draining:
            self._allow(self.limits.idle_s)

    # --- closing

    def expire(self) -> None:
        """Handle a deadline that has passed."""
        if self.transport.is_closing() or self.flow.write_paused:
            self._abort(408, "the client did not read the answer")
        elif self.owed or self._last_answer is not None:
            pass  # the server owes the answer, however long it takes
        elif not self.at_rest:
            self._end(408, f"the request did not end within {self.limits.body_s:g} s")
        elif self._unused_bytes and not self._draining:
            self._end(408, f"the headers did not end within {self.limits.header_s:g} s")
        else:
            self.transport.close()

    def give_way(self) -> None:
        """Close this connection in favor of a new one. Called only if `gives_way`."""
        if self.cycle is not None and self.at_rest and not self._unused_bytes:
            self.transport.close()  # idle between two requests: nothing is lost
        else:
            self._end(503, "the request was slow, and a new connection took its place")

    def _allow(self, seconds: float) -> None:
        self.since = self.loop.time()
        self.deadline = self.since + seconds

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > self.limits.header_bytes:
            self._stop(431, _TOO_LONG)

    def _stop(self, status: int, words: str) -> None:
        """Stop the parser, which then calls `send_400_response`."""
        self._refusal = (status, words)
        raise ValueError

    def _end(self, status: int, words: str) -> None:
        """Refuse the newest request, after the answers to earlier ones, and close.

        The client matches answers to requests by their order, so a refusal waits for the answers before it.
        """
        if self._draining:
            self._tell(status, words)
            self.transport.close()
        elif self.owed:
            if self._is_incomplete:
                self.pipeline.popleft()  # its body will not arrive
                self._unanswered -= 1
            self._last_answer = (status, words)
        elif not self.at_rest and self.cycle.response_started:
            self._abort(status, words)
        else:
            self._answer_and_close(status, words)

    def _answer_and_close(self, status: int, words: str) -> None:
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
