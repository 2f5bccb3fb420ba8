"""Alerts come in: stored together with their deliveries, or not at all."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from tui.domain.alert import Alert, Severity
from tui.domain.destination import Destination, route
from tui.domain.errors import Invalid
from tui.domain.lifecycle import submitted
from tui.domain.search import alert_words
from tui.store.database import Transaction
from tui.store.destinations import all_destinations
from tui.store.rows import from_alert, insert_many
from tui.store.words import index_words


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
    answers: dict[int, Receipt | Invalid] = {}
    routed: dict[str, _Routed] = {}
    for place, alert in enumerate(alerts):
        if alert.alert_id in routed:
            answers[place] = _stored_already(alert)
            continue
        try:
            routed[alert.alert_id] = _Routed(place, alert, *route(alert, destinations))
        except Invalid as error:
            answers[place] = error
    keys = _store_alerts(tx, routed.values())
    index_words(tx.db, [(key, _words(routed[alert_id].alert)) for alert_id, key in keys.items()])
    deliveries = _store_deliveries(tx, [(keys[one], routed[one]) for one in routed if one in keys])
    for alert_id, one in routed.items():
        if alert_id in keys:
            answers[one.place] = Receipt(alert_id, tuple(deliveries[alert_id]), one.not_routed)
        else:
            answers[one.place] = _stored_already(one.alert)
    return [answers[place] for place in range(len(alerts))]


@dataclass(frozen=True, slots=True)
class _Routed:
    place: int
    """Which of the alerts given it is."""
    alert: Alert
    targets: Sequence[Destination]
    not_routed: str | None


def _stored_already(alert: Alert) -> Invalid:
    return Invalid("alertId", f"an alert with the id {alert.alert_id!r} is stored already")


def _store_alerts(tx: Transaction, routed: Collection[_Routed]) -> dict[str, int]:
    """The key of each alert by its id; an id that is stored already is left out."""
    columns = [{**from_alert(one.alert), "not_routed": one.not_routed} for one in routed]
    if not columns:
        return {}
    return insert_many(
        tx.db,
        "alert",
        list(columns[0]),
        [tuple(row.values()) for row in columns],
        key="alert_id",
        unless_taken="alert_id",
    )


def _words(alert: Alert) -> list[str]:
    return alert_words((alert.title, alert.name, alert.rule_id, alert.alert_id), alert.tags)


_DELIVERY = [
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
]


def _store_deliveries(
    tx: Transaction, routed: Sequence[tuple[int, _Routed]]
) -> dict[str, list[tuple[int, str, Destination]]]:
    """(row id, webhook id, destination) of each delivery by its alert's id."""
    start = submitted(tx.now)
    sent: list[tuple[str, str, Destination]] = []
    rows: list[tuple[Any, ...]] = []
    for key, one in routed:
        alert = one.alert
        urgency = 0 if alert.test else 1 + Severity.CRITICAL.rank - alert.severity.rank
        for target in one.targets:
            # Ids that grow with time keep the index of webhook ids appending.
            webhook_id = f"dlv_{tx.now:011x}{tx.token()[:20]}"
            sent.append((alert.alert_id, webhook_id, target))
            rows.append(
                (
                    webhook_id,
                    key,
                    target.id,
                    start.state.value,
                    start.round,
                    start.attempts,
                    start.number,
                    start.due_at,
                    urgency,
                    alert.test,
                )
            )
    ids = insert_many(tx.db, "delivery", _DELIVERY, rows, key="webhook_id")
    deliveries: dict[str, list[tuple[int, str, Destination]]] = {one.alert.alert_id: [] for _, one in routed}
    for alert_id, webhook_id, target in sent:
        deliveries[alert_id].append((ids[webhook_id], webhook_id, target))
    return deliveries
