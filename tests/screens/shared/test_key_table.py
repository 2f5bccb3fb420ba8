"""The table of keys, and the page generated from it."""

import importlib.util
from pathlib import Path

from tui.screens.shared.key_table import PLACES

DOCS = Path(__file__).parents[3] / "docs"
MOST_CELLS = 44


def test_the_page_of_keys_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("keys_page", DOCS / "keys.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    is_up_to_date = script.PAGE.read_text(encoding="utf-8") == script.page()
    assert is_up_to_date, "run `uv run python docs/keys.py`"


def test_an_id_stands_only_once_in_a_place() -> None:
    for place in PLACES:
        ids = [key.id for key in place.keys]
        assert len(ids) == len(set(ids)), place.title


def test_a_tooltip_fits_in_the_help_on_80_columns() -> None:
    assert not [key for place in PLACES for key in place.keys if len(key.tooltip) > MOST_CELLS]
