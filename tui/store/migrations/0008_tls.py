"""How TLS is spoken with a destination's receiver, where anything is set for it."""

from peewee import Database, TextField
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(migrator.add_column("destination", "tls", TextField(null=True)))
