"""The first schema: every table of version 0.1.

The models are frozen copies. A change to `tui.store.tables.models` is a migration of its own.
"""

from peewee import (
    SQL,
    BigAutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    Check,
    Database,
    DoubleField,
    ForeignKeyField,
    IntegerField,
    Model,
    Node,
    SmallIntegerField,
    TextField,
)
from playhouse.migrate import SchemaMigrator

from tui.store.tables.dialect import dialect_of


def one_of(column: str, values: str) -> Node:
    return Check(f"{column} IN ({', '.join(repr(value) for value in values.split())})")


class Alert(Model):
    id = BigAutoField()
    alert_id = TextField(unique=True)
    rule_id = TextField()
    severity = TextField()
    type = TextField()
    created_at = BigIntegerField()
    title = TextField()
    name = TextField(null=True)
    link = TextField()
    context = TextField()
    description = TextField()
    runbook = TextField()
    tags = TextField()
    version = TextField(null=True)
    test = BooleanField()
    not_routed = TextField(null=True)
    dedup_key = TextField(null=True)

    class Meta:
        table_name = "alert"
        constraints = [
            one_of("severity", "INFO LOW MEDIUM HIGH CRITICAL"),
            one_of("type", "RULE RULE_ERROR POLICY"),
        ]


Alert.add_index(
    Alert.index(
        Alert.id,
        Alert.severity,
        Alert.type,
        Alert.test,
        Alert.created_at,
        Alert.not_routed,
        name="alert_listed",
    )
)


class Destination(Model):
    id = BigAutoField()
    name = TextField()
    name_folded = TextField()
    url = TextField()
    severities = TextField()
    alert_types = TextField()
    takes = TextField(null=True)
    headers = TextField()
    secret = TextField(null=True)
    old_secret = TextField(null=True)
    old_secret_until = BigIntegerField(
        null=True, constraints=[Check("(old_secret IS NULL) = (old_secret_until IS NULL)")]
    )
    timeout_ms = IntegerField()
    rate = DoubleField(null=True)
    tls = TextField(null=True)
    fold_ms = BigIntegerField(null=True)
    paced_until = BigIntegerField(default=0)
    failures = IntegerField(default=0)
    exhausted = IntegerField(default=0)
    failing_since = BigIntegerField(null=True)
    paused = BooleanField(default=False)
    created_at = BigIntegerField()
    deleted_at = BigIntegerField(null=True)

    class Meta:
        table_name = "destination"
        constraints = [Check("timeout_ms BETWEEN 1000 AND 120000")]


Destination.add_index(
    Destination.index(
        Destination.name_folded, unique=True, name="destination_name", where=SQL("deleted_at IS NULL")
    )
)


class Delivery(Model):
    id = BigAutoField()
    webhook_id = TextField(unique=True)
    alert = ForeignKeyField(Alert, on_delete="CASCADE", index=False)
    destination = ForeignKeyField(Destination, on_delete="RESTRICT", index=False)
    state = TextField()
    round = SmallIntegerField()
    attempts = SmallIntegerField()
    number = IntegerField()
    due_at = BigIntegerField(null=True)
    lease = TextField(null=True)
    urgency = SmallIntegerField()
    test = BooleanField()

    class Meta:
        table_name = "delivery"
        constraints = [
            one_of("state", "scheduled in_flight delivered failed cancelled"),
            Check("(due_at IS NOT NULL) = (state IN ('scheduled', 'in_flight'))"),
            Check("(lease IS NOT NULL) = (state = 'in_flight')"),
            Check("attempts BETWEEN 0 AND 11 AND attempts <= number AND round >= 1"),
        ]
        indexes = ((("alert", "destination"), True),)


for _name, _columns, _where in (
    (
        "delivery_lane",
        (Delivery.destination, Delivery.urgency, Delivery.due_at, Delivery.state),
        "due_at IS NOT NULL",
    ),
    ("delivery_failed", (Delivery.alert,), "state = 'failed'"),
    ("delivery_failed_test", (Delivery.alert,), "state = 'failed' AND test"),
    ("delivery_retrying", (Delivery.alert,), "state = 'scheduled' AND attempts > 0"),
):
    Delivery.add_index(Delivery.index(*_columns, name=_name, where=SQL(_where)))


class Attempt(Model):
    id = BigAutoField()
    delivery = ForeignKeyField(Delivery, on_delete="CASCADE", index=False)
    destination = ForeignKeyField(Destination, on_delete="RESTRICT", index=False)
    round = SmallIntegerField()
    number = IntegerField()
    outcome = TextField(null=True)
    status_code = SmallIntegerField(null=True)
    reason = TextField(null=True)
    error = TextField(null=True)
    started_at = BigIntegerField()
    ended_at = BigIntegerField(null=True)
    duration_ms = IntegerField(null=True)
    url = TextField()
    remote_address = TextField(null=True)
    request_headers = TextField(null=True)
    response_headers = TextField(null=True)
    response_body = BlobField(null=True)
    response_length = BigIntegerField(null=True)
    response_truncated = BooleanField(default=False)

    class Meta:
        table_name = "attempt"
        constraints = [
            one_of("outcome", "delivered rejected unreachable timeout blocked abandoned interrupted"),
            Check("(outcome IS NULL) = (ended_at IS NULL)"),
            Check("round >= 1 AND number >= 1"),
        ]
        indexes = ((("delivery", "round", "number"), True),)


Attempt.add_index(
    Attempt.index(
        Attempt.destination,
        Attempt.ended_at,
        Attempt.outcome,
        Attempt.duration_ms,
        name="attempt_ended",
        where=SQL("ended_at IS NOT NULL"),
    )
)


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


class FollowedFile(Model):
    id = BigAutoField()
    source = TextField(unique=True)
    device = BigIntegerField()
    inode = BigIntegerField()
    position = BigIntegerField()
    head = TextField()
    head_size = BigIntegerField()

    class Meta:
        table_name = "followed_file"


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
    models = [Alert, Destination, Delivery, Attempt, FoldWindow, Fold, FollowedFile, Token]
    with db.bind_ctx(models):
        db.create_tables(models, safe=False)
    for statement in dialect_of(db).baseline:
        db.execute_sql(statement)
