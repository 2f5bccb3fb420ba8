"""Translate a filter to SQL: the rows to walk, in the order of the alerts' keys, and their conditions.

A query walks the rarest rows that the filter asks for: the word index, failed or retrying deliveries, the
deliveries of a destination, and only then the alerts, in an index with every column that filters use. So the
cost of a page depends on its length, not on the number of alerts.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import peewee

from tui.domain.filter import ABOUT_ATTEMPTS, ABOUT_DELIVERIES, ABOUT_WORDS, Filter, Key, Term, Terms
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
_LIKE_SYNTAX, _ESCAPED = re.compile("([!%_])"), r"!\1"
_FEW = 20_000
"""Up to this many deliveries, sorting them is fast, and looking at each of their alerts."""


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
    return [source for terms in filter.alternatives for source in _sources(db, terms, now)]


def _sources(db: peewee.Database, terms: Terms, now: int) -> list[Source]:
    alert = dialect_of(db).using("alert", "alert_listed")
    if terms.asking(*ABOUT_WORDS) and not _few_deliveries_match(db, terms):
        words = [term for term in terms.terms if term.key in ABOUT_WORDS and not _excludes_failures(term)]
        found, wanted = dialect_of(db).contains(words)
        rest, values = _where(db, terms.without(words), now)
        condition = f"{found} AND alert.id = alert_words.rowid AND {rest}"
        own = Source(f"alert_words CROSS JOIN {alert}", "alert_words.rowid", condition, (wanted, *values))
        return [own, *_found_by_failures(db, terms, now)]
    if not terms.about_deliveries:
        return [Source(alert, "alert.id", *_where(db, terms, now))]
    rest, values = _where(db, terms.about_alerts, now)
    named, names = _delivery_clause(terms)
    walked = [
        Source(
            f"{_walk(db, standing)} CROSS JOIN {alert}",
            "delivery.alert_id",
            f"{condition} AND {named} AND alert.id = delivery.alert_id AND {rest}",
            (*names, *values),
            repeats=True,
        )
        for standing, condition in _standings(terms)
    ]
    if terms.lets_folded_through:
        fold, fold_values = _fold_clause(terms)
        walked.append(
            Source(
                f"{dialect_of(db).using('fold', 'fold_alert_id_destination_id')} CROSS JOIN {alert}",
                "fold.alert_id",
                f"{fold} AND alert.id = fold.alert_id AND {rest}",
                (*fold_values, *values),
                repeats=True,
            )
        )
    if terms.lets_unrouted_through:
        walked.append(Source(alert, "alert.id", f"alert.not_routed IS NOT NULL AND {rest}", values))
    return walked


def _excludes_failures(term: Term) -> bool:
    """Whether a term needs two lookups: neither the alert nor a failed attempt may have the word."""
    return term.key is Key.WORD and term.negated


def _found_by_failures(db: peewee.Database, terms: Terms, now: int) -> list[Source]:
    """Return the source of alerts of which a word is found only in a failed attempt."""
    asked = tuple(value for term in terms.asking(Key.WORD) for value in term.values)
    if not asked:
        return []
    failed, wanted = _failures_with(db, Term(Key.WORD, asked))
    rest, values = _where(db, terms, now)
    alert = dialect_of(db).using("alert", "alert_listed")
    return [Source(alert, "alert.id", f"alert.id IN ({failed}) AND {rest}", (*wanted, *values))]


def _failures_with(db: peewee.Database, term: Term) -> Clause:
    """Return the query for the keys of alerts with a failed attempt that has the word, and its values."""
    found, wanted = dialect_of(db).contains((term,), "attempt_words")
    return (
        "SELECT delivery.alert_id FROM attempt_words JOIN attempt ON attempt.id = attempt_words.rowid"
        f" JOIN delivery ON delivery.id = attempt.delivery_id WHERE {found}",
        (wanted,),
    )


def _standings(terms: Terms) -> list[tuple[Standing | None, str]]:
    if terms.states is None:
        return [(None, "1 = 1")]
    return [(standing, _STANDING[standing]) for standing in Standing if standing in terms.states]


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


def _few_deliveries_match(db: peewee.Database, terms: Terms) -> bool:
    """Return whether the asked states have an index of their own, and few deliveries are in it."""
    if not terms.states or not terms.states <= {Standing.FAILED, Standing.RETRYING}:
        return False
    states = _any(sql for _, sql in _standings(terms))
    count = f"SELECT count(*) FROM (SELECT 1 FROM delivery WHERE {states} LIMIT ?) AS few"
    return fetch(db, count, (_FEW,))[0][0] < _FEW


def _few_are_due(db: peewee.Database) -> bool:
    count = "SELECT count(*) FROM (SELECT 1 FROM delivery WHERE due_at IS NOT NULL LIMIT ?) AS due"
    return fetch(db, count, (_FEW,))[0][0] < _FEW


def matching_delivery(db: peewee.Database, filter: Filter, now: int) -> Clause:
    """Return the condition that selects among the deliveries of alerts, joined to them, with its values."""
    return _any_clause(
        _all_clauses([_state_clause(terms), _delivery_clause(terms), _where(db, terms.about_alerts, now)])
        for terms in filter.alternatives
    )


def matching_fold(db: peewee.Database, filter: Filter, now: int, *, any_state: bool = False) -> Clause:
    """Return the condition that selects among the folds of alerts, joined to them, with its values.

    Only alternatives that let folded alerts through are considered, unless their states do not matter.
    """
    return _any_clause(
        _all_clauses([_fold_clause(terms), _where(db, terms.about_alerts, now)])
        for terms in filter.alternatives
        if any_state or terms.lets_folded_through
    )


def _where(db: peewee.Database, terms: Terms, now: int) -> Clause:
    """Return a condition on rows of `alert`, with its values, for `terms` at `now` (ms since 1970)."""
    clauses = [_clause(db, term, now) for term in terms.about_alerts.terms]
    if terms.about_deliveries:
        clauses.append(_some_delivery(terms))
    return _all_clauses(clauses)


def _some_delivery(terms: Terms) -> Clause:
    """One delivery must satisfy all terms: `state:failed to:soc` means failed at soc."""
    meant, values = _all_clauses([_state_clause(terms), _delivery_clause(terms)])
    sql = f"EXISTS (SELECT 1 FROM delivery WHERE delivery.alert_id = alert.id AND {meant})"
    if terms.lets_folded_through:
        fold, fold_values = _fold_clause(terms)
        sql += f" OR EXISTS (SELECT 1 FROM fold WHERE fold.alert_id = alert.id AND {fold})"
        values = (*values, *fold_values)
    return (f"{sql} OR alert.not_routed IS NOT NULL" if terms.lets_unrouted_through else sql), values


def _state_clause(terms: Terms) -> Clause:
    return _any(sql for _, sql in _standings(terms)), ()


def _delivery_clause(terms: Terms) -> Clause:
    """What the terms require of a delivery, except for its state."""
    clauses = [_named(terms)]
    for column, key in (("delivery.attempts", Key.ATTEMPTS), ("delivery.round", Key.ROUND)):
        clauses += [_in_range(column, term) for term in terms.asking(key)]
    attempts = [_attempt_clause(term) for term in terms.asking(*ABOUT_ATTEMPTS)]
    if attempts:
        meant, values = _all_clauses(attempts)
        known = "SELECT 1 FROM attempt WHERE attempt.delivery_id = delivery.id"
        clauses.append((f"EXISTS ({known} AND {meant})", values))
    return _all_clauses(clauses)


def _attempt_clause(term: Term) -> Clause:
    match term.key:
        case Key.STATUS:
            return _in_range("attempt.status_code", term)
        case Key.OUTCOME:
            return f"attempt.outcome IN ({marks(term.values)})", term.values
        case _:
            texts = "lower(coalesce(attempt.error, '') || ' ' || coalesce(attempt.reason, ''))"
            sought = tuple(f"%{_LIKE_SYNTAX.sub(_ESCAPED, value)}%" for value in term.values)
            return _any(f"{texts} LIKE ? ESCAPE '!'" for _ in sought), sought


def _in_range(column: str, term: Term) -> Clause:
    bounds = tuple(int(bound) for value in term.values for bound in value.split("-"))
    return _any(f"{column} BETWEEN ? AND ?" for _ in term.values), bounds


def _repeats_clause(span: str) -> Clause:
    """An alert that was not repeated has no row, which a range from 0 must match."""
    low, high = map(int, span.split("-"))
    beyond = "alert.id {} (SELECT alert_id FROM alert_repeat WHERE number {} BETWEEN ? AND ?)"
    return beyond.format(*(("NOT IN", "NOT") if low == 0 else ("IN", ""))), (low, high)


def _fold_clause(terms: Terms) -> Clause:
    named, names = _named(terms, "fold")
    return f"{NOT_SENT} AND {named}", names


def _named(terms: Terms, table: str = "delivery") -> Clause:
    sql = f"{table}.destination_id IN (SELECT id FROM destination WHERE name_folded IN ({{}}))"
    asked = terms.asking(Key.TO)
    parts = [sql.format(marks(term.values)) for term in asked]
    return " AND ".join(parts) or "1 = 1", tuple(value for term in asked for value in term.values)


def _clause(db: peewee.Database, term: Term, now: int) -> Clause:
    sql, values = _plain_clause(db, term, now)
    return (f"NOT ({sql})" if term.negated else sql), values


def _plain_clause(db: peewee.Database, term: Term, now: int) -> Clause:
    if term.key in ABOUT_DELIVERIES:
        return _some_delivery(Terms((replace(term, negated=False),)))
    if term.key in ABOUT_WORDS:
        found, wanted = dialect_of(db).contains((replace(term, negated=False),))
        own = f"alert.id IN (SELECT alert_words.rowid FROM alert_words WHERE {found})"
        if term.key is not Key.WORD:
            return own, (wanted,)
        failed, values = _failures_with(db, replace(term, negated=False))
        return f"{own} OR alert.id IN ({failed})", (wanted, *values)
    match term.key:
        case Key.SEVERITY | Key.TYPE if not term.values:
            return "1 = 0", ()  # not `IN (NULL)`: its negation does not hold either
        case Key.SEVERITY | Key.TYPE:
            return f"alert.{term.key.value} IN ({marks(term.values)})", term.values
        case Key.REPEATS:
            return _any_clause(_repeats_clause(value) for value in term.values)
        case Key.SINCE | Key.UNTIL:
            moments = [int(value) if int(value) > 0 else now + int(value) for value in term.values]
            if term.key is Key.SINCE:
                return "alert.created_at >= ?", (min(moments),)
            return "alert.created_at < ?", (max(moments),)
        case _:
            return _any(f"alert.test = {'true' if v == 'yes' else 'false'}" for v in term.values), ()


def _any(conditions: Iterable[str]) -> str:
    """Return the disjunction of `conditions`; false for none."""
    return "(" + (" OR ".join(f"({sql})" for sql in conditions) or "1 = 0") + ")"


def _any_clause(clauses: Iterable[Clause]) -> Clause:
    given = list(clauses)
    return _any(sql for sql, _ in given), _values(given)


def _all_clauses(clauses: Sequence[Clause]) -> Clause:
    return " AND ".join(f"({sql})" for sql, _ in clauses) or "1 = 1", _values(clauses)


def _values(clauses: Iterable[Clause]) -> tuple[Any, ...]:
    return tuple(value for _, values in clauses for value in values)
