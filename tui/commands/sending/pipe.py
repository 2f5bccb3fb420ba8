"""Standard input as an endless stream that can be stopped without losing what was read."""

import array
import fcntl
import os
import select
import termios

from tui.commands.stopping import Stopping

_LOOK_S = 0.25
"""How often an idle pipe checks for the stop signal, in seconds."""


class Pipe:
    """A readable pipe that ends at end of input or, once `stopping` is set, after what it holds by then.

    It keeps no buffer: unread data stays in the pipe and fills it, so that the writer has to wait while
    we cannot keep up.
    """

    def __init__(self, descriptor: int, stopping: Stopping) -> None:
        self._descriptor = descriptor
        self.stopping = stopping
        self._left: int | None = None
        """Bytes still to be read after the stop signal; None before it."""

    def read1(self, size: int, /) -> bytes:
        while not self.stopping.is_set():
            if self._is_ready(_LOOK_S):
                return os.read(self._descriptor, size)
        if self._left is None:
            # Ctrl-C ended the writer too: what it wrote exists only in the pipe.
            self._left = self._unread()
        if not self._left:
            return b""
        read = os.read(self._descriptor, min(size, self._left))
        self._left -= len(read)
        return read

    def goes_on(self) -> bool:
        """Return whether more may come: a writer is left and no stop was requested."""
        ended = self._is_ready(0) and not self._unread()
        return not (ended or self.stopping.is_set())

    def _is_ready(self, within_s: float) -> bool:
        return bool(select.select([self._descriptor], [], [], within_s)[0])

    def _unread(self) -> int:
        waiting = array.array("i", [0])
        try:
            fcntl.ioctl(self._descriptor, termios.FIONREAD, waiting)
        except OSError:
            return 0
        return waiting[0]
