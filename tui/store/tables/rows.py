"""Convert rows to domain values and back, and run SQL.

Rows are plain tuples read and written with our own SQL, not model instances: on the outbox's hot path,
composing a query with the ORM costs more than running it.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import peewee

from tui.domain.alert import Alert, Severity, encode_json
from tui.domain.alert_type import AlertType
from tui.domain.destination import PANTHER, Destination
from tui.domain.headers import Header
from tui.domain.rotation import OldSecret
from tui.domain.secret import Secret
from tui.domain.tls import DEFAULT_TLS, TlsSettings

ALERT_COLUMNS = (
    "id, alert_id, rule_id, severity, type, created_at, title, name, link, context, description, runbook,"
    " tags, version, test, dedup_key, log_types"
)
AMONG = "IN (SELECT CAST(key AS bigint) FROM json_each(?))"
"""SQL after a column of integers. Its one value is `among(ids)`."""
AMONG_NAMES = "IN (SELECT key FROM json_each(?))"
"""The same after a column of text."""
_MOST_VALUES = 8_000  # SQLite allows 32,766 values in a statement
HEALTH_COLUMNS = "failures, exhausted, failing_since"
HOLD_COLUMNS = "held_until, holds, slowed_to, hold_changed_at"
DESTINATION_COLUMNS = (
    "id, name, url, severities, alert_types, headers, secret, timeout_ms, rate, paused, tls, takes,"
    " old_secret, old_secret_until, fold_ms, shape, log_types, allow_stop, retries"
)


def to_alert(row: tuple[Any, ...]) -> Alert:
    """Convert a row of `ALERT_COLUMNS`."""
    return Alert(
        alert_id=row[1],
        rule_id=row[2],
        severity=Severity(row[3]),
        type=AlertType(row[4]),
        created_at=row[5],
        title=row[6],
        name=row[7],
        link=row[8],
        context=row[9],
        description=row[10],
        runbook=row[11],
        tags=tuple(json.loads(row[12])) if row[12] != "[]" else (),
        version=row[13],
        test=bool(row[14]),
        dedup_key=row[15],
        log_types=tuple(json.loads(row[16])) if row[16] else (),
    )


def from_alert(alert: Alert) -> dict[str, Any]:
    return {
        "alert_id": alert.alert_id,
        "rule_id": alert.rule_id,
        "severity": alert.severity.value,
        "type": alert.type.value,
        "created_at": alert.created_at,
        "title": alert.title,
        "name": alert.name,
        "link": alert.link,
        "context": alert.context,
        "description": alert.description,
        "runbook": alert.runbook,
        "tags": encode_json(alert.tags),
        "version": alert.version,
        "test": alert.test,
        "dedup_key": alert.dedup_key,
        "log_types": encode_json(alert.log_types) if alert.log_types else None,
    }


def to_destination(row: tuple[Any, ...]) -> Destination:
    """Convert a row of `DESTINATION_COLUMNS`."""
    return Destination(
        id=row[0],
        name=row[1],
        url=row[2],
        severities=frozenset(Severity(value) for value in json.loads(row[3])),
        alert_types=frozenset(AlertType(value) for value in json.loads(row[4])),
        headers=tuple(Header(name, Secret(value)) for name, value in json.loads(row[5])),
        secret=Secret(row[6]) if row[6] else None,
        timeout_ms=row[7],
        rate=row[8],
        paused=bool(row[9]),
        tls=_to_tls(row[10]),
        filter=row[11] or "",
        old_secret=OldSecret(Secret(row[12]), row[13]) if row[12] else None,
        fold_ms=row[14],
        shape=row[15] or PANTHER,
        log_types=tuple(json.loads(row[16])) if row[16] else (),
        allow_stop=bool(row[17]),
        retries=tuple(json.loads(row[18])) if row[18] else None,
    )


def from_destination(destination: Destination) -> dict[str, Any]:
    return {
        "name": destination.name,
        "name_folded": destination.name.casefold(),
        "url": destination.url,
        "severities": encode_json([s.value for s in Severity if s in destination.severities]),
        "alert_types": encode_json([t.value for t in AlertType if t in destination.alert_types]),
        "headers": encode_json([[header.name, header.value.value] for header in destination.headers]),
        "secret": destination.secret.value if destination.secret else None,
        "old_secret": destination.old_secret.secret.value if destination.old_secret else None,
        "old_secret_until": destination.old_secret.until if destination.old_secret else None,
        "timeout_ms": destination.timeout_ms,
        "rate": destination.rate,
        "paused": destination.paused,
        "tls": _from_tls(destination.tls),
        "log_types": encode_json(destination.log_types) if destination.log_types else None,
        "takes": destination.filter or None,
        "fold_ms": destination.fold_ms,
        "shape": None if destination.shape == PANTHER else destination.shape,
        "allow_stop": destination.allow_stop or None,
        "retries": None if destination.retries is None else encode_json(destination.retries),
    }


def _to_tls(stored: str | None) -> TlsSettings:
    if stored is None:
        return DEFAULT_TLS
    fields = json.loads(stored)
    password = fields.pop("key_password", None)
    return TlsSettings(**fields, key_password=Secret(password) if password else None)


def _from_tls(tls: TlsSettings) -> str | None:
    if tls == DEFAULT_TLS:
        return None
    password = tls.key_password.value if tls.key_password else None
    fields = {
        "ca_file": tls.ca_file,
        "certificate": tls.certificate,
        "key": tls.key,
        "key_password": password,
        "verify": tls.verify,
    }
    return encode_json(fields)


def fetch(db: peewee.Database, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Return all rows of a statement. Its placeholders are written `?` for both engines."""
    return db.execute_sql(sql.replace("?", db.param), values).fetchall()


def execute(db: peewee.Database, sql: str, values: Sequence[Any] = ()) -> int:
    """Run a statement with `?` placeholders and return the number of rows it changed."""
    return db.execute_sql(sql.replace("?", db.param), values).rowcount


def among(ids: Iterable[int | str]) -> str:
    """Return the value for `AMONG` or `AMONG_NAMES`: one value, so that any number of ids fits a statement.

    The ids are the keys of a JSON object because `json_each` of both engines splits objects.
    """
    return json.dumps(dict.fromkeys(ids, 0))


def insert_many(
    db: peewee.Database,
    table: str,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    *,
    key: str = "id",
    id: str = "id",
    unless_taken: str | None = None,
) -> dict[Any, int]:
    """Insert rows with few statements. Return the `id` of each row by the value of its `key` column.

    A row whose `unless_taken` columns conflict with an existing row is skipped.
    """
    conflict = f" ON CONFLICT ({unless_taken}) DO NOTHING" if unless_taken else ""
    ids: dict[Any, int] = {}
    for part in _parts(rows, len(columns)):
        sql = f"{_insert(table, columns, part)}{conflict} RETURNING {key}, {id}"
        ids.update(fetch(db, sql, _values(part)))
    return ids


def insert_quietly(
    db: peewee.Database,
    table: str,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    *,
    on_conflict: str = "",
) -> None:
    """Like `insert_many` without returning ids, which is cheaper: see `update_many`."""
    conflict = f" ON CONFLICT {on_conflict}" if on_conflict else ""
    for part in _parts(rows, len(columns)):
        execute(db, f"{_insert(table, columns, part)}{conflict}", _values(part))


def update_many(
    db: peewee.Database,
    table: str,
    changes: str,
    names: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    *,
    where: str,
) -> int:
    """UPDATE `table` from `rows`, a table called `step` with columns `names`. Return the number of changes.

    One statement for all rows, which returns no row: for each statement and each returned row this thread
    releases the GIL and waits for it behind the event loop. A column that may be NULL needs a CAST in
    `changes`, because PostgreSQL takes it for text.
    """
    changed = 0
    columns = ", ".join(f"column{place} AS {name}" for place, name in enumerate(names, 1))
    for part in _parts(rows, len(names)):
        steps = f"SELECT {columns} FROM (VALUES {_tuples(part)}) AS given"
        sql = f"UPDATE {table} SET {changes} FROM ({steps}) AS step WHERE {where}"
        changed += execute(db, sql, _values(part))
    return changed


def fetch_unmatched(
    db: peewee.Database, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> set[Any]:
    """Return the first value of each of `rows` that equals no row of the table in these columns."""
    same = " AND ".join(f"{table}.{name} = given.column{place}" for place, name in enumerate(columns, 1))
    unmatched: set[Any] = set()
    for part in _parts(rows, len(columns)):
        sql = (
            f"SELECT given.column1 FROM (VALUES {_tuples(part)}) AS given"
            f" LEFT JOIN {table} ON {same} WHERE {table}.{columns[0]} IS NULL"
        )
        unmatched.update(row[0] for row in fetch(db, sql, _values(part)))
    return unmatched


def _insert(table: str, columns: Sequence[str], part: Sequence[tuple[Any, ...]]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {_tuples(part)}"


def _values(rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    return [value for row in rows for value in row]


def _parts(rows: Sequence[tuple[Any, ...]], width: int) -> Iterator[Sequence[tuple[Any, ...]]]:
    """Split rows into parts that fit one statement."""
    size = _MOST_VALUES // width
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _tuples(rows: Sequence[tuple[Any, ...]]) -> str:
    return ", ".join([f"({marks(rows[0])})"] * len(rows))


def qualified(table: str, columns: str) -> str:
    """Return `columns` prefixed with their table, for a join with equal column names."""
    return ", ".join(f"{table}.{column}" for column in columns.split(", "))


def marks(values: Collection[Any]) -> str:
    """Return a placeholder per value for an IN list; NULL, which matches nothing, for no values."""
    return ", ".join("?" * len(values)) or "NULL"
