"""Check the host of a URL: a name that can be resolved, or an address.

Names with non-ASCII characters follow IDNA 2008 as far as the standard library supports it. Other names are
rejected here, because the HTTP client would reject them at every attempt.
"""

import ipaddress
import re
import unicodedata

from tui.domain.errors import Invalid

_ASCII_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
# What IDNA allows next to a non-ASCII label; a name that is all ASCII may be laxer.
_PLAIN_LABEL = re.compile(r"xn--[a-z0-9-]*[a-z0-9]|(?!..--)[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
_LETTERS_AND_MARKS = ("Ll", "Lo", "Lm", "Mn", "Mc")
_RIGHT_TO_LEFT = ("R", "AL")
_DISALLOWED = re.compile(
    # RFC 5892 section 2.6 to 2.9: marks for ancient music and for Mongolian, letters of old Hangul,
    # selectors of a variation, and a few that only lengthen or repeat another.
    "[\u034f\u0640\u07fa\u1100-\u11ff\u17b4\u17b5\u180b-\u180f\u20d0-\u20ff\u302e\u302f\u3031-\u3035\u303b"
    "\ua960-\ua97c\ud7b0-\ud7fb\ufe00-\ufe0f\U0001d165-\U0001d1ad\U0001d242-\U0001d244\U000e0100-\U000e01ef]"
)


def check_host(host: str) -> None:
    """Raise Invalid (`url`) unless `host` is a valid host; the message says what is allowed."""
    if ":" in host:
        if not _is_address(ipaddress.IPv6Address, host) or "%" in host:
            raise Invalid("url", "write an IPv6 address in brackets, like [2001:db8::7]")
        return
    labels = host.lower().removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]) and labels[-1].isascii():
        if not _is_address(ipaddress.IPv4Address, host):
            raise Invalid("url", "an IPv4 address must be four numbers from 0 to 255, like 192.0.2.7")
        return
    if not host.isascii() and any(label.isascii() and not _PLAIN_LABEL.fullmatch(label) for label in labels):
        raise Invalid(
            "url", "a host with non-ASCII letters can contain only letters, digits and inner hyphens"
        )
    encoded = [_encode(label) for label in labels]
    if not all(encoded) or len(".".join(encoded)) > 253:
        raise Invalid(
            "url", "the host in this URL is not valid; use a name like hooks.example.com or an address"
        )


def _is_address(kind: type[ipaddress.IPv4Address | ipaddress.IPv6Address], host: str) -> bool:
    try:
        kind(host)
    except ValueError:
        return False
    return True


def _encode(label: str) -> str:
    """Return `label` as it is sent to the DNS; empty if it is not valid."""
    try:
        shown = label[4:].encode("ascii").decode("punycode") if label.startswith("xn--") else label
        encoded = shown if shown.isascii() else "xn--" + shown.encode("punycode").decode()
    except (UnicodeError, ValueError):
        return ""
    same = encoded == label or not label.isascii()
    well_formed = shown.isascii() or _is_international(shown)
    return encoded if same and well_formed and _ASCII_LABEL.fullmatch(encoded) else ""


def _is_international(label: str) -> bool:
    if label[0] == "-" or label[-1] == "-" or label[2:4] == "--":
        return False
    if unicodedata.category(label[0]).startswith("M") or _DISALLOWED.search(label):
        return False
    if unicodedata.normalize("NFC", label) != label:
        return False
    others = [character for character in label if not re.fullmatch("[a-z0-9-]", character)]
    if not all(_stays(character) for character in others):
        return False
    directions = {unicodedata.bidirectional(character) for character in label}
    if directions.isdisjoint(_RIGHT_TO_LEFT):
        return True
    return unicodedata.bidirectional(label[0]) != "NSM" and directions <= {*_RIGHT_TO_LEFT, "NSM"}


def _stays(character: str) -> bool:
    """Return whether `character` is a letter or a mark that normalization does not change."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", character).casefold())
    return unicodedata.category(character) in _LETTERS_AND_MARKS and (
        folded == character or character in "ßς"
    )
