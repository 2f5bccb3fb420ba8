"""The end of a file that others write, rotate and truncate."""

import os
from pathlib import Path
from typing import BinaryIO

TAIL_BYTES = 512 * 1024
"""What is read of a long file, at most: it opens at once, whatever its length."""


class LogTail:
    """What has been added to a file since it was last read; begins near its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._rest = b""
        """The beginning of a line whose end is not written yet."""

    def read(self) -> list[str]:
        """The whole lines that were added, as they are. Of a file that is missing, none."""
        lines: list[str] = []
        try:
            if self._file is None:
                self._open()
            lines = self._read_on()
            if self._was_replaced():
                self.close()
                self._open()
                lines += self._read_on()
        except OSError:
            self.close()  # gone, or not ours to read; it may be there the next time
        return lines

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._rest = None, b""

    def _open(self) -> None:
        self._file = self._path.open("rb")

    def _was_replaced(self) -> bool:
        """Whether another file has the name: what was left in the one it had has been read."""
        assert self._file is not None
        return not os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())

    def _read_on(self) -> list[str]:
        file = self._file
        assert file is not None
        size = os.fstat(file.fileno()).st_size
        if size < file.tell():  # truncated: what it holds now is new
            file.seek(0)
            self._rest = b""
        skipped = size - file.tell() > TAIL_BYTES
        if skipped:
            file.seek(size - TAIL_BYTES)
            self._rest = b""
        *whole, self._rest = (self._rest + file.read(TAIL_BYTES)).split(b"\n")
        self._rest = self._rest[-TAIL_BYTES:]
        return [line.decode("utf-8", "replace").rstrip("\r") for line in whole[1 if skipped else 0 :]]
