"""Follow one path: read each line added to its file exactly once, whatever happens to the file."""

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tui.intake.finding import Finder, Identity, identity, is_at
from tui.intake.line_reader import LineReader, start_of_last_line
from tui.intake.lines import LONGEST_LINE, PlacedLine
from tui.intake.lost import Lost
from tui.intake.records import Records, records_at
from tui.intake.rotated import OpenFile
from tui.store.following import Place

SETTLED = 20
"""After this many reads without new data, a rotated file counts as complete: its writer may keep it open."""
IDLE = 240
"""After this many reads without new data, a file is closed until it changes."""


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
        self,
        path: Path,
        place: Place | None,
        *,
        from_start: bool,
        rotated_to: Sequence[Path] = (),
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self.closes_when_idle = False
        """Whether to close a file that does not grow, because there may be thousands."""
        self.was_complete = False
        """Whether nothing is lost if the file is missing: it was read, and its writer was done with it."""
        self._finder = Finder(path, rotated_to)
        self._records: Records | None = None
        """What the file before says about the next one."""
        self._held: list[PlacedLine] = []
        """Lines after one that was started in the file before. Until that ends, its place is kept."""
        self._from_start = from_start
        self._ticks = ticks
        self._known = place
        self._reader: LineReader | None = None
        self._is_idle = False
        self._missing = 0
        """How many times in a row the known file was not found."""
        self._finished: tuple[int, set[int]] = (0, set())
        """The mtime of the rotated file read last, and the inodes of all files read with that mtime."""
        self._done: set[Identity] = set()
        """The files that were read to their end."""
        self._notes: list[str] = []
        self._lost: list[Lost] = []
        if place is None:  # everything added from now on is new
            with contextlib.suppress(OSError):  # `read` raises it again
                self._open_first()

    def read(self) -> Chunk | None:
        """Return the next chunk to store, or None if nothing is new. Raises OSError."""
        if self._reader is None and not self._open():
            return self._gone()
        assert self._reader is not None
        if self._reader.is_truncated(self._known) and not self._go_on_in_copy():
            self._lose_rest_of_truncated(self._reader)
            self._records = self._reader.records.for_next_file()
            self._begin(self._reader.file, 0)
        elif self._may_have_been_copied(self._reader):
            self._go_on_in_copy_of_empty(self._reader)
        reader = self._reader
        lines = self._held + reader.read()
        if reader.records.waits_for_earlier_file and reader.quiet < SETTLED and reader.unread < LONGEST_LINE:
            self._held, self._known = lines, reader.place()
            return None
        lines, self._held = lines + reader.records.rest_of_earlier_file(), []
        if reader.quiet and not lines and self._is_finished(reader):
            if reader.quiet >= SETTLED:
                return self._finish(reader)
        elif reader.quiet:
            lines += self._last_line(reader)
        if not lines and not self._notes and not self._lost and self._known is not None:
            if self.closes_when_idle and reader.quiet >= IDLE and not reader.pending:
                self.close()
                self._is_idle = self.was_complete = True
            return None
        place = self._known = reader.place()
        return Chunk(lines, place, *self._taken())

    @property
    def is_idle(self) -> bool:
        """Whether the file was closed because nothing was added, and has not changed since."""
        if self._reader is not None or self._known is None:
            return False
        try:
            now = self.path.stat()
        except FileNotFoundError:
            return self._known.gone and self.closes_when_idle
        return self._is_idle and (now.st_ino, now.st_mtime_ns) == (self._known.inode, self._known.modified)

    def owns(self, path: Path) -> bool:
        """Whether `path` is the file being read, renamed or compressed."""
        return self._known is not None and self._known.head_size > 0 and is_at(path, self._known)

    def is_place_of(self, place: Place) -> bool:
        """Whether `place` is one in this file or in a file it was renamed to."""
        if not place.head_size:
            return False
        for path in self._finder.candidates():
            with contextlib.suppress(OSError):
                if path.stat().st_ino == place.inode and is_at(path, place):
                    return True
        return False

    def is_found(self) -> bool:
        """Whether the known file still exists under any name. Raises OSError."""
        return self._reader is not None or (self._known is not None and self._open())

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    # --- which file

    def _open(self) -> bool:
        """Open the file to read from. Return whether there is one."""
        known = self._known
        if known is None:
            return self._open_first()
        if (file := self._finder.known(known)) is not None:
            self._begin(file, known.position)
            return True
        if self._go_on_in_copy():
            return True
        if (file := self._finder.same_start(known)) is not None:
            self._begin(file, known.position)
            return True
        if not self.path.exists():
            return False
        behind = self._open_after(known)
        if not known.gone:
            self._lose_known(known)
        return self._go_on_in(behind) or self._open_first()

    def _begin(self, file: OpenFile, position: int) -> None:
        if self._reader is not None and self._reader.file is not file:
            self._reader.close()
        records, self._records = self._records or records_at(file, position), None
        if not records.table.is_known:
            records.table = self._finder.header()
        self._reader = LineReader(file, position, self._ticks, records)
        self._is_idle = self.was_complete = False
        self._missing = 0

    def _open_first(self) -> bool:
        try:
            file = OpenFile(self.path)
        except FileNotFoundError:
            self._from_start = True  # everything in it will be new
            return False
        self._begin(file, 0 if self._from_start else start_of_last_line(file))
        return True

    def _finish(self, reader: LineReader) -> Chunk | None:
        """Return the end of a rotated file, and go on in the file that follows it. Raises OSError."""
        behind = self._open_behind(reader)
        if reader.file.damaged:
            self._lose_end_of(reader)
        lines, place = reader.last_line(), reader.place()
        self._records = reader.records.for_next_file() if reader.records.is_waiting else None
        self._go_on_in(behind)
        if not lines and not self._lost:
            return self.read()
        return Chunk(lines, place, *self._taken())

    def _open_behind(self, finished: LineReader) -> OpenFile | None:
        """Open the file that follows a completed one: the next rotated file, or None for the current one.

        Raises OSError, and then leaves everything unchanged.
        """
        stat = os.fstat(finished.file.raw.fileno())
        since, inodes = self._finished
        inodes = {stat.st_ino, *(inodes if since == stat.st_mtime_ns else ())}
        behind, unreadable = self._finder.next_rotated(stat.st_mtime_ns, inodes, finished.place())
        self._finished = stat.st_mtime_ns, inodes
        self._done.add((stat.st_dev, stat.st_ino))
        self._lose_unreadable(unreadable)
        return behind

    def _open_after(self, known: Place) -> OpenFile | None:
        """Open the oldest rotated file that is newer than a file that is gone."""
        if not known.modified:
            return None
        behind, unreadable = self._finder.next_rotated(known.modified + 1, set(), known)
        self._lose_unreadable(unreadable)
        return behind

    def _go_on_in(self, behind: OpenFile | None) -> bool:
        """Read `behind` from its start, or else, from the next read on, the file at the path."""
        self.close()
        self._known, self._from_start = None, True
        if behind is not None:
            self._begin(behind, 0)
        return behind is not None

    def _go_on_in_copy(self) -> bool:
        """Continue in the copy that `copytruncate` made, if one has unread data. Return whether it does."""
        known = self._known
        if known is None or (copy := self._finder.copy(known, self._done)) is None:
            return False
        self._begin(copy, known.position)
        current = identity(self.path)
        if current is not None and current[1] == known.inode:  # else it was rotated
            self._notes.append(f"{self.path} was truncated; reading the rest of it from its copy {copy.path}")
        return True

    def _may_have_been_copied(self, reader: LineReader) -> bool:
        """Whether the file was empty, and has changed since: lines may have come and gone."""
        known = self._known
        return (
            known is not None
            and known.head_size == 0
            and reader.file.path == self.path
            and reader.unread == 0
            and os.fstat(reader.file.raw.fileno()).st_mtime_ns != known.modified
        )

    def _go_on_in_copy_of_empty(self, reader: LineReader) -> None:
        assert self._known is not None
        modified = os.fstat(reader.file.raw.fileno()).st_mtime_ns
        if not self._go_on_in_copy():
            self._known = replace(self._known, modified=modified)  # look once for each change

    def _is_finished(self, reader: LineReader) -> bool:
        """Whether another file has taken the path."""
        now = identity(self.path)
        if now is None:
            return False  # in the middle of a rotation; the next read decides
        stat = os.fstat(reader.file.raw.fileno())
        return now != (stat.st_dev, stat.st_ino)

    def _last_line(self, reader: LineReader) -> list[PlacedLine]:
        """Return the last line, without its end, of a file that nobody writes any more."""
        if reader.file.compressed and reader.quiet == SETTLED:
            if reader.file.damaged:
                self._lose_end_of(reader)
            return reader.rest()
        if self.closes_when_idle and reader.quiet >= IDLE and not self.path.exists():
            return reader.rest()
        return []

    # --- what was lost

    def _gone(self) -> Chunk | None:
        """Return a chunk that says, once, that the known file is missing and no other has taken its path."""
        known = self._known
        if known is None or known.gone:
            return None
        self._missing += 1
        if self._missing < SETTLED:
            return None  # it may be in the middle of a rotation, or on a disk that is not mounted yet
        if not self.was_complete:
            self._lose_known(known)
        self._known = replace(known, gone=True)
        return Chunk([], self._known, *self._taken())

    def _lose_known(self, known: Place) -> None:
        now = identity(self.path)
        if now is None:
            self._notes.append(f"{self.path} was removed, and was not found under another name")
        else:
            self._notes.append(
                f"{self.path} is not the file that was read before, and that file was not found:"
                " lines added to it since are not stored"
            )
        replaced = now is not None and now[1] == known.inode
        reason = "was truncated or replaced" if replaced else "was removed or moved away"
        file = f"{self.path} (inode {known.inode})"
        self._lost.append(Lost(file, known.position, reason, certain=known.size > known.position))

    def _lose_rest_of_truncated(self, reader: LineReader) -> None:
        self._notes.append(f"{self.path} was truncated; reading it from its start")
        known = self._known
        if reader.had_no_more() or (known is not None and self._finder.has_copy(known)):
            return
        if reader.unread:
            certain = reader.pending > 0 or (known is not None and known.size > reader.unread)
            self._lost.append(Lost(str(self.path), reader.position, "was truncated", certain))

    def _lose_unreadable(self, paths: Sequence[Path]) -> None:
        for path in paths:
            self._notes.append(f"{path} was compressed before it was read; its lines are not stored")
            self._lost.append(Lost(str(path), 0, f"is compressed as {path.suffix}, which Tocsin cannot read"))

    def _lose_end_of(self, reader: LineReader) -> None:
        file = reader.file
        self._notes.append(f"{file.path} is damaged or incomplete; the rest of it cannot be read")
        self._lost.append(Lost(str(file.path), reader.unread, "is a damaged or incomplete compressed file"))
        file.damaged = False

    def _taken(self) -> tuple[list[str], list[Lost]]:
        notes, self._notes = self._notes, []
        lost, self._lost = self._lost, []
        return notes, lost
