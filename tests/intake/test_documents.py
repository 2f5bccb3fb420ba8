"""Items are found in one object, an array or JSON Lines; errors name their place."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.intake import documents
from tui.intake.documents import Item, read_items
from tui.intake.json_text import begins_like_json, is_blank, is_broken
from tui.intake.lines import LONGEST_LINE

OBJECTS = st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=5), max_size=3)
NOT_JSON = st.sampled_from([b"{oops}", b"}", b'{"a": 1', b"\xff", b'{"a": }', b"1 {}", b"oops"])


def items(raw: str | bytes) -> list[Item]:
    data = raw.encode() if isinstance(raw, str) else raw
    return [item for batch in read_items(io.BytesIO(data)) for item in batch]


def values(raw: str | bytes) -> list[Any]:
    found = items(raw)
    assert [item.error for item in found] == [None] * len(found)
    return [item.value for item in found]


@given(OBJECTS, st.sampled_from([None, 2]))
def test_one_object_is_one_item_with_any_indentation(value: dict[str, Any], indent: int | None) -> None:
    assert values(json.dumps(value, indent=indent)) == [value]


@given(st.lists(OBJECTS), st.sampled_from([None, 2]))
def test_each_entry_of_an_array_is_an_item(entries: list[dict[str, Any]], indent: int | None) -> None:
    found = items(json.dumps(entries, indent=indent))
    assert [(item.place, item.value) for item in found] == [
        (f"item {number}", entry) for number, entry in enumerate(entries, start=1)
    ]


@given(st.lists(OBJECTS | st.none(), min_size=1), OBJECTS, st.sampled_from([b"\n", b"\r\n"]))
def test_each_line_of_json_lines_is_an_item_and_blank_lines_are_skipped(
    rest: list[dict[str, Any] | None], first: dict[str, Any], line_end: bytes
) -> None:
    lines = [first, *rest]
    raw = line_end.join(b"" if line is None else json.dumps(line).encode() for line in lines)
    expected = [(f"line {number}", line) for number, line in enumerate(lines, start=1) if line is not None]
    assert [(item.place, item.value) for item in items(raw)] == expected


@given(OBJECTS, st.lists(OBJECTS | NOT_JSON, min_size=1))
def test_a_bad_line_is_an_error_and_the_others_are_kept(
    first: dict[str, Any], rest: list[dict[str, Any] | bytes]
) -> None:
    raw = b"\n".join(
        line if isinstance(line, bytes) else json.dumps(line).encode() for line in (first, *rest)
    )
    found = items(raw)
    assert [item.place for item in found] == [f"line {number}" for number in range(1, len(rest) + 2)]
    for item, line in zip(found, (first, *rest), strict=True):
        assert (item.value, item.error is None) == (
            (None, False) if isinstance(line, bytes) else (line, True)
        )


def test_leading_blank_lines_count_in_line_numbers() -> None:
    found = items('\n\n{"a": 1}\n{oops}\n')
    assert [(item.place, item.error is None) for item in found] == [("line 3", True), ("line 4", False)]


def test_json_lines_are_recognized_if_the_first_is_bad() -> None:
    found = items('{oops}\n{"a": 1}\n{"b": 2}\n')
    assert [(item.place, item.value) for item in found] == [
        ("line 1", None),
        ("line 2", {"a": 1}),
        ("line 3", {"b": 2}),
    ]


@pytest.mark.parametrize("bad", [b"{oops}", b"}", b'"', b"\xff", b'{"a": 1', b"title,severity"])
def test_one_good_line_after_a_bad_one_is_enough_to_recognize_json_lines(bad: bytes) -> None:
    first, second = items(bad + b'\n{"a": 1}\n')
    assert (first.place, first.error is None) == ("line 1", False)
    assert (second.place, second.value) == ("line 2", {"a": 1})


@pytest.mark.parametrize(
    "raw",
    [
        '[\n  {"a": 1},\n  {oops},\n  {"b": 2}\n]',
        '[\n{"a": 1},\n{oops},\n{"b": 2}\n]',
        '{\n "a": [\n  {"b": 1}\n ],\n oops\n}',
    ],
    ids=["an array", "an array without indentation", "an object"],
)
def test_an_object_inside_a_broken_document_is_not_read_by_itself(raw: str) -> None:
    (item,) = items(raw)
    assert item.error is not None


def test_a_byte_order_mark_is_ignored() -> None:
    assert values(b'\xef\xbb\xbf{"a": 1}') == [{"a": 1}]
    assert values(b'\xef\xbb\xbf[{"a": 1}]') == [{"a": 1}]


def test_a_line_is_yielded_before_the_next_is_read() -> None:
    class Pipe(io.BytesIO):
        lines = [b'{"a": 1}\n', b'{"b": 2}\n']

        def readline(self, size: int | None = -1) -> bytes:
            return self.lines.pop(0)

        def read1(self, size: int | None = -1) -> bytes:
            return self.lines.pop(0) if self.lines else b""

    pipe = Pipe()
    batches = read_items(pipe)
    assert [item.value for item in next(batches)] == [{"a": 1}]
    assert len(pipe.lines) == 1
    assert [item.value for item in next(batches)] == [{"b": 2}]


class Pieces(io.BytesIO):
    """A stream that returns one piece per read, and counts the bytes it returned."""

    def __init__(self, *pieces: bytes) -> None:
        super().__init__()
        self._pieces, self.given = list(pieces), 0

    def read1(self, size: int | None = -1) -> bytes:
        piece = self._pieces.pop(0) if self._pieces else b""
        self.given += len(piece)
        return piece


def test_a_document_over_the_size_limit_is_read_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "LARGEST_DOCUMENT", 10_000)
    stream = Pieces(b"[", *[b'{"a": 1},'] * 5_000)
    for batch in read_items(stream):
        assert [item.error for item in batch] == [
            "the document is larger than 256 MiB; write one alert per line instead"
        ]
    assert stream.given <= 10_000 + 100


@pytest.mark.parametrize(
    "text",
    [
        b"Starting falco\n",
        b"[2026-01-31 09:15:00] ready\n",
        b"{name} logged in\n",
        b"\n\n7 alerts\n",
        b"\x7fELF\x02\x01\x01\0\0\n",
        "Starting\n".encode("utf-16"),
    ],
    ids=["a word", "a date in brackets", "braces", "after blank lines", "binary", "UTF-16"],
)
def test_input_that_cannot_be_a_document_is_recognized_at_its_first_line(text: bytes) -> None:
    stream = Pieces(text, b'{"a": 1}\n', b"not read yet")
    assert [item.error is None for item in next(read_items(stream))] == [False]
    assert stream.given == len(text)


def test_text_on_one_long_line_is_recognized_before_its_end() -> None:
    stream = Pieces(b"[12:00] tick " * 6_000, b"tick", b"\n")
    [[item]] = read_items(stream)
    assert (item.place, item.error is None) == ("line 1", False)
    assert documents._LinesDetection().is_lines(bytearray(b"[12:00] tick " * 6_000))


def test_a_broken_document_is_read_no_further_than_a_mebibyte() -> None:
    stream = Pieces(b'{\n "a": oops,\n', *[b' "b": "' + b"c" * 10_000 + b'",\n'] * 1_000)
    [[item]] = read_items(stream)
    assert (item.place, item.error) == ("line 2", "this is not JSON: expecting value at column 7")
    assert stream.given < 1_100_000


def test_a_long_document_in_small_pieces_is_read_to_its_end() -> None:
    entry = b'{"a": "' + b"x" * 1000 + b'", "b": [-1.5e3, null, "\\ud83d\\ude00"]},\n '
    text = b"[\n " + entry * 1500 + b"{}]\n"
    stream = Pieces(*(text[at : at + 4099] for at in range(0, len(text), 4099)))
    assert sum(len(batch) for batch in read_items(stream)) == 1501


@given(st.lists(OBJECTS, min_size=1), st.sampled_from([None, 1]), st.integers(min_value=0))
def test_no_start_of_a_document_is_taken_for_broken(
    entries: list[dict[str, Any]], indent: int | None, cut: int
) -> None:
    raw = json.dumps(entries, indent=indent).encode()
    start = raw[: cut % len(raw)]
    assert begins_like_json(start)
    assert not is_broken(start)


def test_text_without_a_line_end_that_is_not_json_is_an_over_long_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(documents, "LARGEST_DOCUMENT", 10 * LONGEST_LINE)
    found = items(b"oops\n" + b"x" * (2 * LONGEST_LINE) + b'\n{"a": 1}\n')
    assert [(item.place, item.value) for item in found] == [
        ("line 1", None),
        ("line 2", None),
        ("line 3", {"a": 1}),
    ]
    stream = Pieces(b"oops\n", *[b"x" * LONGEST_LINE] * 15)
    assert [item.place for item in next(read_items(stream))] == ["line 1"]


@pytest.mark.parametrize(
    ("raw", "place", "error"),
    [
        (b"", "", "the input is empty"),
        (b" \n\n", "", "the input is empty"),
        (b'{\n"a": 1,\n}', "line 3", "this is not JSON: "),
        (b'[{"a": 1},\n{"a"}]', "line 2", "this is not JSON: "),
        (b"[" * 100_000, "", "nested too deeply"),
        (b'{"a": ' * 100_000, "", "nested too deeply"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_invalid_json_is_one_item_with_an_error(raw: bytes, place: str, error: str) -> None:
    (item,) = items(raw)
    assert item.place == place
    assert error in (item.error or "")


TEXT = '{"a": "é", "b": [1]}'
LENIENT: dict[str, tuple[bytes, list[Any]]] = {
    "invalid UTF-8": (b'{"a": "\xff!"}', [{"a": "\ufffd!"}]),
    "raw control characters": (b'{"a": "x\ty\x00z\x1b"}', [{"a": "x\ty\0z\x1b"}]),
    "no numbers": (b'{"a": NaN, "b": -Infinity}', [{"a": "NaN", "b": "-Infinity"}]),
    "a number too large": (b'{"a": 1e999}', [{"a": "1e999"}]),
    "a number of many digits": (b'{"a": ' + b"9" * 5000 + b"}", [{"a": "9" * 5000}]),
    "a byte order mark on a later line": (b'{"a": 1}\n\xef\xbb\xbf{"b": 2}\n', [{"a": 1}, {"b": 2}]),
    "two objects on a line": (b'{"a": 1}{"b": 2}\n{"c": 3}\n', [{"a": 1}, {"b": 2}, {"c": 3}]),
    "two objects": (b'{"a": 1} {"b": 2}', [{"a": 1}, {"b": 2}]),
    "objects over lines": (b'{\n"a": 1\n}\n{\n"b": 2\n}\n', [{"a": 1}, {"b": 2}]),
    "a comma after each line": (b'{"a": 1},\n{"b": 2},\n', [{"a": 1}, {"b": 2}]),
    "an array with a comma at its end": (b'[\n{"a": 1},\n{"b": 2},\n]', [{"a": 1}, {"b": 2}]),
    "an array without its end": (b'[\n{"a": 1},\n{"b": 2},\n', [{"a": 1}, {"b": 2}]),
    "UTF-16": (TEXT.encode("utf-16"), [json.loads(TEXT)]),
    "UTF-16 without a mark": (TEXT.encode("utf-16-be"), [json.loads(TEXT)]),
    "lines in UTF-16": (f"{TEXT}\n{TEXT}\n".encode("utf-16"), [json.loads(TEXT)] * 2),
    "lines in UTF-16 BE": (f"\ufeff{TEXT}\r\n{TEXT}\r\n".encode("utf-16-be"), [json.loads(TEXT)] * 2),
}


@pytest.mark.parametrize("name", LENIENT)
def test_odd_bytes_do_not_hide_an_item(name: str) -> None:
    raw, expected = LENIENT[name]
    assert values(raw) == expected


def test_the_unreadable_rest_of_a_line_is_an_item_with_an_error() -> None:
    good, bad = items(b'{"a": 1}\n{"b": 2} oops\n')[1:]
    assert (good.value, bad.raw, bad.error is None) == ({"b": 2}, b"oops", False)


@given(st.lists(st.binary() | NOT_JSON))
def test_every_line_that_is_not_blank_has_an_item(lines: list[bytes]) -> None:
    raw = b'{"a": 1}\n' + b"\n".join(lines) + b'\n{"a": 1}\n'
    places = {item.place.partition(",")[0] for item in items(raw)}
    for number, line in enumerate(raw.split(b"\n"), start=1):
        assert is_blank(line) or f"line {number}" in places


@given(st.binary() | st.text(alphabet='{}[]",:\n \\u0aeNtrue1').map(str.encode))
def test_no_bytes_raise(raw: bytes) -> None:
    for item in items(raw):
        assert item.error is None or item.value is None
