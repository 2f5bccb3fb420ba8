"""Runs the app's dispatcher in its own thread, with its own event loop.

It is not a Textual worker: the app cancels workers on exit without awaiting them, and in the app's event loop
a burst of deliveries would delay key presses.
"""

import asyncio
import logging
import threading
from collections.abc import Callable

from tui.delivery.dialling import Dialler
from tui.delivery.dispatcher import Dispatcher
from tui.delivery.sender import Sender
from tui.delivery.slots import Limits
from tui.domain.retry import RetryPolicy
from tui.store.engine.database import Store

log = logging.getLogger(__name__)


class BackgroundDispatcher:
    """A dispatcher in a thread. All methods may be called from any thread."""

    def __init__(
        self, store: Store, *, policy: RetryPolicy, limits: Limits, dialler: Dialler | None = None
    ) -> None:
        self._store = store
        self._policy = policy
        self._limits = limits
        self._dialler = dialler
        self._thread = threading.Thread(target=self._main, name="dispatcher", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._dispatcher: Dispatcher | None = None
        self._started = threading.Event()
        self._ended = threading.Event()
        self._crash: str | None = None

    def start(self) -> None:
        """Start the thread and return when its event loop runs, or when it failed to start."""
        self._thread.start()
        self._started.wait()

    @property
    def trouble(self) -> str | None:
        """Why it cannot deliver, as a sentence without a full stop; None while it works."""
        return self._crash or (self._dispatcher.trouble if self._dispatcher else None)

    @property
    def in_flight(self) -> int:
        return self._dispatcher.in_flight if self._dispatcher else 0

    def nudge(self) -> None:
        """Look for new deliveries now."""
        self._call(lambda dispatcher: dispatcher.nudge())

    def drain(self, grace_s: float) -> None:
        """Claim nothing more. Requests in flight have `grace_s` to end. Returns at once; `join` waits."""
        self._call(lambda dispatcher: dispatcher.drain(grace_s))

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until the thread has ended. Return False if it has not within `timeout_s`."""
        # Not Thread.join: after Ctrl-C during a join, Python 3.11 considers the thread ended (bpo-46726).
        return self._ended.wait(timeout_s)

    def _call(self, action: Callable[[Dispatcher], None]) -> None:
        loop, dispatcher = self._loop, self._dispatcher
        if loop is not None and dispatcher is not None and not loop.is_closed():
            try:
                loop.call_soon_threadsafe(action, dispatcher)
            except RuntimeError:
                return  # the loop was closed between the check and the call

    def _main(self) -> None:
        try:
            asyncio.run(self._run())
        except Exception as error:
            self._crash = f"the dispatcher stopped: {type(error).__name__}; restart Tocsin, see the log"
            log.exception("the dispatcher stopped")
        finally:
            self._started.set()
            self._ended.set()

    async def _run(self) -> None:
        async with Sender(self._dialler) as sender:
            self._dispatcher = Dispatcher(self._store, sender, policy=self._policy, limits=self._limits)
            self._loop = asyncio.get_running_loop()
            self._started.set()
            await self._dispatcher.run()
