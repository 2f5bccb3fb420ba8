"""The migrations lead to the schema the models speak of, once, and never back from the future."""

import peewee
import pytest

from tests.conftest import write
from tui.store import migrate
from tui.store.engine.database import Store, Transaction
from tui.store.errors import CannotOpen
from tui.store.tables import models
from tui.store.tables.rows import fetch

SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"


def schema(db: peewee.Database) -> list[tuple[str, ...]]:
    """What SQLite was told to create for the models.

    That is not the record of migrations, nor the index of words, nor what it adds by itself. A column
    that was added later stands last in its table, which makes no difference.
    """
    others = ("schema_migration", "alert_words", "sqlite_")
    return [
        (kind, name, table, *(sorted(definitions(sql)) if kind == "table" else [sql]))
        for kind, name, table, sql in fetch(db, SCHEMA)
        if not name.startswith(others) and not table.startswith(others)
    ]


def definitions(sql: str) -> list[str]:
    """The columns and checks of a CREATE TABLE."""
    parts, depth = [""], 0
    for character in sql:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if (depth, character) in ((1, "("), (1, ","), (0, ")")):
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def test_the_migrations_make_the_tables_of_the_models() -> None:
    by_migrations, by_models = peewee.SqliteDatabase(":memory:"), peewee.SqliteDatabase(":memory:")
    with by_migrations.connection_context(), by_models.connection_context():
        with by_migrations.atomic():
            migrate.up(by_migrations)
        with by_models.bind_ctx(models.MODELS):
            by_models.create_tables(models.MODELS, safe=False)
        assert schema(by_migrations) == schema(by_models)
        assert len(schema(by_models)) > len(models.MODELS)


def test_each_migration_is_applied_once_and_recorded(store: Store) -> None:
    applied = store.read(migrate.applied).result()
    assert applied[0] == "0001_initial"
    assert applied == sorted(applied)
    assert write(store, lambda tx: migrate.up(tx.db)) == []


def test_a_database_from_the_future_is_refused_and_left_as_it_is(store: Store) -> None:
    def come_from_the_future(tx: Transaction) -> None:
        tx.db.execute_sql(
            "INSERT INTO schema_migration (name, applied)"
            " SELECT '9999_telepathy', max(applied) FROM schema_migration"
        )

    write(store, come_from_the_future)
    before = store.read(migrate.applied).result()
    with pytest.raises(CannotOpen) as caught:
        write(store, lambda tx: migrate.up(tx.db))
    assert str(caught.value) == (
        "the database was made by a newer Tocsin (it has 9999_telepathy); upgrade this one to open it"
    )
    assert store.read(migrate.applied).result() == before
