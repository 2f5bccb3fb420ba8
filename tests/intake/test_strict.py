"""Splitting the body of a request into items, strictly and one at a time."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.intake.strict import items_in, text_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
SPACE = st.text(alphabet=" \t\r\n", max_size=3)
FRAGMENTS = st.lists(
    st.sampled_from(["[", "]", "{", "}", ",", ":", '"a"', "1", "{}", "\n", " ", "nul", '{"a":1}', "\ufeff"]),
    max_size=12,
).map("".join)


def loaded(text: str) -> Any:
    """What `json.loads` makes of it, or None if it is not JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return None


@given(VALUES, SPACE, SPACE, st.sampled_from([None, 1]))
def test_a_document_is_read_as_a_json_parser_reads_it(
    value: Any, before: str, after: str, indent: int | None
) -> None:
    items = [*items_in((before + json.dumps(value, indent=indent) + after).encode())]
    assert [item.error for item in items] == [None] * len(items)
    assert [item.value for item in items] == (value if isinstance(value, list) else [value])


@given(
    st.lists(st.dictionaries(st.text(), VALUES, max_size=3), min_size=2), st.sampled_from(["\n", "\r\n\n"])
)
def test_json_lines_are_read_line_by_line(values: list[Any], end: str) -> None:
    items = [*items_in(end.join(map(json.dumps, values)).encode())]
    assert [item.value for item in items] == values
    step = end.count("\n")
    assert [item.place for item in items] == [f"line {1 + step * index}" for index in range(len(values))]


@given(FRAGMENTS)
def test_a_body_is_free_of_errors_only_if_it_is_json_or_json_lines(text: str) -> None:
    items = [*items_in(text.encode())]
    if any(item.error for item in items):
        return
    bare = text.removeprefix("\ufeff")
    whole, lines = loaded(bare), [line.removeprefix("\ufeff") for line in bare.split("\n") if line.strip()]
    values = [item.value for item in items]
    assert values in ([whole], whole, [loaded(line) for line in lines])


@given(st.binary() | st.text(alphabet='{}[]",:\n \\u0aeNtrue1').map(str.encode))
def test_no_bytes_raise(raw: bytes) -> None:
    for item in items_in(raw):
        assert item.error is None or item.value is None


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"[NaN]", "NaN is not JSON"),
        (b"[1e999]", "too large"),
        (b"[" + b"9" * 5000 + b"]", "too many digits"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": "\x01"}', "invalid control character"),
        (b'{"a": 1} {"b": 2}', "line 1: this is not JSON: extra data at column 10"),
        (b'[{"a": 1}\n{"b": 2}]', "line 2: this is not JSON: expecting ',' delimiter at column 1"),
        (b'[{"a": 1},', "line 1: this is not JSON: expecting value at column 11"),
        (b'[{"a": 1}] 7', "extra data"),
        (b'{"a": 1}\n{"b": 2\n{"c": 3}', "line 2: this is not JSON"),
        (b'{"a": 1\n{"b": 2}', "line 1: this is not JSON"),
        (b'{"a": 1,\n "b" 2}', "line 2: this is not JSON"),
        (b" \n ", "the input is empty"),
        ('{"a": 1}'.encode("utf-16"), "this is not JSON"),
    ],
    ids=range(14),
)
def test_what_is_not_json_is_an_error(raw: bytes, error: str) -> None:
    [found] = [item for item in items_in(raw) if item.error is not None]
    assert error in f"{found.place}: {found.error}"


@given(st.binary(max_size=30))
def test_invalid_utf_8_is_replaced(raw: bytes) -> None:
    assert text_of(b"\xef\xbb\xbf" + raw) == raw.decode("utf-8", "replace")


def test_an_array_is_not_read_beyond_the_item_that_was_asked_for() -> None:
    items = items_in(b'[{"a": 1}, {"b": 2}, oops')
    assert [next(items).value for _ in range(2)] == [{"a": 1}, {"b": 2}]
    assert next(items).error is not None
