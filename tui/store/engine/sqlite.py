"""SQLite: one file, shared by the processes of one machine."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import contextlib
import errno
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import peewee

from tui.store import migrate
from tui.store.engine.backup import Progress, copy
from tui.store.engine.database import BUSY_TIMEOUT_S, ChangeNotice, wall_clock
from tui.store.engine.driver_errors import first_of
from tui.store.engine.sqlite_dialect import SqliteDialect
from tui.store.engine.sqlite_files import Files
from tui.store.engine.sqlite_notice import DataVersion, uri_of, uri_to_read
from tui.store.errors import CannotOpen, OpenLocked, StoreLocked, StoreUnavailable
from tui.store.private import close_to_others, make_directory, refuse_foreign_file, refuse_planted_link

_APPLICATION_ID = 0x746F6373  # "tocs": marks the file as Tocsin's (PRAGMA application_id)

_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class _Database(peewee.SqliteDatabase):
    dialect = SqliteDialect()

    def __init__(self, files: Files, address: Callable[[], str], **kwargs: Any) -> None:
        self._files = files
        self._address = address
        super().__init__(address(), uri=True, **kwargs)

    def _connect(self) -> sqlite3.Connection:
        self.database = self._address()
        return self._files.connect(super()._connect)  # pyright: ignore[reportAttributeAccessIssue]

    def _close(self, conn: sqlite3.Connection) -> None:
        self._files.close(conn)


class Sqlite:
    """SQLite in WAL mode: readers never wait for the writer, and there is one writer at a time.

    `clock` returns milliseconds since 1970. Without `create`, a missing file is an error. With `read_only`,
    no byte of the file is written.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], int] = wall_clock,
        *,
        create: bool = True,
        read_only: bool = False,
    ) -> None:
        self.path = path
        self.read_only = read_only
        self._create = create and not read_only
        self.migrated: Sequence[str] = ()
        self._clock = clock
        self._files = Files(path, lambda: BUSY_TIMEOUT_S)

    @property
    def shown(self) -> str:
        return str(self.path)

    def open(self) -> peewee.Database:
        self._prepare_file()
        only = (("query_only", 1),) if self.read_only else ()
        db = _Database(
            self._files,
            self._address,
            timeout=BUSY_TIMEOUT_S,
            lock_type="IMMEDIATE",
            # cell_size_check: notice a damaged page when it is read, not by the wrong rows it would return.
            pragmas=(("synchronous", "full"), ("foreign_keys", 1), ("cell_size_check", 1), *only),
        )
        try:
            self._adopt(db)
        except StoreLocked as error:
            raise OpenLocked(f"cannot open the database {self.path}: {error}") from None
        except StoreUnavailable as error:
            raise CannotOpen(f"cannot open the database {self.path}: {error}") from None
        except (peewee.OperationalError, peewee.DatabaseError, sqlite3.Error) as error:
            db.close()
            first = first_of(error)
            kind = OpenLocked if "locked" in str(first) else CannotOpen
            raise kind(self._explain(first)) from None
        except BaseException:
            db.close()
            raise
        db.close()
        if self.read_only:
            return db
        for end in ("", "-wal", "-shm"):  # also files that the user created
            close_to_others(self.path.with_name(self.path.name + end))
        return db

    def now(self, db: peewee.Database) -> int:  # noqa: ARG002
        return self._clock()

    def watch(self) -> ChangeNotice:
        return DataVersion(self._address, self._files)

    def _address(self) -> str:
        return uri_to_read(self.path) if self.read_only else uri_of(self.path)

    def is_lost(self, db: peewee.Database) -> bool:  # noqa: ARG002
        return bool(self._files.lost())

    def lost_files(self) -> str:
        return self._files.lost()

    def before_connect(self) -> None:
        self._files.wait_until_free()

    def on_lost(self, let_go: Callable[[], object]) -> Callable[[], object]:
        end, ended = self._files.add_holder(let_go), threading.Event()
        watching = threading.Thread(
            target=self._files.keep_watch, args=(ended,), name="store-files", daemon=True
        )
        watching.start()

        def stop() -> None:
            end()
            ended.set()
            watching.join()

        return stop

    def break_off(self, connection: object) -> None:
        """Do nothing: there is no server, and waits for locks end after BUSY_TIMEOUT_S."""

    def check(self, db: peewee.Database) -> list[str]:
        problems: list[str] = []
        try:
            problems += [str(row[0]) for row in db.execute_sql("PRAGMA integrity_check") if row[0] != "ok"]
            for row in db.execute_sql("PRAGMA foreign_key_check"):
                problems.append(f"a row of {row[0]} refers to a row that does not exist")
        except (peewee.DatabaseError, sqlite3.DatabaseError) as error:  # the damage ends the check itself
            problems.append(str(error))
        return problems

    def caveats(self, db: peewee.Database) -> list[str]:  # noqa: ARG002
        if not _has_wal_reset_bug(sqlite3.sqlite_version_info):
            return []
        return [
            f"SQLite {sqlite3.sqlite_version} has a rare bug that can corrupt a database in WAL mode; "
            "3.51.3, 3.50.7 and 3.44.6 fix it"
        ]

    def backup(self, to: Path, *, force: bool, progress: Progress) -> None:
        found = self._find()
        if found is None or not stat.S_ISREG(found.st_mode):
            raise self._missing()
        try:
            # Not opened as a store, so that it is not migrated: a backup may precede an upgrade.
            with contextlib.closing(
                sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            ) as source:
                if source.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
                    raise CannotOpen(f"{self.path} is not a Tocsin database; choose another with --db")
                copy(source, self.path, to, force=force, progress=progress)
        except sqlite3.Error as error:
            raise CannotOpen(self._explain(error)) from None

    def compact(self, db: peewee.Database) -> None:
        db.execute_sql("INSERT INTO alert_words (alert_words) VALUES ('optimize')")
        db.execute_sql("VACUUM")

    def free_bytes(self, db: peewee.Database) -> int:
        pages, size = (
            db.execute_sql(f"PRAGMA {what}").fetchone()[0] for what in ("freelist_count", "page_size")
        )
        return pages * size

    def _prepare_file(self) -> None:
        """Create the file with mode 0600 if it is missing. SQLite gives its WAL files the same mode."""
        found = self._find()
        if found is not None and stat.S_ISDIR(found.st_mode):
            raise CannotOpen(f"{self.path} is a directory; --db takes the path of a file")
        if self.read_only and found is not None and stat.S_ISREG(found.st_mode):
            return
        try:
            if not self._create:
                self._refuse_to_create()
            make_directory(self.path.parent)
            refuse_planted_link(self.path)
            refuse_foreign_file(self.path)
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            regular = stat.S_ISREG(self.path.stat().st_mode)
        except (FileExistsError, NotADirectoryError):
            raise CannotOpen(f"cannot create the database {self.path}: its directory is a file") from None
        except PermissionError as error:
            verb = "open" if self.path.is_file() else "create"
            raise CannotOpen(f"cannot {verb} the database {self.path}: {error.strerror}") from None
        except OSError as error:
            raise CannotOpen(f"cannot create the database {self.path}: {error.strerror}") from None
        if not regular:
            raise CannotOpen(f"{self.path} is not a regular file; --db takes the path of a file")

    def _find(self) -> os.stat_result | None:
        """Return the status of the path; None if there is no file. Raises CannotOpen without permission."""
        try:
            return self.path.stat()
        except OSError as error:
            if error.errno in _NOT_THERE:
                return None
            hint = "run as its owner" if error.errno == errno.EACCES else "choose another with --db"
            raise CannotOpen(f"the database {self.path} cannot be read: {error.strerror}; {hint}") from None

    def _refuse_to_create(self) -> None:
        try:
            self.path.stat()
        except FileNotFoundError:
            raise self._missing() from None

    def _adopt(self, db: peewee.SqliteDatabase) -> None:
        """Refuse a database that is not ours before changing a byte of it, then migrate it."""
        # Immutable: otherwise SQLite would apply another program's WAL or journal to its file.
        address = f"{self.path.absolute().as_uri()}?immutable=1"
        with contextlib.closing(sqlite3.connect(address, uri=True)) as file:
            pages = file.execute("PRAGMA page_count").fetchone()[0]
            if not pages and not self._create:
                raise self._missing()
            if pages and file.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
                raise CannotOpen(f"{self.path} belongs to another program; choose another file with --db")
        self._files.wait_until_free()
        if self.read_only:
            with db.connection_context():
                migrate.require_current(db)
            return
        probe = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        try:
            probe.execute("BEGIN IMMEDIATE")  # fails here if the file is read-only
            if probe.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
                probe.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            probe.execute("COMMIT")
            _turn_on_wal(probe)
        finally:
            probe.close()
        with db.connection_context(), db.atomic():
            self.migrated = migrate.up(db)

    def _missing(self) -> CannotOpen:
        return CannotOpen(
            f"there is no database {self.path}; choose another with --db,"
            " or create one with `tocsin destination add` or `tocsin send`"
        )

    def _explain(self, error: BaseException) -> str:
        text = str(error)
        if "not a database" in text:
            return f"{self.path} is not a database; choose another file with --db"
        if self.read_only and "unable to open" in text:
            return (
                f"cannot read the database {self.path}; check the permissions of its files, -wal and -shm too"
            )
        if "readonly" in text or "read-only" in text or "unable to open" in text:
            return (
                f"cannot write the database {self.path}; check the permissions of the file and its directory"
            )
        message = f"cannot open the database {self.path}: {text}"
        if "unsupported file format" in text:
            message += "; the file is damaged: restore a backup"
        log = self.path.with_name(f"{self.path.name}-wal")
        if "malformed" in text and log.exists():
            message += (
                f"; if you just restored it, {log} may belong to the previous database: docs/service.md"
            )
        return message


def _turn_on_wal(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL mode permanently. SQLite's busy timeout does not cover this statement."""
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
    # The WAL-reset bug: https://sqlite.org/wal.html
    fixed = {(3, 44): 6, (3, 50): 7, (3, 51): 3}.get((version[0], version[1]))
    if fixed is not None:
        return version[2] < fixed
    return (3, 7) <= version[:2] < (3, 51)
