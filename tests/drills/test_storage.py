"""The database file locked, its disk full, its file unwritable: the dispatcher waits, and loses nothing.

Faults of SQLite's file, made with root's tools on a database of the drill's own.
"""

import contextlib
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from signal import SIGTERM

import pytest

from tests.drills.conftest import assert_nothing_lost
from tests.drills.installation import Installation, json_lines, names
from tests.drills.receiver import Receiver

TROUBLE = "cannot record or claim"
ALERTS = names("alert", 16)
MOST_CPU = 0.2
"""Of the fault's duration: a loop that spins takes all of a processor, or half of a busy one."""


@pytest.fixture
def installation(sqlite_installation: Installation) -> Installation:
    return sqlite_installation


def drill(
    installation: Installation,
    receiver: Receiver,
    fault: AbstractContextManager[None],
    *,
    reason: str,
    refusals: tuple[str, ...],
    sends: int = 4,
    lasting: Callable[[], object] = lambda: None,
) -> str:
    """Answers come while the database cannot be written; returns the figures."""
    receiver.body = b"x" * 60_000  # more than any room left in the write-ahead log
    installation.run("destination", "add", "soc", receiver.url, "--timeout", "120")
    receiver.may_answer.clear()
    installation.queue(ALERTS)
    dispatcher = installation.dispatcher()
    receiver.wait_for_requests(len(ALERTS))

    with fault:
        cpu, begun = dispatcher.cpu_s(), time.monotonic()
        receiver.may_answer.set()
        dispatcher.wait_until_said(TROUBLE)
        for _ in range(sends):
            assert_send_is_refused(installation, refusals)
        lasting()
        cpu, lasted = dispatcher.cpu_s() - cpu, time.monotonic() - begun
        assert dispatcher.process.poll() is None

    dispatcher.wait_until_said("the database answers again")
    installation.wait_until_all_delivered()
    installation.queue(["afterwards"])
    installation.wait_until_all_delivered()
    assert next(line for line in dispatcher.said().splitlines() if TROUBLE in line).endswith(reason)
    assert dispatcher.said().count(TROUBLE) == 1
    figures = assert_nothing_lost(installation, receiver, [*ALERTS, "afterwards"])
    assert len(receiver.requests) == len(ALERTS) + 1, "results were kept, nothing was sent again"
    assert cpu < MOST_CPU * lasted
    return f"{figures}; {cpu:.2f} s of processor time in a fault of {lasted:.1f} s"


def assert_send_is_refused(installation: Installation, refusals: tuple[str, ...]) -> None:
    """A plain sentence, a code that is not 0, and (found out at the end) nothing half-stored."""
    large = json_lines(["refused"], description="x" * 500_000)
    done = installation.ask("send", "-", input=large)
    assert done.returncode in (1, 3)
    assert any(refusal in done.stderr for refusal in refusals), done.stderr
    assert done.stderr.startswith("tocsin: ")
    assert len(done.stderr.splitlines()) == 1


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
    return drill(
        installation,
        receiver,
        locked(installation),
        reason="the database is locked by another process",
        refusals=("locked",),
        sends=1,  # each waits for the busy timeout
        lasting=lasting,
    )


def test_locked_for_longer_than_the_busy_timeout(
    installation: Installation, receiver: Receiver, report: Callable[[str], None]
):
    report(drill_locked(installation, receiver))


def test_a_dispatcher_told_to_stop_while_locked_out_stops_and_says_what_it_could_not_record(
    installation: Installation, receiver: Receiver
):
    installation.run("destination", "add", "soc", receiver.url, "--timeout", "120")
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
def test_locked_for_half_a_minute(
    installation: Installation, receiver: Receiver, report: Callable[[str], None]
):
    report(drill_locked(installation, receiver, lasting=lambda: time.sleep(30)))


# --- disk full


@pytest.fixture
def small_disk(installation: Installation) -> Iterator[Path]:
    """A disk of two megabytes with the database on it."""
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


def test_disk_full(
    installation: Installation, receiver: Receiver, small_disk: Path, report: Callable[[str], None]
):
    report(
        drill(
            installation,
            receiver,
            full(small_disk),
            reason="the disk is full",
            refusals=("the disk is full",),
        )
    )


# --- unwritable


@contextlib.contextmanager
def immutable(database: str) -> Iterator[None]:
    """What root cannot write either; a file that is open already is no exception."""
    files = [database, f"{database}-wal"]
    done = subprocess.run(["chattr", "+i", *files], capture_output=True, text=True)
    if done.returncode:
        subprocess.run(["chattr", "-i", *files], capture_output=True)
        pytest.skip(f"this file system has no immutable files: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", *files], check=True)


def test_file_made_unwritable(installation: Installation, receiver: Receiver, report: Callable[[str], None]):
    report(
        drill(
            installation,
            receiver,
            immutable(installation.database),
            reason="the disk does not answer (I/O error)",
            refusals=("cannot be written", "I/O error"),
        )
    )
