"""Resolves names so that one stalled lookup does not delay others."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from ipaddress import ip_address

from tui.domain.network import Address

Resolve = Callable[[str], Awaitable[Sequence[Address]]]
"""Return the addresses of a name, the best first. Raises OSError if it has none."""


async def look_up(host: str) -> Sequence[Address]:
    """Resolve `host` with the system resolver. Raises OSError if it has no address.

    Each lookup has its own daemon thread: stalled lookups, which cannot be cancelled, would fill a pool and
    delay the program's exit.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[Sequence[Address]] = loop.create_future()

    def work() -> None:
        try:
            addresses = _ask(host)
        except Exception as error:
            _conclude(loop, found, found.set_exception, error)
        else:
            _conclude(loop, found, found.set_result, addresses)

    threading.Thread(target=work, name=f"lookup of {host}", daemon=True).start()
    return await found


def _conclude(
    loop: asyncio.AbstractEventLoop,
    found: "asyncio.Future[Sequence[Address]]",
    conclude: Callable[..., None],
    what: Sequence[Address] | Exception,
) -> None:
    def conclude_once() -> None:
        if not found.done():  # false if the waiter was cancelled
            conclude(what)

    with suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(conclude_once)


def _ask(host: str) -> Sequence[Address]:
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise socket.gaierror(socket.EAI_NONAME, "not a name") from None
    return tuple(dict.fromkeys(_address(*answer[4]) for answer in answers))


def _address(host: object, _port: object, _flow: object = 0, zone: object = 0) -> Address:
    return ip_address(f"{host}%{zone}" if zone else str(host))
