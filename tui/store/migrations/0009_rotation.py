"""The signing secret before the present one, and until when it signs."""

from peewee import BigIntegerField, Check, Database, TextField
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    until = BigIntegerField(
        null=True, constraints=[Check("(old_secret IS NULL) = (old_secret_until IS NULL)")]
    )
    migrate(
        migrator.add_column("destination", "old_secret", TextField(null=True)),
        migrator.add_column("destination", "old_secret_until", until),
    )
