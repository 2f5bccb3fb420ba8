"""Whether a receiver may end the retries of an alert. Null is no."""

from peewee import BooleanField, Database
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(migrator.add_column("destination", "allow_stop", BooleanField(null=True)))
