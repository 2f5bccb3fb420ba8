"""The store of an engineer on call at three in the morning: `uv run python -m tests.oncall PATH`.

5,000 alerts of eight hours over twelve destinations. Six are healthy; the others answer 401, 404, 429 and
503, hang, or nothing listens there. Nothing is sent and nothing is random: the same time gives the same
store.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import peewee

from tui.commands.demo.samples import SAMPLES
from tui.domain.alert import Severity, parse_alert
from tui.domain.destination import parse_destination
from tui.domain.health import FAILING_AFTER
from tui.domain.lifecycle import Outcome
from tui.domain.retry import RetryPolicy
from tui.store import destinations, outbox
from tui.store.engine.database import Store, Transaction, wall_clock
from tui.store.engine.sqlite import Sqlite
from tui.store.tables.rows import fetch, insert_many

ALERTS, SPAN_MS = 5_000, 8 * 3_600_000
_POLICY = RetryPolicy()


@dataclass(frozen=True, slots=True)
class Receiver:
    name: str
    url: str
    severities: tuple[str, ...]
    duration_ms: int
    outcome: Outcome = Outcome.DELIVERED
    status_code: int | None = 200
    reason: str | None = "OK"
    error: str | None = None
    body: bytes = b'{"ok":true}'


_ALL = tuple(Severity)
_URGENT = ("HIGH", "CRITICAL")


def _rejecting(name: str, host: str, code: int, reason: str, body: bytes) -> Receiver:
    error = f"the receiver answered {code} {reason}"
    url = f"https://{host}/hooks/a1b2c3d4"
    return Receiver(name, url, _URGENT, 62, Outcome.REJECTED, code, reason, error, body)


def _silent(name: str, url: str, outcome: Outcome, duration_ms: int, error: str) -> Receiver:
    return Receiver(name, url, _URGENT, duration_ms, outcome, None, None, error, b"")


RECEIVERS = (
    Receiver("siem", "https://siem.example.com/in", _ALL, 48),
    Receiver("archive", "https://archive.example.com/alerts", _ALL, 131),
    Receiver("soc-chat", "https://chat.example.com/hooks/T0/a1b2c3d4", ("MEDIUM", *_URGENT), 84),
    Receiver("compliance", "https://grc.example.com/webhook", ("LOW", "MEDIUM"), 240),
    Receiver("edr", "https://edr.example.com/api/alerts", _URGENT, 55),
    Receiver("identity-team", "https://identity.example.com/hook", ("CRITICAL",), 97),
    _rejecting("soc-pager", "pager.example.com", 401, "Unauthorized", b'{"error":"invalid token"}'),
    _rejecting("old-tickets", "tickets.example.com", 404, "Not Found", b"no such hook"),
    _rejecting("mirror", "mirror.example.com", 429, "Too Many Requests", b"slow down"),
    _rejecting("status-page", "status.example.com", 503, "Service Unavailable", b"overloaded"),
    _silent(
        "warehouse", "https://warehouse.example.com/in", Outcome.TIMEOUT, 30_000, "no answer within 30 s"
    ),
    _silent(
        "backup-pager",
        "http://backup.example.com:8080/hook",
        Outcome.UNREACHABLE,
        1,
        "nothing is listening on backup.example.com:8080",
    ),
)


def build(path: Path, now: int, alerts: int = ALERTS) -> None:
    """Make the store in a new file, as it is at `now` (ms since 1970). 5,000 alerts take a few seconds."""
    clock = _Clock(now - SPAN_MS)
    with Store(Sqlite(path, clock)) as store:
        for receiver in RECEIVERS:
            added = parse_destination(
                name=receiver.name, url=receiver.url, severities=list(receiver.severities)
            )
            store.write(destinations.add, added).result()
        store.write(_submit, alerts).result()
        clock.now = now
        store.write(_deliver).result()


@dataclass
class _Clock:
    now: int

    def __call__(self) -> int:
        return self.now


def _submit(tx: Transaction, count: int) -> None:
    raised = (tx.now + number * SPAN_MS // count for number in range(count))
    alerts = [
        parse_alert(SAMPLES[number % len(SAMPLES)], now=at, alert_id=f"{number:032x}")
        for number, at in enumerate(raised)
    ]
    outbox.submit(tx, alerts)


def _deliver(tx: Transaction) -> None:
    """Make every attempt that was due until now.

    The rows are written directly: claiming and finishing 100,000 attempts would take a minute.
    """
    receivers = {
        id: receiver
        for receiver in RECEIVERS
        for (id,) in fetch(tx.db, "SELECT id FROM destination WHERE name = ?", (receiver.name,))
    }
    rows = fetch(
        tx.db,
        "SELECT delivery.id, delivery.destination_id, alert.created_at FROM delivery"
        " JOIN alert ON alert.id = delivery.alert_id ORDER BY delivery.id",
    )
    attempts: list[tuple[Any, ...]] = []
    for delivery, destination, created in rows:
        receiver = receivers[destination]
        moments, due = _moments(receiver, created, tx.now)
        attempts += (
            _attempt(delivery, destination, receiver, number, moment)
            for number, moment in enumerate(moments, 1)
        )
        state = (
            "delivered" if receiver.outcome is Outcome.DELIVERED else "failed" if due is None else "scheduled"
        )
        _update(
            tx.db, "delivery", delivery, state=state, attempts=len(moments), number=len(moments), due_at=due
        )
    insert_many(tx.db, "attempt", _COLUMNS, sorted(attempts, key=lambda row: row[7]), key="id")
    _note_health(tx, [id for id, receiver in receivers.items() if receiver.outcome is not Outcome.DELIVERED])


def _note_health(tx: Transaction, failing: Sequence[int]) -> None:
    for id in failing:
        ended = "SELECT number, ended_at FROM attempt WHERE destination_id = ? ORDER BY ended_at, id"
        attempts = fetch(tx.db, ended, (id,))
        exhausted = [at for number, at in attempts if number == _POLICY.limit(test=False)]
        _update(
            tx.db,
            "destination",
            id,
            failures=len(attempts),
            exhausted=len(exhausted),
            failing_since=exhausted[FAILING_AFTER - 1],
        )


def _update(db: peewee.Database, table: str, id: int, **values: Any) -> None:
    changes = ", ".join(f"{name} = ?" for name in values)
    db.execute_sql(f"UPDATE {table} SET {changes} WHERE id = ?", (*values.values(), id))


def _moments(receiver: Receiver, created: int, now: int) -> tuple[list[int], int | None]:
    """Return when the attempts until `now` began, and when the next one is due."""
    moments, due = [created], None
    if receiver.outcome is not Outcome.DELIVERED:
        while len(moments) < _POLICY.limit(test=False):
            due = moments[-1] + receiver.duration_ms + _POLICY.next_delay(len(moments), 0.5)
            if due > now - receiver.duration_ms:
                return moments, due
            moments.append(due)
    return moments, None


_COLUMNS = (
    "delivery_id",
    "destination_id",
    "round",
    "number",
    "outcome",
    "status_code",
    "reason",
    "started_at",
    "ended_at",
    "duration_ms",
    "error",
    "url",
    "remote_address",
    "request_headers",
    "response_headers",
    "response_body",
    "response_length",
    "response_truncated",
)


def _attempt(delivery: int, destination: int, to: Receiver, number: int, began: int) -> tuple[Any, ...]:
    answered = to.status_code is not None
    return (
        *(delivery, destination, 1, number, to.outcome.value, to.status_code, to.reason),
        *(began, began + to.duration_ms, to.duration_ms, to.error, to.url),
        "203.0.113.80:443" if answered else None,
        '[["content-type","application/json"]]',
        '[["content-type","text/plain"]]' if answered else "[]",
        to.body,
        len(to.body) if answered else None,
        False,
    )


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: python -m tests.oncall PATH")
    build(Path(sys.argv[1]), wall_clock())
