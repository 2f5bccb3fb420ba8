"""The HTTP transport: httpx's interface over aiohttp's connections, set up for webhooks.

The subclasses here reach into aiohttp where it has no other handle; each says what for, and a test
of the sender goes red without it.
"""

import ssl
from collections.abc import AsyncIterator
from contextvars import ContextVar
from functools import partial
from typing import Any

import aiohttp
import httpx
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from tui.delivery.failures import AnswerTooLong, BadCertificate, place
from tui.domain.attempt import BODY_LIMIT
from tui.domain.text import storable

# Shorter than the five seconds after which Node and others close an idle connection, so that a
# request is not written into one that is just being closed.
_KEEP_ALIVE_S = 4.0
_MOST_HEADERS = 2000
_MOST_QUEUED = 100
_SLICE = 8 * 1024
_ANSWER_LIMIT = 512 * 1024
"""Bytes that an answer may take on the wire. Its body is cut long before; this ends what else can go on
for ever, some of it piling up in memory: headers, early answers, trailers, chunk extensions."""

PEER: ContextVar[str | None] = ContextVar("peer", default=None)
"""Who the request that this task sends goes to; None as long as there is no connection."""


class Transport(httpx.AsyncBaseTransport):
    """No cookies, no redirects, no proxy from the environment, as many connections as are asked for.

    The errors it raises are those of aiohttp and of the sockets below, which `failures` tells apart.
    """

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            # No limit: the dispatcher bounds what is in flight. No timeouts: the sender's deadline is one.
            connector=_Connector(
                limit=0,
                keepalive_timeout=_KEEP_ALIVE_S,
                ssl=_tls(),
            ),
            timeout=aiohttp.ClientTimeout(total=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            max_line_size=BODY_LIMIT,
            max_field_size=BODY_LIMIT,
            max_headers=_MOST_HEADERS,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._session.request(
            request.method,
            str(request.url),
            headers=[(name.decode(), value.decode()) for name, value in request.headers.raw],
            data=request.read(),
            allow_redirects=False,
        )
        return httpx.Response(
            response.status,
            headers=response.raw_headers,
            stream=_Body(response),
            extensions={"reason_phrase": (response.reason or "").encode(errors="surrogateescape")},
        )

    async def aclose(self) -> None:
        await self._session.close()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._response.content.iter_any()

    async def aclose(self) -> None:
        await self._response.__aexit__(None, None, None)


def _tls() -> ssl.SSLContext:
    tls = httpx.create_ssl_context(trust_env=True)
    tls.sslobject_class = _Handshake
    return tls


class _Handshake(ssl.SSLObject):
    """Keeps the certificate that was not accepted: what is wrong with it cannot be said without it."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
            return
        except ssl.SSLCertVerificationError as error:
            refused = error
        # Private until Python 3.13; where it is missing, less can be said.
        handshake: Any = getattr(self, "_sslobj", None)
        chain = handshake.get_unverified_chain() if hasattr(handshake, "get_unverified_chain") else None
        raise BadCertificate(refused, chain[0].get_info() if chain else {})


class _Connection(ResponseHandler):
    peer: str | None = None
    _received = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        if peer:  # none of a receiver that has gone again already
            self.peer = place(peer[0], peer[1])

    def set_response_params(self, **params: Any) -> None:
        self._received = 0  # a new request begins
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        # A head goes in alone: what comes in one packet with it and does not belong there (a 204
        # with a body, a Content-Length too small) is an error that would take it along.
        head, end, rest = data.partition(b"\r\n\r\n")
        super().data_received(head + end)
        # The rest in slices: thousands of tiny answers in one packet would hold everything up.
        for start in range(0, len(rest), _SLICE):
            if self._exception is not None or len(self._buffer) > _MOST_QUEUED:
                break
            super().data_received(rest[start : start + _SLICE])
        self._received += len(data)
        if self._received > _ANSWER_LIMIT or len(self._buffer) > _MOST_QUEUED:
            self._give_up(AnswerTooLong())

    def _give_up(self, error: Exception) -> None:
        payload = self._payload
        self.set_exception(error)
        if payload is not None:
            payload.set_exception(error)
        if self.transport is not None:
            self.transport.abort()

    def close(self) -> None:
        # What the receiver has not taken by now is not to reach it after the attempt has ended.
        if self.transport is not None and self.transport.get_write_buffer_size():
            self.abort()
        super().close()


class _Connector(aiohttp.TCPConnector):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # pyright: ignore[reportUnknownMemberType]
        self._factory = partial(_Connection, loop=self._loop)

    async def connect(self, *args: Any, **options: Any) -> Connection:
        connection = await super().connect(*args, **options)
        if isinstance(connection.protocol, _Connection):
            PEER.set(connection.protocol.peer)
        return connection


def decode_header(raw: bytes) -> str:
    """Header text is ASCII by the book; UTF-8 and Latin-1 are met and read as well."""
    if raw.isascii() and 0 not in raw:
        return raw.decode()
    try:
        return storable(raw.decode())
    except UnicodeDecodeError:
        return raw.decode("latin-1")
