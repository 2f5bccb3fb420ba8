"""The tables with their checks and indexes.

The models are not bound to a database: each query names the one it runs on, so a process can open several
stores. Migrations create the tables; a test compares them with these models.

The tables of intake are in `tui.store.tables.intake_models`.
"""

# pyright: reportUnknownMemberType=false

from collections.abc import Iterable

from peewee import (
    SQL,
    BigAutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    Check,
    DoubleField,
    ForeignKeyField,
    IntegerField,
    Model,
    Node,
    SmallIntegerField,
    TextField,
)

from tui.domain.alert import Severity
from tui.domain.alert_type import AlertType
from tui.domain.lifecycle import Outcome, State
from tui.store.tables.intake_models import FollowedFile, Token


def one_of(column: str, values: Iterable[str]) -> Node:
    """Return a CHECK that `column` holds one of `values`."""
    return Check(f"{column} IN ({', '.join(repr(str(value)) for value in values)})")


class Alert(Model):
    id = BigAutoField()
    """The key. It increases in order of arrival; lists page along it."""
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
    """Why the alert matched no destination; null if it matched one."""
    dedup_key = TextField(null=True)
    """See `domain.folding`."""
    log_types = TextField(null=True)
    """JSON array; null for none."""

    class Meta:
        table_name = "alert"
        constraints = [one_of("severity", Severity), one_of("type", AlertType)]


# Holds every column that lists filter by, so that filtering a million alerts reads only this index.
Alert.add_index(
    Alert.index(
        *(Alert.id, Alert.severity, Alert.type, Alert.test, Alert.created_at, Alert.not_routed),
        name="alert_listed",
    )
)


class AlertRepeat(Model):
    """How often an alert was received again."""

    alert = ForeignKeyField(Alert, primary_key=True, on_delete="CASCADE", index=False)
    number = IntegerField()

    class Meta:
        table_name = "alert_repeat"


class Destination(Model):
    id = BigAutoField()
    name = TextField()
    name_folded = TextField()
    url = TextField()
    severities = TextField()
    alert_types = TextField()
    takes = TextField(null=True)
    """The destination's filter as typed; see `domain.routing`. Models have a method `filter`."""
    headers = TextField()
    secret = TextField(null=True)
    old_secret = TextField(null=True)
    """The rotated secret, which also signs until `old_secret_until`."""
    old_secret_until = BigIntegerField(
        null=True, constraints=[Check("(old_secret IS NULL) = (old_secret_until IS NULL)")]
    )
    timeout_ms = IntegerField()
    rate = DoubleField(null=True)
    """Requests per second; null means no limit."""
    tls = TextField(null=True)
    """TLS settings as a JSON object; null if none is set."""
    fold_ms = BigIntegerField(null=True)
    """The time window of folding, see `domain.folding`; null means no folding."""
    paced_until = BigIntegerField(default=0)
    """See `domain.pacing`."""
    held_until = BigIntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    """For this and the next three columns see `domain.holding`."""
    holds = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    slowed_to = DoubleField(null=True)
    hold_changed_at = BigIntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    failures = IntegerField(default=0)
    """For this and the next two columns see `domain.health`."""
    exhausted = IntegerField(default=0)
    failing_since = BigIntegerField(null=True)
    paused = BooleanField(default=False)
    created_at = BigIntegerField()
    shape = TextField(null=True)
    """The name of the shape of its requests, see `delivery.shapes`; null for the default."""
    log_types = TextField(null=True)
    """JSON array of the log types that it takes; null for all."""
    allow_stop = BooleanField(null=True)
    """Whether the receiver may end the retries of an alert; null means no."""
    retries = TextField(null=True)
    """JSON array of the delays before its retries (ms); null for those of the configuration."""
    deleted_at = BigIntegerField(null=True)
    """A deleted destination keeps its history and frees its name."""

    class Meta:
        table_name = "destination"
        constraints = [Check("timeout_ms BETWEEN 1000 AND 120000")]


# Names are unique, ignoring case, among destinations that are not deleted.
Destination.add_index(
    Destination.index(
        Destination.name_folded, unique=True, name="destination_name", where=SQL("deleted_at IS NULL")
    )
)


class Delivery(Model):
    """The hot row. It is narrow because every step rewrites it; the payload is in the alert."""

    id = BigAutoField()
    webhook_id = TextField(unique=True)
    """The `webhook-id` header, the same in every attempt and round."""
    alert = ForeignKeyField(Alert, on_delete="CASCADE", index=False)
    destination = ForeignKeyField(Destination, on_delete="RESTRICT", index=False)
    state = TextField()
    round = SmallIntegerField()
    attempts = SmallIntegerField()
    number = IntegerField()
    due_at = BigIntegerField(null=True)
    lease = TextField(null=True)
    urgency = SmallIntegerField()
    """Lower goes first: 0 for a test alert, then 1 for CRITICAL to 5 for INFO."""
    test = BooleanField()
    revived_at = BigIntegerField(null=True)
    """When a repeat of the alert last queued it; see `domain.repeats`."""

    class Meta:
        table_name = "delivery"
        constraints = [
            one_of("state", State),
            Check("(due_at IS NOT NULL) = (state IN ('scheduled', 'in_flight'))"),
            Check("(lease IS NOT NULL) = (state = 'in_flight')"),
            Check("attempts >= 0 AND attempts <= number AND round >= 1"),
        ]
        indexes = ((("alert", "destination"), True),)


# The index that a claim searches. Destination and urgency come first so that a claim reads the head of each
# lane and never walks past a backlog that it may not take. The state is included for counting.
Delivery.add_index(
    Delivery.index(
        *(Delivery.destination, Delivery.urgency, Delivery.due_at, Delivery.state),
        name="delivery_lane",
        where=SQL("due_at IS NOT NULL"),
    )
)
# In the order of alerts, so that the newest failed or retrying ones are found without reading others.
Delivery.add_index(Delivery.index(Delivery.alert, name="delivery_failed", where=SQL("state = 'failed'")))
Delivery.add_index(
    Delivery.index(Delivery.alert, name="delivery_failed_test", where=SQL("state = 'failed' AND test"))
)
Delivery.add_index(
    Delivery.index(
        Delivery.alert, name="delivery_retrying", where=SQL("state = 'scheduled' AND attempts > 0")
    )
)


class Attempt(Model):
    id = BigAutoField()
    delivery = ForeignKeyField(Delivery, on_delete="CASCADE", index=False)
    destination = ForeignKeyField(Destination, on_delete="RESTRICT", index=False)
    round = SmallIntegerField()
    number = IntegerField()
    outcome = TextField(null=True)
    """Null while the request is in flight."""
    status_code = SmallIntegerField(null=True)
    reason = TextField(null=True)
    error = TextField(null=True)
    started_at = BigIntegerField()
    ended_at = BigIntegerField(null=True)
    duration_ms = IntegerField(null=True)
    url = TextField()
    remote_address = TextField(null=True)
    request_headers = TextField(null=True)
    """JSON array of [name, value] pairs, secrets masked."""
    response_headers = TextField(null=True)
    response_body = BlobField(null=True)
    response_length = BigIntegerField(null=True)
    """Full length in bytes if the receiver declared it or the whole body was read; else null."""
    response_truncated = BooleanField(default=False)
    shape = TextField(null=True)
    """The shape of the request; null for the default."""

    class Meta:
        table_name = "attempt"
        constraints = [
            one_of("outcome", Outcome),
            Check("(outcome IS NULL) = (ended_at IS NULL)"),
            Check("round >= 1 AND number >= 1"),
        ]
        indexes = ((("delivery", "round", "number"), True),)


# For a destination's health, without reading the rows. Partial, so that an attempt enters it only once.
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
    """The last window of a fold key; see `domain.folding`. A transaction that submits locks its row."""

    id = BigAutoField()
    key = TextField(unique=True)
    delivery = ForeignKeyField(Delivery, null=True, on_delete="CASCADE")
    """The delivery of the alert that opened the window; null only inside the inserting transaction."""
    opened_at = BigIntegerField()
    severity = TextField()
    folded = BigIntegerField()
    """The number of alerts folded into the window."""

    class Meta:
        table_name = "fold_window"


class Fold(Model):
    """An alert that was not delivered to a destination because it folded into a similar one."""

    id = BigAutoField()
    alert = ForeignKeyField(Alert, on_delete="CASCADE", index=False)
    destination = ForeignKeyField(Destination, on_delete="RESTRICT", index=False)
    delivery = ForeignKeyField(Delivery, null=True, on_delete="SET NULL", index=False)
    """The delivery that it folded into; null once that is deleted."""
    number = BigIntegerField()
    """Counts 1, 2, 3 … within a delivery, so the last number is the count."""
    folded_at = BigIntegerField()

    class Meta:
        table_name = "fold"
        constraints = [Check("number >= 1")]
        indexes = ((("alert", "destination"), True), (("delivery", "number"), True))


MODELS = (Alert, AlertRepeat, Destination, Delivery, Attempt, FoldWindow, Fold, FollowedFile, Token)
