"""Reads the lines that are added to a file: across rotation, truncation and restarts, none twice."""

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
"""So many looks that found nothing new end a file that was rotated: its writer may still have it open."""


@dataclass(frozen=True, slots=True)
class PlacedLine:
    at: int
    """Where in its file it begins, in bytes."""
    raw: bytes | None
    """As of `Line`."""


@dataclass(frozen=True, slots=True)
class Chunk:
    lines: list[PlacedLine]
    place: Place
    """The place behind them."""
    notes: list[str] = field(default_factory=list[str])
    """What a person has to know of how they were found, a sentence each."""


class FollowedFile:
    """One path. `read` is called again and again; what it gives has to be stored with its place."""

    def __init__(self, path: Path, place: Place | None, *, from_start: bool) -> None:
        self.path = path
        self._from_start = from_start
        self._known = place
        self._file: BinaryIO | None = None
        self._position = 0
        """Where the next line begins."""
        self._lines = Lines()
        self._quiet = 0
        self._finished: tuple[int, set[int]] = (0, set())
        """When the rotated file read last was last changed, and the inodes of all read that were then."""
        self._notes: list[str] = []
        if place is None:  # what is added from this moment on is new
            with contextlib.suppress(OSError):  # told of by whoever reads
                self._open_first()

    def read(self) -> Chunk | None:
        """What there is to store; None if there is nothing new. Raises OSError."""
        if self._file is None and not self._open():
            return None
        assert self._file is not None
        if self._is_truncated(self._file) and not self._go_on_in_copy():
            self._notes.append(f"{self.path} was truncated; it is read from its start")
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
        """Whether there is a file to read from."""
        known = self._known
        if known is None:
            return self._open_first()
        for path in self._candidates():
            if path.stat().st_ino != known.inode:
                continue  # not opened: it need not be ours to read
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
            f"{self.path} is another file than the one last read, and that one is not beside it any more:"
            " what was added to it since is not stored"
        )
        self._known, self._from_start = None, True
        return self._open_first()

    def _open_behind(self, finished: BinaryIO) -> BinaryIO | None:
        """What came after a file that is done: the next one rotated since, None for the one now written.

        Raises OSError, and nothing has changed then.
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
            if found.st_mtime_ns > stat.st_mtime_ns:  # else it is the one that is done: gzip keeps its time
                notes.append(f"{path} was compressed before it was read: what is in it is not stored")
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
        """Whether there is a copy of what is gone, and more in it than was read: `copytruncate` makes one."""
        known = self._known
        if known is None or not known.head_size:
            return False
        for path in self._candidates():
            if path == self.path or path.stat().st_size <= known.position:
                continue
            try:
                copy = path.open("rb")
            except OSError:  # not ours to read: it need not be one
                continue
            if _head(copy, known.head_size) == known.head:
                self.close()
                self._file = copy
                self._begin(copy, known.position)
                self._notes.append(
                    f"{self.path} was truncated; what was not read of it yet is read from {path}"
                )
                return True
            copy.close()
        return False

    def _open_first(self) -> bool:
        try:
            self._file = self.path.open("rb")
        except FileNotFoundError:
            self._from_start = True  # whatever it will hold is new
            return False
        self._begin(self._file, 0 if self._from_start else _start_of_last_line(self._file))
        return True

    def _candidates(self) -> Iterator[Path]:
        """The path, and what it may have been renamed to."""
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
            return False  # in the middle of a rotation; the next look will tell
        stat = os.fstat(file.fileno())
        return (now.st_dev, now.st_ino) != (stat.st_dev, stat.st_ino)

    # --- lines

    def _begin(self, file: BinaryIO, position: int) -> None:
        file.seek(position)
        self._position, self._lines, self._quiet = position, Lines(), 0

    def _placed(self, cut: Iterator[Line]) -> Iterator[PlacedLine]:
        for line in cut:
            yield PlacedLine(self._position, line.raw)
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
    """Behind the last line end: a line that is just being written is still read whole."""
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
