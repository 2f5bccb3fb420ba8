"""Standard input as a stream that may have no end: it can be told to stop without losing what was read."""

import array
import fcntl
import os
import select
import termios

from tui.commands.stopping import Stopping

_LOOK_S = 0.25
"""How soon it is noticed that it is to stop, where nothing comes."""


class Pipe:
    """Reading ends at the input's end or, once `stopping` is set, behind what has been written to it by then.

    No buffer of its own: what it has not returned is still in the pipe, and fills it, so that whoever
    writes has to wait while we cannot keep up.
    """

    def __init__(self, descriptor: int, stopping: Stopping) -> None:
        self._descriptor = descriptor
        self.stopping = stopping
        self._left: int | None = None
        """Once it is to stop: what is still to be read."""

    def read1(self, size: int, /) -> bytes:
        while not self.stopping.is_set():
            if self._is_ready(_LOOK_S):
                return os.read(self._descriptor, size)
        if self._left is None:
            # Ctrl-C has ended the writer, too: what it wrote is nowhere but here.
            self._left = self._waiting()
        if not self._left:
            return b""
        read = os.read(self._descriptor, min(size, self._left))
        self._left -= len(read)
        return read

    def goes_on(self) -> bool:
        """Whether somebody may still write to it, and nobody has told us to stop."""
        ended = self._is_ready(0) and not self._waiting()
        return not (ended or self.stopping.is_set())

    def _is_ready(self, within_s: float) -> bool:
        return bool(select.select([self._descriptor], [], [], within_s)[0])

    def _waiting(self) -> int:
        waiting = array.array("i", [0])
        try:
            fcntl.ioctl(self._descriptor, termios.FIONREAD, waiting)
        except OSError:
            return 0
        return waiting[0]
