"""The filters of shapes: escaping for each vendor, shortening, and signs for severities.

Limits are counted in UTF-16 units, as Telegram and JavaScript count: never fewer than characters.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from email.header import Header
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from tui.domain.alert import Severity

ELLIPSIS = "…"
_COLORS = {"INFO": 0x607D8B, "LOW": 0x1976D2, "MEDIUM": 0xF9A825, "HIGH": 0xEF6C00, "CRITICAL": 0xC62828}
_EMOJI = {"INFO": "⚪", "LOW": "🔵", "MEDIUM": "🟡", "HIGH": "🟠", "CRITICAL": "🔴"}
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_HTML = {**_ENTITIES, '"': "&quot;"}
# A zero-width space keeps a mention from notifying a channel; a backslash does not.
_MARKDOWN = {**{sign: "\\" + sign for sign in "\\`*_[]()<>#|~"}, "@": "@\u200b"}
_LINK = re.compile(r"https?://[^\s<>\"|]+", re.IGNORECASE)
# Control characters show nothing, and some vendors refuse a message that contains them.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _clean(value: Any) -> str:
    return _CONTROL.sub("", _text(value))


def units(text: str) -> int:
    """Return the length in UTF-16 units."""
    return len(text) + sum(character > "\uffff" for character in text)


def cut(value: Any, limit: int) -> str:
    """Shorten to `limit` units, with an ellipsis at the end if something was left out."""
    return _fit(_clean(value), limit, {})


def cut_bytes(value: Any, limit: int) -> str:
    """Shorten to `limit` bytes of UTF-8, with an ellipsis."""
    text = _clean(value)
    if len(text) * 4 <= limit or len(raw := text.encode(errors="replace")) <= limit:
        return text
    return raw[: max(limit - len(ELLIPSIS.encode()), 0)].decode(errors="ignore") + ELLIPSIS


def _fit(text: str, limit: int, escapes: Mapping[str, str]) -> str:
    """Escape and shorten: an escape is kept whole or left out."""
    if not escapes and limit > 0 and text.isascii():
        return text if len(text) <= limit else text[: limit - 1] + ELLIPSIS
    if len(text) * 6 <= limit or _fits(text, limit, escapes):
        return "".join([escapes.get(c, c) for c in text]) if escapes else text
    room = limit - len(ELLIPSIS)
    kept: list[str] = []
    for character in text:
        escaped = escapes.get(character, character)
        room -= units(escaped)
        if room < 0:
            break
        kept.append(escaped)
    return "".join(kept) + ELLIPSIS if limit > 0 else ""


def _fits(text: str, limit: int, escapes: Mapping[str, str]) -> bool:
    if len(text) > limit:
        return False
    return units(text) + sum(text.count(sign) * (units(as_) - 1) for sign, as_ in escapes.items()) <= limit


def _escape(escapes: Mapping[str, str]) -> Callable[..., str]:
    signs = re.compile("[" + re.escape("".join(escapes)) + "]")  # much faster than str.translate

    def escape(value: Any, limit: int | None = None) -> str:
        text = _clean(value)
        if limit is None or len(text) * 6 <= limit:
            return signs.sub(lambda sign: escapes[sign[0]], text)
        return _fit(text, limit, escapes)

    return escape


def color(severity: Any) -> str:
    """Return the colour of a severity as `#rrggbb`."""
    return f"#{color_number(severity):06x}"


def color_number(severity: Any) -> int:
    return _COLORS.get(_text(severity), 0)


def emoji(severity: Any) -> str:
    return _EMOJI.get(_text(severity), "")


def level(severity: Any, levels: Sequence[Any]) -> Any:
    """Return the one of five levels, from INFO to CRITICAL, that belongs to the severity."""
    return levels[Severity(_text(severity)).rank]


def web(value: Any, limit: int = 2000) -> str:
    """Return an http or https link that vendors accept; empty for anything else."""
    return _web(_text(value).strip(), limit)


@lru_cache(maxsize=64)
def _web(link: str, limit: int) -> str:
    # Cached, because a shape asks twice: whether to show a link, and for the link.
    if len(link) > limit or not _LINK.fullmatch(link) or not link.isprintable():
        return ""
    try:
        return link if urlsplit(link).hostname else ""
    except ValueError:
        return ""


def one_line(value: Any) -> str:
    """Return text without line breaks and control characters."""
    return " ".join(_clean(value).split())


def header(value: Any) -> str:
    """Return text for an HTTP header: on one line, and encoded by RFC 2047 unless it is ASCII."""
    text = one_line(value)
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=10_000).encode()


FILTERS: dict[str, Callable[..., Any]] = {
    "cut": cut,
    "cut_bytes": cut_bytes,
    "slack": _escape(_ENTITIES),
    "html": _escape(_HTML),
    "markdown": _escape(_MARKDOWN),
    "color": color,
    "color_number": color_number,
    "emoji": emoji,
    "level": level,
    "web": web,
    "header": header,
}
