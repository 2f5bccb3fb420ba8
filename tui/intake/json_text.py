"""Read JSON values from bytes as tools and broken disks really write them.

Invalid UTF-8 becomes U+FFFD. Accepted are also raw control characters, NaN and infinities (as texts), numbers
that no receiver could parse (as texts), UTF-16, several values in a row, and commas between and after them.
Requests are read strictly, by `tui.intake.strict`, because their sender gets an answer.
"""

import codecs
import json
import math
import re
from collections.abc import Iterator
from typing import TypeAlias

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
"""A decoded JSON value. The tables of TOML files have the same form, apart from dates."""

_SPACE = " \t\r\n"
_START = 64
_LONGEST_TOKEN = 16
"""Characters of the longest token that cannot be read before it is complete, such as `-Infinity`."""
_BOMS = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_PREFIX = re.compile(
    r"(?:<\d{1,3}>)?(?:1 )?"
    r"(?:\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)|[A-Z][a-z]{2} [ \d]\d [\d:]{8})"
    r" [^{\n]{1,200}(?=\{)"
)
"""What a container runtime or a syslog daemon writes before a tool's line: a time, and where it is from."""


def is_prefixed(text: str, start: int) -> bool:
    """Whether the line that begins at `start` has the prefix that `unprefixed` removes."""
    return text[start : start + 1] not in ("{", "[") and _PREFIX.match(text, start) is not None


def unprefixed(text: str) -> str:
    """Return a line without the prefix of a container runtime (CRI) or syslog, if an object may follow."""
    start = None if text[:1] in "{[" else _PREFIX.match(text)
    return text[start.end() :] if start else text


def values_in(raw: bytes, *, commas: bool = True) -> tuple[list[JSON], str, ValueError | None]:
    """Return the values in `raw`, the text that could not be read, and the reason.

    Several values count only if all are objects or arrays: a date is not three numbers.
    """
    for text in _utf16(raw):
        values, rest, error = _values(text, commas=commas)
        if error is None and values:
            return values, rest, None
    return _values(raw.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace"), commas=commas)


def begins_like_json(raw: bytes | bytearray) -> bool:
    """Whether `raw` may be the start of an object or array. True while there is too little to tell."""
    start = bytes(raw[:_START])
    if len(start) < len(codecs.BOM_UTF8) + 1 or is_blank(start):
        return True
    marked = ((codecs.BOM_UTF8, "utf-8"), *_BOMS)
    texts = [start.removeprefix(bom).decode(encoding, "replace") for bom, encoding in marked]
    return any(text.lstrip(_SPACE)[:1] in ("{", "[") for text in texts)


def is_broken(raw: bytes) -> bool:
    """Whether `raw` cannot be the start of JSON that `values_in` reads, whatever follows.

    A token that is cut off at the end of `raw` does not count. UTF-16 is not examined.
    """
    if b"\0" in raw[:_START]:
        return False
    text = raw.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")
    _, _, error = _values(text, commas=True)
    if not isinstance(error, json.JSONDecodeError) or error.msg.startswith("Unterminated string"):
        return False
    return error.pos < len(text) - (0 if text.endswith("\n") else _LONGEST_TOKEN)


def is_blank(raw: bytes) -> bool:
    """Whether there is only white space, in UTF-8 or UTF-16."""
    text = raw.removeprefix(codecs.BOM_UTF8)
    return not text.strip() or any(one and not one.strip(_SPACE) for one in _utf16(raw))


def _utf16(raw: bytes) -> Iterator[str]:
    """Yield `raw` as UTF-16 where it may be that. A line cut at a LF byte lacks or exceeds half of one."""
    if b"\0" not in raw:
        return
    little, big = (raw.removeprefix(bom) for bom, _ in _BOMS)
    if len(little) % 2 and little.startswith(b"\0"):
        little = little[1:]
    if len(big) % 2 and big.endswith(b"\0"):
        big = big[:-1]
    for encoded, (_, encoding) in zip((little, big), _BOMS, strict=True):
        try:
            yield encoded.decode(encoding)
        except UnicodeDecodeError:
            continue


def _values(text: str, *, commas: bool) -> tuple[list[JSON], str, ValueError | None]:
    text = unprefixed(text)
    between = _SPACE + "," * commas
    values: list[JSON] = []
    error: ValueError | None = None
    at = _skip(text, 0, between)
    while at < len(text):
        try:
            value, end = _DECODER.raw_decode(text, at)
        except RecursionError:
            error = ValueError("the JSON is nested too deeply")
            break
        except ValueError as why:
            error = why
            break
        values.append(value)
        at = _skip(text, end, between)
    if not values and error is None:
        error = ValueError("there is no value in it")
    several = len(values) + (error is not None) > 1
    if several and not all(isinstance(value, dict | list) for value in values):
        start = _skip(text, 0, between)
        end = _DECODER.raw_decode(text, start)[1]
        return [], text, error or json.JSONDecodeError("Extra data", text, end)
    return values, text[at:], error


def _skip(text: str, at: int, what: str) -> int:
    while at < len(text) and text[at] in what:
        at += 1
    return at


def _float(number: str) -> float | str:
    value = float(number)
    return value if math.isfinite(value) else number


def _integer(number: str) -> int | str:
    try:
        return int(number)
    except ValueError:  # more digits than Python converts
        return number


_DECODER = json.JSONDecoder(strict=False, parse_constant=str, parse_float=_float, parse_int=_integer)
