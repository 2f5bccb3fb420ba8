"""Split the body of a request into items, strictly: the sender gets an answer, so nothing is guessed.

Items are read one at a time. Whoever stops early has not paid for the rest, and the objects of one item are
gone before those of the next are made.
"""

import codecs
import json
import re
from collections.abc import Iterator

from tui.domain.alert import decode_json, decode_json_at
from tui.intake.documents import Item, reason_of
from tui.intake.json_text import JSON, unprefixed
from tui.intake.lines import TOO_LONG, Line, PlacedLine
from tui.intake.records import Records, begins_lines

_SPACES = re.compile(r"[ \t\r\n]*")
_BLANKS = re.compile(r"[ \t\r\n\v\f]*")
_PART = 256 * 1024


def items_in(body: bytes) -> Iterator[Item]:
    """Yield the items of a body: one JSON value, the entries of an array, or JSON Lines.

    Invalid UTF-8 becomes U+FFFD. What is not JSON is an item with an error; in JSON Lines, reading goes on.
    """
    text = text_of(body)
    start = _end_of(_BLANKS, text, 0)
    if start == len(text):
        yield Item("", error="the input is empty")
    elif text[start] == "[":
        yield from _entries(text, start)
    elif begins_lines(text, start):
        yield from _lines(text)
    else:
        yield from _documents(text, start)


def only_item(body: bytes) -> Item:
    """Return the one value in a body."""
    return _read("", text_of(body))


def text_of(body: bytes) -> str:
    """Decode UTF-8 without its BOM. Invalid bytes become U+FFFD."""
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        return body.decode()
    except UnicodeDecodeError:
        # Each invalid byte costs time. In parts, other threads get their turn.
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        parts = [decoder.decode(body[at : at + _PART]) for at in range(0, len(body), _PART)]
        return "".join([*parts, decoder.decode(b"", final=True)])


def _entries(text: str, start: int) -> Iterator[Item]:
    """Yield the entries of the array that begins at `start`. The text after it is an error."""
    number, at = 0, _end_of(_SPACES, text, start + 1)
    mark = "]" if text[at : at + 1] == "]" else ","
    try:
        while mark == ",":
            number += 1
            value, at = decode_json_at(text, at)
            yield Item(f"item {number}", value)
            at = _end_of(_SPACES, text, at)
            mark = text[at : at + 1]
            if mark == ",":
                at = _end_of(_SPACES, text, at + 1)
        if mark != "]":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
        if (end := _end_of(_BLANKS, text, at + 1)) < len(text):
            raise json.JSONDecodeError("Extra data", text, end)
    except ValueError as error:
        yield _error("", error)


def _documents(text: str, start: int) -> Iterator[Item]:
    """Yield the one value that begins at `start`, or JSON Lines if more lines follow its own."""
    value: JSON
    try:
        value, end = decode_json_at(text, start)
    except ValueError as error:
        if _next_line_is_object(text, start):
            yield from _lines(text)
        else:
            yield _error("", error)
        return
    rest = _end_of(_BLANKS, text, end)
    in_one_line = text.find("\n", start, end) < 0
    if rest == len(text):
        is_line = in_one_line and isinstance(value, dict)
        number = text.count("\n", 0, start) + 1
        yield Item(f"line {number}" if is_line else "", value)
    elif in_one_line and text.find("\n", end, rest) >= 0:
        yield from _lines(text)
    else:
        yield _error("", json.JSONDecodeError("Extra data", text, rest))


def _next_line_is_object(text: str, start: int) -> bool:
    """Whether the line that begins at `start` is a bad one of JSON Lines and not a document with an error."""
    end = text.find("\n", start)
    after = _end_of(_BLANKS, text, end) if end >= 0 else len(text)
    if not (text.startswith("{", after) and text[after - 1] == "\n"):  # indented, it may be inside another
        return False
    try:
        _, end = decode_json_at(text, after)
    except ValueError:
        return False
    return text.find("\n", after, end) < 0


def _lines(text: str) -> Iterator[Item]:
    number, counted, records = 1, 0, Records()
    while (start := _end_of(_BLANKS, text, counted)) < len(text):
        number += text.count("\n", counted, start)
        end = text.find("\n", start)
        counted = len(text) if end < 0 else end
        if text[start] in "{[":
            yield _read(f"line {number}", text[start:counted])
        elif placed := records.take(number, Line(text[start:counted].encode("utf-8", "surrogatepass"), 0)):
            yield _placed(placed)
    yield from map(_placed, records.rest())


def _placed(line: PlacedLine) -> Item:
    if line.raw is None:
        return Item(f"line {line.at}", error=TOO_LONG)
    return _read(f"line {line.at}", line.raw.decode("utf-8", "surrogatepass"))


def _read(place: str, text: str) -> Item:
    try:
        return Item(place, decode_json(unprefixed(text.removeprefix("\ufeff").strip(" \t\r\n"))))
    except ValueError as error:
        return _error(place, error)


def _error(place: str, error: ValueError) -> Item:
    if not place and isinstance(error, json.JSONDecodeError):
        place = f"line {error.lineno}"
    return Item(place, error=reason_of(error))


def _end_of(pattern: re.Pattern[str], text: str, start: int) -> int:
    """Return where the match of a pattern that may be empty ends."""
    found = pattern.match(text, start)
    return found.end() if found else start
