"""Split input into items: one JSON object, an array of objects, or JSON Lines."""

import codecs
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from tui.domain.alert import encode_json
from tui.intake.json_text import JSON, begins_like_json, is_blank, is_broken, values_in
from tui.intake.lines import KEPT, TOO_LONG, Line, Lines, PlacedLine
from tui.intake.records import Records
from tui.intake.tables import START

_CHUNK = 256 * 1024
_UNDECIDED = 1024 * 1024
"""Input that is broken is read no further than this if no line in it shows that it is JSON Lines."""
_LONG_LINE = 64 * 1024
"""After this many bytes, a first line is examined before its end."""
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
    value: JSON = None
    error: str | None = None
    raw: bytes | None = None
    """The bytes of the line, if the item is a line, or of a document that cannot be read."""
    start: bytes = b""
    """The first bytes of a line or document that was too long to keep."""

    @property
    def is_cut(self) -> bool:
        """Whether only the first bytes were kept."""
        return self.raw is None and self.start != b""

    def as_bytes(self) -> bytes:
        """Return the item as it was read, or encoded again. Empty if nothing of it was kept."""
        if self.raw is not None or self.error is not None:
            return self.raw or self.start
        return encode_line(self.value) or b""


def read_items(stream: Input) -> Iterator[list[Item]]:
    """Yield the items of `stream`, in batches of what one read returned.

    JSON Lines are yielded as they arrive; they are recognized by lines that are complete objects, or by a
    first line that cannot begin a document. Anything else is read to its end first, unless it turns out to
    be broken. A bad line becomes an item with an error; reading goes on.
    """
    head, detection = bytearray(), _LinesDetection()
    while chunk := stream.read1(_CHUNK):
        head += chunk
        if head.startswith(START) or detection.is_lines(head):
            yield from _read_lines(bytes(head), stream)
            return
        if detection.is_broken_document(head):
            if _are_lines(bytes(head)):
                yield from _read_lines(bytes(head), stream)
            else:
                yield list(_whole(bytes(head)))
            return
        if len(head) > LARGEST_DOCUMENT:
            yield [_too_large(bytes(head[:KEPT]))]
            return
    if detection.is_lines(head + b"\n"):
        yield from _read_lines(bytes(head), io.BytesIO())
    else:
        yield list(_whole(bytes(head)))


def _read_lines(head: bytes, stream: Input) -> Iterator[list[Item]]:
    lines, number, records = Lines(), 0, Records()
    chunk = head
    while chunk:
        cut = list(lines.cut(chunk))
        if batch := list(_numbered(cut, number + 1, records)):
            yield batch
        number += len(cut)
        chunk = stream.read1(_CHUNK)
    if batch := [*_numbered(lines.end(), number + 1, records), *_items(records.rest())]:
        yield batch


class _LinesDetection:
    """Decides whether the input read so far can only be JSON Lines. Checks each line once."""

    def __init__(self) -> None:
        self._examine_at = _LONG_LINE
        """Examine the input again at this length: parsing it for every chunk would take too long."""
        self._seen = 0
        self._searched = 0
        """No line end was found before this offset, from `_seen` on."""
        self._first: bytes | None = None
        self._after_object = False

    def is_lines(self, head: bytearray) -> bool:
        if self._first is None and not begins_like_json(head):
            return True
        while (end := head.find(b"\n", self._searched)) >= 0:
            line = bytes(head[self._seen : end]).removeprefix(codecs.BOM_UTF8)
            self._seen = self._searched = end + 1
            if line.strip() and self._is_proof(line):
                return True
        self._searched = len(head)
        return self._first is None and self._is_due(head) and is_broken(bytes(head))

    def is_broken_document(self, head: bytearray) -> bool:
        """Whether a long input cannot become a document, however it goes on."""
        return len(head) > _UNDECIDED and self._is_due(head) and is_broken(bytes(head))

    def _is_due(self, head: bytearray) -> bool:
        due = len(head) >= self._examine_at
        if due:
            self._examine_at = 2 * len(head)
        return due

    def _is_proof(self, line: bytes) -> bool:
        """Whether this line proves JSON Lines: it is an object that cannot be part of a larger document.

        A line that is an object and is not indented cannot be inside another object. Directly after
        another such line, without a comma, it cannot be inside an array either. A first line that cannot
        begin a document proves that there is none.
        """
        is_first = self._first is None
        if self._first is None:
            self._first = line.lstrip()
            if is_broken(line + b"\n"):
                return True
        is_object = (is_first or line.startswith(b"{")) and _is_object(line)
        in_array = self._first.startswith(b"[")
        proof = is_object and (not in_array or self._after_object)
        self._after_object = is_object
        return proof


def _is_object(line: bytes) -> bool:
    """Whether the line is one object, or several without commas between them."""
    values, _, error = values_in(line, commas=False)
    return error is None and all(isinstance(value, dict) for value in values)


def _numbered(lines: Iterable[Line], first: int, records: Records) -> Iterator[Item]:
    for number, line in enumerate(lines, start=first):
        if (placed := records.take(number, line)) is not None:
            yield from _items([placed])


def _items(lines: Iterable[PlacedLine]) -> Iterator[Item]:
    for line in lines:
        if line.raw is None or not is_blank(line.raw):
            yield from read_line(line.raw, f"line {line.at}", start=line.start)


def read_line(raw: bytes | None, place: str, *, start: bytes = b"") -> list[Item]:
    """Return the items of one line of JSON Lines.

    `raw` is None for a line that is too long, and `start` then what was kept of it. What cannot be read
    in a line is an item with an error.
    """
    if raw is None:
        return [Item(place, error=TOO_LONG, raw=None, start=start)]
    values, rest, error = values_in(raw)
    if error is None and len(values) == 1:
        return [Item(place, values[0], raw=raw)]
    items = [
        Item(f"{place}, value {number}", value, raw=encode_line(value))
        for number, value in enumerate(values, start=1)
    ]
    if error is not None:
        items.append(Item(place, error=reason_of(error), raw=rest.encode() if values else raw))
    return items


def _whole(raw: bytes) -> Iterator[Item]:
    if is_blank(raw):
        yield Item("", error="the input is empty")
        return
    try:
        value = _lenient_value(raw)
    except ValueError as error:
        values, _, problem = values_in(raw)
        if _are_lines(raw):
            lines, records = Lines(), Records()
            yield from _numbered([*lines.cut(raw), *lines.end()], 1, records)
            yield from _items(records.rest())
        elif problem is None:
            yield from (Item(f"item {number}", each) for number, each in enumerate(values, start=1))
        else:
            yield _refused(error, raw)
        return
    if isinstance(value, list):
        yield from (Item(f"item {index}", entry) for index, entry in enumerate(value, start=1))
    else:
        yield Item("", value)


def _lenient_value(raw: bytes) -> JSON:
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


def _refused(error: ValueError, raw: bytes) -> Item:
    place = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
    return Item(place, error=reason_of(error), raw=raw)


def _too_large(start: bytes) -> Item:
    error = "the document is larger than 256 MiB; write one alert per line instead"
    return Item("", error=error, start=start)


def encode_line(value: JSON) -> bytes | None:
    """Return a value as a line of JSON, or None if it is nested too deeply to be written."""
    try:
        return encode_json(value).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return None


def reason_of(error: ValueError) -> str:
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    what = error.msg.removesuffix(" at")  # some messages end in "at", for Python to add its own position
    return f"this is not JSON: {what[:1].lower()}{what[1:]} at column {error.colno}"
