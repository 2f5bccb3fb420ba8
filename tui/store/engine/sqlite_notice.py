"""Notice commits of other connections to an SQLite database."""

import sqlite3
import threading
from pathlib import Path

from tui.store.engine.sqlite_files import Files
from tui.store.errors import StoreUnavailable


def uri_of(path: Path) -> str:
    """Return the URI that opens an existing file and never creates one."""
    return f"{path.absolute().as_uri()}?mode=rw"


class DataVersion:
    """`PRAGMA data_version` on its own connection: takes microseconds and never writes."""

    def __init__(self, path: Path, files: Files) -> None:
        self._path = path
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
            uri_of(self._path), uri=True, timeout=0.05, isolation_level=None, check_same_thread=False
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
