"""Every path of this repository that the pages for contributors name exists."""

import re

import pytest

from tests.docs import pages
from tui.domain.lifecycle import TABLE

NAMES = ["docs/architecture.md", "docs/contributing.md"]
PATH = re.compile(r"`((?:tui|tests|docs|\.ci)/[^`\s]*)`")


@pytest.mark.parametrize("name", NAMES)
def test_every_path_that_a_page_names_exists(name: str) -> None:
    named = set(PATH.findall(pages.prose(name)))
    assert len(named) > 10
    assert [path for path in sorted(named) if not any(pages.ROOT.glob(path.rstrip("/")))] == []


def test_the_picture_of_the_floors_shows_every_folder_of_the_package() -> None:
    picture = pages.blocks("docs/architecture.md", "")[0].text
    folders = {f"tui/{path.parent.name}/" for path in (pages.ROOT / "tui").glob("*/__init__.py")}
    assert folders - set(re.findall(r"tui/\w+/", picture)) == set()


@pytest.mark.parametrize("folder", ["commands", "screens", "store"])
def test_the_rooms_of_a_floor_are_all_named(folder: str) -> None:
    rows = re.search(rf"\| `tui/{folder}/` \|.*?\n\n", pages.read("docs/architecture.md"), re.DOTALL)
    assert rows is not None
    named = {name.rstrip("/") for name in re.findall(r"`([\w.]+/?)`", rows[0])}
    there = {path.name for path in (pages.ROOT / "tui" / folder).iterdir()} - {"__init__.py", "__pycache__"}
    assert there - named == set()


def test_the_table_of_states_is_that_of_the_code() -> None:
    found = re.findall(
        r"(?m)^\| ([a-z_, ()]+) \| (submit|claim|deliver|fail|interrupt|resend|cancel) \|.*?\| (\w+) \|",
        pages.read("docs/architecture.md"),
    )
    shown = [(source, event, to) for sources, event, to in found for source in sources.split(", ")]
    expected = [(row.source or "(new)", row.event, row.target) for row in TABLE]
    assert shown == [tuple(map(str, row)) for row in expected]
