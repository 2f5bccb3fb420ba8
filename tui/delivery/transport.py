"""An HTTP/1.1 transport for webhooks with httpx's interface.

One request at a time on a connection; no cookies, no redirects, no request sent twice. See
docs/http-framing.md for what the pools of httpx and aiohttp cannot do and what they cost.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import cast

import httpx

from tui.delivery.connection import Answer, Connection
from tui.delivery.dialling import Dialler, Origin
from tui.domain.proxy import Proxy
from tui.domain.text import storable

# Node and others close an idle connection after five seconds. Stop earlier, so that no request is written
# into a connection that is being closed.
_KEEP_ALIVE_S = 4.0


class Transport(httpx.AsyncBaseTransport):
    """Sends requests, each on an idle connection or a new one. For one event loop.

    It does not limit connections, because the dispatcher limits requests in flight. It has no timeouts,
    because the sender sets one deadline. A request needs two extensions: `tls`, an SSL context or None,
    and `connected`, called with the remote address once a connection exists. Raises the exceptions of
    `failures`, and OSError.
    """

    def __init__(self, dialler: Dialler) -> None:
        self._dialler = dialler
        self._idle: dict[Origin, deque[Connection]] = {}
        self._sweep: asyncio.TimerHandle | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        tls: ssl.SSLContext | None = request.extensions["tls"]
        origin = Origin(url.raw_host.decode(), url.port or (443 if tls else 80), tls)
        connection = self._take_idle(origin)
        if connection is None:
            connection = await self._dialler.dial(origin, Connection)
            connection.set_proxy(self._dialler.proxy_of(origin), origin)
        cast("Callable[[str | None], None]", request.extensions["connected"])(connection.peer)
        try:
            answer = await connection.ask(_encode(request, connection.forwarder))
        except BaseException:
            # Discard unsent bytes: they must not reach the receiver after the attempt has ended.
            connection.abort()
            raise
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Body(answer, connection, self, origin),
            extensions={"reason_phrase": answer.reason},
        )

    def _take_idle(self, origin: Origin) -> Connection | None:
        idle = self._idle.get(origin)
        oldest = asyncio.get_running_loop().time() - _KEEP_ALIVE_S
        while idle:
            connection = idle.pop()  # the most recently used one, so that the others grow old and are closed
            if connection.is_open and connection.idle_since > oldest:
                return connection
            connection.abort()
        return None

    def give_back(self, connection: Connection, origin: Origin) -> None:
        """Keep a connection whose answer has ended for the next request to `origin`."""
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.setdefault(origin, deque()).append(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(_KEEP_ALIVE_S, self._close_old)

    def _close_old(self) -> None:
        loop = asyncio.get_running_loop()
        oldest = loop.time() - _KEEP_ALIVE_S
        for origin, idle in list(self._idle.items()):
            while idle and (idle[0].idle_since <= oldest or not idle[0].is_open):
                idle.popleft().abort()
            if not idle:
                del self._idle[origin]
        self._sweep = loop.call_later(_KEEP_ALIVE_S, self._close_old) if self._idle else None

    async def aclose(self) -> None:
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for idle in self._idle.values():
            for connection in idle:
                connection.abort()
        self._idle.clear()
        await asyncio.sleep(0)  # the loop closes the sockets in its next round


def _encode(request: httpx.Request, forwarder: Proxy | None) -> bytes:
    url, body = request.url, request.read()
    target = url.raw_path if forwarder is None else b"http://%b%b" % (url.netloc, url.raw_path)
    line = b"%b %b HTTP/1.1\r\n" % (request.method.encode(), target)
    head = [line, b"Host: %b\r\nContent-Length: %d\r\n" % (url.netloc, len(body))]
    head += [b"%b: %b\r\n" % header for header in request.headers.raw]
    if forwarder is not None and forwarder.authorization:
        head.append(b"Proxy-Authorization: %b\r\n" % forwarder.authorization.encode())
    return b"".join((*head, b"\r\n", body))


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: Answer, connection: Connection, transport: Transport, origin: Origin) -> None:
        self._answer = answer
        self._connection = connection
        self._transport = transport
        self._origin = origin

    async def __aiter__(self) -> AsyncIterator[bytes]:
        answer = self._answer
        while True:
            while answer.chunks:
                chunks, answer.chunks = answer.chunks, []
                for chunk in chunks:
                    yield chunk
            if answer.error is not None:
                raise answer.error
            if answer.complete:
                return
            await answer.more()

    async def aclose(self) -> None:
        if self._answer.complete and self._connection.release():
            self._transport.give_back(self._connection, self._origin)
        else:
            # Closed instead of drained: the rest may be endless.
            self._connection.abort()


def decode_header(raw: bytes) -> str:
    """Decode header text. The standard allows only ASCII, but receivers also send UTF-8 and Latin-1."""
    if raw.isascii() and 0 not in raw:
        return raw.decode()
    try:
        return storable(raw.decode())
    except UnicodeDecodeError:
        return storable(raw.decode("latin-1"))
