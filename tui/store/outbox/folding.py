"""Folding: decide under a lock which alert opens a window and which folds into it.

Each fold key has a row, and a submit holds the rows of its keys until it commits. So of two alerts that
arrive at once in two processes, the second sees the decision about the first.
"""

# pyright: reportUnknownMemberType=false

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from tui.domain.alert import Alert, Severity
from tui.domain.destination import Destination
from tui.domain.folding import Window, fold_key
from tui.domain.lifecycle import State
from tui.store.engine.database import Transaction
from tui.store.tables.rows import AMONG, AMONG_NAMES, among, fetch, insert_many, insert_quietly, update_many


@dataclass(slots=True)
class _Held:
    """The locked row of a key, with the changes to write."""

    id: int
    window: Window | None
    """None if there was no alert with this key."""
    delivery: int | None
    """The delivery that opened the window; None if this transaction opens it."""
    webhook_id: str | None
    """The webhook id of the delivery if this transaction opens the window."""
    alert_id: str
    folded: int


@dataclass(frozen=True, slots=True)
class _Fold:
    alert_key: int
    destination_id: int
    delivery: int | None
    webhook_id: str | None
    number: int


class Windows:
    """The windows that the alerts of a submit may open or fold into."""

    def __init__(self, tx: Transaction, going: Iterable[tuple[Alert, Sequence[Destination]]]) -> None:
        keys = {
            fold_key(alert, target.id)
            for alert, targets in going
            for target in targets
            if target.fold_ms and not alert.test
        }
        self._tx = tx
        self._held = _hold(tx, keys) if keys else {}
        self._folds: list[_Fold] = []

    def fold(self, key: int, alert: Alert, target: Destination) -> str | None:
        """Fold `alert`, stored under `key`, into a window. Return its opener's alert id, or None."""
        if target.fold_ms is None or alert.test:
            return None
        held = self._held[fold_key(alert, target.id)]
        if held.window is None or not held.window.takes(alert.severity, self._tx.now, target.fold_ms):
            return None
        held.folded += 1
        self._folds.append(_Fold(key, target.id, held.delivery, held.webhook_id, held.folded))
        return held.alert_id

    def open(self, alert: Alert, target: Destination, webhook_id: str) -> None:
        """Open a window with `alert`, which is delivered to `target`."""
        if target.fold_ms is None or alert.test:
            return
        held = self._held[fold_key(alert, target.id)]
        held.window = Window(self._tx.now, alert.severity, alive=True)
        held.delivery, held.webhook_id, held.alert_id, held.folded = None, webhook_id, alert.alert_id, 0

    def store(self, deliveries: dict[str, int]) -> None:
        """Write folds and windows. `deliveries` holds the keys of new deliveries by webhook id."""
        if not self._held:
            return
        folds = [
            (fold.alert_key, fold.destination_id, _key(fold, deliveries), fold.number, self._tx.now)
            for fold in self._folds
        ]
        insert_quietly(self._tx.db, "fold", _FOLD, folds)
        windows = [
            (held.id, _key(held, deliveries), held.window.opened_at, held.window.severity.value, held.folded)
            for held in self._held.values()
            if held.window is not None
        ]
        update_many(self._tx.db, "fold_window", _CHANGES, _NAMES, windows, where="fold_window.id = step.id")


_FOLD = ("alert_id", "destination_id", "delivery_id", "number", "folded_at")
_NAMES = ("id", "delivery_id", "opened_at", "severity", "folded")
_CHANGES = (
    "delivery_id = step.delivery_id, opened_at = step.opened_at, severity = step.severity,"
    " folded = step.folded"
)


def _key(of: _Held | _Fold, deliveries: dict[str, int]) -> int | None:
    return of.delivery if of.webhook_id is None else deliveries[of.webhook_id]


def _hold(tx: Transaction, keys: Iterable[str]) -> dict[str, _Held]:
    """Lock the row of each key, inserting missing ones, in key order: any other order could deadlock."""
    ordered = sorted(keys)
    blank = [(key, tx.now, Severity.INFO.value, 0) for key in ordered]
    columns = ("key", "opened_at", "severity", "folded")
    query = tx.lock_rows(
        "SELECT key, id, delivery_id, opened_at, severity, folded FROM fold_window"
        f" WHERE key {AMONG_NAMES} ORDER BY key"
    )
    while True:
        with tx.db.atomic() as savepoint:
            # Waits here for a transaction that inserts the same row, and below for one that holds it.
            insert_many(tx.db, "fold_window", columns, blank, key="key", unless_taken="key")
            rows = fetch(tx.db, query, (among(ordered),))
            if len(rows) == len(ordered):
                break
            # A prune deleted a row between the two statements. Release all locks before inserting it again;
            # otherwise rows would not be locked in order.
            savepoint.rollback()
    # A separate statement after the lock: it sees what was committed while we waited.
    firsts = {
        row[0]: row[1:]
        for row in fetch(
            tx.db,
            "SELECT delivery.id, delivery.state, alert.alert_id FROM delivery"
            f" JOIN alert ON alert.id = delivery.alert_id WHERE delivery.id {AMONG}",
            (among(row[2] for row in rows if row[2] is not None),),
        )
    }
    held: dict[str, _Held] = {}
    for key, id, delivery, opened_at, severity, folded in rows:
        if delivery is None:
            held[key] = _Held(id, None, None, None, "", 0)
            continue
        state, alert_id = firsts[delivery]
        alive = state not in (State.FAILED, State.CANCELLED)
        held[key] = _Held(id, Window(opened_at, Severity(severity), alive), delivery, None, alert_id, folded)
    return held


def lock_windows_of(tx: Transaction, alert_keys: Collection[int]) -> None:
    """Lock the windows that these alerts opened until the transaction ends, in the order of `_hold`."""
    opened = f"SELECT id FROM delivery WHERE alert_id {AMONG}"
    select = f"SELECT id FROM fold_window WHERE delivery_id IN ({opened}) ORDER BY key"
    tx.lock(select, (among(alert_keys),))
