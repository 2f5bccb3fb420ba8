"""Split input into items: one JSON object, an array of objects, or JSON Lines."""

import codecs
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from tui.domain.alert import decode_json, encode_json
from tui.intake.lines import TOO_LONG, Line, Lines

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

    def as_line(self) -> bytes | None:
        """Return the item as a line that can be sent again, or None if it was not kept."""
        if self.raw is not None or self.error is not None:
            return self.raw
        return encode_json(self.value).encode("utf-8", "surrogatepass")


def read_items(stream: Input) -> Iterator[list[Item]]:
    """Yield the items of `stream`, in batches of what one read returned.

    JSON Lines are yielded as they arrive; they are recognized by lines that are complete objects.
    Anything else is read to its end first. A bad line becomes an item with an error; reading goes on.
    """
    head, detection = bytearray(), _LinesDetection()
    while chunk := stream.read1(_CHUNK):
        head += chunk
        if detection.is_lines(head):
            yield from _read_lines(bytes(head), stream)
            return
        if len(head) > LARGEST_DOCUMENT:
            yield [Item("", error="the document is larger than 256 MiB; write one alert per line instead")]
            return
    if detection.is_lines(head + b"\n"):
        yield from _read_lines(bytes(head), io.BytesIO())
    else:
        yield list(_whole(bytes(head)))


def _read_lines(head: bytes, stream: Input) -> Iterator[list[Item]]:
    lines, number = Lines(), 0
    chunk = head
    while chunk:
        cut = list(lines.cut(chunk))
        if batch := list(_numbered(cut, number + 1)):
            yield batch
        number += len(cut)
        chunk = stream.read1(_CHUNK)
    if batch := list(_numbered(lines.end(), number + 1)):
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
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _numbered(lines: Iterable[Line], first: int) -> Iterator[Item]:
    for number, line in enumerate(lines, start=first):
        if line.raw is None or line.raw.strip():
            yield read_line(line.raw, f"line {number}")


def read_line(raw: bytes | None, place: str) -> Item:
    """Return the item of one line of JSON Lines. `raw` is None for a line that is too long."""
    if raw is None:
        return Item(place, error=TOO_LONG)
    try:
        return Item(place, decode_json(raw.decode("utf-8-sig").strip()), raw=raw)
    except UnicodeDecodeError:
        error = "this is not UTF-8 text"
    except json.JSONDecodeError as why:
        error = _not_json(why)
    except ValueError as why:
        error = str(why)
    return Item(place, error=error, raw=raw)


def _whole(raw: bytes) -> Iterator[Item]:
    if not raw.removeprefix(codecs.BOM_UTF8).strip():
        yield Item("", error="the input is empty")
        return
    try:
        value = decode_json(raw.decode("utf-8-sig"))
    except ValueError as error:
        if _are_lines(raw):
            lines = Lines()
            yield from _numbered([*lines.cut(raw), *lines.end()], 1)
        else:
            yield _refused(raw, error)
        return
    if isinstance(value, list):
        yield from (Item(f"item {index}", entry) for index, entry in enumerate(value, start=1))
    else:
        yield Item("", value)


def _are_lines(raw: bytes) -> bool:
    """Whether input that is not JSON as a whole is JSON Lines with a bad first line.

    It is if two lines are complete objects. One is enough if it is not indented (so not inside another
    object) and the input does not begin with an array.
    """
    raw = raw.removeprefix(codecs.BOM_UTF8)
    objects = [line for line in raw.split(b"\n") if _is_object(line)]
    in_array = raw.lstrip().startswith(b"[")
    return len(objects) > 1 or (not in_array and any(line.startswith(b"{") for line in objects))


def _refused(raw: bytes, error: ValueError) -> Item:
    match error:
        case UnicodeDecodeError():
            return Item(f"line {raw[: error.start].count(10) + 1}", error="this is not UTF-8 text")
        case json.JSONDecodeError():
            return Item(f"line {error.lineno}", error=_not_json(error))
        case _:
            return Item("", error=str(error))


def _not_json(error: json.JSONDecodeError) -> str:
    what = error.msg.removesuffix(" at")  # some messages end in "at", for Python to add its own position
    return f"this is not JSON: {what[:1].lower()}{what[1:]} at column {error.colno}"
