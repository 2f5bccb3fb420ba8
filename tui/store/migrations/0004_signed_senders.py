"""How a sender signs its requests instead of presenting a token, and the secret that verifies them."""

from peewee import Check, Database, TextField
from playhouse.migrate import SchemaMigrator, migrate


def up(migrator: SchemaMigrator, db: Database) -> None:
    secret = TextField(null=True, constraints=[Check("secret IS NULL OR verify IS NOT NULL")])
    migrate(
        migrator.add_column("token", "verify", TextField(null=True)),
        migrator.add_column("token", "secret", secret),
    )
