"""New deliveries, which begin scheduled for now."""

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
    """What is to be sent where; `webhook_id` is its name from the start."""

    webhook_id: str
    alert_key: int
    destination_id: int
    severity: Severity
    test: bool


def new_webhook_id(tx: Transaction) -> str:
    # Ids that grow with time keep the index of webhook ids appending.
    return f"dlv_{tx.now:011x}{tx.token()[:20]}"


def open_deliveries(
    tx: Transaction, deliveries: Sequence[NewDelivery], unless_taken: str | None = None
) -> dict[str, int]:
    """The key of each by its webhook id; one whose `unless_taken` columns are another's is left out."""
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
