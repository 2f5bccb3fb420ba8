"""Lets a command finish its current work after a signal, and then exit."""

import signal
from queue import Empty, SimpleQueue
from types import FrameType


class Stopping:
    """A flag that a signal handler can set.

    Not a `threading.Event`: a handler that interrupts `Event.wait` would wait forever for a lock that its own
    thread holds. `SimpleQueue.put` is reentrant.
    """

    def __init__(self) -> None:
        self.signal = signal.SIGINT
        """The signal that set it."""
        self._set = False
        self._waker: SimpleQueue[None] = SimpleQueue()

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        self._waker.put(None)

    def wait(self, seconds: float) -> None:
        """Wait for `seconds` or until the flag is set. Only one thread may wait."""
        if self._set:
            return
        try:
            self._waker.get(timeout=seconds)
        except Empty:
            return


def stop_on_signals(stopping: Stopping | None = None) -> Stopping:
    """Set `stopping` on the first SIGTERM or SIGINT. A second one raises KeyboardInterrupt.

    Also if the parent ignores SIGINT, as a shell does for a background job.
    """
    stopping = stopping or Stopping()

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        if stopping.is_set():
            raise KeyboardInterrupt
        stopping.signal = signal.Signals(number)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return stopping
