"""docs/commands.md says what `tocsin --help` says."""

import importlib.util

from tests.docs.pages import ROOT


def test_the_page_of_commands_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    is_up_to_date = reference.PAGE.read_text(encoding="utf-8") == reference.page()
    assert is_up_to_date, "run `uv run python docs/reference.py`"
