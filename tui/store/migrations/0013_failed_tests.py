"""The test alerts that failed, which are told apart wherever failures are counted."""

from peewee import SQL, BooleanField, Database, IntegerField, Model, TextField
from playhouse.migrate import SchemaMigrator


# A frozen copy of what the index speaks of.
class Delivery(Model):
    alert = IntegerField(column_name="alert_id")
    state = TextField()
    test = BooleanField()

    class Meta:
        table_name = "delivery"


def up(migrator: SchemaMigrator, db: Database) -> None:
    db.execute(
        Delivery.index(Delivery.alert, name="delivery_failed_test", where=SQL("state = 'failed' AND test"))
    )
