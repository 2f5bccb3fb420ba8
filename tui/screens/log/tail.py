"""Follows a file that other processes write, rotate and truncate."""

import os
from pathlib import Path
from typing import BinaryIO

TAIL_BYTES = 512 * 1024
"""Bytes read from the end of a long file, so that it opens at once whatever its length."""


class LogTail:
    """Reads what was added to a file since the last read. Starts near its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._rest = b""
        """An incomplete last line."""

    def read(self) -> list[str]:
        """Return the complete lines that were added. Empty if the file is missing or unreadable."""
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
            self.close()  # missing or unreadable; try again at the next read
        return lines

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._rest = None, b""

    def _open(self) -> None:
        self._file = self._path.open("rb")

    def _was_replaced(self) -> bool:
        """Whether another file has taken the name. Call it after reading the old one to its end."""
        assert self._file is not None
        return not os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())

    def _read_on(self) -> list[str]:
        file = self._file
        assert file is not None
        size = os.fstat(file.fileno()).st_size
        if size < file.tell():  # truncated: everything in it is new
            file.seek(0)
            self._rest = b""
        skipped = size - file.tell() > TAIL_BYTES
        if skipped:
            file.seek(size - TAIL_BYTES)
            self._rest = b""
        *whole, self._rest = (self._rest + file.read(TAIL_BYTES)).split(b"\n")
        self._rest = self._rest[-TAIL_BYTES:]
        return [line.decode("utf-8", "replace").rstrip("\r") for line in whole[1 if skipped else 0 :]]
