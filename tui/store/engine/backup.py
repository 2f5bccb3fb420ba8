"""Copy an SQLite database while others write to it.

The copy grows in `FILE.part` and is renamed to `FILE` only when it is complete and has passed the integrity
check. So an interrupted backup never leaves a partial file under the final name.
"""

import contextlib
import fcntl
import os
import sqlite3
import stat
from collections.abc import Callable, Generator
from pathlib import Path

from tui.domain.errors import Refused

_PAGES = 1024
"""Pages copied per step: 4 MiB with Tocsin's page size."""

Progress = Callable[[int, int], object]
"""Called with the number of pages copied so far and the total number of pages."""


def copy(source: sqlite3.Connection, database: Path, to: Path, *, force: bool, progress: Progress) -> None:
    """Copy `database`, as the connection `source` sees it, into the file `to` with mode 0600.

    Raises Refused if `to` exists (with `force`, it is replaced) or another database's log lies beside it, if
    it cannot be written, or if the copy fails the integrity check.
    """
    _refuse_the_database_itself(database, to)
    _refuse_a_log_beside(to)
    if not force and os.path.lexists(to):
        raise Refused(f"{to} exists; choose another name, or replace it with --force")
    if to.exists() and not to.is_file():
        raise Refused(f"{to} is not a file")
    try:
        with _part_of(to) as (part, descriptor):
            _copy(source, part, progress)
            _check(part)
            os.fsync(descriptor)
            _name(part, to, force=force)
    except (OSError, sqlite3.Error) as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        raise Refused(f"no backup was made: cannot write {to}: {words}") from None


def _refuse_the_database_itself(database: Path, to: Path) -> None:
    own = [database.with_name(database.name + suffix) for suffix in ("", "-wal", "-shm")]
    if any(to.resolve() == file.resolve() for file in own):
        raise Refused(f"{to} is the database itself; choose another file")


def _refuse_a_log_beside(to: Path) -> None:
    """SQLite finds a log by its name alone: it would apply a log left from another file to the copy."""
    for suffix in ("-wal", "-journal"):
        log = to.with_name(to.name + suffix)
        if os.path.lexists(log):
            raise Refused(
                f"{log} belongs to another database named {to} that is open or was not closed, and would"
                " damage the backup; choose another name, or remove it"
            )


@contextlib.contextmanager
def _part_of(to: Path) -> Generator[tuple[Path, int]]:
    """Yield an empty file beside `to`, locked, and its descriptor. It is removed after an error."""
    part = to.with_name(f"{to.name}.part")
    # Kept open to the end: closing a file drops all locks that this process has on it, SQLite's too.
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours = os.path.samestat(os.fstat(descriptor), os.stat(part))
        except (BlockingIOError, FileNotFoundError):
            ours = False
        if not ours:
            raise Refused(f"another backup to {to} is running")
        os.fchmod(descriptor, stat.S_IRUSR | stat.S_IWUSR)
        os.ftruncate(descriptor, 0)  # the remains of a killed backup
        try:
            yield part, descriptor
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    finally:
        os.close(descriptor)


def _copy(source: sqlite3.Connection, part: Path, progress: Progress) -> None:
    with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as target:
        target.execute("PRAGMA journal_mode = off")  # an interrupted copy is thrown away
        target.execute("PRAGMA synchronous = off")  # one fsync at the end
        # In a read transaction all steps see one state. Without it each commit of another process would
        # restart the copy, which would never end beside a busy dispatcher.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        try:
            source.backup(target, pages=_PAGES, progress=lambda _, left, pages: progress(pages - left, pages))
        finally:
            source.execute("ROLLBACK")


def _check(part: Path) -> None:
    """Raise Refused if the copy fails the integrity check: then its source is damaged."""
    with contextlib.closing(sqlite3.connect(f"{part.absolute().as_uri()}?immutable=1", uri=True)) as copied:
        found = copied.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise Refused(f"no backup was made: the database is damaged ({found}); see `tocsin db check`")


def _name(part: Path, to: Path, *, force: bool) -> None:
    _refuse_a_log_beside(to)  # another process may have opened the old file meanwhile
    if force:
        part.replace(to)
    else:
        try:
            _rename_without_replacing(part, to)
        except FileExistsError:  # another process created the file meanwhile
            raise Refused(f"{to} exists; choose another name, or replace it with --force") from None
    directory = os.open(to.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _rename_without_replacing(part: Path, to: Path) -> None:
    """Rename `part` to `to`. Raises FileExistsError instead of replacing a file."""
    try:
        os.link(part, to)
    except FileExistsError:
        raise
    except OSError:
        # A filesystem without hard links: reserve the name with an empty file first. A kill before the rename
        # leaves that file behind; no command mistakes it for a database.
        os.close(
            os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, stat.S_IRUSR | stat.S_IWUSR)
        )
        try:
            part.replace(to)
        except BaseException:
            to.unlink(missing_ok=True)
            raise
    else:
        part.unlink()
