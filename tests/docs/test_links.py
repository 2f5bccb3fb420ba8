"""Every link in the documentation leads somewhere."""

import re
from pathlib import Path

import pytest

from tests.docs import pages


@pytest.mark.parametrize("name", pages.NAMES)
def test_every_link_leads_to_a_file_and_a_heading(name: str) -> None:
    broken = [link for link in pages.links(name) if "://" not in link and not leads_somewhere(name, link)]
    assert broken == []


def leads_somewhere(name: str, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (pages.ROOT / name).parent.joinpath(path).resolve() if path else pages.ROOT / name
    within = str(target.relative_to(pages.ROOT))
    return target.exists() and (not anchor or anchor in pages.anchors(within))


def test_the_index_names_every_page() -> None:
    named = {Path(link.partition("#")[0]).name for link in pages.links("docs/index.md")}
    assert {Path(name).name for name in pages.NAMES} - named == {"index.md"}


@pytest.mark.parametrize("name", ["docs/network.md", "docs/reliability.md"])
def test_every_test_file_that_a_page_names_exists(name: str) -> None:
    named = re.findall(r"`(?:tests/)?((?:[\w]+/)+test_\w+\.py)", pages.read(name))
    assert len(named) > 5
    assert [path for path in named if not (pages.ROOT / "tests" / path).exists()] == []


def test_the_readme_is_short() -> None:
    assert len(pages.read("README.md").splitlines()) <= 150
