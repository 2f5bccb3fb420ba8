"""Opens connections to addresses that the network policy allows, or through a proxy.

A name is resolved once per connection. The policy checks every address, and the connection goes to one
that passed. There is no second lookup, which could return another address (DNS rebinding).
"""

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple, TypeVar

from tui.delivery.failures import Blocked, ProxyFailed, describe
from tui.delivery.lookup import Resolve, look_up
from tui.delivery.tunnel import open_tunnel
from tui.domain.network import Address, NetworkPolicy, is_localhost, literal
from tui.domain.proxy import Proxies, Proxy

Protocol = TypeVar("Protocol", bound=asyncio.Protocol)

# Longer than any deadline: the sender's deadline ends a handshake. asyncio's default is shorter than some.
_HANDSHAKE_S = 600.0
_STAGGER_S = 0.25
"""The delay before the next address is tried in parallel (RFC 8305 section 5)."""
_LOOPBACK = (IPv4Address("127.0.0.1"), IPv6Address("::1"))


class Origin(NamedTuple):
    """Where a connection goes, and how. Only requests to the same origin may share a connection."""

    host: str
    """A name, or an address without brackets."""
    port: int
    tls: ssl.SSLContext | None
    """Part of the key, so that a connection is never shared between different TLS settings."""


class Dialler:
    """Connects to origins, in one event loop."""

    def __init__(
        self,
        policy: NetworkPolicy | None = None,
        proxies: Proxies | None = None,
        *,
        resolve: Resolve = look_up,
    ) -> None:
        self._policy = policy or NetworkPolicy()
        self.proxies = proxies or Proxies()
        self._resolve = resolve
        self._lookups: dict[str, asyncio.Future[Sequence[Address]]] = {}

    def proxy_of(self, origin: Origin) -> Proxy | None:
        return self.proxies.of("https" if origin.tls else "http", origin.host, origin.port)

    async def dial(self, origin: Origin, protocol: Callable[[], Protocol]) -> Protocol:
        """Return a connected `protocol`, after the TLS handshake.

        Raises Blocked, ProxyFailed, or OSError with ssl.SSLError among them.
        """
        loop = asyncio.get_running_loop()
        proxy = self.proxy_of(origin)
        sock = await (self._connect(origin) if proxy is None else self._connect_through(proxy, origin))
        try:
            _, connected = await loop.create_connection(
                protocol,
                sock=sock,
                ssl=origin.tls,
                server_hostname=origin.host if origin.tls else None,
                ssl_handshake_timeout=_HANDSHAKE_S if origin.tls else None,
            )
        except BaseException:
            sock.close()
            raise
        return connected

    async def _connect(self, origin: Origin) -> socket.socket:
        """Connect to one of the allowed addresses. Raises Blocked if none is allowed."""
        addresses = await self._addresses(origin.host)
        refusals = [self._policy.judge(address, origin.host) for address in addresses]
        vetted = [address for address, refusal in zip(addresses, refusals, strict=True) if refusal is None]
        if refusals and not vetted:
            raise Blocked(refusals[0])
        return await connect_to_first(vetted, origin.port)

    async def _connect_through(self, proxy: Proxy, origin: Origin) -> socket.socket:
        """Connect to the proxy. The policy does not apply to its address: the operator configured it."""
        refusal = self._policy.judge_unresolved(origin.host)
        if refusal is not None:
            raise Blocked(refusal)
        try:
            sock = await connect_to_first(await self._addresses(proxy.host), proxy.port)
        except OSError as error:
            why = describe(error, host=proxy.host, port=proxy.port)
            raise ProxyFailed(f"cannot reach the proxy: {why}") from error
        if origin.tls:
            try:
                await open_tunnel(sock, proxy, origin.host, origin.port)
            except BaseException:
                sock.close()
                raise
        return sock

    async def _addresses(self, host: str) -> Sequence[Address]:
        address = literal(host)
        if address is not None:
            return (address,)
        if is_localhost(host):  # RFC 6761 section 6.3: without a lookup
            return _LOOPBACK
        lookup = self._lookups.get(host)
        if lookup is None:
            lookup = self._lookups[host] = asyncio.ensure_future(self._resolve(host))
            lookup.add_done_callback(lambda _: self._lookups.pop(host))
        return await asyncio.shield(lookup)  # other requests may await the same lookup


async def connect_to_first(addresses: Sequence[Address], port: int) -> socket.socket:
    """Connect to the first address that answers, starting the next attempt while one is still silent."""
    if len(addresses) == 1:
        return await _connect_to(addresses[0], port)
    loop = asyncio.get_running_loop()
    untried = deque(addresses)
    attempts: set[asyncio.Task[socket.socket]] = set()
    errors: list[BaseException] = []
    try:
        while untried or attempts:
            if untried:
                attempts.add(loop.create_task(_connect_to(untried.popleft(), port)))
            ended, attempts = await asyncio.wait(
                attempts, timeout=_STAGGER_S if untried else None, return_when=asyncio.FIRST_COMPLETED
            )
            errors += [error for attempt in ended if (error := attempt.exception()) is not None]
            connected = [attempt.result() for attempt in ended if attempt.exception() is None]
            for late in connected[1:]:
                late.close()
            if connected:
                return connected[0]
    finally:
        for attempt in attempts:
            attempt.add_done_callback(_discard)  # it may have connected just before the cancellation
            attempt.cancel()
    refused = (error for error in errors if isinstance(error, ConnectionRefusedError))
    raise next(refused, errors[0] if errors else socket.gaierror(socket.EAI_NONAME, "it has no address"))


def _discard(attempt: asyncio.Task[socket.socket]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


async def _connect_to(address: Address, port: int) -> socket.socket:
    to: tuple[str, int] | tuple[str, int, int, int] = (str(address), port)
    if isinstance(address, IPv6Address):
        zone = address.scope_id or ""
        to = (str(address).partition("%")[0], port, 0, int(zone) if zone.isdigit() else 0)
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    # IPPROTO_TCP, because asyncio sets TCP_NODELAY only on a socket whose protocol is not 0.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.settimeout(0)
        await asyncio.get_running_loop().sock_connect(sock, to)
    except BaseException:
        sock.close()
        raise
    return sock
