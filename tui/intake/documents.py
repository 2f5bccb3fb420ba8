"""Split input into items: one JSON object, an array of objects, or JSON Lines."""

import codecs
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from tui.domain.alert import encode_json
from tui.intake.json_text import is_blank, strict_value, values_in
from tui.intake.lines import TOO_LONG, Line, Lines
from tui.intake.tables import START, Table

_CHUNK = 256 * 1024
_UNDECIDED = 1024 * 1024
"""Input that begins like no JSON is taken for lines after this many bytes."""
LARGEST_DOCUMENT = 256 * 1024 * 1024
"""In bytes. A single document must be in memory as a whole to be parsed."""


class Input(Protocol):
    def read1(self, size: int, /) -> bytes:
        """Read what is available, waiting only for the first byte. Empty at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Item:
    """One value that should become an alert, or the reason why it cannot be read."""

    place: str
    """`line 3`, `item 2`, or empty if the input is a single document."""
    value: Any = None
    error: str | None = None
    raw: bytes | None = None
    """The bytes of the line, if the item is a line."""
    start: bytes = b""
    """The first bytes of a line that was too long to keep."""

    def as_line(self) -> bytes | None:
        """Return the item as a line that can be sent again, or None if it was not kept."""
        if self.raw is not None or self.error is not None:
            return self.raw
        return encode_line(self.value)


def read_items(stream: Input, *, strict: bool = False) -> Iterator[list[Item]]:
    """Yield the items of `stream`, in batches of what one read returned.

    JSON Lines are yielded as they arrive; they are recognized by lines that are complete objects.
    Anything else is read to its end first. A bad line becomes an item with an error; reading goes on.
    `strict` as in `tui.intake.json_text`.
    """
    head, detection = bytearray(), _LinesDetection()
    while chunk := stream.read1(_CHUNK):
        head += chunk
        if head.startswith(START) or detection.is_lines(head):
            yield from _read_lines(bytes(head), stream, strict=strict)
            return
        if len(head) > LARGEST_DOCUMENT:
            yield [Item("", error="the document is larger than 256 MiB; write one alert per line instead")]
            return
    if detection.is_lines(head + b"\n"):
        yield from _read_lines(bytes(head), io.BytesIO(), strict=strict)
    else:
        yield list(_whole(bytes(head), strict=strict))


def _read_lines(head: bytes, stream: Input, *, strict: bool) -> Iterator[list[Item]]:
    lines, number, table = Lines(), 0, Table()
    chunk = head
    while chunk:
        cut = list(lines.cut(chunk))
        if batch := list(_numbered(cut, number + 1, table, strict=strict)):
            yield batch
        number += len(cut)
        chunk = stream.read1(_CHUNK)
    if batch := list(_numbered(lines.end(), number + 1, table, strict=strict)):
        yield batch


class _LinesDetection:
    """Decides whether the input read so far can only be JSON Lines. Checks each line once."""

    def __init__(self) -> None:
        self._seen = 0
        self._searched = 0
        """No line end was found before this offset, from `_seen` on."""
        self._first: bytes | None = None
        self._after_object = False

    def is_lines(self, head: bytearray) -> bool:
        while (end := head.find(b"\n", self._searched)) >= 0:
            line = bytes(head[self._seen : end]).removeprefix(codecs.BOM_UTF8)
            self._seen = self._searched = end + 1
            if line.strip() and self._is_proof(line):
                return True
        self._searched = len(head)
        return self._first is not None and self._first[:1] not in b"{[" and len(head) > _UNDECIDED

    def _is_proof(self, line: bytes) -> bool:
        """Whether this line proves JSON Lines: it is an object that cannot be part of a larger document.

        A line that is an object and is not indented cannot be inside another object. Directly after
        another such line, without a comma, it cannot be inside an array either.
        """
        is_first = self._first is None
        if self._first is None:
            self._first = line.lstrip()
        is_object = (is_first or line.startswith(b"{")) and _is_object(line)
        in_array = self._first.startswith(b"[")
        proof = is_object and (not in_array or self._after_object)
        self._after_object = is_object
        return proof


def _is_object(line: bytes) -> bool:
    """Whether the line is one object, or several without commas between them."""
    values, _, error = values_in(line, commas=False)
    return error is None and all(isinstance(value, dict) for value in values)


def _numbered(lines: Iterable[Line], first: int, table: Table, *, strict: bool) -> Iterator[Item]:
    for number, line in enumerate(lines, start=first):
        if line.raw is not None and table.takes(line.raw):
            if (row := table.row(line.raw)) is not None:
                yield Item(f"line {number}", row, raw=encode_line(row))
        elif line.raw is None or not is_blank(line.raw):
            yield from read_line(line.raw, f"line {number}", strict=strict, start=line.start)


def read_line(raw: bytes | None, place: str, *, strict: bool = False, start: bytes = b"") -> list[Item]:
    """Return the items of one line of JSON Lines.

    `raw` is None for a line that is too long, and `start` then what was kept of it. What cannot be read
    in a line is an item with an error.
    """
    if raw is None:
        return [Item(place, error=TOO_LONG, raw=None, start=start)]
    if strict:
        try:
            return [Item(place, strict_value(raw), raw=raw)]
        except ValueError as why:
            return [Item(place, error=_reason(why), raw=raw)]
    values, rest, error = values_in(raw)
    if error is None and len(values) == 1:
        return [Item(place, values[0], raw=raw)]
    items = [
        Item(f"{place}, value {number}", value, raw=encode_line(value))
        for number, value in enumerate(values, start=1)
    ]
    if error is not None:
        items.append(Item(place, error=_reason(error), raw=rest.encode() if values else raw))
    return items


def _whole(raw: bytes, *, strict: bool) -> Iterator[Item]:
    if is_blank(raw):
        yield Item("", error="the input is empty")
        return
    try:
        value = strict_value(raw) if strict else _lenient_value(raw)
    except ValueError as error:
        values, _, problem = values_in(raw) if not strict else ([], "", error)
        if _are_lines(raw):
            lines = Lines()
            yield from _numbered([*lines.cut(raw), *lines.end()], 1, Table(), strict=strict)
        elif problem is None:
            yield from (Item(f"item {number}", each) for number, each in enumerate(values, start=1))
        else:
            yield _refused(error)
        return
    if isinstance(value, list):
        yield from (Item(f"item {index}", entry) for index, entry in enumerate(value, start=1))
    else:
        yield Item("", value)


def _lenient_value(raw: bytes) -> Any:
    """Return the one value in `raw`; an array may end with a comma, or be still without its end."""
    values, _, error = values_in(raw, commas=False)
    if error is None and len(values) == 1:
        return values[0]
    if raw.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"["):
        body = raw.rstrip().removesuffix(b"]").rstrip()
        if body.endswith((b",", b"}")):
            values, _, _ = values_in(body.removesuffix(b",") + b"]", commas=False)
            if len(values) == 1:
                return values[0]
    raise error or ValueError("there is more than one value")


def _are_lines(raw: bytes) -> bool:
    """Whether input that is not JSON as a whole is JSON Lines with a bad first line.

    It is if two lines are complete objects. One is enough if it is not indented (so not inside another
    object) and the input does not begin with an array.
    """
    raw = raw.removeprefix(codecs.BOM_UTF8)
    objects = [line for line in raw.split(b"\n") if line.strip() and _is_object(line)]
    in_array = raw.lstrip().startswith(b"[")
    return len(objects) > 1 or (not in_array and any(line.startswith(b"{") for line in objects))


def _refused(error: ValueError) -> Item:
    place = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
    return Item(place, error=_reason(error))


def encode_line(value: Any) -> bytes | None:
    """Return a value as a line of JSON, or None if it is nested too deeply to be written."""
    try:
        return encode_json(value).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return None


def _reason(error: ValueError) -> str:
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    what = error.msg.removesuffix(" at")  # some messages end in "at", for Python to add its own position
    return f"this is not JSON: {what[:1].lower()}{what[1:]} at column {error.colno}"
