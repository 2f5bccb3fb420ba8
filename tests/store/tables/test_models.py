"""The database itself refuses invalid rows, whoever writes them."""

import peewee
import pytest

from tests.conftest import write
from tests.store.bench import Bench
from tui.domain.lifecycle import Outcome
from tui.store.engine.database import Transaction

LEASE = "'" + "a" * 32 + "'"


def run(tx: Transaction, sql: str) -> None:
    tx.db.execute_sql(sql)


@pytest.fixture
def sent(bench: Bench) -> Bench:
    """A delivery scheduled for its first retry, and another in flight."""
    bench.add()
    bench.submit()
    bench.finish(bench.claim_one(), Outcome.REJECTED)
    bench.submit()
    bench.claim_one()
    return bench


BROKEN_CHECKS = (
    "UPDATE delivery SET due_at = NULL WHERE state = 'scheduled'",
    "UPDATE delivery SET due_at = NULL WHERE state = 'in_flight'",
    *(
        f"UPDATE delivery SET state = '{state}' WHERE state = 'scheduled'"
        for state in ("delivered", "failed", "cancelled")
    ),
    f"UPDATE delivery SET lease = {LEASE} WHERE state = 'scheduled'",
    f"UPDATE delivery SET state = 'failed', due_at = NULL, lease = {LEASE} WHERE state = 'scheduled'",
    "UPDATE delivery SET lease = NULL WHERE state = 'in_flight'",
    "UPDATE delivery SET state = 'in_flight' WHERE state = 'scheduled'",
    "UPDATE delivery SET state = 'retrying' WHERE state = 'scheduled'",
    "UPDATE delivery SET attempts = -1",
    "UPDATE delivery SET attempts = 2, number = 1",
    "UPDATE delivery SET round = 0",
    "UPDATE attempt SET outcome = 'lost' WHERE outcome IS NOT NULL",
    "UPDATE attempt SET outcome = 'delivered' WHERE outcome IS NULL",
    "UPDATE attempt SET ended_at = 1 WHERE outcome IS NULL",
    "UPDATE attempt SET ended_at = NULL WHERE outcome IS NOT NULL",
    "UPDATE attempt SET round = 0",
    "UPDATE attempt SET number = 0",
    "UPDATE alert SET severity = 'FATAL'",
    "UPDATE alert SET severity = 'high'",
    "UPDATE alert SET type = 'INCIDENT'",
    "UPDATE destination SET timeout_ms = 999",
    "UPDATE destination SET timeout_ms = 120001",
    "UPDATE destination SET old_secret = 'x'",
    "UPDATE destination SET old_secret_until = 1",
)


def refuse(bench: Bench, sql: str) -> None:
    """Expect the database to refuse a statement."""
    try:
        write(bench.store, run, sql)
    except peewee.IntegrityError:
        return
    raise AssertionError(f"not refused: {sql}")


def test_rows_that_break_a_check_are_refused(sent: Bench) -> None:
    before = sent.books()
    for sql in BROKEN_CHECKS:
        refuse(sent, sql)
        assert sent.books() == before, sql


def copied(table: str, columns: str, **changes: str) -> str:
    """Return an INSERT of a copy of the table's first row with some columns changed."""
    values = ", ".join(changes.get(column, column) for column in columns.split(", "))
    return f"INSERT INTO {table} ({columns}) SELECT {values} FROM {table} WHERE id = 1"


ALERT = (
    "alert_id, rule_id, severity, type, created_at, title, link, context, description, runbook, tags, test"
)
DESTINATION = (
    "name, name_folded, url, severities, alert_types, headers, timeout_ms, paused, paced_until, failures,"
    " exhausted, created_at"
)
DELIVERY = (
    "webhook_id, alert_id, destination_id, state, round, attempts, number, due_at, lease, urgency, test"
)
ATTEMPT = "delivery_id, destination_id, round, number, started_at, url, response_truncated"


@pytest.mark.parametrize(
    ("twice", "once"),
    [
        (copied("alert", ALERT), copied("alert", ALERT, alert_id="'other'")),
        (
            copied("destination", DESTINATION, name="'SOC'"),
            copied("destination", DESTINATION, name_folded="'other'"),
        ),
        (
            copied("delivery", DELIVERY, webhook_id="'other'"),
            None,
        ),
        (copied("delivery", DELIVERY, alert_id="alert_id + 1"), None),
        (copied("attempt", ATTEMPT), copied("attempt", ATTEMPT, number="number + 1")),
        (copied("attempt", ATTEMPT), copied("attempt", ATTEMPT, round="round + 1")),
    ],
    ids=["alert id", "name", "alert and destination", "webhook id", "number in a round", "round"],
)
def test_unique_rows_are_not_stored_twice(sent: Bench, twice: str, once: str | None) -> None:
    with pytest.raises(peewee.IntegrityError):
        write(sent.store, run, twice)
    if once:
        write(sent.store, run, once)


def test_rows_that_refer_to_a_missing_row_are_refused(sent: Bench) -> None:
    for sql in (
        copied("attempt", ATTEMPT, delivery_id="99", number="9"),
        copied("attempt", ATTEMPT, destination_id="99", number="9"),
        copied("delivery", DELIVERY, alert_id="99", webhook_id="'other'"),
        copied("delivery", DELIVERY, destination_id="99", webhook_id="'other'"),
        "DELETE FROM destination",
    ):
        refuse(sent, sql)


def test_deleting_an_alert_deletes_its_deliveries_and_attempts(sent: Bench) -> None:
    write(sent.store, run, "DELETE FROM alert")
    assert sent.books() == [[], []]
