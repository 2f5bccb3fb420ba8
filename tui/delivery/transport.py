"""The HTTP transport: httpx's interface over aiohttp's connections, set up for webhooks.

The subclasses here reach into aiohttp where it has no other handle; each says what for, and a test
of the sender goes red without it.
"""

import asyncio
from contextvars import ContextVar
from functools import partial
from typing import Any

import aiohttp
import httpx
from aiohttp.client_proto import ResponseHandler
from httpx_aiohttp import AiohttpTransport

from tui.domain.attempt import BODY_LIMIT
from tui.domain.text import storable

# Shorter than the five seconds after which Node and others close an idle connection, so that a
# request is not written into one that is just being closed.
_KEEP_ALIVE_S = 4.0
_MOST_HEADERS = 2000

PEER: ContextVar[str | None] = ContextVar("peer", default=None)
"""Who answered the request that this task sent last."""


def open_transport() -> AiohttpTransport:
    """No cookies, no proxy from the environment, as many connections as are asked for."""
    tls = httpx.create_ssl_context(trust_env=True)
    return AiohttpTransport(verify=tls, client=partial(_open_session, tls))


def _open_session(tls: Any) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        # No limit: the dispatcher bounds what is in flight.
        connector=_Connector(limit=0, keepalive_timeout=_KEEP_ALIVE_S, ssl=tls),
        cookie_jar=aiohttp.DummyCookieJar(),
        response_class=_Response,
        max_line_size=BODY_LIMIT,
        max_field_size=BODY_LIMIT,
        max_headers=_MOST_HEADERS,
    )


class _Connection(ResponseHandler):
    def data_received(self, data: bytes) -> None:
        # A head goes in alone: what comes in one packet with it and does not belong there (a 204
        # with a body, a Content-Length too small) is an error that would take it along.
        head, end, rest = data.partition(b"\r\n\r\n")
        super().data_received(head + end)
        if rest:
            super().data_received(rest)

    def close(self) -> None:
        # What the receiver has not taken by now is not to reach it after the attempt has ended.
        if self.transport is not None and self.transport.get_write_buffer_size():
            self.abort()
        super().close()


class _Connector(aiohttp.TCPConnector):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # pyright: ignore[reportUnknownMemberType]
        self._factory = partial(_Connection, loop=self._loop)


class _Response(aiohttp.ClientResponse):
    """Notes who answered while the connection is still known."""

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        transport: asyncio.Transport | None = connection.transport
        peer = transport.get_extra_info("peername") if transport else None
        if peer:
            host = f"[{peer[0]}]" if ":" in peer[0] else peer[0]
            PEER.set(f"{host}:{peer[1]}")
        await super().start(connection)
        # The transport of httpx fails on a reason phrase that is not UTF-8.
        self.reason = decode_header((self.reason or "").encode(errors="surrogateescape"))
        return self


def decode_header(raw: bytes) -> str:
    """Header text is ASCII by the book; UTF-8 and Latin-1 are met and read as well."""
    try:
        return storable(raw.decode())
    except UnicodeDecodeError:
        return raw.decode("latin-1")
