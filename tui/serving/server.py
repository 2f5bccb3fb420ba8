"""Serves on a bound socket, in a thread or in the foreground."""

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

import uvicorn
from starlette.applications import Starlette

from tui.serving.connection import Connection, Limits
from tui.serving.refusals import Refusals

log = logging.getLogger(__name__)

_BACKLOG = 4096
"""Connections that the kernel queues while none are accepted. Linux caps it at net.core.somaxconn."""
_PATIENCE = 4
"""Grace periods before a new client is refused. By then, every client that can give way has had its own."""
_AT_ONCE = 64
"""Connections accepted before other events get their turn."""


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket. Port 0 chooses a free one. Raises OSError (EADDRINUSE for a port in use)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    # Accepted sockets inherit the option. asyncio sets it only on sockets with an explicit protocol. Without
    # it, the body of an answer waits about 40 ms for the client's delayed ACK of the headers.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class _Server(uvicorn.Server):
    def __init__(self, app: Starlette, limits: Limits, refusals: Refusals) -> None:
        # No logs: the terminal shows requests itself, or belongs to the app.
        quiet: dict[str, Any] = {"access_log": False, "log_config": None, "log_level": "critical"}
        # Do not reveal the server, and do not trust headers for the client's address.
        quiet |= {"server_header": False, "proxy_headers": False}
        made = partial(Connection, limits=limits, refusals=refusals, freed=self._accept_again)
        connection = cast("type[Connection]", made)
        super().__init__(
            uvicorn.Config(
                app,
                http=connection,
                ws="none",
                lifespan="off",
                timeout_keep_alive=0,  # `Connection` has its own timeouts
                timeout_graceful_shutdown=1,
                **quiet,
            )
        )
        self.ready = threading.Event()
        self._limits = limits
        self._listeners: list[socket.socket] = []
        self._accepts = False
        self._starting: set[asyncio.Task[Any]] = set()
        """Accepted connections that have no protocol yet."""
        self._freed_at = 0.0
        """When there was last room for a connection (`loop.time`)."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        # Not asyncio's `create_server`: it cannot stop accepting at a limit and leave the rest queued.
        await super().startup([])
        self._listeners = sockets or []
        for sock in self._listeners:
            sock.settimeout(0)
        self._accept_again()
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stop_accepting()
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        now = asyncio.get_running_loop().time()
        for connection in [*self._connections]:
            if connection.deadline <= now:
                connection.expire()
        self._accept_again()
        return await super().on_tick(counter)

    # --- accepting

    @property
    def _connections(self) -> set[Connection]:
        return cast("set[Connection]", self.server_state.connections)

    def _accept_again(self) -> None:
        if not self._accepts and not self.should_exit:
            self._accepts = True
            for sock in self._listeners:
                asyncio.get_running_loop().add_reader(sock, self._accept, sock)

    def _stop_accepting(self) -> None:
        self._accepts = False
        for sock in self._listeners:
            asyncio.get_running_loop().remove_reader(sock)

    def _accept(self, sock: socket.socket) -> None:
        """Accept connections from the kernel's queue up to the limit.

        At the limit, the slowest client that has not sent a complete request gives way. If there is none, new
        connections stay in the queue. If no connection ends within some grace periods, they are answered 503.
        """
        for _ in range(_AT_ONCE):
            slow = None
            if self._is_full():
                slow = self._slowest()
                if slow is None and not self._is_overdue():
                    self._stop_accepting()  # until a connection ends, or the next tick
                    return
            try:
                accepted, _ = sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # too many open files
                self._stop_accepting()
                return
            accepted.settimeout(0)
            if slow is not None:
                slow.give_way()
                self._freed_at = asyncio.get_running_loop().time()
            self._begin(accepted)

    def _is_full(self) -> bool:
        limit = self._limits.connections - len(self._starting)
        if len(self._connections) >= limit:
            return sum(not each.transport.is_closing() for each in self._connections) >= limit
        self._freed_at = asyncio.get_running_loop().time()
        return False

    def _slowest(self) -> Connection | None:
        longest_first = sorted(self._connections, key=lambda each: each.since)
        return next((each for each in longest_first if each.gives_way), None)

    def _is_overdue(self) -> bool:
        """Whether the server has been full for so long that new clients are refused instead of queued."""
        waited = asyncio.get_running_loop().time() - self._freed_at
        most = self._limits.connections + _AT_ONCE
        return (
            waited > _PATIENCE * self._limits.grace_s and len(self._connections) + len(self._starting) < most
        )

    def _begin(self, sock: socket.socket) -> None:
        loop, make = asyncio.get_running_loop(), cast("Any", self.config.http_protocol_class)

        def protocol() -> Connection:
            state = self.lifespan.state
            return make(config=self.config, server_state=self.server_state, app_state=state, _loop=loop)

        task = loop.create_task(loop.connect_accepted_socket(protocol, sock))
        self._starting.add(task)
        task.add_done_callback(self._begun)

    def _begun(self, task: asyncio.Task[Any]) -> None:
        self._starting.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.debug("a connection ended while it was accepted: %r", task.exception())

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # uvicorn would raise the signal again at the end, which would kill the process


class ServerThread:
    """Serves in its own thread, with its own event loop."""

    def __init__(
        self,
        sock: socket.socket,
        app: Starlette,
        name: str = "http",
        *,
        limits: Limits | None = None,
        refusals: Refusals | None = None,
    ) -> None:
        self.port: int = sock.getsockname()[1]
        self._sock = sock
        self._server = _Server(app, limits or Limits(), refusals or Refusals())
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread, and return when it accepts connections."""
        self._thread.start()
        self._server.ready.wait()

    def stop(self) -> None:
        """Stop the thread and wait for its end. A request in progress has one second."""
        self._server.should_exit = True
        self._thread.join()

    def __enter__(self) -> "ServerThread":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _main(self) -> None:
        try:
            self._server.run(sockets=[self._sock])
        finally:
            self._server.ready.set()


def serve(sock: socket.socket, app: Starlette, *, announce: Callable[[], None] = lambda: None) -> None:
    """Serve in the main thread until SIGINT or SIGTERM. A second SIGINT does not wait for requests.

    `announce` is called when both signals are handled, so that its reader may send one at once.
    """
    server = _Server(app, Limits(), Refusals())
    before = {number: signal.signal(number, server.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        announce()
        server.run(sockets=[sock])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
