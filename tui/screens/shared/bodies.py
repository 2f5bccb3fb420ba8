"""Show a body of any bytes: JSON indented and coloured, text as text, anything else as a hex dump."""

import contextlib
import json
import re

from textual.content import Content

from tui.domain.attempt import Headers
from tui.domain.text import visible, visible_lines
from tui.screens.shared import words
from tui.screens.shared.json_lines import LONGEST, MOST_LINES, json_lines
from tui.screens.shared.lines import Line

_MOST_BYTES = 256 * 1024
"""Bytes of a body that are laid out. A response is never longer, a payload may be."""
_BYTES_A_LINE = 8
"""Bytes in a line of a hex dump on screen: the details pane has no room for 16."""
_MOST_IN_PASSING = 1_500
_CHARSET = re.compile(r"charset=\"?([\w.:-]+)", re.IGNORECASE)


def body_lines(raw: bytes, headers: Headers = (), *, key: str = "", cut: bool = False) -> list[Line]:
    """Lay out `raw` for reading. Keys of folds start with `key`; `cut` says that the end is missing."""
    if not raw:
        return [Line(Content.styled("(empty)", words.MUTED))]
    shown, cut = raw[:_MOST_BYTES], cut or len(raw) > _MOST_BYTES
    text = decode(shown, headers)
    if text is None:
        lines = [Line(Content(line)) for line in _hex_dump(shown, _BYTES_A_LINE)]
    else:
        lines = json_lines(text, key, cut=cut) or [Line(_clip(line)) for line in _split(text)]
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], Line(_more(len(lines) - MOST_LINES, "line"))]
    if len(raw) > len(shown):
        lines.append(Line(_more(len(raw) - len(shown), "byte")))
    return lines


def body(raw: bytes, headers: Headers = (), *, cut: bool = False) -> Content:
    """Return `raw` as one text, nothing folded."""
    lines = body_lines(raw, headers, cut=cut)
    shown = [Content("  " * line.depth) + line.content for line in lines[:_MOST_IN_PASSING]]
    if len(lines) > _MOST_IN_PASSING:
        shown.append(_more(len(lines) - _MOST_IN_PASSING, "line"))
    return Content("\n").join(shown)


def plain_lines(raw: bytes, headers: Headers = (), *, cut: bool = False) -> list[str]:
    """Return `raw` as lines to compare; none for an empty body."""
    lines = body_lines(raw, headers, cut=cut) if raw else []
    return ["  " * line.depth + line.content.plain for line in lines]


def whole_text(raw: bytes, headers: Headers = ()) -> str:
    """Return all of `raw` for a pager: without terminal control sequences, JSON indented."""
    text = decode(raw, headers)
    if text is None:
        return "\n".join(_hex_dump(raw))
    with contextlib.suppress(ValueError, RecursionError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return visible_lines(text)


def header_lines(pairs: Headers) -> list[Line]:
    """Return a line for each header."""
    if not pairs:
        return [Line(Content.styled("(none)", words.MUTED))]
    return [
        Line(Content.assemble((visible(name), "$text-accent"), ": ", _clip(visible(value))))
        for name, value in pairs
    ]


def kept(length: int | None, shown: int, *, truncated: bool) -> str:
    """`512 B`, or `kept 64 KiB of 3.2 MB`."""
    if not truncated:
        return words.size(shown)
    return f"kept {words.size(shown)} of {words.size(length) if length else 'more'}"


def decode(raw: bytes, headers: Headers = ()) -> str | None:
    """Return the text in `raw`, or None if it is binary."""
    content_type = next((value for name, value in headers if name.lower() == "content-type"), "")
    declared = _CHARSET.search(content_type)
    if declared:
        try:
            return raw.decode(declared[1], "replace")
        except LookupError:
            pass
    text = raw.decode("utf-8", "replace")
    # A cut at the limit may split the last character. That alone does not make the body binary.
    if b"\0" in raw or text.count("\ufffd") > 1 + len(text) // 20:
        return None
    return text


def text_lines(text: str) -> list[Line]:
    """Return the lines of a text field."""
    return [Line(_clip(line)) for line in _split(text)]


def _split(text: str) -> list[str]:
    return visible_lines(text).rstrip("\n").split("\n")


def _clip(line: str) -> Content:
    if len(line) <= LONGEST:
        return Content(line)
    return Content.assemble(line[:LONGEST], _more(len(line) - LONGEST, "character"))


def _more(count: int, noun: str) -> Content:
    return Content.styled(f"… {words.counted(count, noun)} more", words.MUTED)


def _hex_dump(raw: bytes, each: int = 16) -> list[str]:
    lines: list[str] = []
    for offset in range(0, len(raw), each):
        row = raw[offset : offset + each]
        printed = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{offset:06x}  {row.hex(' '):<{3 * each - 1}}  {printed}")
    return lines
