"""The words under which an alert is found, split the same way for storing and for searching.

A word is a run of letters and digits, regardless of case. Everything else separates words. Each database has
its own rules for splitting text; storing these words makes all of them find the same alerts.

Besides the words of its texts, an alert has *whole* words: one for each tag, each log type, each value of its
context together with the path to it, and each IP address. No text contains such a word, because each begins
with a character of a private use area of Unicode.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from itertools import accumulate
from typing import Any, cast

_LONGEST_WORD, _MOST_WORDS, _MOST_CHARACTERS = 100, 10_000, 100_000
"""Limits for documents: the length of a word, the number of words, the characters that are looked at.

Finding all words of 16 MiB would take seconds.
PostgreSQL's `tsvector` takes 1 MB and 16,383 places.
"""
_MOST_OF_AN_ANSWER = 1_000
"""How many bytes of a receiver's answer are looked at. It says what is wrong at its beginning.

Indexing 2,000 bytes would cost a dispatcher a third more CPU per failure.
"""
_LONGEST_VALUE = 200
"""The length up to which a value of the context is compared, together with its path."""

_ASCII_WORD = re.compile(r"[a-z0-9]+")
_IDEOGRAPHS = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# Chinese and Japanese are written without spaces: there every character is a word.
_WORD = re.compile(rf"[{_IDEOGRAPHS}]|[^\W_{_IDEOGRAPHS}]+")
_JSON_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)")
_INNER_CAPITAL = re.compile(r"[a-z0-9][A-Z]")
_BEGINS_INSIDE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BEFORE, _AFTER = re.compile(r"[A-Za-z0-9]{1,40}$"), re.compile(r"[A-Za-z0-9]{1,40}")
_LONGEST_NAME = 40
# Patterns that begin with a plain character are found many times faster than others.
_END_OF_IPV4 = re.compile(r"\.\d{1,3}\.\d{1,3}\.\d{1,3}(?!\w|\.\d)")
_BEGIN_OF_IPV4 = re.compile(r"(?<![\w.])\d{1,3}$")
_IPV6 = re.compile(
    r"(?<![\w.:])(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){7}|[0-9A-Fa-f:]*::[0-9A-Fa-f:.]*)(?!\w)"
)
_IPV6_IS_LIKELY = re.compile(r":(?::|[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}:)")
_TAG, _VALUE, _IP = "\ue000", "\ue001", "\ue002"
"""The first character of a whole word says what it is."""
_LOG_TYPE = "\ue005"
_SPACE = "\ue003"
"""Stands for a space, which would end the word."""
_BEGINS_A_PATH = "\ue004"


def words_of(text: str) -> list[str]:
    """Return the words of `text`, in order."""
    if text.isascii():
        found = _ASCII_WORD.findall(text.lower())
    else:
        found = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    return [word[:_LONGEST_WORD] for word in found] if len(text) > _LONGEST_WORD else found


def tag_word(tag: str) -> str:
    """Return one word for a whole tag."""
    return _TAG + _whole(tag)


def log_type_word(log_type: str) -> str:
    """Return one word for a log type, or for the beginning of one."""
    return _LOG_TYPE + _whole(log_type)


def value_word(path: str, value: str) -> str:
    """Return one word for a value of the context, or for the beginning of one, at a path like `src.ip`."""
    return _VALUE + _whole(f"{path}{_BEGINS_A_PATH}{value}")


def network_words(network: str) -> list[str]:
    """Return the beginnings of the words of the addresses in `network`, like `203.0.113.0/24`.

    Raises ValueError if it is neither an address nor a network.
    """
    found = ip_network(network, strict=False)
    if isinstance(found, IPv6Network) and found.network_address.ipv4_mapped and found.prefixlen >= 96:
        found = ip_network((found.network_address.ipv4_mapped, found.prefixlen - 96))
    digits, spare = divmod(found.prefixlen, 4)
    word = _address_word(found.network_address)
    begin = word[: len(word) - found.max_prefixlen // 4 + digits]
    if not spare:
        return [begin]
    first = int(word[len(begin)], 16)
    return [f"{begin}{digit:x}" for digit in range(first, first + (1 << 4 - spare))]


def alert_words(
    texts: Iterable[str | None],
    tags: Iterable[str],
    context: str = "{}",
    log_types: Sequence[str] = (),
) -> list[str]:
    """Return the words under which an alert is found.

    `texts` are its title, names, ids, description and runbook; `context` is a JSON object.
    """
    tags = list(tags)
    given = "\n".join(text for text in (*texts, *tags, *log_types) if text)[:_MOST_CHARACTERS]
    document = context[:_MOST_CHARACTERS] if context != "{}" else ""
    if "\\" in document:
        document = _JSON_ESCAPE.sub(" ", document)
    words = words_of(given) + words_of(document)
    words += _parts_of_names(given) + _parts_of_names(document)  # "force" finds BruteForce too
    whole = [*map(tag_word, tags), *map(log_type_word, log_types)]
    whole += [*_addresses(f"{given}\n{document}"), *_values(context)]
    return [*_within_limits(words), *_within_limits(whole)]


def failure_words(error: str | None, reason: str | None, answer: bytes | None) -> list[str]:
    """Return the words under which an attempt that failed is found: those of its error and the answer."""
    text = (answer or b"")[:_MOST_OF_AN_ANSWER].decode(errors="replace")
    return words_of(f"{error or ''}\n{reason or ''}\n{text}")


def _values(context: str) -> list[str]:
    """Return the word of each value in a context, a JSON object as text."""
    if context == "{}" or not _is_searchable(context):
        return []
    found = _folded_at_once(context)
    if found is None:
        return [value_word(path, value) for path, value in values_of(context)]
    most = _LONGEST_VALUE
    return [f"{_VALUE}{f'{path}{_BEGINS_A_PATH}{value}'[:most]}" for path, value in _leaves(found)]


def _folded_at_once(context: str) -> Any:
    """Return a context decoded and with all its texts folded; None if that takes more than one step.

    It is several times faster than to fold each value.
    """
    if not context.isascii() or "\\" in context or "\x7f" in context:
        return None
    try:
        return _object(context.lower().replace(" ", _SPACE))
    except ValueError:  # spaces between the values: not written by `encode_json`
        return None


def paths_of(context: str) -> list[str]:
    """Return the paths to the values of a context, a JSON object as text."""
    return list(dict.fromkeys(path for path, _ in values_of(context)))


def values_of(context: str) -> Iterator[tuple[str, str]]:
    """Return the path and the text of each value in a context, a JSON object as text.

    A path is the names of the objects' keys, joined with dots. An array adds nothing to it. A context that is
    too large or nested too deeply has none.
    """
    return _leaves(_object(context) if _is_searchable(context) else ())


def _is_searchable(context: str) -> bool:
    """Whether decoding a context takes little time, and no recursion that might fail only sometimes."""
    if len(context) > _MOST_CHARACTERS:
        return False
    if context.count("{") + context.count("[") <= _DEEPEST:
        return True
    depth = 0
    for token in _BRACKET.finditer(context):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token[0], 0)
        if depth > _DEEPEST:
            return False
    return True


_object = json.JSONDecoder(object_pairs_hook=tuple, parse_int=str, parse_float=str).decode
"""Decodes objects to tuples of pairs, in which folded keys may repeat, and numbers as they are written."""
_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}]')
"""A bracket, or a text in which brackets do not count."""
_DEEPEST = 100
_CONSTANTS = {None: "null", True: "true", False: "false"}


def _leaves(context: Any) -> Iterator[tuple[str, str]]:
    """Return the path and the text of each value that is neither an object nor an array."""
    waiting: list[tuple[str, Any]] = [("", context)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, tuple):
            begin = f"{path}." if path else ""
            inner = cast("tuple[tuple[str, Any], ...]", value)
            waiting += [((begin + key[:_LONGEST_VALUE])[:_LONGEST_VALUE], one) for key, one in inner]
        elif isinstance(value, list):
            waiting += [(path, one) for one in cast("list[Any]", value)]
        else:
            yield path, _CONSTANTS[value]


def _whole(text: str) -> str:
    """Return `text` as one word: folded, with nothing in it that separates words."""
    text = text[:_LONGEST_VALUE]
    if text.isascii():
        folded = text.lower()
    else:
        folded = unicodedata.normalize("NFKC", text).casefold()[:_LONGEST_VALUE]
    if not folded.isprintable():
        folded = "".join(c if c.isprintable() or c == _BEGINS_A_PATH else _SPACE for c in folded)
    return folded.replace(" ", _SPACE)


def _parts_of_names(text: str) -> list[str]:
    """Return the parts of names that are written together, like BruteForce."""
    parts: dict[str, None] = {}
    place = 0
    while (inside := _INNER_CAPITAL.search(text, place)) is not None:
        middle = inside.start() + 1
        begin = _BEFORE.search(text, max(place, middle - _LONGEST_NAME), middle)
        end = _AFTER.match(text, middle)
        assert begin is not None  # both hold at least the character that was found
        assert end is not None
        place = end.end()
        parts |= dict.fromkeys(_BEGINS_INSIDE.split(begin[0] + end[0]))
    return [part.lower() for part in parts]


def _addresses(text: str) -> Iterable[str]:
    typed: list[str] = []
    for end in _END_OF_IPV4.finditer(text):
        begin = _BEGIN_OF_IPV4.search(text, max(0, end.start() - 4), end.start())
        if begin is not None:
            typed.append(begin[0] + end[0])
    if _IPV6_IS_LIKELY.search(text):
        typed += _IPV6.findall(text)
    found: dict[str, None] = {}
    for one in dict.fromkeys(typed):
        try:
            found[_address_word(ip_address(one.rstrip(".") if "::" in one else one))] = None
        except ValueError:
            continue  # 999.1.1.1
    return found


def _address_word(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return f"{_IP}{address.version}{address.packed.hex()}"


def _within_limits(words: list[str]) -> list[str]:
    """Return the first words: whole words may be longer together than the text they come from."""
    words = words[:_MOST_WORDS]
    if len(words) * _LONGEST_VALUE <= _MOST_CHARACTERS or sum(map(len, words)) <= _MOST_CHARACTERS:
        return words
    places = (place for place, room in enumerate(accumulate(map(len, words))) if room > _MOST_CHARACTERS)
    return words[: next(places)]
