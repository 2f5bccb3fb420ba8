"""The tables, with the checks and indexes that keep them honest.

The models are not bound to a database: each query names the one it runs on, so a process may
have several stores open. The migrations create the tables; a test holds the two together.
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

from tui.domain.alert import AlertType, Severity
from tui.domain.lifecycle import Outcome, State


def one_of(column: str, values: Iterable[str]) -> Node:
    """A CHECK that `column` holds one of `values`."""
    return Check(f"{column} IN ({', '.join(repr(str(value)) for value in values)})")


class Alert(Model):
    id = BigAutoField()
    """Grows with arrival; lists page along it."""
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
    """Why it went to no destination; null when it went to one."""
    dedup_key = TextField(null=True)
    """See `domain.folding`."""

    class Meta:
        table_name = "alert"
        constraints = [one_of("severity", Severity), one_of("type", AlertType)]


# What lists are filtered by, all in one narrow place: filtering a million alerts reads none of them.
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
    """Its filter as typed; see `domain.routing`. (A model has a `filter` of its own.)"""
    headers = TextField()
    secret = TextField(null=True)
    old_secret = TextField(null=True)
    """Signs, too, until `old_secret_until`."""
    old_secret_until = BigIntegerField(
        null=True, constraints=[Check("(old_secret IS NULL) = (old_secret_until IS NULL)")]
    )
    timeout_ms = IntegerField()
    rate = DoubleField(null=True)
    """Requests per second; null is no limit."""
    tls = TextField(null=True)
    """JSON object of what is set; null if nothing is."""
    fold_ms = BigIntegerField(null=True)
    """See `domain.folding`; null is no folding."""
    paced_until = BigIntegerField(default=0)
    """See `domain.pacing`."""
    failures = IntegerField(default=0)
    """This and the next two: see `domain.health`."""
    exhausted = IntegerField(default=0)
    failing_since = BigIntegerField(null=True)
    paused = BooleanField(default=False)
    created_at = BigIntegerField()
    deleted_at = BigIntegerField(null=True)
    """A deleted destination keeps its history and frees its name."""

    class Meta:
        table_name = "destination"
        constraints = [Check("timeout_ms BETWEEN 1000 AND 120000")]


# A name is taken, ignoring case, by at most one destination that is not deleted.
Destination.add_index(
    Destination.index(
        Destination.name_folded, unique=True, name="destination_name", where=SQL("deleted_at IS NULL")
    )
)


class Delivery(Model):
    """The hot row: narrow, because it is rewritten at every step; what is sent lies in the alert."""

    id = BigAutoField()
    webhook_id = TextField(unique=True)
    """What the receiver sees as `webhook-id`, the same in every attempt and round."""
    alert = ForeignKeyField(Alert, on_delete="CASCADE", index=False)
    destination = ForeignKeyField(Destination, on_delete="RESTRICT", index=False)
    state = TextField()
    round = SmallIntegerField()
    attempts = SmallIntegerField()
    number = IntegerField()
    due_at = BigIntegerField(null=True)
    lease = TextField(null=True)
    urgency = SmallIntegerField()
    """0 goes first: a test alert somebody waits for, then CRITICAL down to INFO."""
    test = BooleanField()

    class Meta:
        table_name = "delivery"
        constraints = [
            one_of("state", State),
            Check("(due_at IS NOT NULL) = (state IN ('scheduled', 'in_flight'))"),
            Check("(lease IS NOT NULL) = (state = 'in_flight')"),
            Check("attempts BETWEEN 0 AND 11 AND attempts <= number AND round >= 1"),
        ]
        indexes = ((("alert", "destination"), True),)


# What a claim searches. Destination and urgency come first so that a claim reads the head of each
# lane and never walks past a backlog it may not take. The state is there to be counted.
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
# In the order of the alerts, so that the newest in trouble are found without a look at the others.
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
    """Null while the request is on its way."""
    status_code = SmallIntegerField(null=True)
    reason = TextField(null=True)
    error = TextField(null=True)
    started_at = BigIntegerField()
    ended_at = BigIntegerField(null=True)
    duration_ms = IntegerField(null=True)
    url = TextField()
    remote_address = TextField(null=True)
    request_headers = TextField(null=True)
    """JSON array of pairs, secrets masked."""
    response_headers = TextField(null=True)
    response_body = BlobField(null=True)
    response_length = BigIntegerField(null=True)
    """True length in bytes where the receiver told it or all of it was read."""
    response_truncated = BooleanField(default=False)

    class Meta:
        table_name = "attempt"
        constraints = [
            one_of("outcome", Outcome),
            Check("(outcome IS NULL) = (ended_at IS NULL)"),
            Check("round >= 1 AND number >= 1"),
        ]
        indexes = ((("delivery", "round", "number"), True),)


# How a destination fared, told without a look at the rows. Partial, so that an attempt enters it once.
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
    """The last window of a key at a destination; see `domain.folding`. Who submits holds its row."""

    id = BigAutoField()
    key = TextField(unique=True)
    delivery = ForeignKeyField(Delivery, null=True, on_delete="CASCADE")
    """Of the alert that opened it; null only in the transaction that makes the row."""
    opened_at = BigIntegerField()
    severity = TextField()
    folded = BigIntegerField()
    """How many alerts have folded into it."""

    class Meta:
        table_name = "fold_window"


class Fold(Model):
    """An alert that was not delivered to a destination, because it folded into one that was."""

    id = BigAutoField()
    alert = ForeignKeyField(Alert, on_delete="CASCADE", index=False)
    destination = ForeignKeyField(Destination, on_delete="RESTRICT", index=False)
    delivery = ForeignKeyField(Delivery, null=True, on_delete="SET NULL", index=False)
    """What it folded into; null once that is gone."""
    number = BigIntegerField()
    """1, 2, 3 … of what folded into this delivery: so the last tells how many there are."""
    folded_at = BigIntegerField()

    class Meta:
        table_name = "fold"
        constraints = [Check("number >= 1")]
        indexes = ((("alert", "destination"), True), (("delivery", "number"), True))


class FollowedFile(Model):
    """How far `tocsin watch` has read a file."""

    id = BigAutoField()
    source = TextField(unique=True)
    """The machine's name and the path."""
    device = BigIntegerField()
    inode = BigIntegerField()
    position = BigIntegerField()
    head = TextField()
    head_size = BigIntegerField()

    class Meta:
        table_name = "followed_file"


class Token(Model):
    """What is kept of a token of the HTTP endpoint; see `domain.token`."""

    id = BigAutoField()
    name = TextField()
    name_folded = TextField()
    digest = TextField(unique=True)
    rate = DoubleField(null=True)
    """Requests per second; null is what the endpoint allows everyone."""
    created_at = BigIntegerField()
    expires_at = BigIntegerField(null=True)
    last_used_at = BigIntegerField(null=True)
    revoked_at = BigIntegerField(null=True)
    """A revoked token stays, so that its revocation never lets anybody in, and frees its name."""

    class Meta:
        table_name = "token"
        constraints = [Check("length(digest) = 64")]


Token.add_index(
    Token.index(Token.name_folded, unique=True, name="token_name", where=SQL("revoked_at IS NULL"))
)


MODELS = (Alert, Destination, Delivery, Attempt, FoldWindow, Fold, FollowedFile, Token)
