"""A command waits for its turn at the database, says so, and gives up in the end."""

import contextlib
import io
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.conftest import Tocsin
from tui import logs
from tui.cli import cli
from tui.commands import session
from tui.store import sqlite
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


class LocksAsItIsRead(io.BytesIO):
    """Alerts on standard input that come just when somebody else takes the lock."""

    def __init__(self, text: bytes, lock: Lock) -> None:
        super().__init__(text)
        self._lock = lock

    def readline(self, size: int | None = -1) -> bytes:
        self._lock.take()
        return super().readline(size)


def send(tocsin: Tocsin, *args: str) -> None:
    cli.main(["--db", str(tocsin.database), "send", *args], standalone_mode=False)


@pytest.fixture(params=["to open", "to write"])
def locked_out(
    request: pytest.FixtureRequest, lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> type[Exception]:
    """A producer that finds the database locked; the error with which it gives up."""
    text = b'{"title": "one"}\n{"title": "two"}\n'
    if request.param == "to open":
        lock.take()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        return OpenLocked
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(LocksAsItIsRead(text, lock)))
    return StoreLocked


@pytest.mark.usefixtures("locked_out")
def test_a_producer_waits_until_the_lock_is_given_back_and_says_so_once(
    tocsin: Tocsin, lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def hear(text: str) -> None:
        said.append(text)
        lock.give_back()

    monkeypatch.setattr(session, "tell", hear)
    send(tocsin, "-")
    assert said == [WAITING]
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
    assert capsys.readouterr().err == ""
