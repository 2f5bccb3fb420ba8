"""A command waits for its turn at the database, says so, and gives up in the end."""

import contextlib
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.conftest import Tocsin
from tui import logs
from tui.cli import cli
from tui.commands.sending.pipe import Pipe
from tui.commands.shared import session
from tui.store.engine import sqlite
from tui.store.errors import OpenLocked, StoreLocked

WAITING = "waiting: the database is locked by another process"


class Lock:
    """The write lock of a database, in the hands of another process."""

    def __init__(self, path: Path) -> None:
        self._other = sqlite3.connect(path, isolation_level=None)

    def take(self) -> None:
        if not self._other.in_transaction:
            self._other.execute("BEGIN IMMEDIATE")

    def give_back(self) -> None:
        if self._other.in_transaction:
            self._other.execute("COMMIT")

    def close(self) -> None:
        self._other.close()


@pytest.fixture
def lock(tocsin: Tocsin, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lock]:
    tocsin.add()
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.01)
    monkeypatch.setattr(logs, "set_up", lambda *_, **__: None)  # it is for the whole process
    with contextlib.closing(Lock(tocsin.database)) as lock:
        yield lock


def send(tocsin: Tocsin, *args: str) -> None:
    cli.main(["--db", str(tocsin.database), "send", *args], standalone_mode=False)


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two alerts on standard input, and nobody who could write more."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    reader, writer = os.pipe()
    os.write(writer, b'{"title": "one"}\n{"title": "two"}\n')
    os.close(writer)
    with os.fdopen(reader) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(params=["to open", "to write"])
def locked_out(
    request: pytest.FixtureRequest, lock: Lock, piped: None, monkeypatch: pytest.MonkeyPatch
) -> type[Exception]:
    """A producer that finds the database locked; the error with which it gives up."""
    if request.param == "to open":
        lock.take()
        return OpenLocked
    read = Pipe.read1

    def locked_as_it_is_read(pipe: Pipe, size: int, /) -> bytes:
        lock.take()
        return read(pipe, size)

    monkeypatch.setattr(Pipe, "read1", locked_as_it_is_read)
    return StoreLocked


@pytest.mark.usefixtures("locked_out")
def test_a_producer_waits_until_the_lock_is_given_back_and_says_so_once(
    tocsin: Tocsin, lock: Lock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            lock.give_back()

    monkeypatch.setattr(time, "sleep", wait)
    send(tocsin, "-")
    assert len(waited) == 3
    assert capsys.readouterr().err == f"{WAITING}\n"
    assert tocsin.stored()["alert"] == 2


def test_it_gives_up_in_the_end_and_has_stored_nothing(
    tocsin: Tocsin,
    lock: Lock,
    locked_out: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(session, "PATIENCE_S", 0.0)
    with pytest.raises(locked_out, match="locked"):
        send(tocsin, "-")
    lock.give_back()
    assert tocsin.stored()["alert"] == 0
    unstored = "tocsin: not stored: line 1 and everything after it\n"
    assert capsys.readouterr().err == (unstored if locked_out is StoreLocked else "")
