"""The pictures in docs/ are the app's own, and anybody can draw them anew."""

import importlib.util
import re
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
    spec.loader.exec_module(script)
    with monkeypatch.context() as patch:
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
