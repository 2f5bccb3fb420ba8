"""A server on a socket that is bound already, in a thread or in the foreground."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import uvicorn
from starlette.applications import Starlette

from tui.serving.connection import Connection, Limits
from tui.serving.refusals import Refusals

_BACKLOG = 256
"""Connections taken at a time, before those that have to give way have ended."""


def bind(host: str, port: int) -> socket.socket:
    """A listening socket, port 0 for any that is free. Raises OSError, EADDRINUSE for a port in use."""
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


class _Server(uvicorn.Server):
    def __init__(self, app: Starlette, limits: Limits, refusals: Refusals) -> None:
        # Silent: the terminal shows requests, or belongs to the app. One second to end at the end.
        quiet: dict[str, Any] = {"access_log": False, "log_config": None, "log_level": "critical"}
        # Nobody need know what serves; and who sent is who connected, whatever a header says.
        quiet |= {"server_header": False, "proxy_headers": False}
        connection = cast("type[Connection]", partial(Connection, limits=limits, refusals=refusals))
        super().__init__(
            uvicorn.Config(
                app,
                http=connection,
                ws="none",
                lifespan="off",
                backlog=_BACKLOG,
                timeout_keep_alive=0,  # a connection keeps its own time
                timeout_graceful_shutdown=1,
                **quiet,
            )
        )
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def on_tick(self, counter: int) -> bool:
        now = asyncio.get_running_loop().time()
        for connection in [*cast("set[Connection]", self.server_state.connections)]:
            if connection.deadline <= now:
                connection.expire()
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # uvicorn would raise the signal again once it has ended, and so kill the process


class ServerThread:
    """Answers in a thread of its own, with its own event loop."""

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
        """Returns when requests are answered."""
        self._thread.start()
        self._server.ready.wait()

    def stop(self) -> None:
        """Returns when the thread has ended; a request under way has a second to."""
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


def serve(sock: socket.socket, app: Starlette) -> None:
    """Answer until SIGINT or SIGTERM, in the main thread; a second SIGINT does not wait for requests."""
    server = _Server(app, Limits(), Refusals())
    before = {number: signal.signal(number, server.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.run(sockets=[sock])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
