"""Read each line added to a file exactly once, across rotation, truncation and restarts."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from tui.intake.lines import LONGEST_LINE, Line, Lines
from tui.store.following import Place

_CHUNK = 256 * 1024
_HEAD = 256
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
SETTLED = 20
"""After this many reads without new data, a rotated file counts as complete: its writer may keep it open."""


@dataclass(frozen=True, slots=True)
class PlacedLine:
    at: int
    """Byte offset of the line in its file."""
    raw: bytes | None
    """As in `Line`."""
    start: bytes = b""
    """As in `Line`."""


@dataclass(frozen=True, slots=True)
class Chunk:
    lines: list[PlacedLine]
    place: Place
    """The place after these lines."""
    notes: list[str] = field(default_factory=list[str])
    """What a person has to know about how the lines were found, one sentence each."""


class FollowedFile:
    """One followed path. Call `read` repeatedly, and store the lines of a chunk together with its place."""

    def __init__(self, path: Path, place: Place | None, *, from_start: bool) -> None:
        self.path = path
        self._from_start = from_start
        self._known = place
        self._file: BinaryIO | None = None
        self._position = 0
        """Byte offset of the next line."""
        self._lines = Lines()
        self._quiet = 0
        self._finished: tuple[int, set[int]] = (0, set())
        """The mtime of the rotated file read last, and the inodes of all files read with that mtime."""
        self._notes: list[str] = []
        if place is None:  # everything added from now on is new
            with contextlib.suppress(OSError):  # `read` raises it again
                self._open_first()

    def read(self) -> Chunk | None:
        """Return the next chunk to store, or None if nothing is new. Raises OSError."""
        if self._file is None and not self._open():
            return None
        assert self._file is not None
        if self._is_truncated(self._file) and not self._go_on_in_copy():
            self._notes.append(f"{self.path} was truncated; reading it from its start")
            self._begin(self._file, 0)
        read = self._file.read(_CHUNK)
        lines = list(self._placed(self._lines.cut(read)))
        if read:
            self._quiet = 0
        elif self._is_replaced(self._file):
            self._quiet += 1
            if self._quiet >= SETTLED:
                behind = self._open_behind(self._file)
                lines += self._placed(self._lines.end())
                place = self._place(self._file)
                self._go_on_in(behind)
                return Chunk(lines, place, self._taken_notes()) if lines else self.read()
        if not lines and not self._notes and self._known is not None:
            return None
        place = self._known = self._place(self._file)
        return Chunk(lines, place, self._taken_notes())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    # --- which file

    def _open(self) -> bool:
        """Open the file to read from. Return whether there is one."""
        known = self._known
        if known is None:
            return self._open_first()
        for path in self._candidates():
            if path.stat().st_ino != known.inode:
                continue  # not opened: we may have no permission to read it
            file = path.open("rb")
            if self._is(file, known):
                self._file = file
                self._begin(file, known.position)
                return True
            file.close()
        if self._go_on_in_copy():
            return True
        if not self.path.exists():
            return False
        self._notes.append(
            f"{self.path} is not the file that was read before, and that file is no longer in its directory:"
            " lines added to it since are not stored"
        )
        self._known, self._from_start = None, True
        return self._open_first()

    def _open_behind(self, finished: BinaryIO) -> BinaryIO | None:
        """Open the file that follows a completed one: the next rotated file, or None for the current one.

        Raises OSError, and then leaves everything unchanged.
        """
        stat = os.fstat(finished.fileno())
        since, inodes = self._finished
        inodes = {stat.st_ino, *(inodes if since == stat.st_mtime_ns else ())}
        notes: list[str] = []
        behind = None
        rotated = [(path.stat(), path) for path in self._candidates() if path != self.path]
        for found, path in sorted(rotated, key=lambda each: (each[0].st_mtime_ns, each[1])):
            if found.st_mtime_ns < stat.st_mtime_ns or found.st_ino in inodes:
                continue
            if path.suffix not in _COMPRESSED:
                behind = path.open("rb")
                break
            if found.st_mtime_ns > stat.st_mtime_ns:  # equal: the same file, gzip keeps the mtime
                notes.append(f"{path} was compressed before it was read; its lines are not stored")
        self._finished = stat.st_mtime_ns, inodes
        self._notes += notes
        return behind

    def _go_on_in(self, behind: BinaryIO | None) -> None:
        self.close()
        self._known, self._from_start = None, True
        if behind is not None:
            self._file = behind
            self._begin(behind, 0)

    def _go_on_in_copy(self) -> bool:
        """Continue in the copy that `copytruncate` made, if one has unread data. Return whether it does."""
        known = self._known
        if known is None or not known.head_size:
            return False
        for path in self._candidates():
            if path == self.path or path.stat().st_size <= known.position:
                continue
            try:
                copy = path.open("rb")
            except OSError:  # no permission to read it: probably not the copy
                continue
            if _head(copy, known.head_size) == known.head:
                self.close()
                self._file = copy
                self._begin(copy, known.position)
                self._notes.append(f"{self.path} was truncated; reading the rest of it from its copy {path}")
                return True
            copy.close()
        return False

    def _open_first(self) -> bool:
        try:
            self._file = self.path.open("rb")
        except FileNotFoundError:
            self._from_start = True  # everything in it will be new
            return False
        self._begin(self._file, 0 if self._from_start else _start_of_last_line(self._file))
        return True

    def _candidates(self) -> Iterator[Path]:
        """Yield the path, and the files it may have been renamed to."""
        if self.path.exists():
            yield self.path
        for path in sorted(self.path.parent.glob(f"{_escaped(self.path.name)}?*")):
            if path.is_file():
                yield path

    def _is(self, file: BinaryIO, known: Place) -> bool:
        stat = os.fstat(file.fileno())
        return (stat.st_dev, stat.st_ino) == (known.device, known.inode) and _head(
            file, known.head_size
        ) == known.head

    def _is_truncated(self, file: BinaryIO) -> bool:
        known = self._known
        rewritten = known is not None and _head(file, known.head_size) != known.head
        return rewritten or os.fstat(file.fileno()).st_size < self._position + self._lines.pending

    def _is_replaced(self, file: BinaryIO) -> bool:
        try:
            now = self.path.stat()
        except FileNotFoundError:
            return False  # in the middle of a rotation; the next read decides
        stat = os.fstat(file.fileno())
        return (now.st_dev, now.st_ino) != (stat.st_dev, stat.st_ino)

    # --- lines

    def _begin(self, file: BinaryIO, position: int) -> None:
        file.seek(position)
        self._position, self._lines, self._quiet = position, Lines(), 0

    def _placed(self, cut: Iterator[Line]) -> Iterator[PlacedLine]:
        for line in cut:
            yield PlacedLine(self._position, line.raw, line.start)
            self._position += line.size

    def _place(self, file: BinaryIO) -> Place:
        stat = os.fstat(file.fileno())
        size = min(_HEAD, self._position)
        return Place(stat.st_dev, stat.st_ino, self._position, _head(file, size), size)

    def _taken_notes(self) -> list[str]:
        notes, self._notes = self._notes, []
        return notes


def _head(file: BinaryIO, size: int) -> str:
    return hashlib.sha256(os.pread(file.fileno(), size, 0)).hexdigest()


def _start_of_last_line(file: BinaryIO) -> int:
    """Return the offset after the last line end, so that a line still being written is read whole."""
    end = size = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - _CHUNK)
        place = os.pread(file.fileno(), end - start, start).rfind(b"\n")
        if place >= 0:
            return start + place + 1
        if size - start > LONGEST_LINE:
            return size
        end = start
    return 0


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
