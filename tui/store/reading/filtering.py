"""Translate a filter to SQL: the rows to walk, in the order of the alerts' keys, and their conditions.

A query walks the rarest rows that the filter asks for: the word index, failed or retrying deliveries, the
deliveries of a destination, and only then the alerts, in an index with every column that filters use. So the
cost of a page depends on its length, not on the number of alerts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import peewee

from tui.domain.filter import Filter, Key, Term
from tui.domain.lifecycle import Standing
from tui.store.reading.folds import NOT_SENT
from tui.store.tables.dialect import dialect_of
from tui.store.tables.rows import fetch, marks

Clause = tuple[str, tuple[Any, ...]]

_STANDING = {
    Standing.WAITING: (
        "delivery.due_at IS NOT NULL AND delivery.state = 'scheduled' AND delivery.attempts = 0"
    ),
    Standing.RETRYING: "delivery.state = 'scheduled' AND delivery.attempts > 0",
    Standing.SENDING: "delivery.due_at IS NOT NULL AND delivery.state = 'in_flight'",
    Standing.DELIVERED: "delivery.state = 'delivered'",
    Standing.FAILED: "delivery.state = 'failed'",
    Standing.CANCELLED: "delivery.state = 'cancelled'",
}
_FEW = 20_000
"""Up to this many due deliveries, sorting them is fast."""


@dataclass(frozen=True, slots=True)
class Source:
    """Rows to walk: a FROM clause, the column with the alert's key, and a condition with its values."""

    tables: str
    key: str
    where: str
    values: tuple[Any, ...]
    repeats: bool = False
    """Whether an alert may appear several times, once per delivery."""


def sources(db: peewee.Database, filter: Filter, now: int) -> list[Source]:
    """Return sources whose union is the matching alerts; empty if the filter contradicts itself."""
    alert = dialect_of(db).using("alert", "alert_listed")
    words = [term for term in filter.terms if term.key in (Key.WORD, Key.TAG) and not term.negated]
    if words:
        found, wanted = dialect_of(db).contains(words)
        rest, values = where(db, Filter(tuple(t for t in filter.terms if t not in words)), now)
        condition = f"{found} AND alert.id = alert_words.rowid AND {rest}"
        return [Source(f"alert_words CROSS JOIN {alert}", "alert_words.rowid", condition, (wanted, *values))]
    if filter.states is None and not filter.names:
        return [Source(alert, "alert.id", *where(db, filter, now))]
    rest, values = where(db, filter.about_alerts, now)
    named, names = _named(filter)
    walked = [
        Source(
            f"{_walk(db, standing)} CROSS JOIN {alert}",
            "delivery.alert_id",
            f"{condition} AND {named} AND alert.id = delivery.alert_id AND {rest}",
            (*names, *values),
            repeats=True,
        )
        for standing, condition in _standings(filter)
    ]
    if filter.lets_folded_through:
        fold, fold_values = matching_fold(filter)
        walked.append(
            Source(
                f"{dialect_of(db).using('fold', 'fold_alert_id_destination_id')} CROSS JOIN {alert}",
                "fold.alert_id",
                f"{fold} AND alert.id = fold.alert_id AND {rest}",
                (*fold_values, *values),
                repeats=True,
            )
        )
    if filter.lets_unrouted_through:
        walked.append(Source(alert, "alert.id", f"alert.not_routed IS NOT NULL AND {rest}", values))
    return walked


def _standings(filter: Filter) -> list[tuple[Standing | None, str]]:
    if filter.states is None:
        return [(None, "1 = 1")]
    return [(standing, _STANDING[standing]) for standing in Standing if standing in filter.states]


def _walk(db: peewee.Database, standing: Standing | None) -> str:
    if not dialect_of(db).index_hints:
        return "delivery"
    match standing:
        case Standing.FAILED | Standing.RETRYING:
            return dialect_of(db).using("delivery", f"delivery_{standing}")
        case Standing.WAITING | Standing.SENDING if _few_are_due(db):
            return dialect_of(db).using("delivery", "delivery_lane")
        case _:
            return dialect_of(db).using("delivery", "delivery_alert_id_destination_id")


def _few_are_due(db: peewee.Database) -> bool:
    count = "SELECT count(*) FROM (SELECT 1 FROM delivery WHERE due_at IS NOT NULL LIMIT ?) AS due"
    return fetch(db, count, (_FEW,))[0][0] < _FEW


def where(db: peewee.Database, filter: Filter, now: int) -> Clause:
    """Return a condition on rows of `alert`, with its values, for `filter` at `now` (ms since 1970)."""
    clauses = [_clause(db, term, now) for term in filter.about_alerts.terms]
    if filter.states is not None or filter.names:
        clauses.append(_some_delivery(filter))
    if not clauses:
        return "1 = 1", ()
    return " AND ".join(f"({sql})" for sql, _ in clauses), tuple(v for _, values in clauses for v in values)


def matching_delivery(filter: Filter) -> Clause:
    """Return the condition that selects among an alert's deliveries, with its values."""
    named, names = _named(filter)
    return f"{_any(sql for _, sql in _standings(filter))} AND {named}", names


def matching_fold(filter: Filter) -> Clause:
    """Return the condition that selects among an alert's folds, with its values."""
    named, names = _named(filter, "fold")
    return f"{NOT_SENT} AND {named}", names


def _some_delivery(filter: Filter) -> Clause:
    """One delivery must satisfy all terms: `state:failed to:soc` means failed at soc."""
    meant, values = matching_delivery(filter)
    sql = f"EXISTS (SELECT 1 FROM delivery WHERE delivery.alert_id = alert.id AND {meant})"
    if filter.lets_folded_through:
        fold, fold_values = matching_fold(filter)
        sql += f" OR EXISTS (SELECT 1 FROM fold WHERE fold.alert_id = alert.id AND {fold})"
        values = (*values, *fold_values)
    return (f"{sql} OR alert.not_routed IS NOT NULL" if filter.lets_unrouted_through else sql), values


def _named(filter: Filter, table: str = "delivery") -> Clause:
    sql = f"{table}.destination_id IN (SELECT id FROM destination WHERE name_folded IN ({{}}))"
    parts = [sql.format(marks(term.values)) for term in filter.names]
    return " AND ".join(parts) or "1 = 1", tuple(value for term in filter.names for value in term.values)


def _clause(db: peewee.Database, term: Term, now: int) -> Clause:
    sql, values = _plain_clause(db, term, now)
    return (f"NOT ({sql})" if term.negated else sql), values


def _plain_clause(db: peewee.Database, term: Term, now: int) -> Clause:
    match term.key:
        case Key.STATE | Key.TO:
            return _some_delivery(Filter((Term(term.key, term.values),)))
        case Key.SEVERITY | Key.TYPE if not term.values:
            return "1 = 0", ()  # not `IN (NULL)`: its negation does not hold either
        case Key.SEVERITY | Key.TYPE:
            return f"alert.{term.key.value} IN ({marks(term.values)})", term.values
        case Key.SINCE:
            return "alert.created_at >= ?", (now - max(int(value) for value in term.values),)
        case Key.TEST:
            return _any(f"alert.test = {'true' if v == 'yes' else 'false'}" for v in term.values), ()
        case Key.WORD | Key.TAG:
            found, wanted = dialect_of(db).contains((term,))
            return f"alert.id IN (SELECT alert_words.rowid FROM alert_words WHERE {found})", (wanted,)


def _any(conditions: Iterable[str]) -> str:
    """Return the disjunction of `conditions`; false for none."""
    return "(" + (" OR ".join(f"({sql})" for sql in conditions) or "1 = 0") + ")"
