"""Whether a destination is held or slowed, because its receiver asked to wait."""

from peewee import SQL, BigIntegerField, Database, DoubleField, IntegerField
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    # A constraint, because playhouse adds a field that is not null by copying the table, which deliveries
    # refer to.
    zero = {"null": True, "constraints": [SQL("NOT NULL DEFAULT 0")]}
    migrate(
        migrator.add_column("destination", "held_until", BigIntegerField(**zero)),
        migrator.add_column("destination", "holds", IntegerField(**zero)),
        migrator.add_column("destination", "slowed_to", DoubleField(null=True)),
        migrator.add_column("destination", "hold_changed_at", BigIntegerField(**zero)),
    )
