"""Alerts that say the same fold into the first of them, at destinations that ask for it."""

from peewee import BigAutoField, BigIntegerField, Check, Database, ForeignKeyField, Model, TextField
from playhouse.migrate import SchemaMigrator, migrate


# Only what is referred to.
class Alert(Model):
    id = BigAutoField()

    class Meta:
        table_name = "alert"


class Destination(Model):
    id = BigAutoField()

    class Meta:
        table_name = "destination"


class Delivery(Model):
    id = BigAutoField()

    class Meta:
        table_name = "delivery"


class FoldWindow(Model):
    id = BigAutoField()
    key = TextField(unique=True)
    delivery = ForeignKeyField(Delivery, null=True, on_delete="CASCADE")
    opened_at = BigIntegerField()
    severity = TextField()
    folded = BigIntegerField()

    class Meta:
        table_name = "fold_window"


class Fold(Model):
    id = BigAutoField()
    alert = ForeignKeyField(Alert, on_delete="CASCADE", index=False)
    destination = ForeignKeyField(Destination, on_delete="RESTRICT", index=False)
    delivery = ForeignKeyField(Delivery, null=True, on_delete="SET NULL", index=False)
    number = BigIntegerField()
    folded_at = BigIntegerField()

    class Meta:
        table_name = "fold"
        constraints = [Check("number >= 1")]
        indexes = ((("alert", "destination"), True), (("delivery", "number"), True))


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(
        migrator.add_column("alert", "dedup_key", TextField(null=True)),
        migrator.add_column("destination", "fold_ms", BigIntegerField(null=True)),
    )
    models = [FoldWindow, Fold]
    with db.bind_ctx(models, bind_refs=False):
        db.create_tables(models, safe=False)
