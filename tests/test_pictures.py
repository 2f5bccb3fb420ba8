"""The pictures in docs/ are the app's own, and anybody can draw them anew."""

import importlib.util
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The script, with the last ten minutes only."""
    spec = importlib.util.spec_from_file_location("pictures", DOCS / "pictures.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(DOCS))  # as for a script that is run
        patch.setitem(sys.modules, "pictures", script)  # its dataclasses look themselves up there
        spec.loader.exec_module(script)
        patch.setenv("TZ", "UTC")
        for name in ("BEGIN", "TICKETS_BACK"):
            patch.setattr(script, name, script.NOW - 10 * script.MINUTE)
        patch.setattr(script.Clock, "now", script.BEGIN)
        yield script
    time.tzset()


def test_the_script_draws_every_picture_that_is_there(pictures: ModuleType, tmp_path: Path) -> None:
    pictures.main(tmp_path)
    drawn = {path.name for path in tmp_path.iterdir()}
    assert drawn == {path.name for path in DOCS.glob("*.svg")}


def test_every_picture_is_on_a_page_and_every_page_has_its_pictures() -> None:
    pages = [DOCS.parent / "README.md", *DOCS.glob("*.md")]
    shown = {
        (page.parent / name).resolve()
        for page in pages
        for name in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    }
    animated = (DOCS / "demo.svg").resolve()  # by docs/demo.py
    assert shown == {path.resolve() for path in DOCS.glob("*.svg")} | {animated}


def test_a_picture_asks_nobody_for_anything() -> None:
    assert not [path.name for path in DOCS.glob("*.svg") if "url(http" in path.read_text(encoding="utf-8")]


def test_an_animation_shows_in_each_frame_what_its_screenshot_has(pictures: ModuleType) -> None:
    def screenshot(word: str) -> str:
        return (
            "<svg><style>\n.terminal-1-r1 { fill: #ffffff }\n</style>"
            '<g transform="translate(1, 2)" clip-path="url(#terminal-1-clip-terminal)">'
            f'<rect fill="#000000"/><text class="terminal-1-r1">{word}</text></g></svg>\n'
        )

    frames = [pictures.Frame(screenshot(word), seconds) for word, seconds in (("one", 1), ("two", 3))]
    drawn = pictures.animate(frames)
    assert drawn.count("<rect") == 1, "what both have is there once, and always seen"
    assert '<g class="in-0"><text class="terminal-r1">one</text></g>' in drawn
    assert '<g class="in-1"><text class="terminal-r1">two</text></g>' in drawn
    assert "@keyframes in-0 { 0.000% { visibility: visible } 25.000% { visibility: hidden } }" in drawn
    assert "@keyframes in-1 { 0.000% { visibility: hidden } 25.000% { visibility: visible } }" in drawn
