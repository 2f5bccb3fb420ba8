"""What is installed is what was tested, and what the documents say of tests is so."""

import re
import tomllib
from importlib.metadata import requires
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
REQUIREMENTS = (ROOT / "docs" / "requirements.txt").read_text(encoding="utf-8")


def pins(lines: list[str]) -> dict[str, str]:
    found = (re.match(r"([\w.-]+)==([\w.]+)", line) for line in lines)
    return {canonicalize_name(match[1]): match[2] for match in found if match}


def tree(name: str, extra: str, seen: set[str]) -> set[str]:
    """The names of all that `name` needs here, itself included, as it is installed."""
    seen.add(name)
    for text in requires(name) or ():
        needed = Requirement(text)
        environment = default_environment() | {"extra": extra}
        if needed.marker is None or needed.marker.evaluate(environment):
            key = canonicalize_name(needed.name)
            extras = needed.extras or {""}
            for each in extras:
                if key not in seen or each:
                    tree(key, each, seen)
    return seen


def test_the_requirements_are_the_whole_tree_as_it_is_pinned() -> None:
    listed, pinned = pins(REQUIREMENTS.splitlines()), pins(PROJECT["tool"]["uv"]["constraint-dependencies"])
    assert tree("tocsin", "postgres", set()) - {"tocsin"} <= listed.keys()
    assert listed.items() <= pinned.items()


def test_each_requirement_has_its_hashes_and_no_address() -> None:
    entries = re.split(r"\n(?=\S)", REQUIREMENTS.strip())
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in REQUIREMENTS


def test_every_dependency_has_its_reason() -> None:
    told = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    direct = [Requirement(text).name for text in PROJECT["project"]["dependencies"]]
    assert [name for name in direct if f"| {name} |" not in told] == []
    assert [name for name in pins(REQUIREMENTS.splitlines()) if name not in told] == []


def test_every_test_that_the_page_on_security_names_is_there() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    assert len(named) > 30
    missing = [(p, n) for p, n in named if f"def {n}(" not in (ROOT / p).read_text(encoding="utf-8")]
    assert missing == []
