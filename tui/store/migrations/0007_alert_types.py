"""The alert types of Panther that were missing, log types of alerts and destinations, counts of repeats, and
an index of the words of failed attempts.

The index is made with today's code, as in `0005_search_everything`.

A destination that took rule matches also takes them: until now, such alerts were stored as rule matches.
"""

import json

from peewee import BigAutoField, Database, ForeignKeyField, IntegerField, Model, TextField
from playhouse.migrate import SchemaMigrator, migrate

from tui.store.tables.dialect import dialect_of
from tui.store.tables.rows import execute, fetch
from tui.store.tables.words import index_old_failures

OLD = ("RULE", "RULE_ERROR", "POLICY")
TYPES = (
    "RULE",
    "RULE_ERROR",
    "SCHEDULED_RULE",
    "SCHEDULED_RULE_ERROR",
    "CORRELATION_RULE",
    "CORRELATION_RULE_ERROR",
    "POLICY",
    "SYSTEM_ERROR",
)


class Alert(Model):
    id = BigAutoField()

    class Meta:
        table_name = "alert"


class AlertRepeat(Model):
    alert = ForeignKeyField(Alert, primary_key=True, on_delete="CASCADE", index=False)
    number = IntegerField()

    class Meta:
        table_name = "alert_repeat"


def _type_in(types: tuple[str, ...]) -> str:
    return f"type IN ({', '.join(map(repr, types))})"


def up(migrator: SchemaMigrator, db: Database) -> None:
    migrate(
        migrator.add_column("alert", "log_types", TextField(null=True)),
        migrator.add_column("destination", "log_types", TextField(null=True)),
    )
    with db.bind_ctx([AlertRepeat]):
        db.create_tables([AlertRepeat], safe=False)
    for statement in dialect_of(db).failure_index:
        execute(db, statement)
    index_old_failures(db)
    dialect_of(db).replace_check(db, "alert", _type_in(OLD), _type_in(TYPES))
    for id, stored in fetch(db, "SELECT id, alert_types FROM destination"):
        taken = set(json.loads(stored))
        if "RULE" in taken:
            taken |= {*TYPES} - {*OLD}
            kept = json.dumps([type for type in TYPES if type in taken], separators=(",", ":"))
            execute(db, "UPDATE destination SET alert_types = ? WHERE id = ?", (kept, id))
