"""Finds the alerts in what a person pipes in: one JSON object, an array of them, or JSON Lines."""

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from tui.domain.alert import decode_json

_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Item:
    """One alert to be, or why there is none."""

    place: str
    """`line 3`, `item 2`, or empty where there is only one."""
    value: Any = None
    error: str | None = None


def read_items(stream: BinaryIO) -> Iterator[list[Item]]:
    """The items of `stream`, in batches of what could be read at once.

    JSON Lines are told by their first line, which is an object of its own, and come out as they
    arrive; anything else is read to its end. A bad line is an item with an error, not an end.
    """
    first = _first_line(stream)
    if not _is_object(first):
        yield list(_whole(first + stream.read()))
        return
    number, rest = first.rstrip().count(b"\n") + 1, b""
    yield [_numbered(first, number)]
    while chunk := _read_available(stream):
        *lines, rest = (rest + chunk).split(b"\n")
        batch = [_numbered(line, number + index) for index, line in enumerate(lines, start=1) if line.strip()]
        number += len(lines)
        if batch:
            yield batch
    if rest.strip():
        yield [_numbered(rest, number + 1)]


def _first_line(stream: BinaryIO) -> bytes:
    """Up to the end of the first line that is not blank."""
    read = b""
    while line := stream.readline():
        read += line
        if line.strip():
            break
    return read


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _read_available(stream: BinaryIO) -> bytes:
    """Without waiting for more than there is, so that a line of a slow pipe is not held back."""
    return stream.read1(_CHUNK) if hasattr(stream, "read1") else stream.read(_CHUNK)  # type: ignore[attr-defined]


def _numbered(raw: bytes, number: int) -> Item:
    return read_line(raw, f"line {number}")


def read_line(raw: bytes, place: str) -> Item:
    """The item that a line of JSON Lines is, which stood at `place`."""
    try:
        return Item(place, decode_json(raw.decode("utf-8-sig").strip()))
    except UnicodeDecodeError:
        return Item(place, error="this is not UTF-8 text")
    except json.JSONDecodeError as error:
        return Item(place, error=f"this is not JSON: {_lower(error.msg)} at column {error.colno}")
    except ValueError as error:
        return Item(place, error=str(error))


def _whole(raw: bytes) -> Iterator[Item]:
    if not raw.removeprefix(codecs.BOM_UTF8).strip():
        yield Item("", error="there is nothing to send: the input is empty")
        return
    try:
        value = decode_json(raw.decode("utf-8-sig"))
    except ValueError as error:
        if _are_lines(raw):
            numbered = enumerate(raw.split(b"\n"), start=1)
            yield from (_numbered(line, number) for number, line in numbered if line.strip())
        else:
            yield _refused(raw, error)
        return
    if isinstance(value, list):
        yield from (Item(f"item {index}", entry) for index, entry in enumerate(value, start=1))
    else:
        yield Item("", value)


def _are_lines(raw: bytes) -> bool:
    """Whether what is no JSON as a whole is JSON Lines, of which the first is bad.

    Two lines that are objects of their own say so, or one that is neither indented, as what stands
    inside a laid out object is, nor may be an entry of an array.
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
            why = f"this is not JSON: {_lower(error.msg)} at column {error.colno}"
            return Item(f"line {error.lineno}", error=why)
        case _:
            return Item("", error=str(error))


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
