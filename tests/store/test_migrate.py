"""Migrations make the schema of the models, each is applied once, and unknown databases are refused."""

import gzip
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import peewee
import pytest

from tests.conftest import Clock, alert, create_database, new_database, postgres, strategy, write
from tests.test_recorded import DATABASE, RECORDED, all_rows, postgres_schema, sqlite_schema
from tui.domain.alert_type import AlertType
from tui.store import following, migrate, outbox
from tui.store.engine.database import Store, Transaction
from tui.store.engine.sqlite import Sqlite
from tui.store.errors import CannotOpen
from tui.store.following import Place
from tui.store.tables import models
from tui.store.tables.dialect import dialect_of
from tui.store.tables.rows import execute, fetch

SHIPPED = sorted(path.stem for path in migrate.DIRECTORY.glob("[0-9]*.py"))
"""The names of all migrations."""

OLD_DESTINATION = (
    "INSERT INTO destination (name, name_folded, alert_types, url, severities, headers, timeout_ms,"
    " paced_until, failures, exhausted, paused, created_at)"
    " VALUES (?, ?, ?, 'https://old.example.com', '[\"HIGH\"]', '[]', 30000, 0, 0, 0, FALSE, 1)"
)
OLD_DELIVERY = (
    "INSERT INTO delivery (webhook_id, alert_id, destination_id, state, round, attempts, number, urgency,"
    " test) SELECT 'w', alert.id, destination.id, 'cancelled', 1, 0, 0, 2, FALSE FROM alert, destination"
    " WHERE destination.name = 'all'"
)
OLD_ATTEMPT = (
    "INSERT INTO attempt (delivery_id, destination_id, round, number, outcome, error, started_at, ended_at,"
    " url, response_truncated) SELECT id, destination_id, 1, CAST(? AS bigint), ?, 'no answer', 1, 2,"
    " '', FALSE FROM delivery"
)
OLD_ROWS = (
    "INSERT INTO alert (alert_id, rule_id, severity, type, created_at, title, link, context, description,"
    " runbook, tags, test) VALUES ('old', 'r', 'HIGH', 'RULE', 1, 'Old', '', '{}', '', '', '[]', FALSE)",
    "INSERT INTO followed_file (source, device, inode, position, head, head_size)"
    " VALUES ('/eve.json', 1, 7, 100, 'ab@17', 3)",
    "INSERT INTO followed_file (source, device, inode, position, head, head_size)"
    " VALUES ('/older.json', 1, 8, 9, 'cd', 3)",
)

MADE_UP = """
from peewee import TextField
from playhouse.migrate import migrate


def up(migrator, db):
    migrate(migrator.add_column("alert", "colour", TextField(default="red")))
"""


@pytest.fixture
def address(engine: str, tmp_path: Path) -> str:
    """The address of a database with one alert, at the last migration there is."""
    address = new_database(engine, tmp_path)
    with Store(strategy(engine, address, Clock())) as store:
        write(store, outbox.submit, [alert(alert_id="old")])
    return address


@contextmanager
def baseline_only(directory: Path) -> Iterator[None]:
    """Meanwhile there is no migration but the baseline."""
    (directory / "baseline").mkdir(exist_ok=True)
    shutil.copy(migrate.DIRECTORY / f"{migrate.BASELINE}.py", directory / "baseline")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrate, "DIRECTORY", directory / "baseline")
        yield


@pytest.fixture
def at_baseline(engine: str, tmp_path: Path) -> str:
    """The address of a database with one alert and two followed files, at the baseline."""
    address = str(tmp_path / "old.db") if engine == "sqlite" else create_database(postgres())
    with baseline_only(tmp_path), Store(strategy(engine, address, Clock())) as store:
        assert store.strategy.migrated == [migrate.BASELINE]
        write(store, lambda tx: [execute(tx.db, query) for query in OLD_ROWS])
    return address


@pytest.fixture
def migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folder of migrations, to which a test adds its own."""
    copy = tmp_path / "migrations"
    shutil.copytree(migrate.DIRECTORY, copy)
    monkeypatch.setattr(migrate, "DIRECTORY", copy)
    return copy


def record(tx: Transaction, *names: str) -> None:
    """Make the database say that these migrations, and no others, were applied to it."""
    execute(tx.db, "DELETE FROM schema_migration")
    for name in names:
        execute(tx.db, "INSERT INTO schema_migration (name, applied) VALUES (?, '2026-01-31')", (name,))


def test_the_migrations_make_the_tables_of_the_models(tmp_path: Path) -> None:
    with Store(Sqlite(tmp_path / "migrated.db")) as store:
        migrated = store.read(sqlite_schema).result()
    by_models = peewee.SqliteDatabase(":memory:")
    with by_models.connection_context(), by_models.bind_ctx(models.MODELS):
        by_models.create_tables(models.MODELS, safe=False)
        expected = sqlite_schema(by_models)
    others = ("schema_migration", "alert_words", "attempt_words")
    assert {what: sql for what, sql in migrated.items() if not what.split()[1].startswith(others)} == expected
    assert len(expected) > len(models.MODELS)


def test_each_migration_is_applied_once_and_recorded(store: Store) -> None:
    assert store.read(migrate.applied).result() == SHIPPED
    assert write(store, lambda tx: migrate.up(tx.db)) == []


def test_a_new_migration_is_applied_to_a_database_and_keeps_its_rows(
    engine: str, address: str, migrations: Path
) -> None:
    (migrations / "9001_colour.py").write_text(MADE_UP)
    with Store(strategy(engine, address, Clock())) as store:
        assert store.strategy.migrated == ["9001_colour"]
        assert store.read(fetch, "SELECT alert_id, colour FROM alert").result() == [("old", "red")]
        assert store.read(migrate.applied).result() == [*SHIPPED, "9001_colour"]
    with Store(strategy(engine, address, Clock())) as again:
        assert again.strategy.migrated == []


def test_a_migration_that_fails_leaves_the_database_unchanged(
    engine: str, address: str, migrations: Path
) -> None:
    (migrations / "9001_colour.py").write_text(MADE_UP)
    (migrations / "9002_broken.py").write_text("def up(migrator, db):\n    raise ZeroDivisionError\n")
    with pytest.raises(ZeroDivisionError):
        strategy(engine, address, Clock()).open()
    (migrations / "9001_colour.py").unlink()
    (migrations / "9002_broken.py").unlink()
    with Store(strategy(engine, address, Clock())) as store:
        assert store.read(migrate.applied).result() == SHIPPED
        read = sqlite_schema if engine == "sqlite" else postgres_schema
        assert "colour" not in str(store.read(read).result())


def test_a_database_of_a_newer_version_is_refused_and_left_unchanged(store: Store) -> None:
    write(store, record, "0001_baseline", "9999_telepathy")
    with pytest.raises(CannotOpen) as caught:
        write(store, lambda tx: migrate.up(tx.db))
    assert str(caught.value) == (
        "the database was made by a newer Tocsin (it has 9999_telepathy); upgrade this one to open it"
    )
    assert store.read(migrate.applied).result() == ["0001_baseline", "9999_telepathy"]


def test_a_database_at_the_last_development_migration_becomes_the_baseline(
    engine: str, at_baseline: str, tmp_path: Path
) -> None:
    with baseline_only(tmp_path), Store(strategy(engine, at_baseline, Clock())) as store:
        write(store, record, *migrate.BEFORE_BASELINE)
    with Store(strategy(engine, at_baseline, Clock())) as adopted:
        assert adopted.strategy.migrated == SHIPPED[1:]
        assert adopted.read(migrate.applied).result() == SHIPPED
        assert adopted.read(fetch, "SELECT alert_id FROM alert").result() == [("old",)]


@pytest.mark.parametrize("newest", [1, 10])
def test_a_database_at_an_earlier_development_migration_is_refused_and_left_unchanged(
    engine: str, address: str, newest: int
) -> None:
    names = migrate.BEFORE_BASELINE[:newest]
    with Store(strategy(engine, address, Clock())) as store:
        write(store, record, *names)
        with pytest.raises(CannotOpen) as caught:
            strategy(engine, address, Clock()).open()
        assert store.read(migrate.applied).result() == [*names]
    assert str(caught.value) == (
        f"the database was made by a development version of Tocsin (it ends at {names[-1]}); to keep its"
        " alerts, run `tocsin db migrate` with a version that has 0013_failed_tests; or deliver them with"
        " `tocsin dispatch --drain` of the version that made it and start a new database with --db"
    )


def test_a_place_with_its_mtime_in_the_head_is_carried_over(engine: str, at_baseline: str) -> None:
    with Store(strategy(engine, at_baseline, Clock())) as store:
        assert store.strategy.migrated == SHIPPED[1:]
        places = [store.read(following.place_of, source).result() for source in ("/eve.json", "/older.json")]
    assert places == [
        Place(1, 7, 100, "ab", 3, modified=17, size=100),
        Place(1, 8, 9, "cd", 3, modified=0, size=9),
    ]


def test_an_upgrade_adds_the_missing_alert_types_and_keeps_every_row(
    engine: str, at_baseline: str, tmp_path: Path
) -> None:
    given = {"all": ["RULE", "RULE_ERROR", "POLICY"], "policies": ["POLICY"], "errors": ["RULE_ERROR"]}
    new = [type.value for type in AlertType if type not in given["all"]]
    with baseline_only(tmp_path), Store(strategy(engine, at_baseline, Clock())) as old:
        for name, types in given.items():
            values = (name, name, json.dumps(types))
            write(old, lambda tx, values: execute(tx.db, OLD_DESTINATION, values), values)
        write(old, lambda tx: execute(tx.db, OLD_DELIVERY))
    with Store(strategy(engine, at_baseline, Clock())) as store:
        rows = store.read(fetch, "SELECT name, alert_types FROM destination").result()
        taken = {name: json.loads(types) for name, types in rows}
        assert taken == given | {"all": list(AlertType)}
        write(store, outbox.submit, [alert(alert_id=type, type=AlertType(type)) for type in new])
        kept = "SELECT state FROM delivery WHERE alert_id = (SELECT id FROM alert WHERE alert_id = 'old')"
        assert store.read(fetch, kept).result() == [("cancelled",)]
        assert store.check() == []
        with pytest.raises(peewee.IntegrityError):
            write(store, lambda tx: execute(tx.db, "UPDATE alert SET type = 'ANOTHER'"))


def test_an_upgrade_indexes_the_words_of_failures_without_abandoned_attempts(
    engine: str, at_baseline: str, tmp_path: Path
) -> None:
    with baseline_only(tmp_path), Store(strategy(engine, at_baseline, Clock())) as old:
        write(old, lambda tx: execute(tx.db, OLD_DESTINATION, ("all", "all", "[]")))
        write(old, lambda tx: execute(tx.db, OLD_DELIVERY))
        for number, outcome in enumerate(("abandoned", "timeout", "delivered"), 1):
            write(old, lambda tx, *values: execute(tx.db, OLD_ATTEMPT, values), number, outcome)
    with Store(strategy(engine, at_baseline, Clock())) as store:
        indexed = "SELECT outcome FROM attempt JOIN attempt_words ON attempt_words.rowid = attempt.id"
        assert store.read(fetch, indexed).result() == [("timeout",)]


def test_a_check_that_the_table_does_not_have_is_not_replaced(store: Store, engine: str) -> None:
    def replace(tx: Transaction) -> None:
        dialect_of(tx.db).replace_check(tx.db, "delivery", "attempts >= 0", "attempts >= 1")

    read = sqlite_schema if engine == "sqlite" else postgres_schema
    before = store.read(read).result()
    with pytest.raises(CannotOpen, match=r"the table delivery of the database lacks CHECK \(attempts >= 0\)"):
        write(store, replace)
    assert store.read(read).result() == before


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A copy of the recorded database, which the last version before the baseline made."""
    path = tmp_path / "recorded.db"
    path.write_bytes(gzip.decompress((RECORDED / DATABASE).read_bytes()))
    return path


def test_the_recorded_database_has_the_schema_of_the_baseline(recorded: Path, tmp_path: Path) -> None:
    before = all_rows(recorded)
    with Store(Sqlite(recorded)) as old, Store(Sqlite(tmp_path / "new.db")) as new:
        assert old.strategy.migrated == SHIPPED[1:]
        assert old.read(sqlite_schema).result() == new.read(sqlite_schema).result()
        assert old.check() == []
    assert all_rows(recorded) == before


def test_a_recorded_database_that_lacks_a_migration_is_refused(recorded: Path) -> None:
    with closing(sqlite3.connect(recorded)) as db, db:
        db.execute("DELETE FROM schema_migration WHERE name = '0013_failed_tests'")
    with pytest.raises(CannotOpen, match="it ends at 0012_folding"):
        Sqlite(recorded).open()
