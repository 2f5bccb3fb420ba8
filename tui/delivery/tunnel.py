"""Asks an HTTP proxy for a tunnel to a receiver (RFC 9110 section 9.3.6)."""

import asyncio
import re
import socket

from tui.delivery.failures import ProxyFailed, place
from tui.domain.proxy import Proxy

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})(?: ([^\r\n]*))?\r?\n")
_HEAD_LIMIT = 16 * 1024
_REASON_LIMIT = 100


async def open_tunnel(sock: socket.socket, proxy: Proxy, host: str, port: int) -> None:
    """Turn a connection to `proxy` into one to `host`. Raises ProxyFailed, with the reason, if it refuses."""
    loop = asyncio.get_running_loop()
    target = place(host, port)
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    head = b""
    try:
        await loop.sock_sendall(sock, "\r\n".join((*lines, "", "")).encode())
        while b"\r\n\r\n" not in head and len(head) <= _HEAD_LIMIT:
            if not (received := await loop.sock_recv(sock, _HEAD_LIMIT)):
                break
            head += received
    except OSError as error:
        raise ProxyFailed(f"the proxy {proxy} closed the connection") from error
    if not head:
        raise ProxyFailed(f"the proxy {proxy} closed the connection without answering")
    status = _STATUS.match(head)
    if status is not None and not status[1].startswith(b"2"):
        raise ProxyFailed(_refusal(proxy, target, int(status[1]), status[2] or b""))
    # Bytes after the headers cannot come from the receiver: we have sent it nothing yet.
    if status is None or not head.endswith(b"\r\n\r\n"):
        raise ProxyFailed(f"the proxy {proxy} did not answer like an HTTP proxy")


def _refusal(proxy: Proxy, target: str, status: int, reason: bytes) -> str:
    answered = f"{status} {reason.decode('latin-1')[:_REASON_LIMIT]}".rstrip()
    if status in (401, 407):  # 407 is correct; tinyproxy answers 401 to a wrong password
        verdict = "rejected the user or password" if proxy.authorization else "requires a user and password"
        return f"the proxy {proxy} {verdict}: {answered}"
    if status >= 500:
        return f"the proxy {proxy} could not connect to {target}: {answered}"
    return f"the proxy {proxy} refused to connect to {target}: {answered}"
