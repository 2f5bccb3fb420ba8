"""Backup and prune work beside dispatchers, and leave nothing half done when killed."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drills.installation import Installation, eventually, names
from tests.drills.receiver import Receiver
from tui.domain.alert import format_time

LONG_AGO = format_time(0)
KILLED = -signal.SIGKILL


def stored(installation: Installation) -> set[str]:
    return {row[0] for row in installation.sql("SELECT alert_id FROM alert")}


def test_a_prune_beside_dispatchers_deletes_only_old_alerts(
    installation: Installation, receiver: Receiver, report: Callable[[str], None]
):
    installation.add_destination("soc", receiver.url)
    installation.environment["TOCSIN_DISPATCH_GRACE"] = "30"
    dispatchers = [installation.dispatcher() for _ in range(2)]
    fresh: list[str] = []
    removed = 0
    for turn in range(6):
        installation.queue(names(f"old-{turn}", 300), createdAt=LONG_AGO)
        installation.queue(more := names(f"fresh-{turn}", 100))
        fresh += more
        before = len(stored(installation))
        installation.run("db", "prune", "--older-than", "0s", "--yes")
        removed += max(0, before - len(stored(installation)))
    installation.wait_until_all_delivered()
    for dispatcher in dispatchers:
        dispatcher.signal(signal.SIGTERM)
        assert dispatcher.exit_code() == 0

    old = {name for turn in range(6) for name in names(f"old-{turn}", 300)}
    assert set(receiver.by_alert) == old | set(fresh), "what was removed had been delivered"
    assert removed > 0
    assert installation.damage() == []
    assert "late answer ignored" not in installation.log.read_text()
    installation.run("db", "prune", "--older-than", "0s", "--yes")
    assert len(stored(installation)) == 1
    report(f"{len(old) + len(fresh)} alerts delivered, {removed} removed meanwhile")


def test_a_killed_prune_has_deleted_each_alert_completely_or_not_at_all(installation: Installation):
    installation.queue(names("old", 100), createdAt=LONG_AGO)
    prune = ("db", "prune", "--older-than", "1d", "--yes")

    assert installation.start(*prune, crash_at="removing:2").exit_code() == KILLED

    assert 1 < len(stored(installation)) < 100
    assert installation.damage() == []
    installation.run(*prune)
    assert stored(installation) == {"old-100"}
    assert installation.damage() == []


def test_a_stopped_prune_ends_between_two_transactions(installation: Installation):
    installation.queue(names("old", 5_000), createdAt=LONG_AGO)
    prune = installation.start("db", "prune", "--older-than", "1d", "--yes")
    eventually(lambda: len(stored(installation)) < 5_000, prune.said)
    prune.signal(signal.SIGINT)
    assert prune.exit_code() in (0, 1)  # it may just have ended
    assert installation.damage() == []


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_backup_beside_a_busy_dispatcher_is_complete(
    installation: Installation, receiver: Receiver, tmp_path: Path
):
    installation.add_destination("soc", receiver.url)
    dispatcher = installation.dispatcher()
    for turn in range(3):
        installation.queue(ids := names(f"turn-{turn}", 200))
        copied = tmp_path / f"{turn}.db"
        installation.run("db", "backup", str(copied))
        copy = Installation("sqlite", tmp_path, database=str(copied))
        assert copy.damage() == []
        assert {*ids} <= stored(copy)
    installation.wait_until_all_delivered()
    dispatcher.signal(signal.SIGTERM)
    assert dispatcher.exit_code() == 0

    (tmp_path / "receiving").mkdir()
    restored = Installation("sqlite", tmp_path / "receiving", database=str(copied))
    restored.let_leases_run_out()
    restored.run("dispatch", "--drain")
    assert restored.count("delivery", "state <> 'delivered'") == 0
    assert restored.damage() == []


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_killed_backup_leaves_no_file_and_can_be_repeated(installation: Installation, tmp_path: Path):
    installation.queue(names("some", 50))
    copied = tmp_path / "copy.db"
    assert installation.start("db", "backup", str(copied), crash_at="copying").exit_code() == KILLED
    assert not copied.exists()
    installation.run("db", "backup", str(copied))
    assert not Path(f"{copied}.part").exists()
    assert Installation("sqlite", tmp_path, database=str(copied)).damage() == []
