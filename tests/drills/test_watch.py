"""A followed file, rotated while `tocsin watch` is killed and started again: each line is stored once."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drills.installation import Installation, eventually

KILLS, LINES_EACH = 4, 400


def append(path: Path, first: int, count: int) -> None:
    with path.open("a") as file:
        for number in range(first, first + count):
            file.write(json.dumps({"title": f"line {number}"}) + "\n")


def titles(installation: Installation) -> list[str]:
    return [row[0] for row in installation.sql("SELECT title FROM alert ORDER BY id")]


def test_no_line_is_lost_and_none_is_stored_twice(
    installation: Installation, tmp_path: Path, report: Callable[[str], None]
):
    log = tmp_path / "eve.json"
    log.touch()
    written = 0
    for kill in range(KILLS):
        watch = installation.start("watch", "--from-start", str(log))
        watch.wait_until_said("following ")
        before = installation.count("alert")
        append(log, written, LINES_EACH)
        written += LINES_EACH
        eventually(lambda: installation.count("alert") > before, lambda: watch.said())  # noqa: B023
        watch.kill()
        if kill % 2:
            log.rename(log.with_name(f"eve.json.{kill}"))
        append(log, written, 50)
        written += 50

    watch = installation.start("watch", str(log))
    eventually(lambda: installation.count("alert") >= written, lambda: f"{watch.said()}")
    append(log, written, 1)
    eventually(lambda: installation.count("alert") >= written + 1, lambda: f"{watch.said()}")
    watch.signal(signal.SIGTERM)

    assert watch.exit_code() == 0
    assert titles(installation) == [f"line {number}" for number in range(written + 1)]
    report(
        f"{KILLS} kills, {KILLS // 2} rotations, {written + 1} lines, {installation.count('alert')} alerts"
    )


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_lines_that_cannot_be_read_become_an_alert(installation: Installation, tmp_path: Path):
    log = tmp_path / "eve.json"
    log.write_text('{"title": "good"}\n\n{"title": \nnot JSON\n{"title": "good, too"}\n')
    watch = installation.start("watch", "--from-start", str(log))
    eventually(lambda: "2 stored, 2 bad" in watch.said(), watch.said)
    watch.signal(signal.SIGTERM)

    assert watch.exit_code() == 0
    assert titles(installation) == ["good", "good, too", f"Tocsin cannot read 2 lines of {log}"]
    assert f"{log} at byte 19: this is not JSON" in watch.said()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_file_that_is_not_there_yet_is_told_of_and_followed_when_it_comes(
    installation: Installation, tmp_path: Path
):
    log = tmp_path / "eve.json"
    watch = installation.start("watch", str(log))
    watch.wait_until_said(f"following {log} (does not exist yet)")
    append(log, 0, 1)
    watch.wait_until_said("1 stored")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_file_that_cannot_be_read_keeps_none_beside_it_waiting(installation: Installation, tmp_path: Path):
    loop, log = tmp_path / "loop", tmp_path / "eve.json"
    loop.symlink_to(loop)
    append(log, 0, 1)
    watch = installation.start("watch", "--from-start", str(loop), str(log))
    watch.wait_until_said("1 stored")
    append(log, 1, 1)
    eventually(lambda: installation.count("alert") == 2, watch.said)
    assert watch.said().count(f"waiting: [Errno 40] Too many levels of symbolic links: '{loop}'") == 1
    loop.unlink()
    append(loop, 2, 1)
    eventually(lambda: installation.count("alert") == 3, watch.said)


def test_a_second_watch_of_the_same_file_ends_instead_of_storing_it_twice(
    installation: Installation, tmp_path: Path
):
    log = tmp_path / "eve.json"
    append(log, 0, 1)
    first = installation.start("watch", "--from-start", str(log))
    first.wait_until_said("1 stored")
    second = installation.start("watch", str(log))
    second.wait_until_said("following ")
    for number in range(1, 200):
        append(log, number, 1)
        if second.process.poll() is not None or first.process.poll() is not None:
            break
        eventually(lambda: installation.count("alert") >= number + 1, first.said)  # noqa: B023
    one = first if first.process.poll() is not None else second

    assert one.exit_code() == 1
    assert "another `tocsin watch` already follows " in one.said()
    other = second if one is first else first
    eventually(lambda: len(set(titles(installation))) == number + 1, other.said)
    assert len(titles(installation)) == number + 1
