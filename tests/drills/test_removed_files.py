"""Files of an SQLite database are removed while processes use them: nothing acknowledged is lost."""

import sqlite3
from contextlib import closing
from pathlib import Path
from signal import SIGCONT, SIGTERM

import pytest

from tests.drills.conftest import assert_nothing_lost
from tests.drills.installation import Installation, Program, json_lines, names
from tests.drills.receiver import Receiver


@pytest.fixture
def engine() -> str:
    return "sqlite"


def remove(installation: Installation, *suffixes: str) -> None:
    for suffix in suffixes:
        Path(installation.database + suffix).unlink()


def send(installation: Installation, *ids: str) -> list[str]:
    installation.run("send", "-", input=json_lines(ids))
    return [*ids]


@pytest.fixture
def watching(installation: Installation, tmp_path: Path) -> Program:
    """A `tocsin watch` that has nothing to do and keeps the database open."""
    (tmp_path / "eve.json").touch()
    watching = installation.start("watch", str(tmp_path / "eve.json"))
    watching.wait_until_said("following")
    return watching


def test_what_is_sent_after_the_log_was_removed_is_delivered(
    installation: Installation, receiver: Receiver, watching: Program
):
    installation.add_destination("soc", receiver.url)
    dispatcher = installation.dispatcher()
    alerts = send(installation, *names("before", 3))
    installation.wait_until_all_delivered()

    for round, suffixes in enumerate([("-wal",), ("-shm",), ("-wal", "-shm")]):
        remove(installation, *suffixes)
        alerts += send(installation, *names(f"after-{round}", 3))
        installation.wait_until_all_delivered()
        dispatcher.wait_until_said(f"tocsin.db{suffixes[0]} was removed while it was in use")
    watching.wait_until_said("tocsin.db-wal was removed while it was in use")

    dispatcher.signal(SIGTERM)
    assert dispatcher.exit_code() == 0
    assert_nothing_lost(installation, receiver, alerts)


def test_a_dispatcher_ends_when_another_program_has_made_a_new_log(
    installation: Installation, receiver: Receiver
):
    installation.environment["DRILL_POLL_S"] = "0.1"
    installation.add_destination("soc", receiver.url)
    dispatcher = installation.dispatcher()
    send(installation, "before")
    installation.wait_until_all_delivered()

    installation.stop(dispatcher)
    remove(installation, "-wal", "-shm")
    with closing(sqlite3.connect(installation.database, isolation_level=None)) as other:
        other.execute("CREATE TABLE of_another (entry TEXT)")
        other.execute("INSERT INTO of_another VALUES ('kept')")
    dispatcher.signal(SIGCONT)

    assert dispatcher.exit_code() == 1
    assert "removed and recreated" in dispatcher.said()
    assert "restart Tocsin" in dispatcher.said()
    assert installation.sql("SELECT entry FROM of_another") == [("kept",)]
    assert installation.sql("PRAGMA integrity_check") == [("ok",)]


def test_a_database_that_is_renamed_and_comes_back_loses_nothing(
    installation: Installation, receiver: Receiver
):
    installation.add_destination("soc", receiver.url)
    dispatcher = installation.dispatcher()
    alerts = send(installation, "before")
    installation.wait_until_all_delivered()

    away = Path(installation.database).rename(installation.directory / "away.db")
    dispatcher.wait_until_said("the database file was removed")
    away.rename(installation.database)
    alerts += send(installation, "after")

    installation.wait_until_all_delivered()
    assert_nothing_lost(installation, receiver, alerts)
