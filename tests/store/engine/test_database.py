"""A store opens its own databases, refuses others unchanged, and reports errors in plain words."""

import contextlib
import os
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest

from tests.conftest import Clock, alert, answer, create_database, new_database, postgres, write
from tests.store.bench import Bench
from tui.domain.lifecycle import Outcome, State
from tui.store import outbox
from tui.store.engine import sqlite
from tui.store.engine.database import ChangeNotice, Store, Transaction
from tui.store.engine.postgres import Postgres
from tui.store.engine.sqlite import Sqlite
from tui.store.errors import CannotOpen, Deadlocked, NotStorable, StoreUnavailable
from tui.store.outbox import Finish
from tui.store.tables.rows import execute


def pragma(tx: Transaction, text: str) -> object:
    return tx.db.execute_sql(f"PRAGMA {text}").fetchone()[0]


def noticed(notice: ChangeNotice) -> Iterator[bool]:
    """Poll a change notice for two seconds: a server takes a moment to notify."""
    for _ in range(200):
        yield notice.changed()
        time.sleep(0.01)


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- both engines ---


@pytest.mark.usefixtures("soc")
def test_an_exception_inside_work_rolls_everything_back(bench: Bench) -> None:
    [delivery] = bench.submit()
    before = bench.books()

    def fails_half_way(tx: Transaction) -> None:
        outbox.submit(tx, [alert()])
        outbox.claim(tx, policy=bench.policy, slots=10, cap=10, busy={})
        outbox.cancel(tx, [delivery])
        raise ZeroDivisionError("half way")

    with pytest.raises(ZeroDivisionError, match="half way"):
        write(bench.store, fails_half_way)
    assert bench.books() == before
    assert bench.rows("SELECT count(*) FROM alert") == [(1,)]


@pytest.mark.usefixtures("soc")
def test_writes_run_one_after_the_other_in_the_order_given(bench: Bench) -> None:
    sent = [alert() for _ in range(50)]
    futures = [bench.store.write(outbox.submit, [one]) for one in sent]
    assert all(isinstance(future.result()[0], outbox.Receipt) for future in futures)
    assert bench.rows("SELECT alert_id FROM alert ORDER BY id") == [(one.alert_id,) for one in sent]


@pytest.mark.parametrize("value", [2**70, "\ud800"])
def test_a_value_that_no_column_can_hold_is_not_storable(store: Store, value: object) -> None:
    kind = "bigint" if isinstance(value, int) else "text"
    with pytest.raises(NotStorable):
        store.write(lambda tx: execute(tx.db, f"SELECT CAST(? AS {kind})", (value,))).result()


def test_a_deadlocked_transaction_is_retried_a_limited_number_of_times(store: Store) -> None:
    begun: list[int] = []

    def wait_for_who_waits(tx: Transaction) -> None:
        begun.append(tx.now)
        if len(begun) < 10:
            raise Deadlocked("the database is locked by another process")

    with pytest.raises(Deadlocked):
        store.write(wait_for_who_waits).result()
    assert len(begun) == 4


def test_the_time_of_a_transaction_does_not_change(store: Store, clock: Clock) -> None:
    def read_twice(tx: Transaction) -> tuple[int, int]:
        first = tx.now
        clock.advance(5)
        return first, tx.now

    first, second = write(store, read_twice)
    assert first == second == clock.now - 5
    assert write(store, lambda tx: tx.now) == clock.now


def test_tokens_are_long_and_differ(store: Store) -> None:
    tokens = write(store, lambda tx: {tx.token() for _ in range(1_000)})
    assert len(tokens) == 1_000
    assert {len(token) for token in tokens} == {32}


def test_a_closed_store_takes_no_more_work(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(RuntimeError):
        store.write(outbox.submit, [])


@pytest.mark.usefixtures("soc")
def test_a_write_queued_before_closing_is_committed(bench: Bench, tmp_path: Path) -> None:
    future = bench.store.write(outbox.submit, [alert(alert_id="last")])
    bench.store.close()
    assert isinstance(future.result()[0], outbox.Receipt)


@pytest.mark.usefixtures("soc")
def test_a_change_is_noticed_once(bench: Bench) -> None:
    with contextlib.closing(bench.store.watch()) as notice:
        assert not notice.changed()
        bench.submit()
        assert any(noticed(notice))
        assert not notice.changed()


def test_reading_is_not_a_change(bench: Bench) -> None:
    with contextlib.closing(bench.store.watch()) as notice:
        bench.books()
        bench.claim()
        assert not notice.changed()


def test_a_sound_database_passes_the_check(bench: Bench) -> None:
    bench.add()
    bench.submit()
    bench.finish(bench.claim_one())
    assert bench.store.check() == []


# --- SQLite: the file ---


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "tocsin.db"


@pytest.fixture
def made(path: Path, clock: Clock) -> Path:
    """A closed database with rows in it."""
    with Store(Sqlite(path, clock)) as store:
        bench = Bench(store, clock)
        bench.add()
        for _ in range(20):
            bench.submit(description="x" * 1_000)
    return path


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make waits for locks time out at once."""
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.01)


def test_only_its_owner_can_read_the_database(path: Path) -> None:
    before = os.umask(0o022)
    try:
        with Store(Sqlite(path)) as store:
            write(store, outbox.submit, [alert()])
            files = {file.name: permissions(file) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert files == {"tocsin.db": 0o600, "tocsin.db-wal": 0o600, "tocsin.db-shm": 0o600}
    assert permissions(path.parent) == 0o700


def test_an_existing_database_is_opened_with_its_rows(made: Path) -> None:
    with Store(Sqlite(made)) as store:
        assert (
            store.read(lambda db: db.execute_sql("SELECT count(*) FROM delivery").fetchone()[0]).result()
            == 20
        )


@pytest.mark.parametrize("name", ["with space.db", "ümlaut#1?.db", "100%25.db", "-x"])
def test_any_file_name_works(tmp_path: Path, name: str) -> None:
    for _ in range(2):
        with Store(Sqlite(tmp_path / name)) as store:
            write(store, outbox.submit, [alert()])
    assert (tmp_path / name).stat().st_size > 0


@pytest.mark.parametrize(
    ("text", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)]
)
def test_the_connection_is_durable_and_enforces_foreign_keys(path: Path, text: str, value: object) -> None:
    with Store(Sqlite(path)) as store:
        assert write(store, pragma, text) == value


def test_readers_do_not_wait_for_the_writer(made: Path) -> None:
    with Store(Sqlite(made)) as store:

        def read_meanwhile(tx: Transaction) -> int:
            tx.db.execute_sql("DELETE FROM delivery")
            return store.read(
                lambda db: db.execute_sql("SELECT count(*) FROM delivery").fetchone()[0]
            ).result()

        assert write(store, read_meanwhile) == 20


# --- SQLite: refusals ---


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotOpen) as caught:
        Sqlite(tmp_path).open()
    assert str(caught.value) == f"{tmp_path} is a directory; --db takes the path of a file"


@pytest.mark.parametrize("below", ["tocsin.db", "state/tocsin.db"])
def test_a_file_where_a_directory_is_needed_is_refused(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / below
    with pytest.raises(CannotOpen) as caught:
        Sqlite(path).open()
    assert str(caught.value) == f"cannot create the database {path}: its directory is a file"


def test_a_file_that_is_not_regular_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CannotOpen) as caught:
        Sqlite(tmp_path / "pipe").open()
    assert str(caught.value) == f"{tmp_path / 'pipe'} is not a regular file; --db takes the path of a file"


@pytest.mark.parametrize("target", ["nowhere", "link"], ids=["dangling", "looping"])
def test_a_dangling_or_looping_link_is_refused(tmp_path: Path, target: str) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / target)
    with pytest.raises(CannotOpen, match=f"cannot create the database {link}: "):
        Sqlite(link).open()


@pytest.mark.parametrize("text", ["ab", "An ordinary text.\n" * 100])
def test_a_file_that_is_not_a_database_is_refused_and_left_unchanged(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(CannotOpen) as caught:
        Sqlite(path).open()
    assert str(caught.value) == f"{path} is not a database; choose another file with --db"
    assert path.read_text() == text


@pytest.fixture(params=["delete", "wal", "crashed in wal", "empty but theirs"])
def of_another(request: pytest.FixtureRequest, path: Path, tmp_path: Path) -> Path:
    """Another program's database, in some cases left by a crash."""
    path.parent.mkdir()
    original = tmp_path / "original.db"
    with contextlib.closing(sqlite3.connect(original, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA journal_mode = {'wal' if 'wal' in request.param else 'delete'}")
        if request.param == "empty but theirs":
            connection.execute("PRAGMA application_id = 1234")
        else:
            connection.execute("CREATE TABLE diary (entry TEXT)")
            connection.execute("INSERT INTO diary VALUES ('dear')")
        if "crashed" in request.param:
            shutil.copy(f"{original}-wal", f"{path}-wal")
            shutil.copy(original, path)
    if "crashed" not in request.param:
        shutil.copy(original, path)
    return path


def test_another_programs_database_is_refused_and_left_unchanged(of_another: Path) -> None:
    before = {file.name: file.read_bytes() for file in of_another.parent.iterdir()}
    with pytest.raises(CannotOpen) as caught:
        Sqlite(of_another).open()
    assert str(caught.value) == f"{of_another} belongs to another program; choose another file with --db"
    assert {file.name: file.read_bytes() for file in of_another.parent.iterdir()} == before


def test_a_database_of_a_newer_version_is_refused(made: Path) -> None:
    with contextlib.closing(sqlite3.connect(made)) as connection, connection:
        connection.execute(
            "INSERT INTO schema_migration (name, applied) VALUES ('9999_telepathy', '2050-01-01')"
        )
    with pytest.raises(CannotOpen, match="made by a newer Tocsin"):
        Sqlite(made).open()


# --- SQLite: concurrent processes ---

OPEN_AND_SUBMIT = """
import sys
from pathlib import Path
from tests.conftest import alert
from tui.store import outbox
from tui.store.engine.database import Store
from tui.store.engine.postgres import Postgres
from tui.store.tables.rows import execute
from tui.store.engine.sqlite import Sqlite
print("ready", flush=True)
sys.stdin.readline()
with Store(Sqlite(Path(sys.argv[1]))) as store:
    store.write(outbox.submit, [alert(alert_id=sys.argv[2])]).result()
"""


def test_processes_that_create_the_same_database_at_the_same_time_all_succeed(path: Path) -> None:
    root = Path(__file__).parents[3]
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", OPEN_AND_SUBMIT, str(path), f"from-{n}"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    cwd=root,
                )
            )
            for n in range(4)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [(process.communicate()[1], process.returncode) for process in processes] == [("", 0)] * 4
    with Store(Sqlite(path)) as store:
        stored = store.read(lambda db: db.execute_sql("SELECT alert_id FROM alert").fetchall()).result()
    assert sorted(stored) == [(f"from-{n}",) for n in range(4)]


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the write lock on another connection."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@pytest.mark.usefixtures("impatient")
def test_a_write_fails_with_a_message_while_another_process_holds_the_lock(made: Path, clock: Clock) -> None:
    with Store(Sqlite(made, clock)) as store:
        with locked(made), pytest.raises(StoreUnavailable) as caught:
            write(store, outbox.submit, [alert()])
        assert str(caught.value) == "the database is locked by another process"
        [receipt] = write(store, outbox.submit, [alert()])
        assert isinstance(receipt, outbox.Receipt)


@pytest.mark.usefixtures("impatient")
def test_a_database_that_stays_locked_cannot_be_opened(made: Path) -> None:
    with locked(made), pytest.raises(CannotOpen) as caught:
        Sqlite(made).open()
    assert str(caught.value) == f"cannot open the database {made}: database is locked"


# --- SQLite: a full disk, a damaged file ---


def leave_room(tx: Transaction, pages: int) -> None:
    pragma(tx, f"max_page_count = {pragma(tx, 'page_count') + pages}")  # pyright: ignore[reportOperatorIssue]


def test_a_write_refused_by_a_full_disk_succeeds_once_there_is_space(path: Path, clock: Clock) -> None:
    with Store(Sqlite(path, clock)) as store:
        bench = Bench(store, clock)
        bench.add()
        [delivery] = bench.submit()
        claim = bench.claim_one()
        before = bench.books()
        large = Finish(claim, answer(Outcome.DELIVERED, response_body=bytes(64 * 1024)), 0.0)

        for work, given in (
            (outbox.finish, ([large], bench.policy)),
            (outbox.submit, ([alert(description="x" * 100_000)],)),
        ):
            write(store, leave_room, 2)  # a setting of this connection, which an error closes
            with pytest.raises(StoreUnavailable) as caught:
                write(store, work, *given)
            assert str(caught.value) == "the disk is full"
        assert bench.books() == before

        write(store, leave_room, 1_000)
        write(store, outbox.finish, [large], bench.policy)
        assert bench.progress(delivery).state is State.DELIVERED


def alerts_in(store: Store) -> int:
    return store.read(lambda db: db.execute_sql("SELECT count(*) FROM alert").fetchone()[0]).result()


def test_nothing_is_stored_in_a_removed_file(path: Path) -> None:
    with Store(Sqlite(path)) as store:
        write(store, outbox.submit, [alert()])
        aside = path.rename(path.with_name("aside"))
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).rename(f"{aside}{suffix}")
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="the database file was removed"):
                write(store, outbox.submit, [alert()])
        assert not path.exists()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{aside}{suffix}").rename(path.with_name(path.name + suffix))
        write(store, outbox.submit, [alert()])
        assert alerts_in(store) == 2


def test_writes_go_to_the_file_that_replaced_the_database(path: Path) -> None:
    other = path.with_name("other")
    with Store(Sqlite(other)) as store:
        write(store, outbox.submit, [alert(), alert()])
    with Store(Sqlite(path)) as store:
        write(store, outbox.submit, [alert()])
        assert alerts_in(store) == 1
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink()
        other.rename(path)
        write(store, outbox.submit, [alert()])
        assert alerts_in(store) == 3
        assert store.check() == []
    with Store(Sqlite(path)) as store:
        assert alerts_in(store) == 3
        assert store.check() == []


def test_a_replaced_file_and_later_writes_to_it_are_noticed(path: Path) -> None:
    other = path.with_name("other")
    Sqlite(other).open()
    with Store(Sqlite(path)) as store, contextlib.closing(store.watch()) as notice:
        for end in ("", "-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)
        assert not notice.changed()
        assert not path.exists(), "none is made to look at"
        other.rename(path)
        assert any(noticed(notice))
        assert not notice.changed()
        write(store, outbox.submit, [alert()])
        assert notice.changed()


def test_a_failing_rollback_does_not_hide_why_a_database_cannot_be_created(path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
    try:
        with pytest.raises(CannotOpen, match=r"cannot open the database .*: disk I/O error"):
            Sqlite(path).open()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with Store(Sqlite(path)) as store:
        assert store.check() == []


def test_the_check_finds_a_row_that_refers_to_a_missing_row(made: Path) -> None:
    with contextlib.closing(sqlite3.connect(made)) as connection, connection:
        connection.execute("DELETE FROM alert WHERE id = 7")
    with Store(Sqlite(made)) as store:
        assert store.check() == ["a row of delivery refers to a row that does not exist"]


def test_the_check_finds_a_row_that_breaks_a_check(made: Path) -> None:
    with contextlib.closing(sqlite3.connect(made)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE delivery SET lease = 'x' WHERE id = 7")
    with Store(Sqlite(made)) as store:
        assert store.check() == ["CHECK constraint failed in delivery"]


READ_ALERTS = "SELECT * FROM alert"
READ_INDEX = "SELECT alert_id FROM alert INDEXED BY alert_alert_id ORDER BY alert_id"
DAMAGED = "the database is damaged; run `tocsin db check`, and restore a backup"


@pytest.mark.parametrize(
    ("name", "written", "query"),
    [
        ("alert", Random(1).randbytes(4096), READ_ALERTS),
        ("alert", bytes(4096), READ_ALERTS),
        ("alert", b"\xff" * 12, READ_ALERTS),
        ("alert_alert_id", Random(1).randbytes(4096), READ_INDEX),
    ],
    ids=["random table page", "zeroed table page", "changed page header", "random index page"],
)
def test_a_damaged_page_is_reported_by_the_check_and_by_queries(
    made: Path, name: str, written: bytes, query: str
) -> None:
    with contextlib.closing(sqlite3.connect(made)) as connection:
        [(page,)] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,))
    with made.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(written)
    with Store(Sqlite(made)) as store:
        assert store.check() != []
        with pytest.raises(StoreUnavailable) as caught:
            store.read(lambda db: db.execute_sql(query).fetchall()).result()
        assert str(caught.value) == DAMAGED


def test_a_header_overwritten_while_the_database_is_open_is_damage(made: Path) -> None:
    with Store(Sqlite(made)) as store:
        assert alerts_in(store) == 20
        with contextlib.closing(sqlite3.connect(made)) as other:
            other.execute("PRAGMA wal_checkpoint(truncate)")
            other.execute("PRAGMA user_version = 7")  # what others have cached is out of date
            other.commit()
            other.execute("PRAGMA wal_checkpoint(truncate)")
        with made.open("r+b") as file:
            file.write(bytes(100))
        with pytest.raises(StoreUnavailable) as caught:
            alerts_in(store)
    assert str(caught.value) == DAMAGED


# --- SQLite: versions with a bug ---


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 52, 0), False),
        ((4, 0, 0), False),
    ],
)
def test_sqlite_versions_with_the_wal_reset_bug_are_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: tuple[int, int, int], *, affected: bool
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    with Store(Sqlite(tmp_path / "tocsin.db")) as store:
        assert bool(store.caveats()) is affected


# --- PostgreSQL: refusals ---


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://soc:hunter2%zz@db/tocsin",
        "postgresql://soc:hunter2@[db/tocsin",
        "postgresql://soc:hunter2/x@db/tocsin",
        "postgresql://soc:x@hunter2@db/tocsin",
        "postgresql://db/tocsin password=hunter2",
    ],
)
def test_an_invalid_url_is_refused_without_quoting_its_password(url: str) -> None:
    with pytest.raises(CannotOpen, match="the database URL is not valid") as caught:
        Postgres(url).open()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("/nowhere", 'database "nowhere" does not exist'),
        ("/postgres?user=nobody", 'role "nobody" does not exist'),
        ("/postgres?host=/nowhere", "the database server does not answer"),
    ],
)
def test_the_servers_reason_for_refusing_us_is_reported(name: str, said: str) -> None:
    path, _, query = name.partition("?")
    _, _, where = postgres().partition("?")
    with pytest.raises(CannotOpen) as caught:
        Postgres(f"postgresql://postgres@{path}?{where}&{query}").open()
    assert str(caught.value).startswith("cannot open the database postgresql://")
    assert str(caught.value).endswith(f": {said}")


def test_a_database_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    server, name = postgres(), "tocsin_latin"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    with pytest.raises(CannotOpen, match="has the encoding LATIN1; Tocsin requires UTF8"):
        Postgres(server.replace("/postgres?", f"/{name}?")).open()


def test_a_read_only_server_is_unavailable_and_not_a_bug(tmp_path: Path) -> None:
    with Store(Postgres(new_database("postgresql", tmp_path))) as store:
        # As after a failover to a standby. It is a setting of this connection, which an error closes.
        write(store, lambda tx: tx.db.execute_sql("SET default_transaction_read_only = on"))
        with pytest.raises(StoreUnavailable) as caught:
            write(store, outbox.submit, [alert()])
        assert str(caught.value) == "the database cannot be written"
        [receipt] = write(store, outbox.submit, [alert()])
        assert isinstance(receipt, outbox.Receipt)


# --- PostgreSQL: connections ---


def connections(server: psycopg.Connection[Any], name: str) -> list[tuple[Any, ...]]:
    """Return (process id, application name) of the connections to the database `name`."""
    asked = "SELECT pid, application_name FROM pg_stat_activity WHERE datname = %s"
    return server.execute(asked, (name,)).fetchall()


@pytest.fixture
def server() -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres(), autocommit=True) as connection:
        yield connection


@pytest.fixture
def theirs(tmp_path: Path) -> str:
    """The URL of a new database on the server."""
    return new_database("postgresql", tmp_path)


def name_in(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def cut(server: psycopg.Connection[Any], name: str) -> None:
    """Terminate every connection to the database `name`, like a restart of the server."""
    for pid, _ in connections(server, name):
        server.execute("SELECT pg_terminate_backend(%s)", (pid,))
    for _ in range(500):
        if not connections(server, name):
            return
        time.sleep(0.01)
    raise AssertionError("a connection stays")


def test_a_dead_connection_is_reopened_before_it_is_used(
    server: psycopg.Connection[Any], theirs: str
) -> None:
    with Store(Postgres(theirs)) as store:
        write(store, outbox.submit, [alert()])
        assert store.read(lambda db: db.execute_sql("SELECT count(*) FROM alert").fetchone()[0]).result() == 1
        cut(server, name_in(theirs))
        write(store, outbox.submit, [alert()])
        assert store.read(lambda db: db.execute_sql("SELECT count(*) FROM alert").fetchone()[0]).result() == 2


def test_work_is_not_retried_after_its_connection_broke(server: psycopg.Connection[Any], theirs: str) -> None:
    done: list[int] = []

    def cut_off(tx: Transaction) -> None:
        done.append(len(outbox.submit(tx, [alert()])))
        cut(server, name_in(theirs))

    with Store(Postgres(theirs)) as store:
        with pytest.raises(StoreUnavailable):
            write(store, cut_off)
        assert done == [1]
        assert store.read(lambda db: db.execute_sql("SELECT count(*) FROM alert").fetchone()[0]).result() == 0


def test_options_in_the_url_apply_to_every_connection(server: psycopg.Connection[Any], theirs: str) -> None:
    with Store(Postgres(f"{theirs}&application_name=watched")) as store, contextlib.closing(store.watch()):
        assert [application for _, application in connections(server, name_in(theirs))] == ["watched"]


def test_caveats_are_read_from_the_server(server: psycopg.Connection[Any], theirs: str) -> None:
    with Store(Postgres(theirs)) as store:
        assert [caveat.partition(" ")[0] for caveat in store.caveats()] == ["fsync", "full_page_writes"]
        server.execute(f"ALTER DATABASE {name_in(theirs)} ALLOW_CONNECTIONS false")
        cut(server, name_in(theirs))
        with pytest.raises(StoreUnavailable, match="not currently accepting connections"):
            store.caveats()


@pytest.mark.parametrize("setting", ["synchronous_commit"])
def test_a_setting_that_can_lose_alerts_is_reported(
    server: psycopg.Connection[Any], theirs: str, setting: str
) -> None:
    server.execute(f"ALTER DATABASE {name_in(theirs)} SET {setting} = off")
    with Store(Postgres(theirs)) as store:
        assert f"{setting} is off: a crash of the server can lose alerts" in store.caveats()


def test_a_lease_is_measured_with_the_clock_of_the_server(
    theirs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = time.time() + 3_600  # this machine's clock is an hour ahead of the server's
    monkeypatch.setattr(time, "time", lambda: ahead)
    monkeypatch.setattr(time, "time_ns", lambda: int(ahead * 1e9))
    with Store(Postgres(theirs)) as store:
        bench = Bench(store, Clock())
        bench.add()
        bench.submit()
        claim = bench.claim_one()
        [(server_now,)] = bench.rows("SELECT extract(epoch FROM clock_timestamp()) * 1000")
        [(lease_ends,)] = bench.rows("SELECT due_at FROM delivery")
    for moment, expected in ((claim.started_at, 0), (lease_ends, 30_000 + outbox.LEASE_MARGIN_MS)):
        assert abs(moment - float(server_now) - expected) < 60_000


def test_processes_that_make_the_tables_at_the_same_time_all_succeed() -> None:
    empty = create_database(postgres())
    with ThreadPoolExecutor(4) as pool:
        stores = [*pool.map(lambda _: Store(Postgres(empty)), range(4))]
    *others, one = sorted(len(store.strategy.migrated) for store in stores)
    assert (others, one > 0) == ([0, 0, 0], True)
    for store in stores:
        store.close()
