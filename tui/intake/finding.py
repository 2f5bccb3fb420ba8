"""Find the file that a stored position belongs to, under any name, and the files that come after it."""

import contextlib
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from tui.intake.records import header_of
from tui.intake.rotated import COMPRESSED, READABLE, OpenFile, rotated_files
from tui.intake.tables import Table
from tui.store.following import Place

Identity = tuple[int, int]
"""Device and inode."""


class Finder:
    """Looks for the files of one followed path. Files that may not be opened are skipped."""

    def __init__(self, path: Path, rotated_to: Sequence[Path] = ()) -> None:
        self.path = path
        self._rotated_to = tuple(rotated_to)

    def candidates(self) -> Iterator[Path]:
        """Yield the path, and the files it may have been renamed to."""
        if self.path.exists():
            yield self.path
        yield from self._rotated()

    def known(self, known: Place) -> OpenFile | None:
        """Open the known file: it has the same inode and begins with the same bytes. Raises OSError."""
        for path in self.candidates():
            if path.stat().st_ino != known.inode or not _is_readable(path):
                continue  # not opened: we may have no permission to read it
            file = OpenFile(path)
            if file.head(known.head_size) == known.head:
                return file
            file.close()
        return self._behind_link(known)

    def same_start(self, known: Place) -> OpenFile | None:
        """Open a file that begins as the known one: it was compressed, or moved to another file system."""
        if not known.head_size:
            return None
        for path in (*reversed(list(self._rotated())), self.path):
            with contextlib.suppress(OSError):  # no permission to read it: probably another file
                if is_at(path, known):
                    return OpenFile(path)
        return None

    def copy(self, known: Place, done: Collection[Identity]) -> OpenFile | None:
        """Open the copy that `copytruncate` made, if it has bytes after the known position.

        Of an empty file nothing is known but its mtime: then `done` are files that were read to their end.
        """
        if not (known.head_size or known.modified):
            return None
        current = identity(self.path)
        copies = [path for path in self._rotated() if _is_readable(path)]
        for path in sorted(copies, key=lambda path: path.stat().st_mtime_ns):
            stat = path.stat()
            its = stat.st_dev, stat.st_ino
            if its == current or (not known.head_size and its in done):
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
                return copy
            copy.close()
        return None

    def has_copy(self, known: Place) -> bool:
        """Return whether a copy has all bytes before the known position."""
        for path in self._rotated() if known.head_size else ():
            with contextlib.suppress(OSError):
                if is_at(path, known):
                    return True
        return False

    def header(self) -> Table:
        """Return the table of the rotated file that was written last: a truncated file has no header."""
        with contextlib.suppress(OSError):
            rotated = [(path.stat().st_mtime_ns, path) for path in self._rotated() if _is_readable(path)]
            if rotated:
                return header_of(max(rotated)[1])
        return Table()

    def next_rotated(
        self, since: int, inodes: Collection[int], finished: Place
    ) -> tuple[OpenFile | None, list[Path]]:
        """Open the oldest rotated file from the mtime `since` on. Also return unreadable ones before it.

        `inodes` are skipped, and so is `finished` itself, compressed meanwhile. Raises OSError.
        """
        unreadable: list[Path] = []
        current = identity(self.path)
        rotated = [(path.stat(), path) for path in self._rotated()]
        for found, path in sorted(rotated, key=lambda each: (each[0].st_mtime_ns, each[1])):
            its = found.st_dev, found.st_ino
            if found.st_mtime_ns < since or found.st_ino in inodes or its == current:
                continue
            if path.suffix not in COMPRESSED:
                return OpenFile(path), unreadable
            if path.suffix not in READABLE:
                if found.st_mtime_ns > since:  # equal: the same file, compression keeps the mtime
                    unreadable.append(path)
                continue
            if finished.head_size and is_at(path, finished):
                continue
            return OpenFile(path), unreadable
        return None, unreadable

    def _rotated(self) -> Iterator[Path]:
        for path in rotated_files(self.path, self._rotated_to):
            if path.suffix in COMPRESSED and path.with_suffix("").exists():
                continue  # still being compressed
            if path != self.path and path.is_file():
                yield path

    def _behind_link(self, known: Place) -> OpenFile | None:
        """Open the known file if the path is a symbolic link that pointed to it before.

        It is looked for in the directory of the present target, by its inode: its name may be any.
        """
        if not (known.head_size and self.path.is_symlink()):
            return None
        with contextlib.suppress(OSError), os.scandir(self.path.resolve().parent) as entries:
            for entry in entries:
                path = Path(entry.path)
                if entry.inode() == known.inode and entry.is_file() and is_at(path, known):
                    return OpenFile(path)
        return None


def is_at(path: Path, known: Place) -> bool:
    """Return whether the file at `path` begins as the known one and reaches its position. Raises OSError."""
    if not _is_readable(path):
        return False
    file = OpenFile(path)
    try:
        return file.head(known.head_size) == known.head and file.reaches(known.position)
    finally:
        file.close()


def identity(path: Path) -> Identity | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_dev, stat.st_ino


def _is_readable(path: Path) -> bool:
    return path.suffix in READABLE or path.suffix not in COMPRESSED
