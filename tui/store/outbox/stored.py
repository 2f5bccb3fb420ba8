"""Alerts that are already stored, with their receipts: what a repeat is compared with."""

# pyright: reportUnknownMemberType=false

from collections.abc import Collection
from dataclasses import dataclass, replace

from tui.domain.alert import Alert
from tui.domain.destination import Destination
from tui.domain.lifecycle import State
from tui.store.engine.database import Transaction
from tui.store.reading.folds import OWN_FOLDS
from tui.store.tables.rows import (
    ALERT_COLUMNS,
    AMONG,
    AMONG_NAMES,
    DESTINATION_COLUMNS,
    among,
    fetch,
    qualified,
    to_alert,
    to_destination,
)

Sent = tuple[int, str, Destination]
"""(row id, webhook id, destination) of a delivery."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The result of storing an alert."""

    alert_id: str
    deliveries: tuple[Sent, ...]
    not_routed: str | None
    folded: tuple[tuple[Destination, str], ...] = ()
    """(destination, id of the alert it folded into) of each fold."""
    repeated: bool = False
    """The alert was already stored, and was not stored again."""
    revived: tuple[Sent, ...] = ()
    """The deliveries that this repeat queued: new rounds of failed ones, and those of an alert that was not
    routed before. A failed delivery that the alert folded into belongs to another alert."""

    @property
    def went_to(self) -> set[int]:
        """The ids of its destinations, including those where it folded."""
        sent, folded = self.deliveries, self.folded
        return {destination.id for _, _, destination in sent} | {destination.id for destination, _ in folded}


@dataclass(frozen=True, slots=True)
class Stored:
    """An alert that is already stored."""

    key: int
    alert: Alert
    receipt: Receipt
    failed: tuple[tuple[Sent, int | None], ...]
    """Its failed deliveries, and those it folded into, each with the time of its last revival."""

    def is_same(self, other: Alert, targets: Collection[Destination] | None) -> bool:
        """Return whether `other` is a repeat. None for `targets` does not compare the destinations."""
        if targets is not None and {target.id for target in targets} != self.receipt.went_to:
            return False
        return content(other) == content(self.alert)


def content(alert: Alert) -> Alert:
    """Return what two alerts with the same id must share to be repeats.

    Not the log types: an alert may have been stored before its format said what they are.
    """
    return replace(alert, created_at=0, destinations=None, log_types=())


def find_stored(tx: Transaction, ids: Collection[str]) -> dict[str, Stored]:
    """Return those of the alerts that are stored, by alert id."""
    columns = f"{ALERT_COLUMNS}, not_routed"
    rows = fetch(tx.db, f"SELECT {columns} FROM alert WHERE alert_id {AMONG_NAMES}", (among(ids),))
    deliveries: dict[int, list[Sent]] = {row[0]: [] for row in rows}
    failed: dict[int, list[tuple[Sent, int | None]]] = {row[0]: [] for row in rows}
    query = (
        f"SELECT delivery.alert_id, {_DELIVERY}, {qualified('destination', DESTINATION_COLUMNS)}"
        " FROM delivery JOIN destination ON destination.id = delivery.destination_id"
        f" WHERE delivery.alert_id {AMONG} ORDER BY delivery.id"
    )
    for key, delivery_id, webhook_id, state, revived_at, *destination in fetch(
        tx.db, query, (among(deliveries),)
    ):
        sent = (delivery_id, webhook_id, to_destination(tuple(destination)))
        deliveries[key].append(sent)
        if state == State.FAILED:
            failed[key].append((sent, revived_at))
    folded: dict[int, list[tuple[Destination, str]]] = {row[0]: [] for row in rows}
    for key, into, delivery_id, webhook_id, state, revived_at, *destination in fetch(
        tx.db,
        f"SELECT fold.alert_id, coalesce(opener.alert_id, ''), {_DELIVERY},"
        f" {qualified('destination', DESTINATION_COLUMNS)} FROM {OWN_FOLDS}"
        f" WHERE fold.alert_id {AMONG} ORDER BY fold.id",
        (among(deliveries),),
    ):
        target = to_destination(tuple(destination))
        folded[key].append((target, into))
        if state == State.FAILED:
            failed[key].append(((delivery_id, webhook_id, target), revived_at))
    return {
        row[1]: Stored(
            row[0],
            to_alert(row),
            Receipt(row[1], tuple(deliveries[row[0]]), row[-1], tuple(folded[row[0]]), repeated=True),
            tuple(failed[row[0]]),
        )
        for row in rows
    }


_DELIVERY = "delivery.id, delivery.webhook_id, delivery.state, delivery.revived_at"
