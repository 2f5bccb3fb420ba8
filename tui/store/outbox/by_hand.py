"""What a user does: resend, send to another destination, cancel.

Each function returns, for each id, None if it was done, or the reason why not.
"""

from collections.abc import Mapping, Sequence

from tui.domain.alert import Severity
from tui.domain.destination import Destination
from tui.domain.errors import Refused
from tui.domain.lifecycle import Event, Progress, advance
from tui.store.engine.database import Transaction
from tui.store.outbox.deliveries import NewDelivery, new_webhook_id, open_deliveries
from tui.store.outbox.rows import destinations_of, lock_by_id, progress_of, write_progress
from tui.store.tables.rows import AMONG, among, execute, fetch


def resend(tx: Transaction, delivery_ids: Sequence[int]) -> dict[int, Refused | None]:
    """Open a new round for each delivery."""
    return _by_hand(tx, delivery_ids, Event.RESEND)


def cancel(tx: Transaction, delivery_ids: Sequence[int]) -> dict[int, Refused | None]:
    """Cancel pending deliveries."""
    return _by_hand(tx, delivery_ids, Event.CANCEL)


def send_to(tx: Transaction, alert_keys: Sequence[int], destination_id: int) -> dict[int, Refused | None]:
    """Deliver alerts, given by key, to a destination that they did not go to, ignoring its filter."""
    places = {key: (key, destination_id) for key in alert_keys}
    return _deliver(tx, places, taken="it was already sent there")


def send_folded(tx: Transaction, fold_ids: Sequence[int]) -> dict[int, Refused | None]:
    """Deliver folded alerts separately after all, each given by the id of its fold."""
    query = f"SELECT id, alert_id, destination_id FROM fold WHERE id {AMONG} ORDER BY id"
    places = {
        fold: (alert, destination) for fold, alert, destination in fetch(tx.db, query, (among(fold_ids),))
    }
    answers: dict[int, Refused | None] = dict.fromkeys(fold_ids, Refused(_GONE))
    return answers | _deliver(tx, places, taken="it is already being sent")


_GONE = "it no longer exists"


def _deleted(destination: Destination) -> Refused:
    return Refused(f"the destination {destination.name!r} has been deleted")


def _deliver(
    tx: Transaction, places: Mapping[int, tuple[int, int]], *, taken: str
) -> dict[int, Refused | None]:
    """Open a delivery for each (alert key, destination id). If there already is one, refuse with `taken`."""
    select = f"SELECT id, severity, test FROM alert WHERE id {AMONG} ORDER BY id"
    # Locked against a prune: an alert found here cannot be deleted before its delivery refers to it.
    locked = tx.lock_rows(select)
    alerts = {
        key: rest for key, *rest in fetch(tx.db, locked, (among(alert for alert, _ in places.values()),))
    }
    destinations, deleted = destinations_of(tx, {destination for _, destination in places.values()})
    answers: dict[int, Refused | None] = {}
    opening: dict[str, int] = {}
    deliveries: list[NewDelivery] = []
    for asked, (alert, destination) in places.items():
        if alert not in alerts or destination not in destinations:
            answers[asked] = Refused(_GONE)
        elif destination in deleted:
            answers[asked] = _deleted(destinations[destination])
        else:
            severity, test = alerts[alert]
            new = NewDelivery(new_webhook_id(tx), alert, destination, Severity(severity), test=bool(test))
            deliveries.append(new)
            opening[new.webhook_id] = asked
            answers[asked] = Refused(taken)
    opened = open_deliveries(tx, deliveries, unless_taken="alert_id, destination_id")
    routed = among(new.alert_key for new in deliveries if new.webhook_id in opened)
    execute(tx.db, f"UPDATE alert SET not_routed = NULL WHERE id {AMONG}", (routed,))
    return answers | {opening[webhook_id]: None for webhook_id in opened}


def _by_hand(tx: Transaction, delivery_ids: Sequence[int], event: Event) -> dict[int, Refused | None]:
    answers: dict[int, Refused | None] = {}
    steps: list[tuple[int, Progress]] = []
    rows = lock_by_id(tx, delivery_ids)
    destinations, deleted = destinations_of(tx, {row[8] for row in rows})
    for row in rows:
        try:
            if row[8] in deleted:
                raise _deleted(destinations[row[8]])
            progress, _ = advance(progress_of(row), event, now=tx.now, limit=0)
        except Refused as refusal:
            answers[row[0]] = refusal
            continue
        steps.append((row[0], progress))
        answers[row[0]] = None
    write_progress(tx, steps)
    return answers
