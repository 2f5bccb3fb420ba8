"""New deliveries, scheduled for now."""

from collections.abc import Sequence
from dataclasses import dataclass

from tui.domain.alert import Severity
from tui.domain.lifecycle import submitted
from tui.store.engine.database import Transaction
from tui.store.tables.rows import insert_many

_COLUMNS = (
    "webhook_id",
    "alert_id",
    "destination_id",
    "state",
    "round",
    "attempts",
    "number",
    "due_at",
    "urgency",
    "test",
)


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A delivery to insert: an alert and a destination, under the id that the receiver will see."""

    webhook_id: str
    alert_key: int
    destination_id: int
    severity: Severity
    test: bool


def new_webhook_id(tx: Transaction) -> str:
    # Ids that increase with time are appended to the index.
    return f"dlv_{tx.now:011x}{tx.token()[:20]}"


def open_deliveries(
    tx: Transaction, deliveries: Sequence[NewDelivery], unless_taken: str | None = None
) -> dict[str, int]:
    """Insert deliveries. Return their keys by webhook id.

    A delivery that conflicts with an existing one in the `unless_taken` columns is skipped.
    """
    start = submitted(tx.now)
    rows = [
        (
            new.webhook_id,
            new.alert_key,
            new.destination_id,
            start.state.value,
            start.round,
            start.attempts,
            start.number,
            start.due_at,
            0 if new.test else 1 + Severity.CRITICAL.rank - new.severity.rank,
            new.test,
        )
        for new in deliveries
    ]
    return insert_many(tx.db, "delivery", _COLUMNS, rows, key="webhook_id", unless_taken=unless_taken)
