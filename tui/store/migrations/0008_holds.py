"""Whether a destination is held or slowed because its receiver asked to wait, and its own retries.

A destination's own schedule can have more than ten retries, so a delivery can have more than eleven attempts.
"""

from peewee import SQL, BigIntegerField, Database, DoubleField, IntegerField, SqliteDatabase, TextField
from playhouse.migrate import SchemaMigrator, migrate

_BEFORE = "attempts BETWEEN 0 AND 11 AND attempts <= number AND round >= 1"
_AFTER = "attempts >= 0 AND attempts <= number AND round >= 1"


def up(migrator: SchemaMigrator, db: Database) -> None:
    # A constraint, because playhouse adds a field that is not null by copying the table, which deliveries
    # refer to.
    zero = {"null": True, "constraints": [SQL("NOT NULL DEFAULT 0")]}
    migrate(
        migrator.add_column("destination", "held_until", BigIntegerField(**zero)),
        migrator.add_column("destination", "holds", IntegerField(**zero)),
        migrator.add_column("destination", "slowed_to", DoubleField(null=True)),
        migrator.add_column("destination", "hold_changed_at", BigIntegerField(**zero)),
        migrator.add_column("destination", "retries", TextField(null=True)),
    )
    if isinstance(db, SqliteDatabase):
        _replace_check_on_sqlite(db)
    else:
        _replace_check_on_postgres(db)


def _replace_check_on_sqlite(db: Database) -> None:
    """Change the text of the schema, as https://www.sqlite.org/lang_altertable.html#otheralter describes.

    It is the documented way to remove a CHECK without copying the table, which attempts refer to.
    """
    [(version,)] = db.execute_sql("PRAGMA schema_version").fetchall()
    db.execute_sql("PRAGMA writable_schema = ON")
    changed = db.execute_sql(
        "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = 'delivery'"
        " AND instr(sql, ?) > 0",
        (_BEFORE, _AFTER, _BEFORE),
    )
    if changed.rowcount != 1:
        raise RuntimeError("the table of deliveries does not have its check")
    db.execute_sql(f"PRAGMA schema_version = {version + 1}")
    db.execute_sql("PRAGMA writable_schema = OFF")


def _replace_check_on_postgres(db: Database) -> None:
    [(name,)] = db.execute_sql(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'delivery'::regclass AND contype = 'c'"
        " AND pg_get_constraintdef(oid) LIKE '%%attempts <= 11%%'"
    ).fetchall()
    db.execute_sql(f'ALTER TABLE delivery DROP CONSTRAINT "{name}"')
    db.execute_sql(f'ALTER TABLE delivery ADD CONSTRAINT "{name}" CHECK ({_AFTER})')
