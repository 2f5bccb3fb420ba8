"""When a repeat of the alert last queued a delivery."""

from peewee import BigIntegerField, Database
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(migrator.add_column("delivery", "revived_at", BigIntegerField(null=True)))
