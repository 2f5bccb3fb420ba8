"""While the database is locked, full or unwritable, the dispatcher waits and loses nothing.

These are faults of an SQLite file, made with root's tools. Faults of a server are in test_postgres.py.
"""

import contextlib
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from signal import SIGTERM

import pytest

from tests.drills.conftest import assert_nothing_lost
from tests.drills.installation import Installation, names
from tests.drills.outage import CAP, TROUBLE, ride_out
from tests.drills.receiver import Receiver

ALERTS = names("alert", CAP)


@pytest.fixture
def engine() -> str:
    return "sqlite"


# --- locked


@contextlib.contextmanager
def locked(installation: Installation) -> Iterator[None]:
    with closing(sqlite3.connect(installation.database, isolation_level=None, timeout=60)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("COMMIT")


def drill_locked(
    installation: Installation, receiver: Receiver, lasting: Callable[[], object] = lambda: None
) -> str:
    installation.environment["DRILL_PATIENCE_S"] = "0"
    return ride_out(
        installation,
        receiver,
        locked(installation),
        alerts=ALERTS,
        reason="the database is locked by another process",
        refusals=("locked",),
        sends=1,  # each waits for the busy timeout, and no longer
        lasting=lasting,
    )


def test_a_lock_beyond_the_busy_timeout_loses_nothing(
    installation: Installation, receiver: Receiver, report: Callable[[str], None]
):
    report(drill_locked(installation, receiver))


def test_a_dispatcher_stopped_during_a_lock_reports_unrecorded_answers(
    installation: Installation, receiver: Receiver
):
    installation.add_destination("soc", receiver.url, timeout_s=120)
    receiver.may_answer.clear()
    installation.queue(ALERTS)
    dispatcher = installation.dispatcher("--grace", "0.3")
    receiver.wait_for_requests(len(ALERTS))

    with locked(installation):
        receiver.may_answer.set()
        dispatcher.wait_until_said(TROUBLE)
        dispatcher.signal(SIGTERM)
        assert dispatcher.exit_code() == 1

    assert f"stopped with {len(ALERTS)} answers not recorded" in dispatcher.said()
    assert installation.count("delivery", "state = 'in_flight'") == len(ALERTS)
    installation.let_leases_run_out()
    installation.run("dispatch", "--drain")
    assert_nothing_lost(installation, receiver, ALERTS)


@pytest.mark.long
def test_a_lock_of_half_a_minute_loses_nothing(
    installation: Installation, receiver: Receiver, report: Callable[[str], None]
):
    report(drill_locked(installation, receiver, lasting=lambda: time.sleep(30)))


# --- disk full


@pytest.fixture
def small_disk(installation: Installation) -> Iterator[Path]:
    """A disk of two megabytes that holds the database."""
    disk = installation.directory / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode().strip()}")
    installation.move_database(str(disk / "tocsin.db"))
    yield disk
    installation.close()
    subprocess.run(["umount", disk], check=True)


@contextlib.contextmanager
def full(disk: Path) -> Iterator[None]:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    yield
    ballast.unlink()


def test_a_full_disk_loses_nothing(
    installation: Installation, receiver: Receiver, small_disk: Path, report: Callable[[str], None]
):
    report(
        ride_out(
            installation,
            receiver,
            full(small_disk),
            alerts=ALERTS,
            reason="the disk is full",
            refusals=("the disk is full",),
        )
    )


# --- unwritable


@contextlib.contextmanager
def immutable(database: str) -> Iterator[None]:
    """Make a file unwritable even for root and for processes that have opened it."""
    files = [database, f"{database}-wal"]
    done = subprocess.run(["chattr", "+i", *files], capture_output=True, text=True)
    if done.returncode:
        subprocess.run(["chattr", "-i", *files], capture_output=True)
        pytest.skip(f"this file system has no immutable files: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", *files], check=True)


def test_an_unwritable_file_loses_nothing(
    installation: Installation, receiver: Receiver, report: Callable[[str], None]
):
    report(
        ride_out(
            installation,
            receiver,
            immutable(installation.database),
            alerts=ALERTS,
            reason="the disk failed (I/O error)",
            refusals=("cannot be written", "I/O error"),
        )
    )
