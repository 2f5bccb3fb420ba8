"""What a destination takes beside its severities and alert types."""

from peewee import Database, TextField
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(migrator.add_column("destination", "takes", TextField(null=True)))
