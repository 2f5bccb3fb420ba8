"""A connection to a receiver. It carries one request at a time; httptools parses the answer."""

import asyncio
import ssl
from http import HTTPStatus
from typing import cast

import httptools

from tui.delivery.dialling import Origin
from tui.delivery.failures import AnswerTooLong, BrokenOff, Disconnected, NotHttp, place
from tui.domain.proxy import Proxy

_ANSWER_LIMIT = 512 * 1024
"""Maximum bytes of an answer on the wire. The body is cut at a lower limit. This one bounds everything
else that may never end: headers, early answers, trailers, chunk extensions."""
_MOST_EARLY_ANSWERS = 100
_MOST_HEADERS = 2000


class Answer:
    """The part of an answer received so far."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.head: asyncio.Future[None] = loop.create_future()
        """Done when all headers of the final answer have arrived, or with the error that prevents it."""
        self.status = 0
        self.reason = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.chunks: list[bytes] = []
        self.complete = False
        self.error: Exception | None = None
        """Why the rest will not arrive; None if it may."""
        self.early = 0
        self._more: asyncio.Future[None] | None = None

    def fail(self, error: Exception) -> None:
        if self.complete or self.error is not None:
            return
        self.error = error
        if not self.head.done():
            self.head.set_exception(error)
        self.wake()

    def wake(self) -> None:
        """Resume `more`: a chunk or the end arrived."""
        if self._more is not None and not self._more.done():
            self._more.set_result(None)

    async def more(self) -> None:
        self._more = asyncio.get_running_loop().create_future()
        await self._more


class _Surplus(Exception):
    """The receiver sent more than one answer."""


class Connection(asyncio.Protocol):
    """A connection and its parser. After anything unusual it is not reused."""

    peer: str | None = None
    forwarder: Proxy | None = None
    """The proxy that forwards plain HTTP requests; None without a proxy or with a tunnel."""
    idle_since = 0.0

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        # An acknowledgement counts even if its framing is sloppy. The usual danger of leniency is response
        # smuggling. It is harmless here: a connection with surplus bytes after an answer is not reused.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._answer: Answer | None = None
        self._received = 0
        self._ended_by_close = False
        self._reusable = True

    def set_proxy(self, proxy: Proxy | None, origin: Origin) -> None:
        if proxy is not None:
            self.peer = f"through proxy {proxy}"
            self.forwarder = None if origin.tls else proxy

    async def ask(self, request: bytes) -> Answer:
        """Send a request and return its answer once all headers have arrived."""
        if self._transport is None:
            raise Disconnected  # the connection was lost right after it was opened
        answer = self._answer = Answer(asyncio.get_running_loop())
        self._received = 0
        self._transport.write(request)
        await answer.head
        return answer

    def release(self) -> bool:
        """Finish with the answer. Return whether the connection can take another request."""
        self._answer = None
        unsent = self._transport is None or self._transport.get_write_buffer_size()
        return self.is_open and not unsent

    @property
    def is_open(self) -> bool:
        return self._reusable and self._transport is not None and not self._transport.is_closing()

    def abort(self) -> None:
        """Close the connection and discard unsent bytes."""
        self._reusable = False
        if self._transport is not None:
            self._transport.abort()

    # --- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        if peer:  # missing if the receiver already disconnected
            self.peer = place(peer[0], peer[1])

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        if answer is None:  # unsolicited
            self.abort()
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._reusable = False
        except httptools.HttpParserCallbackError as error:
            self._reusable = False
            if isinstance(error.__context__, AnswerTooLong):
                answer.fail(error.__context__)
        except httptools.HttpParserError as error:
            self._reusable = False
            answer.fail(NotHttp(str(error)))
        if self._received > _ANSWER_LIMIT:
            answer.fail(AnswerTooLong())
        if answer.error is not None:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        answer = self._answer
        if answer is None or answer.complete:
            return
        if answer.status and self._ended_by_close and exc is None:
            answer.complete = True
            answer.wake()
        else:
            # With TLS 1.3, a receiver rejects our certificate only after the handshake is complete for us.
            without_answer = exc if isinstance(exc, ssl.SSLError) else Disconnected()
            answer.fail(BrokenOff() if answer.status else without_answer)

    # --- what the parser calls

    @property
    def _awaited(self) -> Answer:
        answer = self._answer
        if answer is None or answer.complete:
            raise _Surplus
        return answer

    def on_message_begin(self) -> None:
        answer = self._awaited
        answer.reason, answer.headers = b"", []
        self._ended_by_close = True

    def on_status(self, reason: bytes) -> None:
        self._awaited.reason += reason  # called again if the line arrives in pieces

    def on_header(self, name: bytes, value: bytes) -> None:
        answer = self._awaited
        if answer.status:
            return  # a trailer
        answer.headers.append((name, value))
        if len(answer.headers) > _MOST_HEADERS:
            raise AnswerTooLong
        folded = name.lower()
        # RFC 9112 section 6.3
        if folded == b"content-length" or (folded == b"transfer-encoding" and b"chunked" in value.lower()):
            self._ended_by_close = False

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200 or status == HTTPStatus.SWITCHING_PROTOCOLS:
            answer = self._awaited
            answer.status = status
            answer.head.set_result(None)

    def on_body(self, data: bytes) -> None:
        answer = self._awaited
        answer.chunks.append(data)
        answer.wake()

    def on_message_complete(self) -> None:
        answer = self._awaited
        if answer.status:
            self._reusable = self._parser.should_keep_alive()
            answer.complete = True
            answer.wake()
            return
        answer.early += 1
        if answer.early > _MOST_EARLY_ANSWERS:
            raise AnswerTooLong
