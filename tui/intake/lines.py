"""Split chunks of bytes into lines. Lines over the limit are dropped, so memory stays bounded."""

from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_LINE = 16 * 1024 * 1024
"""As long as the longest body over HTTP: tools write all alerts of a storm on one line."""
KEPT = 64 * 1024
"""How much is kept of a line that is too long."""
TOO_LONG = "this line is longer than 16 MiB"


@dataclass(frozen=True, slots=True)
class Line:
    raw: bytes | None
    """The line without its end; None if it was too long."""
    size: int
    """Length in bytes, including the line end."""
    start: bytes = b""
    """The first bytes of a line that was too long."""


@dataclass(frozen=True, slots=True)
class PlacedLine:
    at: int
    """Where it begins in its source: a byte offset, or the number of the line."""
    raw: bytes | None
    """As in `Line`."""
    start: bytes = b""
    """As in `Line`."""


class Lines:
    def __init__(self) -> None:
        self._rest = bytearray()
        self._dropped = 0
        self._start = b""
        self._half_end = False
        """How many bytes of the current, too long line were dropped."""

    @property
    def pending(self) -> int:
        """How many bytes of the unfinished line have been read."""
        return self._dropped + len(self._rest)

    def cut(self, read: bytes) -> Iterator[Line]:
        """Yield the lines that end in `read`. The caller must exhaust the iterator."""
        ended: list[bytes] = []
        if b"\n" in read:
            *ended, rest = (bytes(self._rest) + read).split(b"\n")
            self._rest = bytearray(rest)
        else:  # without a copy of what is there: a long line comes in many parts
            self._rest += read
        for raw in ended:
            yield self._line(raw, len(raw) + 1)
        if len(self._rest) > LONGEST_LINE:
            self._start = self._start or bytes(self._rest[:KEPT])
            self._dropped += len(self._rest)
            self._rest = bytearray()

    def end(self) -> Iterator[Line]:
        """Yield the last line if it has no line end and is not empty."""
        if self._half_end and bytes(self._rest) == b"\0" and not self._dropped:
            return  # the second half of the line feed of a UTF-16 line
        if self.pending:
            raw, self._rest = bytes(self._rest), bytearray()
            yield self._line(raw, len(raw))

    def _line(self, raw: bytes, size: int) -> Line:
        too_long = self._dropped or len(raw) > LONGEST_LINE
        start, self._start = (self._start or raw[:KEPT]) if too_long else b"", b""
        size, self._dropped = size + self._dropped, 0
        self._half_end = raw.endswith(b"\0")
        return Line(None if too_long else raw.removesuffix(b"\r"), size, start)
