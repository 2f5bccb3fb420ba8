"""A followed file yields each line once: while it grows, rotated, truncated, and after a restart."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.intake.follower import Follow, Reader, append, rotate
from tui.intake.following import IDLE
from tui.intake.lost import Lost


def test_a_restart_continues_after_the_last_stored_line(log: Path, follow: Follow) -> None:
    reader = follow()
    append(log, "a\nb\nc")
    reader.look()
    reader.restart()
    append(log, "c\nd\n")
    assert reader.catch_up() == [b"a", b"b", b"cc", b"d"]


def test_a_rotated_file_that_is_still_written_is_read_to_its_end(log: Path, follow: Follow) -> None:
    reader = follow()
    append(log, "a\n")
    reader.look()
    rotate(log)
    append(log.with_name("eve.json.1"), "b\n")
    append(log, "d\n")
    reader.look()
    append(log.with_name("eve.json.1"), "c")
    assert reader.catch_up() == [b"a", b"b", b"c", b"d"]
    assert reader.notes == []


def test_a_removed_file_is_reported(log: Path, follow: Follow) -> None:
    reader = follow()
    append(log, "a\n")
    reader.look()
    log.unlink()
    append(log, "b\n")
    os.utime(log, ns=(1, 1))
    reader.restart()
    assert reader.catch_up() == [b"a", b"b"]
    [note] = reader.notes  # even if the new file got the inode of the old one
    assert note.startswith(f"{log} is not the file that was read before")


def test_a_truncated_file_without_a_copy_is_lost_from_the_last_line_on(log: Path, follow: Follow) -> None:
    reader = follow()
    append(log, "a\nhal")
    reader.look()
    log.write_text("b\n")
    assert reader.catch_up() == [b"a", b"b"]
    assert reader.lost == [Lost(str(log), 2, "was truncated")]


@pytest.mark.parametrize("unread", ["", "b\n"])
def test_a_file_truncated_while_watch_was_down_is_perhaps_lost(
    log: Path, follow: Follow, unread: str
) -> None:
    reader = follow()
    append(log, "a\n")
    reader.look()
    append(log, unread)  # that it is there is not known after the truncation
    log.write_text("c\n")
    reader.restart()
    assert reader.catch_up() == [b"a", b"c"]
    [lost] = reader.lost
    assert (lost.first, lost.certain) == (2, False)


@pytest.mark.parametrize("known", [False, True], ids=["all was read", "half a line was there"])
def test_a_file_removed_while_watch_was_down_is_lost_once_though_no_other_comes(
    log: Path, follow: Follow, known: bool
) -> None:
    reader = follow()
    append(log, "a\nhal" if known else "a\n")
    reader.look()
    log.unlink()
    for _ in range(2):
        reader.restart()
        reader.catch_up()
        assert [(one.first, one.certain) for one in reader.lost] == [(2, known)]
    append(log, "b\n")
    assert reader.catch_up() == [b"a", b"b"]
    assert len(reader.lost) == 1


def test_a_removed_file_that_comes_back_is_continued(log: Path, follow: Follow) -> None:
    reader = follow()
    append(log, "a\n")
    reader.look()
    log.rename(log.with_name("elsewhere"))
    reader.restart()
    reader.catch_up()
    log.with_name("elsewhere").rename(log)
    append(log, "b\n")
    reader.restart()
    assert reader.catch_up() == [b"a", b"b"]


@pytest.mark.parametrize("end", ["\n", ""], ids=["whole line", "half a line"])
def test_a_file_removed_while_it_is_followed_is_read_to_its_end(log: Path, follow: Follow, end: str) -> None:
    reader = follow()
    assert reader.file is not None
    reader.file.closes_when_idle = True
    append(log, "a\n")
    reader.look()
    append(log, f"b{end}")
    log.unlink()
    for _ in range(2 * IDLE):
        reader.look()
    reader.restart()
    assert reader.catch_up() == [b"a", b"b"]
    assert reader.lost == []
    assert reader.place is not None
    assert reader.place.gone


@pytest.mark.parametrize("again", ["c\n", "c\nd and more than there was before\n"], ids=["shorter", "longer"])
def test_a_truncated_file_is_read_from_its_start(log: Path, follow: Follow, again: str) -> None:
    reader = follow()
    append(log, "a\nb\n")
    reader.look()
    log.write_text(again)
    assert reader.catch_up() == [b"a", b"b", *again.encode().splitlines()]
    assert reader.notes == [f"{log} was truncated; reading it from its start"]


def test_a_missing_file_is_awaited(log: Path, follow: Follow) -> None:
    reader = follow(from_start=False)
    assert reader.look() is None
    append(log, "a\n")
    assert reader.catch_up() == [b"a"]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 5)),
        st.tuples(st.just("half"), st.integers(1, 5)),
        st.sampled_from([("look", 0), ("restart", 0), ("rotate", 0)]),
    ),
    max_size=25,
)


@given(steps=STEPS)
def test_no_line_is_lost_or_read_twice(tmp_path_factory: pytest.TempPathFactory, steps) -> None:
    log = tmp_path_factory.mktemp("followed") / "eve.json"
    log.touch()
    os.utime(log, ns=(0, 0))  # older than everything that follows
    reader = Reader(log)
    reader.look()
    written, number, clock = "", 0, 1
    for step, count in steps:
        if step in ("append", "half"):
            text = "".join(f"{number + one}\n" for one in range(count))
            number += count
            text = text[: -1 - len(text) // 3] if step == "half" else text
            append(log, text)
            written += text
        elif step == "rotate" and log.exists() and log.stat().st_size and not written.endswith("\n"):
            continue  # a rotation in the middle of a line makes two
        elif step == "rotate" and len(list(log.parent.iterdir())) < 4:
            rotate(log)
            log.touch()
        elif step == "look":
            reader.look()
        elif step == "restart":
            reader.restart()
        clock += 1
        os.utime(log, ns=(clock * 10**9, clock * 10**9))
    if not written.endswith("\n"):
        append(log, "\n")
        written += "\n"

    reader.catch_up()
    reader.close()

    assert [line.decode() for line in reader.lines] == written.split("\n")[:-1]
