"""Lines are split from chunks; lines over the limit are dropped and take no memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.intake.lines import LONGEST_LINE, Line, Lines


def split(*chunks: bytes) -> list[Line]:
    lines = Lines()
    return [*(line for chunk in chunks for line in lines.cut(chunk)), *lines.end()]


@given(st.binary(), st.integers(1, 10))
def test_chunks_of_any_size_give_the_same_lines(raw: bytes, size: int) -> None:
    chunks = [raw[start : start + size] for start in range(0, len(raw), size)]
    assert split(*chunks) == split(raw)
    assert sum(line.size for line in split(raw)) == len(raw)


@pytest.mark.parametrize("end", [b"\n", b""], ids=["with an end", "without an end"])
@pytest.mark.parametrize(
    "sizes",
    [(LONGEST_LINE + 1,), (LONGEST_LINE, 1), (1, LONGEST_LINE), (LONGEST_LINE + 1, 1, 1)],
    ids=["in one chunk", "the last byte is too much", "the last chunk is too much", "in three chunks"],
)
def test_an_over_long_line_is_dropped_in_whatever_chunks_it_comes(sizes: tuple[int, ...], end: bytes) -> None:
    *chunks, last = [b"x" * size for size in sizes]
    [line] = split(*chunks, last + end)
    assert (line.raw, line.size) == (None, sum(sizes) + len(end))
    assert line.start.startswith(b"x")
    assert len(line.start) <= 64 * 1024


def test_a_line_of_the_longest_length_is_kept() -> None:
    [line, after] = split(b"x" * LONGEST_LINE, b"\nnext")
    assert (line, after.raw) == (Line(b"x" * LONGEST_LINE, LONGEST_LINE + 1), b"next")


def test_the_second_half_of_a_utf_16_line_feed_at_the_end_is_no_line() -> None:
    assert [line.raw for line in split("a\n".encode("utf-16-le"))] == [b"a\0"]
    assert [line.raw for line in split(b"a\n\0")] == [b"a", b"\0"]


def test_an_over_long_line_takes_no_memory() -> None:
    lines = Lines()
    for _ in range(5):
        assert list(lines.cut(b"x" * LONGEST_LINE)) == []
        assert len(lines._rest) <= LONGEST_LINE  # pyright: ignore[reportPrivateUsage]
    assert lines.pending == 5 * LONGEST_LINE
