"""Read the lines of one open file that may still grow, and know where in it each line is."""

import os
import time
from collections.abc import Callable, Iterator

from tui.intake.lines import LONGEST_LINE, Line, Lines, PlacedLine
from tui.intake.records import Records
from tui.intake.rotated import OpenFile
from tui.store.following import Place

_CHUNK = 256 * 1024
_PARTS = LONGEST_LINE // _CHUNK
"""How many more parts of a long line are read at a time: it need not wait for a look for each."""
_HEAD = 256
QUIET_S = 1.0
_RECENT_S = 2.0


class LineReader:
    """Reads the lines of `file` from the offset `position` on, and closes the file in the end.

    `records` has what the lines before `position` say about those after it.
    """

    def __init__(
        self,
        file: OpenFile,
        position: int,
        ticks: Callable[[], float] = time.monotonic,
        records: Records | None = None,
    ) -> None:
        file.seek(position)
        self.file = file
        self.position = position
        """Byte offset after the last line that was returned: a line in several parts is stored as a whole."""
        self.records = records or Records()
        self._next = position
        """Byte offset of the next line."""
        self.quiet = 0
        """How many times in a row nothing new was read."""
        self._lines = Lines()
        self._ticks = ticks
        self._seen: tuple[int, int] | None = None
        """Size and mtime of the file when nothing new was read last."""
        self._unchanged_since = self._looked_at = 0.0

    def read(self) -> list[PlacedLine]:
        """Return the lines that ended since the last call. Raises OSError."""
        read = self.file.read()
        if not read:
            self.quiet += 1
            self._look()
            return []
        self.quiet, self._seen = 0, None
        lines = list(self._placed(self._lines.cut(read)))
        for _ in range(_PARTS):
            if lines or not (part := self.file.read()):
                break
            lines = list(self._placed(self._lines.cut(part)))
        return lines

    def last_line(self) -> list[PlacedLine]:
        """Return the last line if it has no line end: nobody will write it."""
        return list(self._placed(self._lines.end()))

    def rest(self) -> list[PlacedLine]:
        """Return what was begun and not ended: the rest of the file will not come."""
        lines = [*self.last_line(), *self.records.rest()]
        self.position = self._next
        return lines

    @property
    def pending(self) -> int:
        """How many bytes of lines without their end have been read."""
        return self.unread - self.position

    @property
    def unread(self) -> int:
        """Offset of the first byte that has not been read, stored or not."""
        return self._next + self._lines.pending

    def place(self) -> Place:
        stat = os.fstat(self.file.raw.fileno())
        head_size = min(_HEAD, self.position)
        return Place(
            stat.st_dev,
            stat.st_ino,
            self.position,
            self.file.head(head_size),
            head_size,
            modified=stat.st_mtime_ns,
            size=self.unread if self.file.compressed else stat.st_size,
        )

    def is_truncated(self, known: Place | None) -> bool:
        """Return whether the file is shorter than what was read, or no longer begins as the known one."""
        if self.file.compressed:
            return False
        rewritten = known is not None and self.file.head(known.head_size) != known.head
        return rewritten or not self.file.reaches(self.unread)

    def had_no_more(self) -> bool:
        """Return whether the file, truncated since the last read, had nothing that was not read.

        What was added between the last read and the truncation cannot be known. A file that did not change
        for `QUIET_S` is taken not to have changed in that moment either.
        """
        unchanged = self._looked_at - self._unchanged_since >= QUIET_S
        recent = self._ticks() - self._looked_at < _RECENT_S
        return self._seen is not None and unchanged and recent and not self.pending

    def close(self) -> None:
        self.file.close()

    def _look(self) -> None:
        stat = os.fstat(self.file.raw.fileno())
        seen, self._looked_at = (stat.st_size, stat.st_mtime_ns), self._ticks()
        if seen != self._seen:
            self._seen, self._unchanged_since = seen, self._looked_at

    def _placed(self, cut: Iterator[Line]) -> Iterator[PlacedLine]:
        for line in cut:
            at, self._next = self._next, self._next + line.size
            placed = self.records.take(at, line)
            if placed is not None or not self.records.is_waiting:
                self.position = self._next
            if placed is not None:
                yield placed


def start_of_last_line(file: OpenFile) -> int:
    """Return the offset after the last line end, so that a line still being written is read whole."""
    if file.compressed:
        return file.size()  # nobody appends to it
    end = size = file.size()
    while end > 0:
        start = max(0, end - _CHUNK)
        place = os.pread(file.raw.fileno(), end - start, start).rfind(b"\n")
        if place >= 0:
            return start + place + 1
        if size - start > LONGEST_LINE:
            return size
        end = start
    return 0
