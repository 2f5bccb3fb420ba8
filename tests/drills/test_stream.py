"""A pipe into `tocsin send` that is stopped, killed or blocked: lines are stored or reported."""

import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.drills.installation import Installation, Program, eventually

SQLITE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def tables(installation: Installation) -> None:
    installation.queue([])


def line(number: int) -> str:
    return json.dumps({"alertId": f"n-{number}", "title": "x"}) + "\n"


def lines(first: int, count: int) -> str:
    return "".join(map(line, range(first, first + count)))


def write(program: Program, text: str) -> None:
    assert program.process.stdin is not None
    program.process.stdin.write(text.encode())
    program.process.stdin.flush()


def close(program: Program) -> None:
    assert program.process.stdin is not None
    program.process.stdin.close()


def stored(installation: Installation) -> list[int]:
    return sorted(int(row[0].removeprefix("n-")) for row in installation.sql("SELECT alert_id FROM alert"))


@contextmanager
def locked(installation: Installation) -> Iterator[None]:
    """Another process holds a transaction open."""
    with closing(sqlite3.connect(installation.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def test_a_stopped_send_stores_what_was_written_to_the_pipe(installation: Installation):
    sender = installation.start("send", "-", input=subprocess.PIPE)
    write(sender, line(0))
    eventually(lambda: stored(installation) == [0], sender.said)
    installation.stop(sender)
    write(sender, lines(1, 900))
    sender.signal(signal.SIGINT)
    sender.signal(signal.SIGCONT)
    assert sender.exit_code() == 0
    assert stored(installation) == list(range(901))
    assert sender.said().splitlines()[-1] == "stopped: 901 stored, 0 bad"


@SQLITE
def test_an_incomplete_last_line_is_reported_and_stored(installation: Installation):
    sender = installation.start("send", "-", input=subprocess.PIPE)
    write(sender, line(0) + '{"alertId": "n-1", "ti')
    eventually(lambda: stored(installation) == [0], sender.said)
    sender.signal(signal.SIGTERM)
    assert sender.exit_code() == 2
    assert "tocsin: line 2: this is not JSON" in sender.said()
    [(context,)] = installation.sql("SELECT context FROM alert WHERE rule_id = 'Tocsin.Intake.Unreadable'")
    assert json.loads(context)["raw"] == '{"alertId": "n-1", "ti'


@SQLITE
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_file_stops_after_a_transaction_and_says_so(
    installation: Installation, number: signal.Signals
):
    """Also in the background, where a shell lets SIGINT be ignored."""
    sender = installation.start("send", "-", input=lines(0, 200_000), ignoring=signal.SIGINT)
    eventually(lambda: installation.count("alert"), sender.said)
    sender.signal(number)
    assert sender.exit_code() == 128 + number
    count = installation.count("alert")
    assert stored(installation) == list(range(count))
    said = f"stopped: {count} stored, 0 bad; the rest of standard input is not stored\n"
    assert sender.said() == said


def test_a_killed_send_has_stored_complete_transactions(installation: Installation):
    sender = installation.start("send", "-", input=lines(0, 5_000), crash_at="storing:3")
    assert sender.exit_code() == -signal.SIGKILL
    assert stored(installation) == list(range(2_000))
    assert installation.damage() == []


@SQLITE
def test_a_locked_database_makes_the_writer_wait_and_loses_nothing(installation: Installation):
    sender = installation.start("send", "-", input=subprocess.PIPE, DRILL_PATIENCE_S="0.1")
    write(sender, line(0))
    eventually(lambda: stored(installation) == [0], sender.said)
    written = 1
    with locked(installation):
        assert sender.process.stdin is not None
        os.set_blocking(sender.process.stdin.fileno(), False)
        pending = b""
        while "waiting: the database is locked" not in sender.said() or not pending:
            pending = pending or line(written).encode()
            try:
                sent = os.write(sender.process.stdin.fileno(), pending)
            except BlockingIOError:
                continue
            pending = pending[sent:]
            written += not pending
        assert written * len(line(0)) < 1024 * 1024, "what cannot be stored is not read into memory"
        assert sender.process.poll() is None
    os.set_blocking(sender.process.stdin.fileno(), True)
    write(sender, pending.decode())
    close(sender)
    assert sender.exit_code() == 0
    assert stored(installation) == list(range(written + 1))


@SQLITE
def test_a_pipe_that_has_ended_is_not_waited_for_forever(installation: Installation):
    sender = installation.start("send", "-", input=subprocess.PIPE, DRILL_PATIENCE_S="0.1")
    write(sender, line(0))
    eventually(lambda: stored(installation) == [0], sender.said)
    with locked(installation):
        write(sender, lines(1, 20))
        sender.wait_until_said("waiting: the database is locked")
        close(sender)
        assert sender.exit_code() == 1
    assert "tocsin: not stored: line 2 and everything after it\n" in sender.said()
    assert stored(installation) == [0]
