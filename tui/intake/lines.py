"""Cuts what is read, a piece at a time, into lines; of one that is too long nothing is kept."""

from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_LINE = 1024 * 1024
TOO_LONG = "this line is longer than 1 MiB"


@dataclass(frozen=True, slots=True)
class Line:
    raw: bytes | None
    """Without its end; None of one that is too long."""
    size: int
    """In bytes, with its end."""


class Lines:
    def __init__(self) -> None:
        self._rest = b""
        self._dropped = 0
        """Bytes of a line too long that are not kept."""

    @property
    def pending(self) -> int:
        """How much has been read of the line that has not ended."""
        return self._dropped + len(self._rest)

    def cut(self, read: bytes) -> Iterator[Line]:
        """The lines that end in `read`. To be gone through to the end."""
        *ended, self._rest = (self._rest + read).split(b"\n")
        for raw in ended:
            yield self._line(raw, len(raw) + 1)
        if len(self._rest) > LONGEST_LINE:
            self._dropped += len(self._rest)
            self._rest = b""

    def end(self) -> Iterator[Line]:
        """The last line, though it has no end, if anything is in it."""
        if self.pending:
            raw, self._rest = self._rest, b""
            yield self._line(raw, len(raw))

    def _line(self, raw: bytes, size: int) -> Line:
        too_long = self._dropped or len(raw) > LONGEST_LINE
        size, self._dropped = size + self._dropped, 0
        return Line(None if too_long else raw.removesuffix(b"\r"), size)
