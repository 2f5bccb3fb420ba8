"""Notice commits of other connections to an SQLite database."""

import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from tui.store.engine.sqlite_files import Files
from tui.store.errors import StoreUnavailable


def uri_of(path: Path) -> str:
    """Return the URI that opens an existing file and never creates one."""
    return f"{path.absolute().as_uri()}?mode=rw"


def uri_to_read(path: Path) -> str:
    """Return the URI that opens an existing file for reading only.

    SQLite needs the file `-shm` even for that. One that we made could keep the file's owner from writing, so
    it is made only in the owner's name. Without it nobody has the database open. Then the file is read alone,
    until `Files` notices that somebody has opened it.
    """
    uri, directory = path.absolute().as_uri(), path.absolute().parent
    if path.with_name(f"{path.name}-shm").exists():
        return f"{uri}?mode=ro"
    ours = os.geteuid() in (0, path.stat().st_uid) and os.access(directory, os.W_OK)
    return f"{uri}?mode=ro" if ours else f"{uri}?immutable=1"


class DataVersion:
    """`PRAGMA data_version` on its own connection: takes microseconds and never writes."""

    def __init__(self, address: Callable[[], str], files: Files) -> None:
        self._address = address
        self._files = files
        self._lock = threading.Lock()
        """Files that are lost are let go of by another thread."""
        self._end = files.add_holder(self._let_go)
        self._connection: sqlite3.Connection | None = files.connect(self._connect)
        self._seen = self._read(self._connection)

    def changed(self) -> bool:
        with self._lock:
            if self._connection is None:
                return self._connect_again()
            before, self._seen = self._seen, self._read(self._connection)
            return before != self._seen

    def _connect_again(self) -> bool:
        """Return whether the database is open again. Commits since it was lost may have been missed."""
        try:
            self._connection = self._files.connect(self._connect)
        except (sqlite3.Error, StoreUnavailable):
            return False
        self._seen = self._read(self._connection)
        return True

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(
            self._address(), uri=True, timeout=0.05, isolation_level=None, check_same_thread=False
        )

    def _let_go(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._files.close(self._connection)
                self._connection = None

    def close(self) -> None:
        self._end()
        self._let_go()

    def _read(self, connection: sqlite3.Connection) -> int:
        try:
            return int(connection.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.OperationalError:
            return -1  # busy: another process is writing
