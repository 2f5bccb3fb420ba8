"""Whether a destination is held or slowed because its receiver asked to wait, and its own retries.

A destination's own schedule can have more than ten retries, so a delivery can have more than eleven attempts.
"""

from peewee import SQL, BigIntegerField, Database, DoubleField, IntegerField, TextField
from playhouse.migrate import SchemaMigrator, migrate

from tui.store.tables.dialect import dialect_of

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
    dialect_of(db).replace_check(db, "delivery", _BEFORE, _AFTER)
