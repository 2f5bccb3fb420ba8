"""Queries about alerts that folded into others."""

from collections.abc import Collection, Sequence

import peewee

from tui.domain.lifecycle import State, standing
from tui.store.reading.views import FoldedAlert, FoldRow
from tui.store.tables.rows import AMONG, among, fetch

NOT_SENT = (
    "NOT EXISTS (SELECT 1 FROM delivery AS own"
    " WHERE own.alert_id = fold.alert_id AND own.destination_id = fold.destination_id)"
)
"""The alert was folded and was not sent separately later."""
OWN_FOLDS = (
    f"(SELECT * FROM fold WHERE {NOT_SENT}) AS fold"
    " JOIN destination ON destination.id = fold.destination_id"
    " LEFT JOIN delivery ON delivery.id = fold.delivery_id"
    " LEFT JOIN alert AS opener ON opener.id = delivery.alert_id"
)
"""Such folds, joined to `destination` and to the `delivery` and alert (`opener`) they folded into."""
MOST_SHOWN = 20
_HEADLINE = "coalesce(nullif({0}.title, ''), {0}.name, {0}.rule_id)"


def folds_of(db: peewee.Database, alert_keys: Collection[int]) -> dict[int, list[FoldRow]]:
    """Return the folds of each alert, by the alert's key."""
    folds: dict[int, list[FoldRow]] = {key: [] for key in alert_keys}
    query = (
        "SELECT fold.alert_id, fold.id, destination.name, destination.id, destination.deleted_at,"
        f" fold.folded_at, opener.id, opener.alert_id, {_HEADLINE.format('opener')}, delivery.state,"
        f" delivery.attempts FROM {OWN_FOLDS} WHERE fold.alert_id {AMONG} ORDER BY fold.id"
    )
    for row in fetch(db, query, (among(alert_keys),)):
        stands = standing(State(row[9]), row[10]) if row[9] else None
        folds[row[0]].append(
            FoldRow(row[1], row[2], row[3], row[4] is not None, row[5], row[6], row[7], row[8], stands)
        )
    return folds


def folded_into(db: peewee.Database, delivery_ids: Sequence[int]) -> dict[int, list[FoldedAlert]]:
    """Return the last `MOST_SHOWN` alerts folded into each delivery, newest first, by delivery id."""
    query = (
        f"SELECT alert.id, alert.alert_id, {_HEADLINE.format('alert')}, fold.folded_at FROM fold"
        " JOIN alert ON alert.id = fold.alert_id WHERE fold.delivery_id = ?"
        " ORDER BY fold.number DESC LIMIT ?"
    )
    return {key: [FoldedAlert(*row) for row in fetch(db, query, (key, MOST_SHOWN))] for key in delivery_ids}
