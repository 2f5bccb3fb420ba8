"""Receivers on real sockets that follow a script byte by byte."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Peer:
    """The client's connection as a script sees it."""

    receiver: "Receiver"
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def request(self) -> bytes:
        """Return the next complete request."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        fields = (line.partition(b":") for line in head.lower().split(b"\r\n"))
        length = next(int(value) for name, _, value in fields if name == b"content-length")
        whole = head + await self.reader.readexactly(length)
        self.receiver.requests.append(whole)
        return whole

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """End the connection with an RST."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


@dataclass
class Receiver:
    """A TCP server that runs its script on every connection and then closes it."""

    script: Script
    scheme: str = "http"
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    """Every request that came in whole."""
    connections: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(asyncio.create_task(self._play(reader, writer)))

    async def _play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self.script(Peer(self, reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away, as clients do
        finally:
            writer.close()


Receive = Callable[..., Awaitable[Receiver]]


@asynccontextmanager
async def open_receivers() -> AsyncIterator[Receive]:
    """Start receivers that run a script or give one answer. Raise their errors at the end."""
    running: list[tuple[asyncio.Server, Receiver]] = []

    async def start(
        script: Script | bytes, tls: ssl.SSLContext | None = None, *, host: str = "127.0.0.1", port: int = 0
    ) -> Receiver:
        script = answering(script) if isinstance(script, bytes) else script
        receiver = Receiver(script, scheme="https" if tls else "http")
        server = await asyncio.start_server(receiver.accept, host, port, ssl=tls)
        receiver.port = server.sockets[0].getsockname()[1]
        running.append((server, receiver))
        return receiver

    yield start
    for server, receiver in running:
        server.close()
        for connection in receiver.connections:
            connection.cancel()
        for end in await asyncio.gather(*receiver.connections, return_exceptions=True):
            if isinstance(end, Exception):
                raise end


def response(body: bytes = b"", *headers: str, status: str = "200 OK") -> bytes:
    """Return the bytes of an answer."""
    head = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", "")
    return "\r\n".join(head).encode() + body


def answering(*answers: bytes) -> Script:
    """Answer the requests of a connection in turn, then close it."""

    async def script(peer: Peer) -> None:
        for raw in answers:
            await peer.request()
            await peer.send(raw)

    return script


def pouring(start: bytes, rest: bytes) -> Script:
    """Send `start`, then repeat `rest` while the client reads."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(start)
        while True:
            await peer.send(rest)

    return script


async def keep_answering(peer: Peer) -> None:
    """Acknowledge every request and keep the connection open."""
    while True:
        await peer.request()
        await peer.send(response(b"success"))


async def hang(peer: Peer) -> None:
    """Read the request and never answer."""
    await peer.request()
    await peer.reader.read()
