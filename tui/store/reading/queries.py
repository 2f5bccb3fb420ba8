"""Queries about single alerts, their deliveries and attempts, and totals."""

import json
from collections.abc import Collection, Sequence
from typing import Any

import peewee

from tui.domain.alert import Alert
from tui.domain.attempt import Headers
from tui.domain.destination import PANTHER, Destination
from tui.domain.errors import Refused
from tui.domain.filter import Filter
from tui.domain.lifecycle import Outcome, State
from tui.store.reading.filtering import matching_delivery, matching_fold
from tui.store.reading.folds import NOT_SENT, folded_into, folds_of
from tui.store.reading.listing import DELIVERY_ROW, delivery_row
from tui.store.reading.turns import turn_of
from tui.store.reading.views import (
    AlertDetails,
    AttemptRow,
    DeliveryDetails,
    DeliveryRow,
    Exchange,
    Summary,
)
from tui.store.tables.rows import (
    ALERT_COLUMNS,
    AMONG,
    DESTINATION_COLUMNS,
    among,
    fetch,
    to_alert,
    to_destination,
)

# --- alerts -------------------------------------------------------------------------------------


def find_alert(db: peewee.Database, reference: str) -> int:
    """Return the key of the alert with this alert id, id prefix (8 characters or more) or webhook id.

    Raises Refused if no alert matches, or several.
    """
    rows = fetch(db, "SELECT id FROM alert WHERE alert_id = ?", (reference,))
    if not rows:
        rows = fetch(db, "SELECT alert_id FROM delivery WHERE webhook_id = ?", (reference,))
    if not rows and len(reference) >= 8:  # a range of the index, which orders ids by their bytes
        query = "SELECT id FROM alert WHERE alert_id >= ? AND alert_id < ? LIMIT 2"
        rows = fetch(db, query, (reference, reference + "\U0010ffff"))
    if not rows:
        raise Refused(f"there is no alert {reference!r}; `tocsin alert list` lists the ids")
    if len(rows) > 1:
        raise Refused(f"several alerts start with {reference!r}; type more of the id")
    return rows[0][0]


def alert_details(db: peewee.Database, key: int) -> AlertDetails | None:
    """Return an alert with its deliveries and attempts, without response bodies; None if it was deleted."""
    rows = fetch(db, f"SELECT {ALERT_COLUMNS}, not_routed FROM alert WHERE id = ?", (key,))
    if not rows:
        return None
    found = fetch(
        db,
        f"SELECT {DELIVERY_ROW} FROM delivery JOIN destination ON destination.id = delivery.destination_id"
        " WHERE delivery.alert_id = ? ORDER BY delivery.id",
        (key,),
    )
    attempts = _attempts_of(db, [row[0] for row in found])
    destinations = _destinations(db, {row[3] for row in found})
    folded = folded_into(db, [row[0] for row in found])
    deliveries = tuple(
        DeliveryDetails(
            delivery_row(row),
            destinations[row[3]],
            tuple(attempts[row[0]]),
            turn_of(db, row[0], State(row[6])),
            tuple(folded[row[0]]),
        )
        for row in found
    )
    return AlertDetails(key, to_alert(rows[0]), rows[0][-1], deliveries, tuple(folds_of(db, [key])[key]))


def _destinations(db: peewee.Database, ids: Collection[int]) -> dict[int, Destination]:
    rows = fetch(db, f"SELECT {DESTINATION_COLUMNS} FROM destination WHERE id {AMONG}", (among(ids),))
    return {row[0]: to_destination(row) for row in rows}


ATTEMPT_COLUMNS = (
    "id, round, number, outcome, status_code, reason, error, started_at, ended_at, duration_ms, url,"
    " remote_address, shape"
)


def _attempts_of(db: peewee.Database, delivery_ids: Sequence[int]) -> dict[int, list[AttemptRow]]:
    attempts: dict[int, list[AttemptRow]] = {key: [] for key in delivery_ids}
    query = (
        f"SELECT delivery_id, {ATTEMPT_COLUMNS} FROM attempt WHERE delivery_id {AMONG}"
        " ORDER BY round DESC, number DESC"
    )
    for row in fetch(db, query, (among(delivery_ids),)):
        attempts[row[0]].append(attempt_row(row[1:]))
    return attempts


def attempt_row(row: Sequence[Any]) -> AttemptRow:
    """Convert a row of `ATTEMPT_COLUMNS`."""
    shape = row[12] or PANTHER
    return AttemptRow(row[0], row[1], row[2], Outcome(row[3]) if row[3] else None, *row[4:12], shape=shape)


def last_alerts(db: peewee.Database, count: int) -> list[Alert]:
    """Return the newest alerts, newest first."""
    return [
        to_alert(row)
        for row in fetch(db, f"SELECT {ALERT_COLUMNS} FROM alert ORDER BY id DESC LIMIT ?", (count,))
    ]


def exchange(db: peewee.Database, attempt_id: int) -> Exchange | None:
    """Return the request and response of an attempt; None while it is in flight."""
    rows = fetch(
        db,
        "SELECT request_headers, response_headers, response_body, response_length, response_truncated"
        " FROM attempt WHERE id = ? AND outcome IS NOT NULL",
        (attempt_id,),
    )
    if not rows:
        return None
    sent, received, body, length, truncated = rows[0]
    return Exchange(_headers(sent), _headers(received), bytes(body or b""), length, bool(truncated))


def _headers(text: str | None) -> Headers:
    return tuple((name, value) for name, value in json.loads(text or "[]"))


# --- deliveries ---------------------------------------------------------------------------------


def matching_deliveries(
    db: peewee.Database, filter: Filter, now: int, *, of: Collection[int] | None = None
) -> list[int]:
    """Return the ids of the deliveries that the filter selects.

    These are deliveries of matching alerts, in the filter's states, to its destinations. `of` are the keys of
    the only alerts to consider; None for all.
    """
    meant, values = matching_delivery(db, filter, now)
    query = f"SELECT delivery.id FROM delivery JOIN alert ON alert.id = delivery.alert_id WHERE {meant}"
    if of is not None:
        query, values = f"{query} AND alert.id {AMONG}", (*values, among(of))
    return [row[0] for row in fetch(db, f"{query} ORDER BY delivery.id", values)]


def resendable_by_name(db: peewee.Database, filter: Filter, now: int) -> dict[str, list[int]]:
    """Return the ids of the deliveries that the filter selects, by the name of their destination.

    Deliveries to deleted destinations are left out: they cannot be resent.
    """
    meant, values = matching_delivery(db, filter, now)
    query = (
        "SELECT destination.name, delivery.id FROM delivery JOIN alert ON alert.id = delivery.alert_id"
        " JOIN destination ON destination.id = delivery.destination_id"
        f" WHERE {meant} AND destination.deleted_at IS NULL ORDER BY delivery.id"
    )
    found: dict[str, list[int]] = {}
    for name, id in fetch(db, query, values):
        found.setdefault(name, []).append(id)
    return found


def matching_folds(db: peewee.Database, filter: Filter, now: int) -> list[int]:
    """Return the ids of the folds that the filter selects, like `matching_deliveries`."""
    if not filter.lets_folded_through:
        return []
    meant, values = matching_fold(db, filter, now)
    query = f"SELECT fold.id FROM fold JOIN alert ON alert.id = fold.alert_id WHERE {meant} ORDER BY fold.id"
    return [row[0] for row in fetch(db, query, values)]


def folds_into_failed(db: peewee.Database, filter: Filter, now: int) -> list[tuple[int, str]]:
    """Return (delivery id, its alert id) for each matching alert that folded into a failed delivery.

    The filter's states are ignored, and so are deleted destinations.
    """
    meant, values = matching_fold(db, filter, now, any_state=True)
    query = (
        "SELECT delivery.id, opener.alert_id FROM fold JOIN delivery ON delivery.id = fold.delivery_id"
        " JOIN alert AS opener ON opener.id = delivery.alert_id JOIN alert ON alert.id = fold.alert_id"
        " JOIN destination ON destination.id = fold.destination_id"
        " WHERE delivery.state = 'failed' AND destination.deleted_at IS NULL"
        f" AND {meant} ORDER BY fold.id"
    )
    return [(row[0], row[1]) for row in fetch(db, query, values)]


def count_folds(db: peewee.Database, delivery_ids: Collection[int]) -> int:
    """Count the alerts that folded into these deliveries and were not sent separately."""
    query = f"SELECT count(*) FROM fold WHERE {NOT_SENT} AND fold.delivery_id {AMONG}"
    return fetch(db, query, (among(delivery_ids),))[0][0]


def deliveries_by_id(db: peewee.Database, ids: Collection[int]) -> list[DeliveryRow]:
    query = (
        f"SELECT {DELIVERY_ROW} FROM delivery JOIN destination ON destination.id = delivery.destination_id"
        f" WHERE delivery.id {AMONG} ORDER BY delivery.id"
    )
    return [delivery_row(row) for row in fetch(db, query, (among(ids),))]


def summary(db: peewee.Database) -> Summary:
    pending = (
        "SELECT count(*), count(*) FILTER (WHERE state = 'in_flight'),"
        " count(*) FILTER (WHERE state = 'scheduled' AND attempts > 0) FROM delivery WHERE due_at IS NOT NULL"
    )
    [(pending, in_flight, retrying)] = fetch(db, pending)
    # A failed test was already reported to the person who sent it. Both counts read an index.
    [(failed, tests)] = fetch(
        db,
        "SELECT (SELECT count(*) FROM delivery WHERE state = 'failed'),"
        " (SELECT count(*) FROM delivery WHERE state = 'failed' AND test)",
    )
    [(paused,)] = fetch(db, "SELECT count(*) FROM destination WHERE paused AND deleted_at IS NULL")
    return Summary(in_flight, pending - in_flight - retrying, retrying, failed - tests, paused)


def is_unused(db: peewee.Database) -> bool:
    """Return whether there is no destination, no deleted one either, and no alert."""
    used = "SELECT EXISTS (SELECT 1 FROM destination) OR EXISTS (SELECT 1 FROM alert)"
    return not fetch(db, used)[0][0]


def wait_at_least(db: peewee.Database, count: int) -> bool:
    """Return whether at least `count` deliveries are scheduled or in flight."""
    query = "SELECT 1 FROM delivery WHERE due_at IS NOT NULL LIMIT 1 OFFSET ?"
    return count == 0 or bool(fetch(db, query, (count - 1,)))


def delivered_by_second(db: peewee.Database, since: int, until: int) -> dict[int, int]:
    """Count the delivered attempts in [since, until), both in ms, by Unix second; empty seconds left out."""
    query = (
        # CROSS JOIN keeps this order on SQLite: the index of attempts begins with the destination.
        "SELECT attempt.ended_at / 1000, count(*) FROM destination CROSS JOIN attempt"
        " WHERE attempt.destination_id = destination.id AND attempt.ended_at >= ? AND attempt.ended_at < ?"
        " AND attempt.outcome = 'delivered' GROUP BY 1"
    )
    return dict(fetch(db, query, (since, until)))
