"""Delete old alerts that have ended, at the user's request. Nothing else deletes an alert.

An alert has ended when none of its deliveries, nor of those it folded into, is scheduled or in flight.
Its end is the worst of theirs. It goes with its deliveries, attempts and word index entry, or all stay.
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
"""The ends of an alert, from best to worst."""

_RANKS = {end: rank for rank, end in enumerate(ENDS)}
_BY_DELIVERY = {end: end for end in ENDS if end in State.__members__.values()}
_BY_FOLD = _BY_DELIVERY | {State.DELIVERED.value: FOLDED}
"""An alert that folded ends like the delivery that it folded into."""


def _rank(ends: Mapping[str, str]) -> str:
    """Return SQL for the rank of a delivery's end; higher than all ends while it has not ended."""
    ranks = " ".join(f"WHEN '{state}' THEN {_RANKS[end]}" for state, end in ends.items())
    return f"CASE delivery.state {ranks} ELSE {len(ENDS)} END"


_END = (
    f"(SELECT coalesce(max(place), {_RANKS[UNROUTED]}) FROM ("
    f"SELECT {_rank(_BY_DELIVERY)} AS place FROM delivery WHERE delivery.alert_id = alert.id UNION ALL"
    f" SELECT CASE WHEN delivery.id IS NULL THEN {_RANKS[FOLDED]} ELSE {_rank(_BY_FOLD)} END"
    " FROM fold LEFT JOIN delivery ON delivery.id = fold.delivery_id"
    " WHERE fold.alert_id = alert.id) AS each_end)"
)
# Old by its own time and by its last attempt: an old alert that was resent yesterday is not old. The newest
# alert stays, so that keys, which lists page along, are never reused.
_OLD = (
    "alert.created_at < ? AND alert.id < (SELECT max(id) FROM alert) AND NOT EXISTS (SELECT 1 FROM delivery"
    " JOIN attempt ON attempt.delivery_id = delivery.id"
    " WHERE delivery.alert_id = alert.id AND attempt.started_at >= ?)"
)


@dataclass(frozen=True, slots=True)
class Old:
    """The numbers of old rows that share an end."""

    alerts: int
    deliveries: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Step:
    """What one transaction deleted."""

    alerts: int
    looked_up_to: int | None
    """Continue after this key; None at the end."""


def count_old(db: peewee.Database, before: int) -> dict[str, Old]:
    """Count what is older than `before` (ms since 1970), by end. Reads every such alert."""
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
    """Delete the first `limit` alerts after the key `after` that are older than `before` and ended in `ends`.

    Call it repeatedly with small limits, so that other writers never wait long.
    """
    keys = _old(tx, before, ends, f"alert.id > {after:d}", f"LIMIT {limit:d}")
    looked_up_to = keys[-1] if len(keys) == limit else None
    # Someone may be resending one right now. Once we hold its deliveries, nobody can.
    # Windows first: a submit locks a window before it refers to the delivery that opened it.
    lock_windows_of(tx, keys)
    # A folded alert has no delivery yet: no new delivery may refer to it.
    tx.lock(f"SELECT id FROM alert WHERE id {AMONG} ORDER BY id", (among(keys),), references=True)
    lock_deliveries_of(tx, keys)
    keys = _old(tx, before, ends, f"alert.id {AMONG}", "", among(keys))
    dialect_of(tx.db).forget_words(tx.db, keys)
    dialect_of(tx.db).forget_failures(tx.db, keys)
    gone = fetch(tx.db, f"DELETE FROM alert WHERE id {AMONG} RETURNING id", (among(keys),))
    return Step(len(gone), looked_up_to)


def _old(
    tx: Transaction, before: int, ends: Collection[str], which: str, limit: str, *values: str
) -> Sequence[int]:
    ranks = ", ".join(str(_RANKS[end]) for end in ends) or "NULL"
    old = f"{which} AND {_OLD} AND {_END} IN ({ranks})"
    query = f"SELECT alert.id FROM alert WHERE {old} ORDER BY alert.id {limit}"
    return [row[0] for row in fetch(tx.db, query, (*values, before, before))]
