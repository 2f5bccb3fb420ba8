"""Lines are read once they end, with their offset; what a truncation lost is told from what it did not."""

import gzip
from pathlib import Path

import pytest

from tests.intake.follower import Follow, Reader, append
from tui.intake.lines import LONGEST_LINE
from tui.intake.lost import Lost


def test_a_line_is_read_once_it_ends(log: Path, follow: Follow) -> None:
    reader = follow()
    assert reader.look() is None
    append(log, "a\nb")
    reader.look()
    assert reader.lines == [b"a"]
    append(log, "b\r\n\n")
    reader.look()
    assert reader.lines == [b"a", b"bb", b""]
    assert reader.look() is None


def test_lines_have_their_byte_offset(log: Path, follow: Follow) -> None:
    append(log, "one\ntwo\n")
    chunk = follow().look()
    assert chunk is not None
    assert [line.at for line in chunk.lines] == [0, 4]


def test_the_first_start_reads_only_new_lines(log: Path, follow: Follow) -> None:
    append(log, "old\nhalf of a li")
    reader = follow(from_start=False)
    reader.look()
    reader.restart()
    append(log, "ne\nnew\n")
    assert reader.catch_up() == [b"half of a line", b"new"]


@pytest.mark.parametrize("there", [True, False])
def test_a_line_added_before_the_first_read_is_new(log: Path, follow: Follow, there: bool) -> None:
    if there:
        append(log, "old\n")
    reader = follow(from_start=False)
    append(log, "new\n")
    assert reader.catch_up() == [b"new"]


@pytest.mark.parametrize(
    ("quiet_ms", "since_ms", "half", "lost"),
    [
        (1_000, 250, "", []),
        (750, 250, "", [False]),  # it was just written: a line may have come after the last look
        (1_000, 2_000, "", [False]),  # the last look was long ago, such as before an outage of the database
        (1_000, 250, "hal", [True]),
    ],
    ids=["quiet", "busy", "not looked at", "half a line"],
)
def test_a_truncated_file_that_was_read_to_its_end_and_quiet_lost_nothing(
    log: Path, follow: Follow, quiet_ms: int, since_ms: int, half: str, lost: list[bool]
) -> None:
    reader = follow()
    append(log, f"a\n{half}")
    reader.look()
    reader.look()
    reader.clock.advance(quiet_ms)
    reader.look()
    reader.clock.advance(since_ms)
    log.write_text("b\n")
    assert reader.catch_up() == [b"a", b"b"]
    assert [one.certain for one in reader.lost] == lost


def test_a_compressed_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(b"a\nb"))
    reader = Reader(path)
    assert reader.catch_up() == [b"a", b"b"]
    reader.restart()
    assert reader.catch_up() == [b"a", b"b"]
    reader.close()


def test_the_rest_of_a_damaged_compressed_file_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(b"a\nb\n" * 10)[:-9])
    reader = Reader(path)
    reader.catch_up()
    [lost] = reader.lost
    assert lost == Lost(str(path), lost.first, "is a damaged or incomplete compressed file")
    reader.close()


def test_an_over_long_line_is_dropped(log: Path, follow: Follow) -> None:
    reader = follow()
    append(log, "x" * (3 * LONGEST_LINE) + "\nnext\n")
    assert reader.catch_up() == [None, b"next"]
