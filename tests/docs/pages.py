"""The pages that people read, and what can be found in their Markdown."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_TOP = (ROOT / name for name in ("README.md", "CHANGELOG.md"))
PAGES = tuple(path for path in (*_TOP, *sorted((ROOT / "docs").glob("*.md"))) if path.exists())
NAMES = tuple(str(path.relative_to(ROOT)) for path in PAGES)

_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```$", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    """Without the indentation of the list that the block may stand in."""
    line: int


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, *languages: str) -> list[Block]:
    """Return the code blocks of a page in these languages, in order."""
    text = read(name)
    return [
        Block(
            match["language"],
            re.sub(rf"(?m)^{match['indent']}", "", match["text"]),
            text.count("\n", 0, match.start()) + 1,
        )
        for match in _BLOCK.finditer(text)
        if match["language"] in languages
    ]


def prose(name: str) -> str:
    """Return the page without its code blocks."""
    return _BLOCK.sub("", read(name))


def inline_code(name: str) -> Iterator[str]:
    for match in _INLINE.finditer(prose(name)):
        yield " ".join(match[1].split())


def links(name: str) -> list[str]:
    return _LINK.findall(_INLINE.sub("", prose(name)))


def anchors(name: str) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"(?m)^#+ +(.+?)\s*$", prose(name))
    return {_anchor(heading) for heading in headings}


def _anchor(heading: str) -> str:
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
