"""Told to stop by a signal, a command ends what is under way and then itself."""

import signal
from queue import Empty, SimpleQueue
from types import FrameType


class Stopping:
    """Set once, also from a signal handler.

    Not a `threading.Event`: a signal that comes while that is being waited for finds its lock taken by
    the very thread it interrupted, and waits for it for ever. `SimpleQueue.put` may be interrupted by
    itself.
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
        """So long, or until it is set. For one thread."""
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
