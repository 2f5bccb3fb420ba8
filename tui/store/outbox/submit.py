"""Alerts come in: stored together with their deliveries, or not at all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tui.domain.alert import Alert, Severity
from tui.domain.destination import Destination, route
from tui.domain.errors import Invalid
from tui.domain.lifecycle import submitted
from tui.store.database import Transaction
from tui.store.destinations import all_destinations
from tui.store.rows import fetch, from_alert, insert, marks


@dataclass(frozen=True, slots=True)
class Receipt:
    """An alert as it was stored: its id, and the id and destination of each delivery."""

    alert_id: str
    deliveries: tuple[tuple[int, str, Destination], ...]
    """(row id, webhook id, destination) of each."""
    not_routed: str | None


def submit(tx: Transaction, alerts: Sequence[Alert]) -> list[Receipt | Invalid]:
    """Store alerts with their deliveries, one answer each: the receipt, or why it was not stored."""
    destinations = all_destinations(tx.db)
    taken = _stored_ids(tx, [alert.alert_id for alert in alerts])
    answers: list[Receipt | Invalid] = []
    for alert in alerts:
        if alert.alert_id in taken:
            answers.append(Invalid("alertId", f"an alert with the id {alert.alert_id!r} is stored already"))
            continue
        try:
            targets, not_routed = route(alert, destinations)
        except Invalid as error:
            answers.append(error)
            continue
        taken.add(alert.alert_id)
        answers.append(_store(tx, alert, targets, not_routed))
    return answers


def _stored_ids(tx: Transaction, ids: Sequence[str]) -> set[str]:
    sql = f"SELECT alert_id FROM alert WHERE alert_id IN ({marks(ids)})"
    return {row[0] for row in fetch(tx.db, sql, ids)}


def _store(tx: Transaction, alert: Alert, targets: Iterable[Destination], not_routed: str | None) -> Receipt:
    alert_key = insert(tx.db, "alert", {**from_alert(alert), "not_routed": not_routed})
    progress = submitted(tx.now)
    deliveries: list[tuple[int, str, Destination]] = []
    for destination in targets:
        # Ids that grow with time keep the index of webhook ids appending.
        webhook_id = f"dlv_{tx.now:011x}{tx.token()[:20]}"
        columns = {
            "webhook_id": webhook_id,
            "alert_id": alert_key,
            "destination_id": destination.id,
            "state": progress.state.value,
            "round": progress.round,
            "attempts": progress.attempts,
            "number": progress.number,
            "due_at": progress.due_at,
            "urgency": 0 if alert.test else 1 + Severity.CRITICAL.rank - alert.severity.rank,
            "test": alert.test,
        }
        deliveries.append((insert(tx.db, "delivery", columns), webhook_id, destination))
    return Receipt(alert.alert_id, tuple(deliveries), not_routed)
