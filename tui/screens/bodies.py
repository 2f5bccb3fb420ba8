"""Shows a body of any bytes: JSON indented and coloured, text as text, anything else as a hex dump."""

import json
import re

from textual.content import Content

from tui.domain.attempt import Headers
from tui.domain.text import visible, visible_lines
from tui.screens import words

_LONGEST_LINE = 2000
_MOST_LINES = 1500
_HEX_BYTES = 2048
_CHARSET = re.compile(r"charset=\"?([\w.:-]+)", re.IGNORECASE)
_JSON = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")(?=\s*:)|(?P<string>"(?:[^"\\]|\\.)*")'
    r"|(?P<number>-?\b\d[\d.eE+-]*\b)|(?P<word>\b(?:true|false|null)\b)"
)
_JSON_STYLES = {
    "key": "$text-accent",
    "string": "$text-success",
    "number": "$text-warning",
    "word": "$text-warning",
}


def body(raw: bytes, headers: Headers = ()) -> Content:
    """`raw` as a person reads it best."""
    if not raw:
        return Content.styled("(empty)", words.MUTED)
    text = _decode(raw, headers)
    if text is None:
        return _hex_dump(raw)
    indented = _indent(text)
    return json_text(indented) if indented is not None else Content(_clip(visible_lines(text)))


def json_text(text: str) -> Content:
    """JSON text, coloured; it need not be valid."""
    clipped = _clip(visible_lines(text))
    parts: list[Content | str | tuple[str, str]] = []
    end = 0
    for match in _JSON.finditer(clipped):
        parts += [clipped[end : match.start()], (match[0], _JSON_STYLES[match.lastgroup or "word"])]
        end = match.end()
    return Content.assemble(*parts, clipped[end:])


def headers(pairs: Headers) -> Content:
    """One header a line."""
    if not pairs:
        return Content.styled("(none)", words.MUTED)
    lines = [
        Content.assemble((visible(name), "$text-accent"), ": ", visible(value)[:_LONGEST_LINE])
        for name, value in pairs
    ]
    return Content("\n").join(lines)


def kept(length: int | None, shown: int, *, truncated: bool) -> str:
    """`512 B`, or `kept 64 KiB of 3.2 MB`."""
    if not truncated:
        return words.size(shown)
    return f"kept {words.size(shown)} of {words.size(length) if length else 'more'}"


def _decode(raw: bytes, headers: Headers) -> str | None:
    content_type = next((value for name, value in headers if name.lower() == "content-type"), "")
    declared = _CHARSET.search(content_type)
    if declared:
        try:
            return raw.decode(declared[1], "replace")
        except LookupError:
            pass
    text = raw.decode("utf-8", "replace")
    # A cut at the limit may split the last character; that alone does not make it binary.
    if b"\0" in raw or text.count("\ufffd") > 1 + len(text) // 20:
        return None
    return text


def _indent(text: str) -> str | None:
    stripped = text.strip()
    if not stripped.startswith(("{", "[")):
        return None
    try:
        return json.dumps(json.loads(stripped), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None


def _clip(text: str) -> str:
    lines = text.split("\n")
    shown = [
        line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + "…" for line in lines[:_MOST_LINES]
    ]
    if len(lines) > _MOST_LINES:
        shown.append(f"… {len(lines) - _MOST_LINES} more lines")
    return "\n".join(shown)


def _hex_dump(raw: bytes) -> Content:
    lines: list[str] = []
    for offset in range(0, min(len(raw), _HEX_BYTES), 16):
        row = raw[offset : offset + 16]
        printed = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{offset:06x}  {row.hex(' '):<47}  {printed}")
    if len(raw) > _HEX_BYTES:
        lines.append(f"… {len(raw) - _HEX_BYTES} more bytes")
    return Content("\n".join(lines))
