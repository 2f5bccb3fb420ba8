"""What `tocsin send` reads: a file, which a signal stops between two reads, or a pipe."""

import io
import os
import signal
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from tui.commands.sending.pipe import Pipe
from tui.commands.stopping import Stopping, stop_on_signals
from tui.domain.errors import Invalid
from tui.intake.documents import Input, Item, read_items


class Interrupted(Exception):
    """A signal came before a file was read and stored to its end."""


@dataclass
class Source:
    name: str
    """For messages and reports: a path, or `standard input`."""
    batches: Iterator[list[Item]]
    stopping: Stopping | None = None
    """None if there is nothing to stop between."""
    pipe: Pipe | None = None
    """The source if it is a pipe: what was read from it exists nowhere else."""
    file: IO[bytes] | None = None

    def close(self) -> None:
        if self.file is not None:
            self.file.close()

    @property
    def stopped_code(self) -> int:
        """The exit code after the signal, as a shell has it: 130 for SIGINT."""
        return 128 + (self.stopping.signal if self.stopping else signal.SIGINT)

    def check_interrupted(self) -> None:
        """Raise Interrupted after a signal. A pipe is never interrupted: it ends after what it holds."""
        if self.pipe is None and self.stopping is not None and self.stopping.is_set():
            raise Interrupted


def standard_input() -> Source:
    """Return standard input. A redirected file is like a named one. Raises Invalid if it is closed."""
    if sys.stdin is None:
        raise Invalid("file", "there is no standard input to read from")
    return _source("standard input", open(sys.stdin.fileno(), "rb", buffering=0, closefd=False))


def named(name: str) -> Source:
    """Return the named file, which may be a FIFO or compressed. Raises Invalid if it cannot be opened."""
    try:
        return _source(name, open(name, "rb", buffering=0))
    except OSError as error:
        raise Invalid("file", f"cannot read {name}: {error.strerror}") from None


def _source(name: str, file: IO[bytes]) -> Source:
    stopping = Stopping()
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return Source(name, _items(name, file, stopping), stopping, file=file)
    pipe = Pipe(file.fileno(), stop_on_signals(stopping))
    return Source(name, read_items(pipe), stopping, pipe, file)


def _items(name: str, file: IO[bytes], stopping: Stopping) -> Iterator[list[Item]]:
    from tui.intake.rotated import DAMAGED, unpacked

    stop_on_signals(stopping)  # not earlier: until something is read, Ctrl-C ends the command at once
    try:
        stream = unpacked(io.BufferedReader(cast("io.RawIOBase", file)), Path(name).suffix)
        yield from read_items(_Stoppable(cast("Input", stream), stopping))
    except DAMAGED:
        raise Invalid("file", f"cannot read {name}: it is not a complete compressed file") from None
    except OSError as error:
        reason = error.strerror or "it is not a complete compressed file"
        raise Invalid("file", f"cannot read {name}: {reason}") from None


class _Stoppable:
    """An input that ends with Interrupted after a signal."""

    def __init__(self, stream: Input, stopping: Stopping) -> None:
        self._stream, self._stopping = stream, stopping

    def read1(self, size: int, /) -> bytes:
        if self._stopping.is_set():
            raise Interrupted
        return self._stream.read1(size)
