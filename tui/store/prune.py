"""Alerts that are over are removed for good, because a person asks for it: nothing else removes any.

An alert ends as the worst of its deliveries did, or of those it folded into. It is over when none of them
is scheduled or in flight, and goes with all its deliveries and attempts and its entry in the index of words,
or stays with all.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import peewee

from tui.domain.filter import FOLDED, UNROUTED
from tui.domain.lifecycle import State
from tui.store.engine.database import Transaction
from tui.store.outbox.folding import lock_windows_of
from tui.store.outbox.rows import lock_deliveries_of
from tui.store.tables.dialect import dialect_of
from tui.store.tables.rows import AMONG, among, fetch

ENDS = (UNROUTED, FOLDED, State.DELIVERED.value, State.CANCELLED.value, State.FAILED.value)
"""How an alert may have ended, from good to bad."""

_RANKS = {end: rank for rank, end in enumerate(ENDS)}
_BY_DELIVERY = {end: end for end in ENDS if end in State.__members__.values()}
_BY_FOLD = _BY_DELIVERY | {State.DELIVERED.value: FOLDED}
"""An alert that folded ends as the delivery did that stands for it."""


def _rank(ends: Mapping[str, str]) -> str:
    """Of a delivery's state; beyond all ends while it has not ended."""
    ranks = " ".join(f"WHEN '{state}' THEN {_RANKS[end]}" for state, end in ends.items())
    return f"CASE delivery.state {ranks} ELSE {len(ENDS)} END"


_END = (
    f"(SELECT coalesce(max(place), {_RANKS[UNROUTED]}) FROM ("
    f"SELECT {_rank(_BY_DELIVERY)} AS place FROM delivery WHERE delivery.alert_id = alert.id UNION ALL"
    f" SELECT CASE WHEN delivery.id IS NULL THEN {_RANKS[FOLDED]} ELSE {_rank(_BY_FOLD)} END"
    " FROM fold LEFT JOIN delivery ON delivery.id = fold.delivery_id"
    " WHERE fold.alert_id = alert.id) AS each_end)"
)
# By the time that the alert tells, and by what happened to it here: an old one sent again yesterday is
# not old. The newest alert stays, so that keys, which lists page along, are never given out again.
_OLD = (
    "alert.created_at < ? AND alert.id < (SELECT max(id) FROM alert) AND NOT EXISTS (SELECT 1 FROM delivery"
    " JOIN attempt ON attempt.delivery_id = delivery.id"
    " WHERE delivery.alert_id = alert.id AND attempt.started_at >= ?)"
)


@dataclass(frozen=True, slots=True)
class Old:
    """How much is old of what ended alike."""

    alerts: int
    deliveries: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Step:
    """What one transaction has removed."""

    alerts: int
    looked_up_to: int | None
    """The key to go on behind; None at the end."""


def count_old(db: peewee.Database, before: int) -> dict[str, Old]:
    """What of each end is older than `before` (ms); it looks at every alert that is."""
    of_alert = "FROM delivery WHERE delivery.alert_id = alert.id"
    query = (
        f"SELECT ended, count(*), sum(deliveries), sum(attempts) FROM (SELECT {_END} AS ended,"
        f" (SELECT count(*) {of_alert}) AS deliveries,"
        f" (SELECT count(*) FROM attempt WHERE delivery_id IN (SELECT delivery.id {of_alert})) AS attempts"
        f" FROM alert WHERE {_OLD}) AS old WHERE ended < ? GROUP BY ended"
    )
    rows = fetch(db, query, (before, before, len(ENDS)))
    return {ENDS[ended]: Old(alerts, int(sent), int(tried)) for ended, alerts, sent, tried in rows}


def step(tx: Transaction, before: int, ends: Collection[str], *, after: int, limit: int) -> Step:
    """Remove the first `limit` alerts behind the key `after` that are older than `before` and ended so.

    Little at a time, so that whoever else writes never waits long.
    """
    keys = _old(tx, before, ends, f"alert.id > {after:d}", f"LIMIT {limit:d}")
    looked_up_to = keys[-1] if len(keys) == limit else None
    # Somebody may just be sending one again: with its deliveries in our hands nobody can any more.
    # Windows first, as whoever submits holds a window before it refers to the delivery that opened it.
    lock_windows_of(tx, keys)
    # One that folded has no delivery yet: nothing may refer to it anew.
    tx.lock(f"SELECT id FROM alert WHERE id {AMONG} ORDER BY id", (among(keys),), references=True)
    lock_deliveries_of(tx, keys)
    keys = _old(tx, before, ends, f"alert.id {AMONG}", "", among(keys))
    dialect_of(tx.db).forget_words(tx.db, keys)
    gone = fetch(tx.db, f"DELETE FROM alert WHERE id {AMONG} RETURNING id", (among(keys),))
    return Step(len(gone), looked_up_to)


def _old(
    tx: Transaction, before: int, ends: Collection[str], which: str, limit: str, *values: str
) -> Sequence[int]:
    ranks = ", ".join(str(_RANKS[end]) for end in ends) or "NULL"
    old = f"{which} AND {_OLD} AND {_END} IN ({ranks})"
    query = f"SELECT alert.id FROM alert WHERE {old} ORDER BY alert.id {limit}"
    return [row[0] for row in fetch(tx.db, query, (*values, before, before))]
