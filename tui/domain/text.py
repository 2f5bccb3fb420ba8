"""Make untrusted text safe for a terminal: control characters are shown instead of taking effect.

Titles, contexts, headers and response bodies come from outside. Escape sequences in them could move the
cursor, set the clipboard or rename the window; bidirectional controls could reorder the text. These functions
replace both with visible characters.
"""

_REPLACEMENT = "\ufffd"
_PART = 256 * 1024


def _visible_forms() -> dict[int, str]:
    forms = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "\u2421"}
    forms |= {code: f"\\x{code:02x}" for code in range(0x80, 0xA0)}
    invisible = [0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E, 0x3164, 0xFEFF, 0xFFA0]
    # U+200D, the joiner inside emoji, stays: without it, an emoji would fall into parts.
    invisible += [0x200B, 0x200C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2060, 0x2070)]
    invisible += range(0xFFF9, 0xFFFC)
    surrogates = range(0xD800, 0xE000)  # alone they are not characters, and no terminal accepts them
    forms |= {code: f"\\u{code:04x}" for code in (*invisible, *surrogates)}
    return forms | {code: f"\\U{code:08x}" for code in range(0xE0000, 0xE0080)}


_ONE_LINE = _visible_forms()
_MANY_LINES = {code: form for code, form in _ONE_LINE.items() if chr(code) not in "\n\t"} | {
    ord("\t"): "    "
}
_REPLACED = dict.fromkeys(_ONE_LINE, _REPLACEMENT)


def visible(text: str) -> str:
    """Return `text` on one line, with control and invisible characters in a visible form (`␛`, `\\u202e`)."""
    return text.translate(_ONE_LINE)


def visible_lines(text: str) -> str:
    """Like `visible`, for text of several lines: keeps line ends, CR LF as LF, and tabs as spaces."""
    return text.replace("\r\n", "\n").translate(_MANY_LINES)


def is_control(character: str) -> bool:
    """Return whether a terminal could interpret `character` instead of drawing it."""
    return ord(character) in _ONE_LINE


def replace_controls(text: str) -> str:
    """Return `text` with every character that a terminal could interpret replaced by U+FFFD."""
    return text.translate(_REPLACED)


def storable(text: str) -> str:
    """Return `text` so that every database and UTF-8 can store it: lone surrogates and NUL become U+FFFD."""
    if "\0" in text:
        text = text.replace("\0", _REPLACEMENT)
    try:
        text.encode()
    except UnicodeEncodeError:
        # Each lone surrogate costs time. In parts, other threads get their turn.
        parts = (text[at : at + _PART] for at in range(0, len(text), _PART))
        text = "".join(part.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for part in parts)
    return text
