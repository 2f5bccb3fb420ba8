"""Tokens of the HTTP endpoint: what is kept of each."""

from peewee import (
    SQL,
    BigAutoField,
    BigIntegerField,
    Check,
    Database,
    DoubleField,
    Model,
    PostgresqlDatabase,
    TextField,
)
from playhouse.migrate import SchemaMigrator


class Token(Model):
    id = BigAutoField()
    name = TextField()
    name_folded = TextField()
    digest = TextField(unique=True)
    rate = DoubleField(null=True)
    created_at = BigIntegerField()
    expires_at = BigIntegerField(null=True)
    last_used_at = BigIntegerField(null=True)
    revoked_at = BigIntegerField(null=True)

    class Meta:
        table_name = "token"
        constraints = [Check("length(digest) = 64")]


Token.add_index(
    Token.index(Token.name_folded, unique=True, name="token_name", where=SQL("revoked_at IS NULL"))
)


def up(migrator: SchemaMigrator, db: Database) -> None:
    with db.bind_ctx([Token]):
        db.create_tables([Token], safe=False)
    if isinstance(db, PostgresqlDatabase):  # an endpoint hears that a token is revoked, whoever did it
        db.execute_sql(
            "CREATE TRIGGER token_changed AFTER INSERT OR UPDATE OR DELETE ON token"
            " FOR EACH STATEMENT EXECUTE FUNCTION tocsin_notify()"
        )
