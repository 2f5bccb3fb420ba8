"""The words under which an alert is found, split the same way for storing and for searching.

A word is a run of letters and digits, regardless of case. Everything else separates words. Each database has
its own rules for splitting text; storing these words makes all of them find the same alerts.
"""

import re
import unicodedata
from collections.abc import Iterable

_LONGEST_WORD, _MOST_WORDS = 100, 1_000
"""Limits for texts that are documents rather than titles: the length of a word, the number of words."""
_MOST_CHARACTERS = _LONGEST_WORD * _MOST_WORDS
"""Words after this many characters are not looked for: finding all words of 16 MiB takes seconds."""

_ASCII_WORD = re.compile(r"[a-z0-9]+")
_IDEOGRAPHS = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# Chinese and Japanese are written without spaces: there every character is a word.
_WORD = re.compile(rf"[{_IDEOGRAPHS}]|[^\W_{_IDEOGRAPHS}]+")
_INNER_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PRIVATE = 0xE000
"""The start of a private use area of Unicode, whose characters no word of a text contains."""


def words_of(text: str) -> list[str]:
    """Return the words of `text`, in order."""
    if text.isascii():
        found = _ASCII_WORD.findall(text.lower())
    else:
        found = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    return [word[:_LONGEST_WORD] for word in found] if len(text) > _LONGEST_WORD else found


def tag_word(tag: str) -> str:
    """Return one word for a whole tag, distinct from the words of texts, without any word separator."""
    folded = unicodedata.normalize("NFKC", tag).casefold()[:_LONGEST_WORD]
    inner = (c if c.isalnum() else chr(_PRIVATE + ord(c) % 0x1000) for c in folded)
    return chr(_PRIVATE) + "".join(inner)


def alert_words(texts: Iterable[str | None], tags: Iterable[str]) -> list[str]:
    """Return the words under which an alert with these texts (title, name, ids) and tags is found."""
    words: list[str] = []
    for text in texts:
        if text:
            text = text[:_MOST_CHARACTERS]
            words += words_of(text)
            if not (text.islower() or text.isupper()):
                parted = _INNER_CAPITAL.sub(" ", text)
                if parted != text:
                    words += words_of(parted)  # "force" finds BruteForce too
    return words[:_MOST_WORDS] + [tag_word(tag) for tag in tags]
