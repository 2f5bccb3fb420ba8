"""SQLite: one file, many processes of one machine."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import contextlib
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import peewee

from tui.store import migrate
from tui.store.database import BUSY_TIMEOUT_S, ChangeNotice, wall_clock
from tui.store.errors import CannotOpen, OpenLocked

_APPLICATION_ID = 0x746F6373  # "tocs": says whose file this is (PRAGMA application_id)


class Sqlite:
    """WAL, so that readers never wait for the writer; one writer at a time, whoever holds the lock."""

    def __init__(self, path: Path, clock: Callable[[], int] = wall_clock) -> None:
        self.path = path
        self.migrated: Sequence[str] = ()
        self._clock = clock

    @property
    def shown(self) -> str:
        return str(self.path)

    def open(self) -> peewee.Database:
        self._prepare_file()
        db = peewee.SqliteDatabase(
            str(self.path),
            timeout=BUSY_TIMEOUT_S,
            lock_type="IMMEDIATE",
            pragmas=(("synchronous", "full"), ("foreign_keys", 1)),
        )
        try:
            self._adopt(db)
        except (peewee.OperationalError, peewee.DatabaseError, sqlite3.Error) as error:
            db.close()
            kind = OpenLocked if "locked" in str(error) else CannotOpen
            raise kind(self._explain(error)) from None
        except BaseException:
            db.close()
            raise
        db.close()
        return db

    def lock_rows(self, select: str, *, skip_locked: bool) -> str:  # noqa: ARG002
        return select  # BEGIN IMMEDIATE holds the one write lock there is

    def now(self, db: peewee.Database) -> int:  # noqa: ARG002
        return self._clock()

    def watch(self) -> ChangeNotice:
        return _DataVersion(self.path)

    def is_lost(self, db: peewee.Database) -> bool:  # noqa: ARG002
        return False

    def check(self, db: peewee.Database) -> list[str]:
        problems: list[str] = []
        try:
            problems += [str(row[0]) for row in db.execute_sql("PRAGMA integrity_check") if row[0] != "ok"]
            for row in db.execute_sql("PRAGMA foreign_key_check"):
                problems.append(f"a row of {row[0]} points nowhere")
        except (peewee.DatabaseError, sqlite3.DatabaseError) as error:  # damage that ends the search
            problems.append(str(error))
        return problems

    def caveats(self, db: peewee.Database) -> list[str]:  # noqa: ARG002
        if not _has_wal_reset_bug(sqlite3.sqlite_version_info):
            return []
        return [
            f"SQLite {sqlite3.sqlite_version} has a rare bug that can corrupt a database in WAL mode; "
            "3.51.3, 3.50.7 and 3.44.6 mend it"
        ]

    def _prepare_file(self) -> None:
        """The file exists afterwards, readable by its owner alone; SQLite gives WAL files the same mode."""
        if self.path.is_dir():
            raise CannotOpen(f"{self.path} is a directory; --db takes the path of a file")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            regular = stat.S_ISREG(self.path.stat().st_mode)
        except (FileExistsError, NotADirectoryError):
            raise CannotOpen(f"cannot create the database {self.path}: its directory is a file") from None
        except OSError as error:
            raise CannotOpen(f"cannot create the database {self.path}: {error.strerror}") from None
        if not regular:
            raise CannotOpen(f"{self.path} is not a regular file; --db takes the path of a file")

    def _adopt(self, db: peewee.SqliteDatabase) -> None:
        """Refuse a database that is not ours before a byte of it changes, then migrate it."""
        # Immutable: what another program left in its WAL or journal is not moved into its file.
        address = f"{self.path.absolute().as_uri()}?immutable=1"
        with contextlib.closing(sqlite3.connect(address, uri=True)) as file:
            pages = file.execute("PRAGMA page_count").fetchone()[0]
            if pages and file.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
                raise CannotOpen(f"{self.path} is a database of another program; choose another with --db")
        probe = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        try:
            probe.execute("BEGIN IMMEDIATE")  # a read-only file is found out here
            if probe.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
                probe.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            probe.execute("COMMIT")
            _turn_on_wal(probe)
        finally:
            probe.close()
        with db.connection_context(), db.atomic():
            self.migrated = migrate.up(db)

    def _explain(self, error: Exception) -> str:
        text = str(error)
        if "not a database" in text:
            return f"{self.path} is not a database; choose another file with --db"
        if "readonly" in text or "read-only" in text or "unable to open" in text:
            return f"the database {self.path} cannot be written; check its permissions and its directory's"
        return f"cannot open the database {self.path}: {text}"


def _turn_on_wal(connection: sqlite3.Connection) -> None:
    """For good: it is written in the file. SQLite's own timeout does not wait for others at this."""
    give_up = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = wal")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.005)


def _has_wal_reset_bug(version: tuple[int, ...]) -> bool:
    mended = {(3, 44): 6, (3, 50): 7, (3, 51): 3}.get((version[0], version[1]))
    if mended is not None:
        return version[2] < mended
    return (3, 7) <= version[:2] < (3, 51)


class _DataVersion:
    """`PRAGMA data_version` on a connection of its own: some microseconds, and it never writes."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, timeout=0.05, isolation_level=None, check_same_thread=False)
        self._seen = self._read()

    def changed(self) -> bool:
        before, self._seen = self._seen, self._read()
        return before != self._seen

    def close(self) -> None:
        self._connection.close()

    def _read(self) -> int:
        try:
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.OperationalError:
            return -1  # busy: somebody is changing it
