"""The words an alert is found by, cut alike when it is stored and when somebody looks for it.

A word is a run of letters and digits, whatever their case; what is between is left out. Databases
cut text each in its own way; they are given these words, so all of them find the same.
"""

import re
import unicodedata
from collections.abc import Iterable

_LONGEST_WORD, _MOST_WORDS = 100, 1_000
"""What is kept of a text that is no title but a document: a word's first letters, the first words."""

_ASCII_WORD = re.compile(r"[a-z0-9]+")
_IDEOGRAPHS = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# Chinese and Japanese are written without spaces: there every character is a word.
_WORD = re.compile(rf"[{_IDEOGRAPHS}]|[^\W_{_IDEOGRAPHS}]+")
_INNER_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PRIVATE = 0xE000
"""Where Unicode has no characters of its own: what stands there is none of a text's."""


def words_of(text: str) -> list[str]:
    """The words of `text`, in order."""
    if text.isascii():
        found = _ASCII_WORD.findall(text.lower())
    else:
        found = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    return [word[:_LONGEST_WORD] for word in found] if len(text) > _LONGEST_WORD else found


def tag_word(tag: str) -> str:
    """One word for the whole of a tag, told from those of texts, with nothing in it that ends a word."""
    folded = unicodedata.normalize("NFKC", tag).casefold()[:_LONGEST_WORD]
    inner = (c if c.isalnum() else chr(_PRIVATE + ord(c) % 0x1000) for c in folded)
    return chr(_PRIVATE) + "".join(inner)


def alert_words(texts: Iterable[str | None], tags: Iterable[str]) -> list[str]:
    """All that an alert with these texts (title, name, ids) and tags is found by."""
    words: list[str] = []
    for text in texts:
        if text:
            words += words_of(text)
            if not (text.islower() or text.isupper()):
                parted = _INNER_CAPITAL.sub(" ", text)
                if parted != text:
                    words += words_of(parted)  # BruteForce is found by force too
    return words[:_MOST_WORDS] + [tag_word(tag) for tag in tags]
