"""A followed file yields each line once: while it grows, rotated, truncated, and after a restart."""

import bz2
import contextlib
import errno
import gzip
import lzma
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Clock
from tui.intake.following import IDLE, SETTLED, Chunk, FollowedFile
from tui.intake.lines import LONGEST_LINE
from tui.intake.lost import Lost
from tui.store.following import Place


class Reader:
    """Follow a file as `tocsin watch` does, with a list as the store."""

    def __init__(self, path: Path, *, from_start: bool = True, rotated_to: tuple[Path, ...] = ()) -> None:
        self.path = path
        self.file: FollowedFile | None = None
        self.lost: list[Lost] = []
        self._rotated_to = rotated_to
        self.lines: list[bytes | None] = []
        self.notes: list[str] = []
        self.place: Place | None = None
        self._from_start = from_start
        self.clock = Clock(0)
        self.restart()

    def look(self) -> Chunk | None:
        assert self.file is not None
        chunk = self.file.read()
        if chunk is not None:
            self.lines += [line.raw for line in chunk.lines]
            self.notes += chunk.notes
            self.lost += chunk.lost
            self.place = chunk.place
        return chunk

    def catch_up(self) -> list[bytes | None]:
        """Return every line so far, reading until a rotated file counts as complete."""
        for _ in range(4 * SETTLED):
            self.look()
        return self.lines

    def restart(self) -> None:
        """Restart as after kill -9: only the stored place is left."""
        self.close()
        self.file = FollowedFile(
            self.path,
            self.place,
            from_start=self._from_start,
            rotated_to=self._rotated_to,
            ticks=lambda: self.clock() / 1000,
        )

    def close(self) -> None:
        if self.file is not None:
            self.file.close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "eve.json"


@pytest.fixture
def follow(log: Path):
    readers: list[Reader] = []

    def follow(*, from_start: bool = True, rotated_to: tuple[Path, ...] = ()) -> Reader:
        readers.append(Reader(log, from_start=from_start, rotated_to=rotated_to))
        return readers[-1]

    yield follow
    for reader in readers:
        reader.close()


Follow = Callable[..., Reader]


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def rotate(path: Path) -> None:
    """Rotate as logrotate does: .1 becomes .2, the file becomes .1."""
    for number in (3, 2, 1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.rename(path.with_name(f"{path.name}.{number + 1}"))
    path.rename(path.with_name(f"{path.name}.1"))


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


def test_files_rotated_while_watch_was_down_are_read_in_order(log: Path, follow: Follow) -> None:
    reader = follow()
    append(log, "a\n")
    reader.look()
    for number, line in enumerate(("b", "c", "d")):
        append(log, f"{line}\n")
        os.utime(log, ns=(number * 10**9, number * 10**9))
        rotate(log)
    append(log, "e\n")
    reader.restart()
    assert reader.catch_up() == [b"a", b"b", b"c", b"d", b"e"]
    assert reader.notes == []


def test_rotated_files_with_equal_mtimes_are_read_once_each(log: Path, follow: Follow) -> None:
    reader = follow()
    append(log, "a\n")
    reader.look()
    for line in ("b", "c"):
        rotate(log)
        append(log, f"{line}\n")
    for file in log.parent.iterdir():
        os.utime(file, ns=(5 * 10**9, 5 * 10**9))
    rotate(log)
    append(log, "d\n")
    assert sorted(map(bytes, reader.catch_up())) == [b"a", b"b", b"c", b"d"]
    assert reader.notes == []


def test_an_unreadable_file_with_a_similar_name_is_skipped(
    log: Path, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = follow()
    append(log, "a\n")
    reader.look()
    append(log, "b\n")
    rotate(log)
    append(log, "c\n")
    theirs = log.with_name("eve.json-theirs")
    theirs.write_text("secret")
    os.utime(theirs, ns=(1, 1))
    refuse_to_open(theirs, monkeypatch)
    reader.restart()
    assert reader.catch_up() == [b"a", b"b", b"c"]


def test_the_next_rotated_file_is_awaited_while_it_cannot_be_read(
    log: Path, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = follow()
    append(log, "a\nb")
    reader.look()
    for line in ("c", "d"):
        rotate(log)
        append(log, f"{line}\n")
        os.utime(log, ns=(2 * 10**18, 2 * 10**18))
    with monkeypatch.context() as patch:
        refuse_to_open(log.with_name("eve.json.1"), patch)
        for _ in range(2 * SETTLED):
            with contextlib.suppress(PermissionError):
                reader.look()
    assert reader.lines == [b"a"]
    assert reader.catch_up() == [b"a", b"b", b"c", b"d"]


def refuse_to_open(refused: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulate a user without permission: the tests may run as root."""
    opened = Path.open

    def refuse(path: Path, *args: Any, **named: Any) -> Any:
        if path == refused:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, *args, **named)

    monkeypatch.setattr(Path, "open", refuse)


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


@pytest.mark.parametrize(
    ("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)]
)
def test_a_file_compressed_before_it_was_read_is_read(
    log: Path, follow: Follow, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    reader = follow()
    append(log, "a\n")
    reader.look()
    rotate(log)
    append(log, "b\n")
    rotate(log)
    middle = log.with_name("eve.json.1")
    packed = log.with_name(f"eve.json.1.{suffix}")
    packed.write_bytes(pack(middle.read_bytes()))
    shutil.copystat(middle, packed)
    middle.unlink()
    append(log, "c\n")
    reader.restart()
    assert reader.catch_up() == [b"a", b"b", b"c"]
    assert (reader.notes, reader.lost) == ([], [])


def test_a_file_compressed_in_a_way_that_cannot_be_read_is_lost(log: Path, follow: Follow) -> None:
    reader = follow()
    append(log, "a\n")
    reader.look()
    rotate(log)
    append(log.with_name("eve.json.0.zst"), "packed")
    append(log, "c\n")
    reader.restart()
    assert reader.catch_up() == [b"a", b"c"]
    [lost] = reader.lost
    assert (lost.file, lost.first) == (str(log.with_name("eve.json.0.zst")), 0)


@pytest.mark.parametrize(
    "name", ["eve.json.1", "eve.json-20261129", "eve-20261129.json", "eve-2026-11-29T10:00.json"]
)
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_file_rotated_while_watch_was_down_is_read_to_its_end(
    log: Path, follow: Follow, name: str, compressed: bool, elsewhere: bool
) -> None:
    directory = log.parent / "old" if elsewhere else log.parent
    directory.mkdir(exist_ok=True)
    reader = follow(rotated_to=(directory,))
    append(log, "a\n")
    reader.look()
    append(log, "b\nc\n")
    log.rename(directory / name)
    if compressed:
        subprocess.run(["gzip", directory / name], check=True)
    append(log, "d\n")
    reader.restart()
    assert reader.catch_up() == [b"a", b"b", b"c", b"d"]
    assert (reader.notes, reader.lost) == ([], [])


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("read_before", [False, True], ids=["nothing read", "partly read"])
def test_wazuh_files_of_several_days_are_read_in_order(
    tmp_path: Path, compressed: bool, read_before: bool
) -> None:
    log = tmp_path / "alerts.json"
    days = [tmp_path / "2024" / "Mar" / f"ossec-alerts-{day}.json" for day in (14, 15, 16)]
    days[0].parent.mkdir(parents=True)
    reader: Reader | None = None
    for number, day in enumerate(days):
        log.unlink(missing_ok=True)
        day.touch()
        log.hardlink_to(day)
        if reader is None:
            reader = Reader(log)
            if read_before:
                append(log, "start\n")
            reader.look()
        append(log, f"{number}\n")
        os.utime(log, ns=((number + 2 * 10**9) * 10**9,) * 2)
        if compressed and day != days[-1]:
            log.unlink()
            subprocess.run(["gzip", day], check=True)
    assert reader is not None
    reader.restart()
    assert reader.catch_up() == [*([b"start"] if read_before else []), b"0", b"1", b"2"]
    assert (reader.notes, reader.lost) == ([], [])
    reader.close()


def test_a_file_on_another_file_system_is_continued(log: Path, follow: Follow) -> None:
    reader = follow()
    append(log, "a\n")
    reader.look()
    moved = shutil.copy(log, log.with_name("moved"))
    log.unlink()
    Path(moved).rename(log)
    append(log, "b\n")
    reader.restart()
    assert reader.catch_up() == [b"a", b"b"]
    assert (reader.notes, reader.lost) == ([], [])


def test_rotated_files_after_a_lost_one_are_read(log: Path, follow: Follow) -> None:
    reader = follow()
    append(log, "a\n")
    reader.look()
    append(log, "b\n")
    log.unlink()
    for number, line in enumerate("cd"):
        append(log, f"{line}\n")
        os.utime(log, ns=((number + 2 * 10**9) * 10**9,) * 2)
        rotate(log)
    append(log, "e\n")
    reader.restart()
    assert reader.catch_up() == [b"a", b"c", b"d", b"e"]
    [lost] = reader.lost
    assert lost.first == 2
    assert lost.file.startswith(f"{log} (inode ")


@pytest.mark.parametrize("restarted", [False, True])
def test_copytruncate_of_a_file_that_was_empty_at_the_start_loses_nothing(
    log: Path, follow: Follow, restarted: bool
) -> None:
    append(log, "old\n")
    os.utime(log, ns=(1, 1))
    shutil.copy2(log, log.with_name("eve.json.1"))
    log.write_text("")
    reader = follow(from_start=False)
    reader.look()
    append(log, "a\nb\n")
    os.utime(log, ns=(2 * 10**18, 2 * 10**18))
    log.with_name("eve.json.1").rename(log.with_name("eve.json.2"))
    shutil.copy2(log, log.with_name("eve.json.1"))
    log.write_text("")
    append(log, "c\n")
    os.utime(log, ns=(3 * 10**18, 3 * 10**18))
    if restarted:
        reader.restart()
    assert reader.catch_up() == [b"a", b"b", b"c"]
    assert reader.lost == []


def test_a_truncated_file_without_a_copy_is_lost_from_the_last_line_on(log: Path, follow: Follow) -> None:
    reader = follow()
    append(log, "a\nhal")
    reader.look()
    log.write_text("b\n")
    assert reader.catch_up() == [b"a", b"b"]
    assert reader.lost == [Lost(str(log), 2, "was truncated")]


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


def test_the_rest_of_the_file_that_a_symbolic_link_pointed_to_is_read(log: Path, follow: Follow) -> None:
    days = [log.with_name(name) for name in ("monday", "tuesday")]
    append(days[0], "a\n")
    log.symlink_to(days[0])
    reader = follow()
    reader.look()
    append(days[0], "b\n")
    append(days[1], "c\n")
    log.unlink()
    log.symlink_to(days[1])
    reader.restart()
    assert reader.catch_up() == [b"a", b"b", b"c"]
    assert (reader.notes, reader.lost) == ([], [])


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


def test_a_file_compressed_after_it_was_read_is_not_reported(log: Path, follow: Follow) -> None:
    reader = follow()
    append(log, "a\n")
    reader.look()
    rotate(log)
    rotated = log.with_name("eve.json.1")
    append(log, "b\n")
    subprocess.run(["gzip", rotated], check=True)
    assert reader.catch_up() == [b"a", b"b"]
    assert reader.notes == []


@pytest.mark.parametrize("again", ["c\n", "c\nd and more than there was before\n"], ids=["shorter", "longer"])
def test_a_truncated_file_is_read_from_its_start(log: Path, follow: Follow, again: str) -> None:
    reader = follow()
    append(log, "a\nb\n")
    reader.look()
    log.write_text(again)
    assert reader.catch_up() == [b"a", b"b", *again.encode().splitlines()]
    assert reader.notes == [f"{log} was truncated; reading it from its start"]


@pytest.mark.parametrize("restarted", [False, True])
def test_the_rest_of_a_file_truncated_by_copytruncate_is_read_from_the_copy(
    log: Path, follow: Follow, restarted: bool
) -> None:
    reader = follow()
    append(log, "a\nb")
    reader.look()
    append(log, "\nc\n")
    for line in ("d", "e"):  # twice, as if watch was down for days
        for number in (2, 1):
            older = log.with_name(f"eve.json.{number}")
            if older.exists():
                older.rename(log.with_name(f"eve.json.{number + 1}"))
        copy = shutil.copy(log, log.with_name("eve.json.1"))
        log.write_text(f"{line}\n")
        os.utime(copy, ns=(ord(line) * 10**18, ord(line) * 10**18))
    if restarted:
        reader.restart()
    assert reader.catch_up() == [b"a", b"b", b"c", b"d", b"e"]
    assert reader.notes == [
        f"{log} was truncated; reading the rest of it from its copy {log.with_name('eve.json.2')}"
    ]


def test_a_file_with_the_same_inode_and_another_head_is_another_file(log: Path, follow: Follow) -> None:
    """A file system gives the inode of a removed file to the next one."""
    reader = follow()
    append(log, "a\nb\n")
    reader.look()
    log.write_text("c\nd\ne\n")
    reader.restart()
    assert reader.catch_up() == [b"a", b"b", b"c", b"d", b"e"]
    [note] = reader.notes
    assert note.startswith(f"{log} is not the file that was read before")


@pytest.mark.parametrize("restarted", [False, True])
def test_a_longer_file_with_another_head_is_not_the_copy_of_a_truncated_one(
    log: Path, follow: Follow, restarted: bool
) -> None:
    reader = follow()
    append(log, "a\nb\n")
    reader.look()
    log.with_name("eve.json-other").write_text("other 1\nother 2\n")
    log.write_text("c\n")
    os.utime(log.with_name("eve.json-other"), ns=(1, 1))
    if restarted:
        reader.restart()
    assert reader.catch_up() == [b"a", b"b", b"c"]


def test_a_copy_without_unread_lines_is_ignored(log: Path, follow: Follow) -> None:
    reader = follow()
    append(log, "a\nb\n")
    reader.look()
    shutil.copy(log, log.with_name("eve.json.1"))
    log.write_text("c\n")
    assert reader.catch_up() == [b"a", b"b", b"c"]


def test_an_over_long_line_is_dropped(log: Path, follow: Follow) -> None:
    reader = follow()
    append(log, "x" * (3 * LONGEST_LINE) + "\nnext\n")
    assert reader.catch_up() == [None, b"next"]


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
