"""What lists are read from: a narrow index of alerts, those in trouble, and the words of each alert."""

import json
from collections.abc import Iterator

from peewee import (
    SQL,
    BigAutoField,
    BigIntegerField,
    BooleanField,
    Database,
    Model,
    SmallIntegerField,
    TextField,
)
from playhouse.migrate import SchemaMigrator

from tui.domain.search import alert_words
from tui.store.tables.words import CREATE_ON_POSTGRES, CREATE_ON_SQLITE, index_words, is_postgres

_AT_A_TIME = 5_000


# Frozen copies of what the indexes speak of.
class Alert(Model):
    id = BigAutoField()
    severity = TextField()
    type = TextField()
    test = BooleanField()
    created_at = BigIntegerField()
    not_routed = TextField(null=True)

    class Meta:
        table_name = "alert"


class Delivery(Model):
    alert = BigIntegerField(column_name="alert_id")
    state = TextField()
    attempts = SmallIntegerField()

    class Meta:
        table_name = "delivery"


_LISTED = Alert.index(
    Alert.id,
    Alert.severity,
    Alert.type,
    Alert.test,
    Alert.created_at,
    Alert.not_routed,
    name="alert_listed",
)
# In the order of the alerts, so that the newest that failed are found without a look at the others.
_FAILED = Delivery.index(Delivery.alert, name="delivery_failed", where=SQL("state = 'failed'"))
_RETRYING = Delivery.index(
    Delivery.alert, name="delivery_retrying", where=SQL("state = 'scheduled' AND attempts > 0")
)


def up(migrator: SchemaMigrator, db: Database) -> None:
    db.execute_sql("DROP INDEX delivery_failed")
    for index in (_LISTED, _FAILED, _RETRYING):
        db.execute(index)
    create, *afterwards = CREATE_ON_POSTGRES if is_postgres(db) else CREATE_ON_SQLITE
    db.execute_sql(create)
    for rows in _alerts(db):
        index_words(db, [(row[0], alert_words(row[1:5], json.loads(row[5]))) for row in rows])
    for statement in afterwards:
        db.execute_sql(statement)


def _alerts(db: Database) -> Iterator[list[tuple]]:
    query = (
        "SELECT id, title, name, rule_id, alert_id, tags FROM alert"
        f" WHERE id > {db.param} ORDER BY id LIMIT {_AT_A_TIME}"
    )
    rows = db.execute_sql(query, (0,)).fetchall()
    while rows:
        yield rows
        rows = db.execute_sql(query, (rows[-1][0],)).fetchall()
