"""Inserts new alerts, and opens their deliveries and folds."""

# pyright: reportUnknownMemberType=false

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tui.domain.alert import Alert
from tui.domain.destination import Destination
from tui.store.engine.database import Transaction
from tui.store.outbox.deliveries import NewDelivery, new_webhook_id, open_deliveries
from tui.store.outbox.folding import Windows
from tui.store.outbox.stored import Receipt, Sent
from tui.store.tables.rows import AMONG, among, execute, fetch, from_alert, insert_many, insert_quietly


@dataclass(frozen=True, slots=True)
class Routed:
    """An alert to store and its destinations."""

    alert: Alert
    targets: Sequence[Destination]
    not_routed: str | None


def store_alerts(tx: Transaction, routed: Collection[Routed]) -> dict[str, int]:
    """Insert alerts and return their keys by alert id. Ids that are already stored are skipped."""
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


def store_deliveries(
    tx: Transaction, fresh: Sequence[tuple[int, Routed]], rerouted: Mapping[int, Routed]
) -> dict[str, Receipt]:
    """Insert the deliveries of alerts, given with their keys. Return the receipts by alert id.

    `rerouted` are stored alerts that were not routed; those that another transaction routed meanwhile are
    left out.
    """
    windows = Windows(tx, ((one.alert, one.targets) for _, one in [*fresh, *rerouted.items()]))
    routed = [*fresh, *_still_not_routed(tx, rerouted)]  # alerts after windows: the order of locks
    sent: list[tuple[NewDelivery, str, Destination]] = []
    folded: dict[str, list[tuple[Destination, str]]] = {one.alert.alert_id: [] for _, one in routed}
    for key, one in routed:
        alert = one.alert
        for target in one.targets:
            into = windows.fold(key, alert, target)
            if into is not None:
                folded[alert.alert_id].append((target, into))
                continue
            new = NewDelivery(new_webhook_id(tx), key, target.id, alert.severity, alert.test)
            sent.append((new, alert.alert_id, target))
            windows.open(alert, target, new.webhook_id)
    ids = open_deliveries(tx, [new for new, _, _ in sent])
    windows.store(ids)
    deliveries: dict[str, list[Sent]] = {one.alert.alert_id: [] for _, one in routed}
    for new, alert_id, target in sent:
        deliveries[alert_id].append((ids[new.webhook_id], new.webhook_id, target))
    return {
        alert_id: Receipt(alert_id, tuple(deliveries[alert_id]), one.not_routed, tuple(folded[alert_id]))
        for _, one in routed
        for alert_id in [one.alert.alert_id]
    }


def count_repeats(tx: Transaction, repeated: Iterable[str], keys: Mapping[str, int]) -> None:
    """Count repeats of alerts, given by alert id. `keys` are the keys of these alerts."""
    counted = sorted(Counter(keys[alert_id] for alert_id in repeated).items())
    insert_quietly(
        tx.db,
        "alert_repeat",
        ("alert_id", "number"),
        counted,
        on_conflict="(alert_id) DO UPDATE SET number = alert_repeat.number + excluded.number",
    )


def _still_not_routed(tx: Transaction, rerouted: Mapping[int, Routed]) -> list[tuple[int, Routed]]:
    """Lock the alerts that are still not routed, and mark them as routed."""
    if not rerouted:
        return []
    select = f"SELECT id, not_routed FROM alert WHERE id {AMONG} ORDER BY id"
    locked = fetch(tx.db, tx.lock_rows(select), (among(rerouted),))
    keys = [key for key, reason in locked if reason is not None]
    execute(tx.db, f"UPDATE alert SET not_routed = NULL WHERE id {AMONG}", (among(keys),))
    return [(key, rerouted[key]) for key in keys]
