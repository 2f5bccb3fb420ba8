"""A backup of an SQLite database is a complete private snapshot, and never a partial file under its name."""

import errno
import fcntl
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import alert, destination, write
from tui.domain.errors import Refused
from tui.store import destinations, outbox
from tui.store.engine import backup
from tui.store.engine.database import Store
from tui.store.engine.sqlite import Sqlite
from tui.store.errors import CannotOpen


def nothing(done: int, pages: int) -> None:
    pass


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database of some hundred pages."""
    path = tmp_path / "tocsin.db"
    with Store(Sqlite(path)) as store:
        write(store, destinations.add, destination())
        write(store, outbox.submit, [alert(description="x" * 4000) for _ in range(100)])
    return path


def make(
    database: Path, to: Path, *, force: bool = False, progress: Callable[[int, int], object] = nothing
) -> None:
    Sqlite(database).backup(to, force=force, progress=progress)


def alerts_in(path: Path) -> int:
    with Store(Sqlite(path)) as store:
        assert store.check() == []
        return store.read(lambda db: db.execute_sql("SELECT count(*) FROM alert").fetchone()[0]).result()


def test_is_a_database_that_its_owner_alone_can_read(database: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copy.db"
    old_mask = os.umask(0)
    try:
        make(database, copied)
    finally:
        os.umask(old_mask)
    assert stat.S_IMODE(copied.stat().st_mode) == 0o600
    assert [path.name for path in sorted(tmp_path.glob("copy.db*"))] == ["copy.db"]
    assert alerts_in(copied) == 100


def test_is_a_snapshot_of_its_start_and_ends_although_others_write(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "_PAGES", 10)
    copied = tmp_path / "copy.db"
    steps: list[int] = []
    with Store(Sqlite(database)) as busy:

        def commit(done: int, pages: int) -> None:
            write(busy, outbox.submit, [alert(destinations=())])
            steps.append(done)

        make(database, copied, progress=commit)
    assert len(steps) > 5
    assert steps == sorted(set(steps)), "no page is copied twice"
    assert alerts_in(copied) == 100
    assert alerts_in(database) == 100 + len(steps)


def test_includes_changes_that_are_only_in_the_write_ahead_log(database: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(database)) as reader:
        reader.execute("PRAGMA wal_autocheckpoint = 0")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM alert").fetchone()
        with Store(Sqlite(database)) as store:
            write(store, outbox.submit, [alert()])
        make(database, tmp_path / "copy.db")
    assert alerts_in(tmp_path / "copy.db") == 101


def test_is_synced_before_the_rename_and_the_directory_after_it(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied, steps = tmp_path / "copies" / "copy.db", list[str]()
    copied.parent.mkdir()
    fsync = os.fsync

    def record(descriptor: int) -> None:
        fsync(descriptor)
        synced = os.fstat(descriptor)
        if os.path.samestat(synced, copied.parent.stat()):
            steps.append("directory")
        elif os.path.samestat(synced, copied.with_name("copy.db.part").stat()):
            assert synced.st_size >= database.stat().st_size // 2, "synced before it was copied"
            steps.append("file")
        assert copied.exists() is (steps[-1] == "directory")

    monkeypatch.setattr(os, "fsync", record)
    make(database, copied)
    assert steps == ["file", "directory"]


def test_replaces_a_file_only_with_force(database: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("precious")
    with pytest.raises(Refused, match=f"{there} exists; choose another name, or replace it with --force"):
        make(database, there)
    assert there.read_text() == "precious"
    make(database, there, force=True)
    assert alerts_in(there) == 100


def test_never_replaces_a_file_created_in_the_meantime(database: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    with pytest.raises(Refused, match="there exists"):
        make(database, there, progress=lambda *_: there.write_text("precious"))
    assert there.read_text() == "precious"
    assert not (tmp_path / "there.part").exists()


def leave_a_log(database: Path) -> None:
    """Leave a log beside `database`, as a killed process does."""
    script = (
        "import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "db.execute('UPDATE alert SET description = title'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, str(database)], check=True)
    assert database.with_name(f"{database.name}-wal").stat().st_size


def test_is_refused_beside_the_log_of_another_database_with_its_name(database: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copy.db"
    make(database, copied)
    leave_a_log(copied)
    for taken in (True, False):
        with pytest.raises(Refused, match=r"copy\.db-wal belongs to another database named"):
            make(database, copied, force=True)
        assert copied.exists() is taken
        copied.unlink(missing_ok=True)
    (tmp_path / "copy.db-wal").unlink()
    make(database, copied)
    assert alerts_in(copied) == 100


def test_is_refused_beside_a_log_created_in_the_meantime(database: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copy.db"
    make(database, copied)
    with pytest.raises(Refused, match=r"copy\.db-wal belongs to"):
        make(database, copied, force=True, progress=lambda *_: leave_a_log(copied))
    assert alerts_in(copied) == 100


class TestWithoutHardLinks:
    @pytest.fixture(autouse=True)
    def no_hard_links(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Fail like exFAT and many network file systems."""

        def link(*_: Path) -> None:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(os, "link", link)

    def test_it_is_made(self, database: Path, tmp_path: Path) -> None:
        copied = tmp_path / "copy.db"
        make(database, copied)
        assert stat.S_IMODE(copied.stat().st_mode) == 0o600
        assert [path.name for path in sorted(tmp_path.glob("copy.db*"))] == ["copy.db"]
        assert alerts_in(copied) == 100

    def test_it_never_replaces_a_file_created_in_the_meantime(self, database: Path, tmp_path: Path) -> None:
        there = tmp_path / "there"
        with pytest.raises(Refused, match="there exists"):
            make(database, there, progress=lambda *_: there.write_text("precious"))
        assert there.read_text() == "precious"
        assert not (tmp_path / "there.part").exists()

    def test_no_empty_file_is_left_if_the_rename_fails(
        self, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def replace(*_: Path) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(Path, "replace", replace)
        with pytest.raises(Refused, match=r"cannot write .*copy\.db: Input/output error"):
            make(database, tmp_path / "copy.db")
        assert list(tmp_path.glob("copy.db*")) == []


@pytest.mark.parametrize("name", ["tocsin.db", "tocsin.db-wal", "./tocsin.db", "link.db"])
def test_is_refused_over_the_database_itself(database: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "link.db").symlink_to(database)
    with pytest.raises(Refused, match="is the database itself"):
        make(database, tmp_path / name, force=True)
    assert alerts_in(database) == 100


def test_is_written_through_no_link(database: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    copy, part = tmp_path / "copy.db", tmp_path / "copy.db.part"
    part.symlink_to(precious)
    with pytest.raises(Refused, match=r"cannot write .*copy\.db"):
        make(database, copy)
    part.unlink()
    copy.symlink_to(precious)
    make(database, copy, force=True)
    assert (copy.is_symlink(), precious.read_text()) == (False, "precious")


def test_replaces_the_remains_of_a_killed_backup(database: Path, tmp_path: Path) -> None:
    part = tmp_path / "copy.db.part"
    part.write_bytes(b"half a backup" * 100_000)
    part.chmod(0o644)
    make(database, tmp_path / "copy.db")
    assert not part.exists()
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    assert alerts_in(tmp_path / "copy.db") == 100


def test_two_backups_to_one_file_are_refused(database: Path, tmp_path: Path) -> None:
    part = tmp_path / "copy.db.part"
    part.touch()
    with part.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Refused, match=r"another backup to .*copy\.db is running"):
            make(database, tmp_path / "copy.db")
    assert part.exists()


def test_is_refused_for_a_damaged_database(database: Path, tmp_path: Path) -> None:
    with database.open("r+b") as file:
        file.seek(40 * 4096)
        file.write(b"\xff" * 20 * 4096)
    with pytest.raises(Refused, match="no backup was made: "):
        make(database, tmp_path / "copy.db")
    assert list(tmp_path.glob("copy.db*")) == []


@pytest.mark.parametrize("missing", ["nowhere/copy.db", "directory"])
def test_a_file_that_cannot_be_written_is_named(database: Path, tmp_path: Path, missing: str) -> None:
    (tmp_path / "directory").mkdir()
    with pytest.raises(Refused, match=str(tmp_path / missing)):
        make(database, tmp_path / missing, force=True)


def test_is_refused_for_a_file_that_is_not_our_database(tmp_path: Path) -> None:
    with pytest.raises(CannotOpen, match="there is no database"):
        make(tmp_path / "nothing.db", tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "other.db")) as other, other:
        other.execute("CREATE TABLE theirs (x)")
    with pytest.raises(CannotOpen, match="not a Tocsin database"):
        make(tmp_path / "other.db", tmp_path / "copy.db")
    assert not (tmp_path / "nothing.db").exists()
