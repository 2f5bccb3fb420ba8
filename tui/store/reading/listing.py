"""Queries of alert lists: pages along the keys, counts, and new alerts.

An alert's key increases in order of arrival. A page begins at a key, not at an offset (except for a jump to
an unloaded place), so every page costs the same.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import peewee

from tui.domain.alert import Severity
from tui.domain.alert_type import AlertType
from tui.domain.filter import Filter
from tui.domain.lifecycle import State
from tui.domain.search import paths_of
from tui.store.reading.filtering import Source, sources
from tui.store.reading.folds import folds_of
from tui.store.reading.views import AlertRow, DeliveryRow
from tui.store.tables.rows import AMONG, among, fetch

_ALERT_ROW = (
    "alert.id, alert.alert_id, alert.rule_id, alert.severity, alert.type, alert.title, alert.name,"
    " alert.created_at, alert.test, alert.not_routed"
)
DELIVERY_ROW = (
    "delivery.id, delivery.webhook_id, destination.name, destination.id, destination.paused,"
    " destination.deleted_at, delivery.state, delivery.round, delivery.attempts, delivery.due_at,"
    " (SELECT number FROM fold WHERE fold.delivery_id = delivery.id ORDER BY number DESC LIMIT 1),"
    " (SELECT folded_at FROM fold WHERE fold.delivery_id = delivery.id ORDER BY number DESC LIMIT 1),"
    " delivery.revived_at"
)

LATEST = 1_000
"""The number of recent alerts that a destination's filter is tried on."""


def newest_key(db: peewee.Database) -> int:
    """Return the key of the last alert; 0 if there is none."""
    return fetch(db, "SELECT coalesce(max(id), 0) FROM alert")[0][0]


def page_of_alerts(
    db: peewee.Database,
    filter: Filter,
    now: int,
    *,
    up_to: int,
    after: int = 0,
    limit: int,
    skip: int = 0,
    upwards: bool = False,
) -> list[AlertRow]:
    """Return matching alerts with `after` < key <= `up_to`: newest first, at most `limit`.

    They are taken from `up_to` down or, with `upwards`, from `after` up, after skipping `skip` matches.
    `now` is in milliseconds since 1970.
    """
    order = "ASC" if upwards else "DESC"
    walked = sources(db, filter, now)
    if not walked:
        return []
    selects = [_keys(source, order) for source in walked]
    values: list[Any] = []
    for source in walked:
        values += [*source.values, after, up_to, skip + limit]
    sql = " UNION ".join(f"SELECT key FROM ({select}) AS walked" for select in selects)
    sql = f"SELECT key FROM ({sql}) AS found ORDER BY key {order} LIMIT ? OFFSET ?"
    return alerts_by_key(db, [row[0] for row in fetch(db, sql, (*values, limit, skip))])


def _keys(source: Source, order: str) -> str:
    distinct = "DISTINCT " if source.repeats else ""
    return (
        f"SELECT {distinct}{source.key} AS key FROM {source.tables} WHERE {source.where}"
        f" AND {source.key} > ? AND {source.key} <= ? ORDER BY {source.key} {order} LIMIT ?"
    )


def count_alerts(
    db: peewee.Database,
    filter: Filter,
    now: int,
    *,
    after: int = 0,
    up_to: int,
    most: int | None = None,
) -> int:
    """Count the matching alerts with `after` < key <= `up_to`, at most up to `most`."""
    walked = sources(db, filter, now)
    if not walked:
        return 0
    values: list[Any] = []
    selects: list[str] = []
    for source in walked:
        distinct = "DISTINCT " if source.repeats else ""
        selects.append(
            f"SELECT {distinct}{source.key} AS key FROM {source.tables} WHERE {source.where}"
            f" AND {source.key} > ? AND {source.key} <= ?"
        )
        values += [*source.values, after, up_to]
    limit = f" LIMIT {int(most)}" if most is not None else ""
    query = f"SELECT count(*) FROM ({' UNION '.join(selects)}{limit}) AS found"
    return fetch(db, query, values)[0][0]


def matching_keys(db: peewee.Database, filter: Filter, now: int, among_keys: Collection[int]) -> set[int]:
    """Return those of the given keys whose alerts match."""
    keys = among(among_keys)
    selects = [
        (f"SELECT {source.key} FROM {source.tables} WHERE {source.where} AND {source.key} {AMONG}", source)
        for source in sources(db, filter, now)
    ]
    return {row[0] for sql, source in selects for row in fetch(db, sql, (*source.values, keys))}


def place_of(db: peewee.Database, filter: Filter, now: int, alert_id: str, *, up_to: int) -> int | None:
    """Return how many matching alerts, up to the key `up_to`, are newer than this one.

    None if the alert does not exist or does not match.
    """
    for (key,) in fetch(db, "SELECT id FROM alert WHERE alert_id = ?", (alert_id,)):
        if matching_keys(db, filter, now, [key]):
            return count_alerts(db, filter, now, after=key, up_to=up_to)
    return None


def count_latest(db: peewee.Database, filter: Filter, now: int, *, most: int = LATEST) -> tuple[int, int]:
    """Return (matching, examined) among the last `most` alerts that are not tests."""
    latest = "SELECT id FROM alert WHERE NOT test ORDER BY id DESC LIMIT ?"
    query = f"SELECT min(id), max(id), count(*) FROM ({latest}) AS latest"
    first, last, count = fetch(db, query, (most,))[0]
    if not count:
        return 0, 0
    return count_alerts(db, filter, now, after=first - 1, up_to=last), count


def latest_paths(db: peewee.Database, *, most: int = 200) -> list[str]:
    """Return the paths in the contexts of the last `most` alerts, the most frequent first."""
    rows = fetch(db, "SELECT context FROM alert ORDER BY id DESC LIMIT ?", (most,))
    return [path for path, _ in Counter(path for row in rows for path in paths_of(row[0])).most_common()]


def alerts_by_key(db: peewee.Database, keys: Collection[int]) -> list[AlertRow]:
    """Return these alerts in their present state, newest first."""
    if not keys:
        return []
    query = f"SELECT {_ALERT_ROW} FROM alert WHERE id {AMONG} ORDER BY id DESC"
    return _with_deliveries(db, fetch(db, query, (among(keys),)))


def _with_deliveries(db: peewee.Database, rows: list[tuple[Any, ...]]) -> list[AlertRow]:
    deliveries: dict[int, list[DeliveryRow]] = {row[0]: [] for row in rows}
    query = (
        f"SELECT delivery.alert_id, {DELIVERY_ROW} FROM delivery"
        " JOIN destination ON destination.id = delivery.destination_id"
        f" WHERE delivery.alert_id {AMONG} ORDER BY delivery.id"
    )
    for row in fetch(db, query, (among(row[0] for row in rows),)):
        deliveries[row[0]].append(delivery_row(row[1:]))
    folds = folds_of(db, [row[0] for row in rows])
    return [
        AlertRow(
            key=row[0],
            alert_id=row[1],
            rule_id=row[2],
            severity=Severity(row[3]),
            type=AlertType(row[4]),
            title=row[5],
            name=row[6],
            created_at=row[7],
            test=bool(row[8]),
            not_routed=row[9],
            deliveries=tuple(deliveries[row[0]]),
            folds=tuple(folds[row[0]]),
        )
        for row in rows
    ]


def delivery_row(row: Sequence[Any]) -> DeliveryRow:
    """Convert a row of `DELIVERY_ROW`."""
    return DeliveryRow(
        row[0],
        row[1],
        row[2],
        row[3],
        bool(row[4]),
        row[5] is not None,
        State(row[6]),
        row[7],
        row[8],
        row[9],
        row[10] or 0,
        row[11],
        row[12],
    )
