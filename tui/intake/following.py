"""Read each line added to a file exactly once, across rotation, truncation and restarts."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tui.intake.lines import LONGEST_LINE, Line, Lines
from tui.intake.rotated import COMPRESSED, READABLE, OpenFile, rotated_files
from tui.store.following import Place

_CHUNK = 256 * 1024
_PARTS = LONGEST_LINE // _CHUNK
"""How many more parts of a long line are read at a time: it need not wait for a look for each."""
_HEAD = 256
SETTLED = 20
"""After this many reads without new data, a rotated file counts as complete: its writer may keep it open."""
_IDLE = 240
"""After this many reads without new data, a file is closed until it changes."""


@dataclass(frozen=True, slots=True)
class PlacedLine:
    at: int
    """Byte offset of the line in its file."""
    raw: bytes | None
    """As in `Line`."""
    start: bytes = b""
    """As in `Line`."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Bytes that were never read and cannot be found."""

    file: str
    """The path, and the inode if the file is no longer at that path."""
    first: int
    """Offset of the first byte that was not read. All bytes after it are missing."""
    reason: str


@dataclass(frozen=True, slots=True)
class Chunk:
    lines: list[PlacedLine]
    place: Place
    """The place after these lines."""
    notes: list[str] = field(default_factory=list[str])
    """What a person has to know about how the lines were found, one sentence each."""
    lost: list[Lost] = field(default_factory=list[Lost])


class FollowedFile:
    """One followed path. Call `read` repeatedly, and store the lines of a chunk together with its place."""

    def __init__(
        self, path: Path, place: Place | None, *, from_start: bool, rotated_to: Sequence[Path] = ()
    ) -> None:
        self.path = path
        self.closes_when_idle = False
        """Whether to close a file that does not grow, because there may be thousands."""
        self._rotated_to = tuple(rotated_to)
        self._from_start = from_start
        self._known = place
        self._file: OpenFile | None = None
        self._position = 0
        """Byte offset of the next line."""
        self._lines = Lines()
        self._quiet = 0
        self._finished: tuple[int, set[int]] = (0, set())
        """The mtime of the rotated file read last, and the inodes of all files read with that mtime."""
        self._done: set[tuple[int, int]] = set()
        """Device and inode of the files that were read to their end."""
        self._notes: list[str] = []
        self._lost: list[Lost] = []
        if place is None:  # everything added from now on is new
            with contextlib.suppress(OSError):  # `read` raises it again
                self._open_first()

    def read(self) -> Chunk | None:
        """Return the next chunk to store, or None if nothing is new. Raises OSError."""
        if self._file is None and not self._open():
            return None
        assert self._file is not None
        if self._is_truncated(self._file) and not self._go_on_in_copy():
            self._lose_rest_of_truncated()
            self._begin(self._file, 0)
        elif self._may_have_been_copied(self._file):
            self._go_on_in_copy_of_empty()
        read = self._file.read()
        lines = list(self._placed(self._lines.cut(read)))
        for _ in range(_PARTS):
            if lines or not (part := self._file.read()):
                break
            lines = list(self._placed(self._lines.cut(part)))
        if read:
            self._quiet = 0
        elif self._is_finished(self._file):
            self._quiet += 1
            if self._quiet >= SETTLED:
                behind = self._open_behind(self._file)
                if self._file.damaged:
                    self._lose_end_of(self._file)
                lines += self._placed(self._lines.end())
                place = self._place(self._file)
                self._go_on_in(behind)
                if not lines and not self._lost:
                    return self.read()
                return Chunk(lines, place, *self._taken())
        else:
            self._quiet += 1
            lines += self._end_of_compressed(self._file)
        if not lines and not self._notes and not self._lost and self._known is not None:
            if self.closes_when_idle and self._quiet >= _IDLE and not self._lines.pending:
                self.close()
            return None
        place = self._known = self._place(self._file)
        return Chunk(lines, place, *self._taken())

    @property
    def is_idle(self) -> bool:
        """Whether the file was closed because nothing was added, and has not changed since."""
        if self._file is not None or self._known is None:
            return False
        try:
            now = self.path.stat()
        except FileNotFoundError:
            return self._quiet >= _IDLE
        same = (now.st_ino, now.st_mtime_ns) == (self._known.inode, self._known.modified)
        return self._quiet >= _IDLE and same

    def owns(self, path: Path) -> bool:
        """Whether `path` is the file being read, renamed or compressed."""
        return self._known is not None and self._known.head_size > 0 and self._is_at(path, self._known)

    def is_place_of(self, place: Place) -> bool:
        """Whether `place` is one in this file or in a file it was renamed to."""
        if not place.head_size:
            return False
        for path in self._candidates():
            with contextlib.suppress(OSError):
                if path.stat().st_ino == place.inode and self._is_at(path, place):
                    return True
        return False

    def is_found(self) -> bool:
        """Whether the known file still exists under any name. Raises OSError."""
        return self._file is not None or (self._known is not None and self._open())

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
            if path.stat().st_ino != known.inode or not _is_readable(path):
                continue  # not opened: we may have no permission to read it
            file = OpenFile(path)
            if file.head(known.head_size) == known.head:
                self._resume(file, known.position)
                return True
            file.close()
        if self._go_on_in_copy() or self._go_on_by_head(known):
            return True
        if not self.path.exists():
            return False
        unread = Lost(f"{self.path} (inode {known.inode})", known.position, "was removed or moved away")
        note = (
            f"{self.path} is not the file that was read before, and that file was not found:"
            " lines added to it since are not stored"
        )
        behind = self._open_after(known)
        self._notes.append(note)
        self._lost.append(unread)
        self._known, self._from_start = None, True
        if behind is None:
            return self._open_first()
        self._file = behind
        self._begin(behind, 0)
        return True

    def _resume(self, file: OpenFile, position: int) -> None:
        self.close()
        self._file = file
        self._begin(file, position)

    def _go_on_by_head(self, known: Place) -> bool:
        """Continue in a file that begins as the known one: compressed, or on another file system."""
        if not known.head_size:
            return False
        rotated = [path for path in self._candidates() if path != self.path]
        for path in (*reversed(rotated), self.path):
            try:
                if self._is_at(path, known):
                    self._resume(OpenFile(path), known.position)
                    return True
            except OSError:  # no permission to read it: probably another file
                continue
        return False

    def _is_at(self, path: Path, known: Place) -> bool:
        if not _is_readable(path):
            return False
        file = OpenFile(path)
        try:
            return file.head(known.head_size) == known.head and file.reaches(known.position)
        finally:
            file.close()

    def _open_behind(self, finished: OpenFile) -> OpenFile | None:
        """Open the file that follows a completed one: the next rotated file, or None for the current one.

        Raises OSError, and then leaves everything unchanged.
        """
        stat = os.fstat(finished.raw.fileno())
        since, inodes = self._finished
        inodes = {stat.st_ino, *(inodes if since == stat.st_mtime_ns else ())}
        behind, lost = self._next_rotated(stat.st_mtime_ns, inodes, self._place(finished))
        self._finished = stat.st_mtime_ns, inodes
        self._done.add((stat.st_dev, stat.st_ino))
        self._report(lost)
        return behind

    def _open_after(self, known: Place) -> OpenFile | None:
        """Open the oldest rotated file that is newer than a file that is gone."""
        if not known.modified:
            return None
        behind, lost = self._next_rotated(known.modified + 1, set(), known)
        self._report(lost)
        return behind

    def _next_rotated(
        self, since: int, inodes: set[int], finished: Place
    ) -> tuple[OpenFile | None, list[Path]]:
        """Open the oldest rotated file from `since` on. Also return those before it that are unreadable."""
        lost: list[Path] = []
        current = _identity(self.path)
        rotated = [(path.stat(), path) for path in self._candidates() if path != self.path]
        for found, path in sorted(rotated, key=lambda each: (each[0].st_mtime_ns, each[1])):
            identity = found.st_dev, found.st_ino
            if found.st_mtime_ns < since or found.st_ino in inodes or identity == current:
                continue
            if path.suffix not in COMPRESSED:
                return OpenFile(path), lost
            if path.suffix not in READABLE:
                if found.st_mtime_ns > since:  # equal: the same file, compression keeps the mtime
                    lost.append(path)
                continue
            if finished.head_size and self._is_at(path, finished):
                continue  # the same file, compressed meanwhile
            return OpenFile(path), lost
        return None, lost

    def _report(self, lost: list[Path]) -> None:
        for path in lost:
            self._notes.append(f"{path} was compressed before it was read; its lines are not stored")
            self._lost.append(Lost(str(path), 0, f"is compressed as {path.suffix}, which Tocsin cannot read"))

    def _go_on_in(self, behind: OpenFile | None) -> None:
        self.close()
        self._known, self._from_start = None, True
        if behind is not None:
            self._file = behind
            self._begin(behind, 0)

    def _go_on_in_copy(self) -> bool:
        """Continue in the copy that `copytruncate` made, if one has unread data. Return whether it does."""
        known = self._known
        if known is None or not (known.head_size or known.modified):
            return False
        current = _identity(self.path)
        copies = [path for path in self._candidates() if path != self.path and _is_readable(path)]
        for path in sorted(copies, key=lambda path: path.stat().st_mtime_ns):
            stat = path.stat()
            identity = stat.st_dev, stat.st_ino
            if identity == current or (not known.head_size and identity in self._done):
                continue
            if not known.head_size and stat.st_mtime_ns <= known.modified:
                continue  # older than the empty file
            try:
                copy = OpenFile(path)
            except OSError:  # no permission to read it: probably not the copy
                continue
            if copy.reaches(known.position + 1) and (
                not known.head_size or copy.head(known.head_size) == known.head
            ):
                self._resume(copy, known.position)
                if current is not None and current[1] == known.inode:  # else it was rotated
                    self._notes.append(
                        f"{self.path} was truncated; reading the rest of it from its copy {path}"
                    )
                return True
            copy.close()
        return False

    def _may_have_been_copied(self, file: OpenFile) -> bool:
        """Whether the file was empty, and has changed since: lines may have come and gone."""
        known = self._known
        return (
            known is not None
            and known.head_size == 0
            and file.path == self.path
            and not self._lines.pending
            and self._position == 0
            and os.fstat(file.raw.fileno()).st_mtime_ns != known.modified
        )

    def _go_on_in_copy_of_empty(self) -> None:
        assert self._file is not None
        assert self._known is not None
        modified = os.fstat(self._file.raw.fileno()).st_mtime_ns
        if not self._go_on_in_copy():
            self._known = replace(self._known, modified=modified)  # look once for each change

    def _open_first(self) -> bool:
        try:
            self._file = OpenFile(self.path)
        except FileNotFoundError:
            self._from_start = True  # everything in it will be new
            return False
        self._begin(self._file, 0 if self._from_start else _start_of_last_line(self._file))
        return True

    def _candidates(self) -> Iterator[Path]:
        """Yield the path, and the files it may have been renamed to."""
        if self.path.exists():
            yield self.path
        for path in rotated_files(self.path, self._rotated_to):
            if path.suffix in COMPRESSED and path.with_suffix("").exists():
                continue  # still being compressed
            if path.is_file():
                yield path

    def _is_truncated(self, file: OpenFile) -> bool:
        known = self._known
        if file.compressed:
            return False
        rewritten = known is not None and file.head(known.head_size) != known.head
        return rewritten or not file.reaches(self._unread())

    def _unread(self) -> int:
        """Offset of the first byte that has not been read from the file, stored or not."""
        return self._position + self._lines.pending

    def _is_finished(self, file: OpenFile) -> bool:
        """Whether another file has taken the path."""
        now = _identity(self.path)
        if now is None:
            return False  # in the middle of a rotation; the next read decides
        stat = os.fstat(file.raw.fileno())
        return now != (stat.st_dev, stat.st_ino)

    def _lose_rest_of_truncated(self) -> None:
        self._notes.append(f"{self.path} was truncated; reading it from its start")
        known = self._known
        copies = (path for path in self._candidates() if path != self.path)
        if known is not None and known.head_size and any(self._is_whole_copy(path, known) for path in copies):
            return  # the copy has nothing that was not read
        if self._unread():
            self._lost.append(Lost(str(self.path), self._position, "was truncated"))

    def _is_whole_copy(self, path: Path, known: Place) -> bool:
        with contextlib.suppress(OSError):
            return self._is_at(path, known)
        return False

    def _lose_end_of(self, file: OpenFile) -> None:
        self._notes.append(f"{file.path} is damaged or incomplete; the rest of it cannot be read")
        self._lost.append(Lost(str(file.path), self._unread(), "is a damaged or incomplete compressed file"))
        file.damaged = False

    def _end_of_compressed(self, file: OpenFile) -> Iterator[PlacedLine]:
        """Yield the last line of a compressed file that nobody writes any more."""
        if file.compressed and self._quiet == SETTLED:
            if file.damaged:
                self._lose_end_of(file)
            yield from self._placed(self._lines.end())

    # --- lines

    def _begin(self, file: OpenFile, position: int) -> None:
        file.seek(position)
        self._position, self._lines, self._quiet = position, Lines(), 0

    def _placed(self, cut: Iterator[Line]) -> Iterator[PlacedLine]:
        for line in cut:
            yield PlacedLine(self._position, line.raw, line.start)
            self._position += line.size

    def _place(self, file: OpenFile) -> Place:
        stat = os.fstat(file.raw.fileno())
        size = min(_HEAD, self._position)
        return Place(
            stat.st_dev, stat.st_ino, self._position, file.head(size), size, modified=stat.st_mtime_ns
        )

    def _taken(self) -> tuple[list[str], list[Lost]]:
        notes, self._notes = self._notes, []
        lost, self._lost = self._lost, []
        return notes, lost


def _is_readable(path: Path) -> bool:
    return path.suffix in READABLE or path.suffix not in COMPRESSED


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_dev, stat.st_ino


def _start_of_last_line(file: OpenFile) -> int:
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
