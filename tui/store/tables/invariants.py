"""The rules between rows that table constraints cannot express. `tocsin db check` checks them.

Each is one statement, so that it sees a single state of the database while dispatchers write to it.
"""

from dataclasses import dataclass

import peewee

from tui.store.tables.rows import fetch


@dataclass(frozen=True, slots=True)
class _Invariant:
    broken: str
    """The description of rows that break the rule."""
    query: str
    """Returns the name of each such row in the column `name`."""


_LATEST = "attempt.delivery_id = delivery.id AND attempt.round = delivery.round"

_INVARIANTS = (
    _Invariant(
        "deliveries in flight without an open attempt",
        "SELECT webhook_id AS name FROM delivery WHERE due_at IS NOT NULL AND state = 'in_flight'"
        f" AND NOT EXISTS (SELECT 1 FROM attempt WHERE {_LATEST} AND attempt.number = delivery.number"
        " AND attempt.outcome IS NULL)",
    ),
    _Invariant(
        "open attempts of deliveries that are not in flight",
        "SELECT delivery.webhook_id AS name FROM attempt JOIN delivery ON delivery.id = attempt.delivery_id"
        " WHERE attempt.outcome IS NULL AND NOT (delivery.state = 'in_flight'"
        " AND attempt.round = delivery.round AND attempt.number = delivery.number)",
    ),
    _Invariant(
        "deliveries whose attempts are not numbered 1, 2, 3 … in each round",
        "SELECT delivery.webhook_id AS name FROM (SELECT delivery_id FROM attempt GROUP BY delivery_id, round"
        " HAVING min(number) <> 1 OR max(number) <> count(*)) AS gap"
        " JOIN delivery ON delivery.id = gap.delivery_id",
    ),
    _Invariant(
        "deliveries whose attempt count differs from the attempts of their round",
        "SELECT webhook_id AS name FROM delivery"
        f" WHERE number <> (SELECT count(*) FROM attempt WHERE {_LATEST})",
    ),
    _Invariant(
        "deliveries that are delivered while their last attempt is not, or vice versa",
        "SELECT webhook_id AS name FROM delivery WHERE (state = 'delivered')"
        f" <> EXISTS (SELECT 1 FROM attempt WHERE {_LATEST} AND attempt.number = delivery.number"
        " AND attempt.outcome = 'delivered')",
    ),
    _Invariant(
        "alerts with no delivery, no fold and no reason for it, or with a reason despite one",
        "SELECT alert.alert_id AS name FROM alert WHERE (not_routed IS NULL)"
        " <> EXISTS (SELECT 1 FROM delivery WHERE delivery.alert_id = alert.id"
        " UNION ALL SELECT 1 FROM fold WHERE fold.alert_id = alert.id)",
    ),
    _Invariant(
        "alerts missing from the word index",
        "SELECT alert.alert_id AS name FROM alert"
        " WHERE NOT EXISTS (SELECT 1 FROM alert_words WHERE alert_words.rowid = alert.id)",
    ),
    _Invariant(
        "word index entries that belong to no alert",
        "SELECT CAST(alert_words.rowid AS text) AS name FROM alert_words"
        " WHERE NOT EXISTS (SELECT 1 FROM alert WHERE alert.id = alert_words.rowid)",
    ),
    _Invariant(
        "word index entries that belong to no attempt",
        "SELECT CAST(attempt_words.rowid AS text) AS name FROM attempt_words"
        " WHERE NOT EXISTS (SELECT 1 FROM attempt WHERE attempt.id = attempt_words.rowid)",
    ),
)


def broken(db: peewee.Database) -> list[str]:
    """Return one sentence per broken rule; empty if all hold."""
    return [sentence for invariant in _INVARIANTS if (sentence := _look_at(db, invariant))]


def _look_at(db: peewee.Database, invariant: _Invariant) -> str:
    query = f"SELECT count(*), min(name) FROM ({invariant.query}) AS broken"
    count, first = fetch(db, query)[0]
    return f"{invariant.broken}: {count}, the first is {first}" if count else ""
