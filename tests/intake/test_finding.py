"""The file of a position is found rotated, compressed, copied or moved, and those that follow it."""

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

from tests.intake.follower import Follow, Reader, append, rotate
from tui.intake.following import SETTLED


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


@pytest.mark.parametrize(
    "names",
    [["monday", "tuesday"], ["day-1", "day-2"], ["app-30.log", "app-31.log", "app-01.log", "app-02.log"]],
    ids=["words", "numbers", "two came and went"],
)
def test_the_former_targets_of_a_symbolic_link_are_read(log: Path, follow: Follow, names: list[str]) -> None:
    (log.parent / "logs").mkdir()
    days = [log.parent / "logs" / name for name in names]
    append(days[0], "start\n")
    log.symlink_to(days[0])
    reader = follow()
    reader.look()
    for number, day in enumerate(days):
        append(day, f"{number}\n")
        os.utime(day, ns=((number + 2 * 10**9) * 10**9,) * 2)
    log.unlink()
    log.symlink_to(days[-1])
    reader.restart()
    assert reader.catch_up() == [b"start", *(b"%d" % number for number in range(len(days)))]
    assert (reader.notes, reader.lost) == ([], [])


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
