"""The first schema: alerts, destinations, deliveries, attempts."""

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


def one_of(column: str, values: str) -> Node:
    return Check(f"{column} IN ({', '.join(repr(value) for value in values.split())})")


# Frozen copies: later changes to the models are later migrations.
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

    class Meta:
        table_name = "alert"
        constraints = [
            one_of("severity", "INFO LOW MEDIUM HIGH CRITICAL"),
            one_of("type", "RULE RULE_ERROR POLICY"),
        ]


class Destination(Model):
    id = BigAutoField()
    name = TextField()
    name_folded = TextField()
    url = TextField()
    severities = TextField()
    alert_types = TextField()
    headers = TextField()
    secret = TextField(null=True)
    timeout_ms = IntegerField()
    rate = DoubleField(null=True)
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


Delivery.add_index(
    Delivery.index(
        Delivery.destination,
        Delivery.urgency,
        Delivery.due_at,
        Delivery.state,
        name="delivery_lane",
        where=SQL("due_at IS NOT NULL"),
    )
)
Delivery.add_index(Delivery.index(Delivery.state, name="delivery_failed", where=SQL("state = 'failed'")))


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


def up(migrator: SchemaMigrator, db: Database) -> None:
    models = [Alert, Destination, Delivery, Attempt]
    with db.bind_ctx(models):
        db.create_tables(models, safe=False)
