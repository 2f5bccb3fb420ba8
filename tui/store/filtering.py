"""A filter as the WHERE clause of a query over `alert`."""

from collections.abc import Callable
from typing import Any

from tui.domain.alert import encode_json
from tui.domain.filter import UNROUTED, Filter, Key, Term
from tui.domain.lifecycle import Standing
from tui.store.rows import marks

Clause = tuple[str, tuple[Any, ...]]

_STANDING = {
    Standing.WAITING: "delivery.state = 'scheduled' AND delivery.attempts = 0",
    Standing.RETRYING: "delivery.state = 'scheduled' AND delivery.attempts > 0",
    Standing.SENDING: "delivery.state = 'in_flight'",
    Standing.DELIVERED: "delivery.state = 'delivered'",
    Standing.FAILED: "delivery.state = 'failed'",
    Standing.CANCELLED: "delivery.state = 'cancelled'",
}


def where(filter: Filter, now: int) -> Clause:
    """SQL and values for `filter` at `now` (ms)."""
    alike = [
        t for t in filter.terms if t.key in (Key.STATE, Key.TO) and not t.negated and t.values != (UNROUTED,)
    ]
    clauses: list[Clause] = []
    if alike:
        # One delivery is to satisfy them all: `state:failed to:soc` means failed at soc.
        clauses.append(_some_delivery([_delivery_clause(t) for t in alike]))
    for term in filter.terms:
        if term not in alike:
            sql, values = _clause(term, now)
            clauses.append((f"NOT ({sql})" if term.negated else sql, values))
    if not clauses:
        return "1 = 1", ()
    return " AND ".join(f"({sql})" for sql, _ in clauses), tuple(v for _, values in clauses for v in values)


def matching_delivery(filter: Filter) -> Clause:
    """The part of `filter` that says which of an alert's deliveries are meant."""
    parts = [_delivery_clause(t) for t in filter.terms if t.key in (Key.STATE, Key.TO) and not t.negated]
    return " AND ".join(sql for sql, _ in parts) or "1 = 1", tuple(v for _, values in parts for v in values)


def _clause(term: Term, now: int) -> Clause:
    match term.key:
        case Key.STATE | Key.TO:
            clauses = [_some_delivery([_delivery_clause(term)])] if term.values != (UNROUTED,) else []
            clauses += [("alert.not_routed IS NOT NULL", ())] if UNROUTED in term.values else []
            return " OR ".join(sql for sql, _ in clauses), tuple(v for _, values in clauses for v in values)
        case Key.SEVERITY | Key.TYPE:
            return f"alert.{term.key.value} IN ({marks(term.values)})", term.values
        case Key.SINCE:
            return "alert.created_at >= ?", (now - max(int(value) for value in term.values),)
        case Key.TEST:
            return f"alert.test = {'true' if 'yes' in term.values else 'false'}", ()
        case Key.TAG:
            return _any(_like("tags"), term, lambda value: _contains(encode_json(value)))
        case Key.WORD:
            columns = ("title", "name", "rule_id", "alert_id")
            found = " OR ".join(_like(column) for column in columns)
            return f"coalesce({found}, 1 = 0)", (_contains(term.values[0]),) * len(columns)


def _any(sql: str, term: Term, value_of: Callable[[str], str]) -> Clause:
    return " OR ".join([sql] * len(term.values)), tuple(value_of(value) for value in term.values)


def _delivery_clause(term: Term) -> Clause:
    if term.key is Key.TO:
        named = f"SELECT id FROM destination WHERE name_folded IN ({marks(term.values)})"
        return f"delivery.destination_id IN ({named})", term.values
    states = [_STANDING[Standing(value)] for value in term.values if value != UNROUTED]
    return "(" + " OR ".join(f"({sql})" for sql in states or ["1 = 0"]) + ")", ()


def _some_delivery(parts: list[Clause]) -> Clause:
    conditions = " AND ".join(sql for sql, _ in parts)
    sql = f"EXISTS (SELECT 1 FROM delivery WHERE delivery.alert_id = alert.id AND {conditions})"
    return sql, tuple(v for _, values in parts for v in values)


def _like(column: str) -> str:
    # PostgreSQL's LIKE minds case, SQLite's does not.
    return f"lower(alert.{column}) LIKE lower(?) ESCAPE '\\'"


def _contains(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
