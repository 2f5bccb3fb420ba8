"""The shape in which a destination gets alerts, and in which an attempt was sent. Null is `panther`."""

from peewee import Database, TextField
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(
        migrator.add_column("destination", "shape", TextField(null=True)),
        migrator.add_column("attempt", "shape", TextField(null=True)),
    )
