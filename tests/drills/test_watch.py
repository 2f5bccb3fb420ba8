"""A followed file is rotated while `tocsin watch` is killed and restarted: each line is stored once."""

import gzip
import json
import shutil
import signal
import subprocess
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


def rename(log: Path, number: int) -> None:
    log.rename(log.with_name(f"{log.name}.{number}"))


def rename_with_date(log: Path, number: int) -> None:
    log.rename(log.with_name(f"eve-2026112{number}.json"))


def rename_into_olddir(log: Path, number: int) -> None:
    log.rename(log.parent / "old" / f"{log.name}.{number}")


def compress(log: Path, number: int) -> None:
    rotated = log.parent / "old" / f"{log.name}.{number}"
    log.rename(rotated)
    subprocess.run(["gzip", rotated], check=True)


def copytruncate(log: Path, number: int) -> None:
    shutil.copy(log, log.with_name(f"{log.name}.{number}"))
    log.write_text("")


def repoint_link(log: Path, number: int) -> None:
    """The path is a symbolic link; the first time, it becomes one."""
    if not log.is_symlink():
        log.rename(log.with_name("day-1"))
    log.unlink(missing_ok=True)
    log.symlink_to(f"day-{number + 1}")


def wazuh_midnight(log: Path, number: int) -> None:
    month = log.parent / "2026" / "Nov"
    month.mkdir(parents=True, exist_ok=True)
    yesterday = month / f"ossec-alerts-2{number}.json"
    if not yesterday.exists():  # the first day; later the log is a link to it
        yesterday.hardlink_to(log)
    log.unlink()
    today = month / f"ossec-alerts-2{number + 1}.json"
    today.touch()
    log.hardlink_to(today)


def wazuh_midnight_compressed(log: Path, number: int) -> None:
    wazuh_midnight(log, number)
    yesterday = log.parent / "2026" / "Nov" / f"ossec-alerts-2{number}.json"
    subprocess.run(["gzip", "-f", yesterday], check=True)


@pytest.mark.parametrize(
    "rotate",
    [
        rename,
        rename_with_date,
        rename_into_olddir,
        compress,
        copytruncate,
        repoint_link,
        wazuh_midnight,
        wazuh_midnight_compressed,
    ],
    ids=lambda rotate: rotate.__name__,
)
def test_no_line_is_lost_when_watch_is_killed_across_a_rotation(
    installation: Installation, tmp_path: Path, rotate: Callable[[Path, int], None]
):
    log = tmp_path / ("alerts.json" if "wazuh" in rotate.__name__ else "eve.json")
    log.touch()
    (tmp_path / "old").mkdir()
    arguments = ("watch", "--rotated-to", str(tmp_path / "old"), str(log))
    written = 0
    for number in (1, 2):
        watch = installation.start(*arguments)
        watch.wait_until_said("following ")
        before = installation.count("alert")
        append(log, written, LINES_EACH)
        written += LINES_EACH
        eventually(lambda: installation.count("alert") > before, watch.said)  # noqa: B023
        watch.kill()
        append(log, written, 50)
        written += 50
        rotate(log, number)
        append(log, written, 10)
        written += 10
    watch = installation.start(*arguments)
    eventually(lambda: installation.count("alert") >= written, watch.said)
    watch.signal(signal.SIGTERM)
    assert watch.exit_code() == 0
    assert titles(installation) == [f"line {number}" for number in range(written)]


def test_new_files_of_a_pattern_are_read_from_their_start(installation: Installation, tmp_path: Path):
    append(tmp_path / "eve-2026-11-27.json", 1000, 3)
    pattern = str(tmp_path / "eve-%Y-%m-%d.json")
    watch = installation.start("watch", pattern)
    watch.wait_until_said("following ")
    eventually(lambda: installation.count("followed_file") == 2, watch.said)
    append(tmp_path / "eve-2026-11-28.json", 0, 2)
    eventually(lambda: installation.count("alert") == 2, watch.said)
    watch.kill()
    append(tmp_path / "eve-2026-11-28.json", 2, 2)
    (tmp_path / "eve-2026-11-28.json.gz").write_bytes(
        gzip.compress((tmp_path / "eve-2026-11-28.json").read_bytes())
    )
    (tmp_path / "eve-2026-11-28.json").unlink()
    append(tmp_path / "eve-2026-11-29.json", 4, 2)
    watch = installation.start("watch", pattern)
    eventually(lambda: installation.count("alert") == 6, watch.said)
    append(tmp_path / "eve-2026-11-29.json", 6, 1)
    eventually(lambda: installation.count("alert") == 7, watch.said)
    watch.signal(signal.SIGTERM)
    assert watch.exit_code() == 0
    assert sorted(titles(installation)) == [f"line {number}" for number in range(7)]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_file_of_a_pattern_removed_while_watch_was_down_is_reported(
    installation: Installation, tmp_path: Path
):
    pattern, log = str(tmp_path / "eve-*.json"), tmp_path / "eve-1.json"
    log.touch()
    watch = installation.start("watch", pattern)
    watch.wait_until_said("following ")
    append(log, 0, 2)
    eventually(lambda: installation.count("alert") == 2, watch.said)
    watch.kill()
    append(log, 2, 2)
    log.unlink()
    watch = installation.start("watch", pattern)
    eventually(lambda: installation.count("alert") == 3, watch.said)
    assert titles(installation)[-1] == f"Tocsin may not have read all of {log}"
    append(tmp_path / "eve-2.json", 4, 1)
    eventually(lambda: titles(installation)[-1] == "line 4", watch.said)
    watch.signal(signal.SIGTERM)
    assert watch.exit_code() == 0


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_machines_that_share_a_database_keep_their_places_though_the_paths_are_equal(
    installation: Installation, tmp_path: Path
):
    log = tmp_path / "eve.json"  # one file stands for a file of this path on each machine
    log.touch()
    names, written = ("web-1", "web-2"), 0
    for number in range(4):
        watches = [installation.start("watch", "--source", name, str(log)) for name in names]
        for watch in watches:
            watch.wait_until_said("following ")
        if not number:
            eventually(lambda: installation.count("followed_file") == 2, watches[0].said)
        append(log, written, 20)
        written += 20
        eventually(lambda: installation.count("alert") == 2 * written, watches[0].said)  # noqa: B023
        if number % 2:
            log.rename(log.with_name(f"eve.json.{number}"))
        append(log, written, 5)
        written += 5
        for watch in watches:
            watch.kill()
    watches = [installation.start("watch", "--source", name, str(log)) for name in names]
    eventually(lambda: installation.count("alert") == 2 * written, watches[0].said)
    assert sorted(titles(installation)) == sorted(2 * [f"line {number}" for number in range(written)])
    for watch in watches:
        watch.signal(signal.SIGTERM)
        assert watch.exit_code() == 0


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_send_reads_a_compressed_file(installation: Installation, tmp_path: Path):
    packed = tmp_path / "alerts.json.gz"
    packed.write_bytes(gzip.compress(b'{"title": "line 0"}\n{"title": "line 1"}\n'))
    installation.run("send", str(packed))
    assert titles(installation) == ["line 0", "line 1"]
    packed.write_bytes(packed.read_bytes()[:-12])
    assert "not a complete compressed file" in installation.ask("send", str(packed)).stderr


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_lines_that_cannot_be_read_become_an_alert(installation: Installation, tmp_path: Path):
    log = tmp_path / "eve.json"
    log.write_text('{"title": "good"}\n\n{"title": \nnot JSON\n{"title": "good, too"}\n')
    watch = installation.start("watch", "--from-start", str(log))
    eventually(lambda: "2 stored, 2 bad" in watch.said(), watch.said)
    watch.signal(signal.SIGTERM)

    assert watch.exit_code() == 0
    assert titles(installation) == ["good", "good, too", f"Tocsin cannot read lines of {log}"]
    assert f"{log} at byte 19: this is not JSON" in watch.said()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_lines_that_depend_on_earlier_ones_are_read_after_a_kill(installation: Installation, tmp_path: Path):
    table, pod = tmp_path / "notice.tsv", tmp_path / "0.cri"
    steps = (
        ("#separator \\x09\n#path\tnotice\n#fields\tnote\tmsg\n1\tfirst\n", 'stdout P {"title":\n'),
        ("2\tsecond\n", 'stderr F {"title":"other"}\n'),
        ("3\tthird\n", 'stdout F "whole"}\n'),
    )
    for number, (row, part) in enumerate(steps, start=1):
        with table.open("a") as rows, pod.open("a") as parts:
            rows.write(row)
            parts.write(f"2026-01-31T09:15:0{number}Z {part}")
        watch = installation.start("watch", "--from-start", str(table), str(pod))
        watch.wait_until_said("following ")
        stored = number * 2 - 1
        eventually(lambda: installation.count("alert") == stored, watch.said)  # noqa: B023
        watch.kill()
    assert sorted(titles(installation)) == ["first", "other", "second", "third", "whole"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_unreadable_lines_are_counted_across_kills(installation: Installation, tmp_path: Path):
    log = tmp_path / "eve.json"
    log.touch()
    counted = "SELECT coalesce(sum(json_extract(context, '$.lines')), 0) FROM alert"
    written = 0
    for number in range(5):
        watch = installation.start("watch", str(log))
        watch.wait_until_said("following ")
        if not number:
            eventually(lambda: installation.count("followed_file") == 1, watch.said)
        with log.open("a") as file:
            file.write("not JSON\n" * 20_000)
        written += 20_000
        eventually(lambda: installation.sql(counted)[0][0] > written - 20_000, watch.said)  # noqa: B023
        watch.kill()
    watch = installation.start("watch", str(log))
    watch.wait_until_said("following ")
    eventually(lambda: installation.sql(counted)[0][0] == written, watch.said)
    assert installation.count("alert") <= 2, "one alert a minute"
    watch.signal(signal.SIGTERM)
    assert watch.exit_code() == 0


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_missing_file_is_reported_and_followed_once_it_exists(installation: Installation, tmp_path: Path):
    log = tmp_path / "eve.json"
    watch = installation.start("watch", str(log))
    watch.wait_until_said(f"following {log} (does not exist yet)")
    append(log, 0, 1)
    watch.wait_until_said("1 stored")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_an_unreadable_file_does_not_delay_others(installation: Installation, tmp_path: Path):
    loop, log = tmp_path / "loop", tmp_path / "eve.json"
    loop.symlink_to(loop)
    append(log, 0, 1)
    watch = installation.start("watch", "--from-start", str(loop), str(log))
    watch.wait_until_said("1 stored")
    append(log, 1, 1)
    eventually(lambda: installation.count("alert") == 2, watch.said)
    assert watch.said().count(f"waiting: {loop}: Too many levels of symbolic links") == 1
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
