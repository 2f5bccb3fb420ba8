"""Lines that mean something only together with earlier ones: rows of a table, and lines in several parts.

A container runtime splits a long line: `… stdout P text` is continued by the next line of the same stream, up
to one with `F`. Source: https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from tui.domain.alert import encode_json
from tui.intake.json_text import is_prefixed
from tui.intake.lines import KEPT, LONGEST_LINE, Line, Lines, PlacedLine
from tui.intake.rotated import OpenFile
from tui.intake.tables import START, Table

_PART = re.compile(rb"(?P<head>\d{4}-\d\d-\d\dT\S+ (?P<stream>stdout|stderr) )(?P<tag>[PF])(?::\S*)? ?")
_LONGEST_PREFIX = 100
_CHUNK = 256 * 1024


@dataclass(slots=True)
class _Started:
    """A line of which the end is missing."""

    at: int
    head: bytes
    text: bytearray = field(default_factory=bytearray)
    too_long: bool = False

    def add(self, text: bytes) -> None:
        self.text += text
        if len(self.text) > LONGEST_LINE:
            self.too_long = True
        if self.too_long:
            del self.text[KEPT:]

    def placed(self) -> PlacedLine:
        text = self.head + b"F " + self.text
        return PlacedLine(self.at, None, text) if self.too_long else PlacedLine(self.at, text)


def begins_lines(text: str, start: int) -> bool:
    """Whether the line that begins at `start` can only be one of several: it has a prefix, or is a header."""
    if text[start] in "{[":
        return False
    line = text[start : start + _LONGEST_PREFIX].encode("utf-8", "replace")
    return is_prefixed(text, start) or line.startswith(START) or _PART.match(line) is not None


class Records:
    """Turns the lines of one source into lines that stand for themselves."""

    def __init__(self, table: Table | None = None) -> None:
        self.table = table or Table()
        self._started: dict[bytes, _Started] = {}
        self._earlier: set[bytes] = set()
        """The streams whose started line is in an earlier file."""

    def take(self, at: int, line: Line) -> PlacedLine | None:
        """Return what ends with this line; None if it is a header or is to be continued."""
        raw = line.raw
        if raw is None or raw[:1] in (b"{", b"["):
            return PlacedLine(at, raw, line.start)
        if self.table.takes(raw):
            row = self.table.row(raw)
            return PlacedLine(at, encode_json(row).encode()) if row is not None else None
        part = _PART.match(raw)
        if part is None or (part["tag"] == b"F" and part["stream"] not in self._started):
            return PlacedLine(at, raw)
        stream = part["stream"]
        started = self._started.setdefault(stream, _Started(at, part["head"]))
        started.add(raw[part.end() :])
        return self._end(stream) if part["tag"] == b"F" else None

    @property
    def is_waiting(self) -> bool:
        """Whether a line was started and not ended."""
        return bool(self._started)

    @property
    def waits_for_earlier_file(self) -> bool:
        """Whether a line that was started in an earlier file was not ended."""
        return bool(self._earlier)

    def for_next_file(self) -> "Records":
        """Go on in the next file: a rotation may have split a line."""
        self._earlier = set(self._started)
        return self

    def rest(self) -> list[PlacedLine]:
        """Return the lines that were started and will not be ended."""
        return [self._end(stream) for stream in list(self._started)]

    def rest_of_earlier_file(self) -> list[PlacedLine]:
        return [self._end(stream) for stream in list(self._earlier)]

    def _end(self, stream: bytes) -> PlacedLine:
        self._earlier.discard(stream)
        return self._started.pop(stream).placed()


def records_at(file: OpenFile, position: int) -> Records:
    """Return the records after the lines before `position`, where reading continues. Moves in the file."""
    records = Records()
    if not position:
        return records
    if file.compressed:
        at = 0
        for line in _lines_before(file, position):
            records.take(at, line)
            at += line.size
        return records
    tail = _read(file, position - _CHUNK, position)
    last = tail.rstrip(b"\n").rpartition(b"\n")[2]
    if _PART.match(last):
        if _is_open(tail):
            tail = _read(file, position - LONGEST_LINE, position)
        at = position - len(tail)
        for raw in tail.split(b"\n"):
            if _PART.match(raw):
                records.take(at, Line(raw, len(raw)))
            at += len(raw) + 1
    elif last and not last.startswith((b"{", b"[")) and not is_prefixed(last.decode("utf-8", "replace"), 0):
        records.table = _described(_header_before(file, position))
    return records


def header_of(path: Path) -> Table:
    """Return the table that the header at the start of a file describes. Raises OSError."""
    file = OpenFile(path)
    try:
        return _described(file.read().split(b"\n"))
    finally:
        file.close()


def _lines_before(file: OpenFile, position: int) -> Iterator[Line]:
    lines, read = Lines(), 0
    file.seek(0)
    while read < position and (chunk := file.read()[: position - read]):
        read += len(chunk)
        yield from lines.cut(chunk)


def _read(file: OpenFile, start: int, end: int) -> bytes:
    start = max(0, start)
    return os.pread(file.raw.fileno(), end - start, start)


def _is_open(tail: bytes) -> bool:
    """Whether a line of this end of a file may have been started before it."""
    parts = [part for line in tail.split(b"\n") if (part := _PART.match(line))]
    return b"P" in {part["stream"]: part["tag"] for part in reversed(parts)}.values()


def _header_before(file: OpenFile, position: int) -> list[bytes]:
    """Return the lines of the last header before `position`."""
    end = position
    while end > 0:
        start = max(0, end - _CHUNK)
        part = b"\n" * (start == 0) + _read(file, start, min(position, end + len(START)))
        if (at := part.rfind(b"\n" + START)) >= 0:
            header = _read(file, start + at + (start > 0), min(position, start + at + _CHUNK))
            return header.split(b"\n")
        end = start
    return []


def _described(lines: list[bytes]) -> Table:
    """Return the table of a header, which ends at the first other line."""
    table = Table()
    for line in takewhile(lambda line: line.startswith(b"#"), lines):
        if table.takes(line):
            table.row(line)
    return table
