"""Open a file to follow, compressed or not, and find the files it may have been rotated to."""

import bz2
import contextlib
import gzip
import hashlib
import lzma
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, BinaryIO, cast

_CHUNK = 256 * 1024
READABLE = (".gz", ".bz2", ".xz")
COMPRESSED = (*READABLE, ".zst")
DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError)
_ROTATION_MARK = re.compile(r"[-._]\d[\d\-_.T:]*")
_NUMBER = re.compile(r"\d+")
_WAZUH = {"alerts": "ossec-alerts", "archives": "ossec-archive"}
"""Wazuh moves `alerts.json` to `2026/Nov/ossec-alerts-29.json` at midnight."""


class OpenFile:
    """An open file. Offsets count uncompressed bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.raw: BinaryIO = path.open("rb")
        self.compressed = path.suffix in READABLE
        self.damaged = False
        """Whether the last read met the end of an incomplete or damaged compressed stream."""
        self._stream: IO[bytes] = self._unpacked()
        self._offset = 0
        self._at_end_of: tuple[int, int] | None = None

    def read(self) -> bytes:
        """Return the next bytes, empty at the end. Raises OSError."""
        if not self.compressed:
            return self._stream.read(_CHUNK)
        stat = os.fstat(self.raw.fileno())
        if self._at_end_of == (stat.st_size, stat.st_mtime_ns):
            return b""
        if self._at_end_of is not None:  # it grew: unpack it again up to here
            self.seek(self._offset)
        self._at_end_of = None
        self.damaged = False
        read = b""
        try:
            # read1 returns what is unpacked before a damaged part
            read = cast("gzip.GzipFile", self._stream).read1(_CHUNK)
        except DAMAGED:
            self.damaged = True
        except OSError as error:  # bz2 raises it without a number for a damaged stream
            if error.errno is not None:
                raise
            self.damaged = True
        self._offset += len(read)
        if not read:
            self._at_end_of = stat.st_size, stat.st_mtime_ns
        return read

    def seek(self, offset: int) -> None:
        if not self.compressed:
            self._stream.seek(offset)
            return
        self.raw.seek(0)
        self._stream = self._unpacked()
        self._offset, self._at_end_of = 0, None
        try:
            while self._offset < offset:
                read = cast("gzip.GzipFile", self._stream).read1(min(_CHUNK, offset - self._offset))
                if not read:
                    break
                self._offset += len(read)
        except DAMAGED:
            self.damaged = True
        except OSError as error:
            if error.errno is not None:
                raise
            self.damaged = True

    def head(self, size: int) -> str:
        """Return the SHA-256 of the first `size` bytes."""
        if not self.compressed:
            return hashlib.sha256(os.pread(self.raw.fileno(), size, 0)).hexdigest()
        other = OpenFile(self.path)
        try:
            start = b""
            while len(start) < size and (read := other.read()):
                start += read
        finally:
            other.close()
        return hashlib.sha256(start[:size]).hexdigest()

    def reaches(self, offset: int) -> bool:
        """Whether it has at least `offset` bytes."""
        if not self.compressed:
            return os.fstat(self.raw.fileno()).st_size >= offset
        self.seek(offset)
        return self._offset >= offset

    def size(self) -> int:
        if not self.compressed:
            return os.fstat(self.raw.fileno()).st_size
        self.seek(1 << 62)
        return self._offset

    def close(self) -> None:
        self.raw.close()

    def _unpacked(self) -> IO[bytes]:
        return unpacked(self.raw, self.path.suffix)


def unpacked(raw: BinaryIO, suffix: str) -> IO[bytes]:
    """Return a stream of the uncompressed bytes of `raw`, a file with this suffix."""
    match suffix:
        case ".gz":
            return cast("IO[bytes]", gzip.GzipFile(fileobj=raw))
        case ".bz2":
            return cast("IO[bytes]", bz2.BZ2File(raw))
        case ".xz":
            return cast("IO[bytes]", lzma.LZMAFile(raw))
        case _:
            return raw


def is_rotated_name(name: str, of: str) -> bool:
    """Whether a file named `of` may have been renamed to `name`: `eve.json.1`, `eve-20261129.json.gz`."""
    if name.startswith(of) and name != of:
        return True
    plain = name.removesuffix(Path(name).suffix) if Path(name).suffix in COMPRESSED else name
    stem, suffix = Path(of).stem, Path(of).suffix
    if not (suffix and plain.startswith(stem) and plain.endswith(suffix)):
        return False
    return _ROTATION_MARK.fullmatch(plain[len(stem) : -len(suffix)]) is not None


def rotated_files(path: Path, directories: Sequence[Path] = ()) -> Iterator[Path]:
    """Yield the files that `path` may have been renamed to, in its directory and these others."""
    for directory in dict.fromkeys((path.parent, *directories)):
        try:
            names = sorted(os.listdir(directory))
        except (FileNotFoundError, NotADirectoryError):
            continue
        for name in names:
            if is_rotated_name(name, path.name) or (directory != path.parent and name == path.name):
                yield directory / name
    for directory in dict.fromkeys((path.parent, *directories)):
        if prefix := _WAZUH.get(path.stem):
            months = directory.glob("[0-9][0-9][0-9][0-9]/[A-Z][a-z][a-z]")
            for month in sorted(months):
                yield from sorted(month.glob(f"{prefix}-*{path.suffix}"))
                yield from sorted(month.glob(f"{prefix}-*{path.suffix}.gz"))
    if path.is_symlink():
        yield from _other_targets(path)


def _other_targets(link: Path) -> Iterator[Path]:
    """Yield the files that a symbolic link may have pointed to: their names differ only in numbers."""
    target = link.resolve()
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(target.parent)):
            plain = name.removesuffix(Path(name).suffix) if Path(name).suffix in COMPRESSED else name
            if name != target.name and _NUMBER.sub("", plain) == _NUMBER.sub("", target.name):
                yield target.parent / name


_DIRECTIVES = {
    "%Y": "[0-9]" * 4,
    "%j": "[0-9]" * 3,
    "%b": "[A-Z][a-z][a-z]",
    "%F": "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]",
    "%s": "[0-9]*",
    "%%": "%",
} | {f"%{letter}": "[0-9]" * 2 for letter in "ymdHMS"}


def as_pattern(path: Path) -> str | None:
    """Return the glob pattern that `path` stands for, or None if it is the name of one file."""
    text = str(path)
    pattern = re.sub(r"%[A-Za-z%]", lambda found: _DIRECTIVES.get(found[0], found[0]), text)
    is_pattern = pattern != text or any(letter in text for letter in "*?[")
    return pattern if is_pattern and not os.path.lexists(path) else None
