"""Spans of time as a person types them."""

import pytest

from tui.domain.span import parse_span


@pytest.mark.parametrize(
    ("typed", "milliseconds"),
    [("90s", 90_000), ("30m", 1_800_000), (" 2H ", 7_200_000), ("7d", 604_800_000), ("1w", 604_800_000)],
)
def test_a_span_is_a_number_and_a_unit(typed: str, milliseconds: int) -> None:
    assert parse_span(typed) == milliseconds


@pytest.mark.parametrize("typed", ["", "7", "d", "-1d", "1.5h", "1h30m", "٣h", "1 h", "1234567s"])
def test_anything_else_is_none(typed: str) -> None:
    assert parse_span(typed) is None
