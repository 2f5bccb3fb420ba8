"""Notice that another program removed or replaced SQLite's files while they are open.

SQLite does not notice. Commits then go to files that nobody else can see, and a process that opens the path
creates new files beside them: two histories of one database, each of which overwrites the other.

An open database always has all three files, because SQLite deletes `-wal` and `-shm` only when its last
connection closes. So if one of them is missing or is another file, it was removed. As long as nobody creates
a new one, nothing is lost: the last process that closes the database copies the removed `-wal`, which it
still has open, into the main file. This needs every process to close, and none to open before. Each
process therefore watches its files (`lost`) and lets go of them, and `wait_until_free` keeps processes from
opening too early.
"""

import contextlib
import ctypes
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tui.store.errors import Orphaned, StoreLocked, StoreUnavailable

log = logging.getLogger(__name__)

_File = tuple[int, int] | None
"""Device and inode; None if there is no file."""

_SUFFIXES = ("", "-wal", "-shm")
_AGAIN_S = 0.02
_LOOK_S = 0.2


class Files:
    """The three files of one database, as this process opened them. For any thread.

    `patience_s` returns how long to wait for others, in seconds.
    """

    def __init__(self, path: Path, patience_s: Callable[[], float]) -> None:
        self._paths = [Path(f"{path}{suffix}") for suffix in _SUFFIXES]
        self._patience_s = patience_s
        self._lock = threading.Condition()
        self._one_at_a_time = threading.Lock()
        """Held while a connection is made or closed: only then do some of the files exist and others not."""
        self._connections = 0
        self._opened: list[_File] = []
        """The files that the open connections use; empty if there are none."""
        self._abandoned: set[_File] = set()
        """Main files with a connection that is never closed."""
        self._logged = False
        """Whether the log tells of the loss, until the database is open again."""
        self._holders: set[Callable[[], object]] = set()

    def lost(self) -> str:
        """Return in words which file was removed or replaced while it was open; "" if none was."""
        opened = self._opened
        if not opened or (found := self._found()) == opened:
            return ""
        if found[0] is None:
            return f"the database file was removed or cannot be opened: {self._paths[0]}"
        at = next(at for at, file in enumerate(found) if file != opened[at])
        what = "removed" if found[at] is None else "replaced"
        return f"{self._paths[at]} was {what} while it was in use"

    def add_holder(self, let_go: Callable[[], object]) -> Callable[[], None]:
        """Call `let_go` to close connections, soon, once the files are lost. Returns how to end that."""
        self._holders.add(let_go)
        return lambda: self._holders.discard(let_go)

    def keep_watch(self, ended: threading.Event) -> None:
        """Make every holder let go of lost files, also of a process that has nothing else to do."""
        while not ended.wait(_LOOK_S):
            self._let_go()

    def connect(self, connect: Callable[[], sqlite3.Connection]) -> sqlite3.Connection:
        """Return the connection that `connect` makes, counted as one of this process's.

        Raises Orphaned, StoreUnavailable, sqlite3.Error.
        """
        with self._one_at_a_time:
            return self._connect(connect)

    def _connect(self, connect: Callable[[], sqlite3.Connection]) -> sqlite3.Connection:
        if lost := self.lost():
            raise StoreUnavailable(lost)
        if _file_at(self._paths[0]) in self._abandoned:
            raise Orphaned(f"another program removed and recreated {self._paths[1]}; restart Tocsin")
        if not self._connections:
            self._wait_for_others()
        connection = connect()
        try:
            connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()  # opens all three files
        except BaseException:
            connection.close()
            raise
        with self._lock:
            if not self._connections:
                self._opened = self._found()
            self._connections += 1
        if lost := self.lost():
            self._close(connection)
            raise StoreUnavailable(lost)
        self._logged = False
        return connection

    def close(self, connection: sqlite3.Connection) -> None:
        """Close a connection without harm to files that took the place of ours.

        The last close of a process copies `-wal` into the main file and deletes `-wal` and `-shm` by name,
        whichever files have these names.
        """
        with self._one_at_a_time:
            self._close(connection)

    def _close(self, connection: sqlite3.Connection | None) -> None:
        if (lost := self.lost()) and not self._logged:
            self._logged = True
            log.warning("%s; closing it to open it again", lost)
        opened, found = self._opened, self._found()
        if any(file and ours and file != ours for file, ours in zip(found[1:], opened[1:], strict=False)):
            # Not closed even when Python ends. While it is open, no other close is the last.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
            self._abandoned.add(opened[0])
            connection = None
        with self._lock:
            self._connections -= 1
            if not self._connections:
                self._opened = []  # before the files go
            if connection is not None:
                connection.close()
            self._lock.notify_all()

    def wait_until_free(self) -> None:
        """Wait until nobody uses files of this database that were removed.

        Raises StoreUnavailable if this process, StoreLocked if another one still does.
        """
        if lost := self._let_go():
            with self._lock:
                if not self._lock.wait_for(lambda: not self._connections, self._patience_s()):
                    raise StoreUnavailable(lost)
        self._wait_for_others()

    def _wait_for_others(self) -> None:
        """Wait until no other process uses removed files.

        It looks like this for a moment, too, while one opens or closes the database.
        """
        give_up = time.monotonic() + self._patience_s()
        while still_used := self._still_used():
            if time.monotonic() > give_up:
                raise StoreLocked(still_used)
            time.sleep(_AGAIN_S)

    def _let_go(self) -> str:
        if lost := self.lost():
            for let_go in [*self._holders]:
                let_go()
        return lost

    def _still_used(self) -> str:
        """Return in words which file was removed although a process still uses it; "" if none was."""
        main, *others = self._found()
        if main is None or None not in others or not self._is_open_elsewhere():
            return ""
        missing = self._paths[1 + others.index(None)]
        return f"{missing} was removed while another process has the database open; stop that process"

    def _is_open_elsewhere(self) -> bool:
        """Return whether any process has the database open, by asking for the whole of it.

        In this locking mode SQLite needs no `-shm`, and a lock that every open connection refuses.
        """
        address = f"{self._paths[0].absolute().as_uri()}?mode=rw"
        try:
            with contextlib.closing(sqlite3.connect(address, uri=True, timeout=0)) as probe:
                probe.execute("PRAGMA locking_mode = exclusive")
                probe.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        except sqlite3.Error as error:  # any other than this one is for the caller to meet
            return "locked" in str(error)
        return False

    def _found(self) -> list[_File]:
        return [_file_at(path) for path in self._paths]


def _file_at(path: Path) -> _File:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
