"""Store alerts together with their deliveries, or not at all, and each alert once."""

# pyright: reportUnknownMemberType=false

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from tui.domain.alert import Alert
from tui.domain.destination import Destination
from tui.domain.errors import Conflict, Invalid
from tui.domain.lifecycle import State
from tui.domain.matching import found_by
from tui.domain.repeats import DEFAULT_REVIVE_MS, revives
from tui.domain.routing import route
from tui.store.destinations import all_destinations
from tui.store.engine.database import Transaction
from tui.store.errors import StoreLocked
from tui.store.outbox.deliveries import NewDelivery, new_webhook_id, open_deliveries
from tui.store.outbox.folding import Windows
from tui.store.outbox.reviving import note_revived, revive
from tui.store.reading.folds import OWN_FOLDS
from tui.store.tables.rows import (
    ALERT_COLUMNS,
    AMONG,
    AMONG_NAMES,
    DESTINATION_COLUMNS,
    among,
    execute,
    fetch,
    from_alert,
    insert_many,
    qualified,
    to_alert,
    to_destination,
)
from tui.store.tables.words import index_words

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
class Group:
    """Alerts to store all together or not at all."""

    alerts: Sequence[Alert]
    by_id: Collection[str] = ()
    """Alert ids that identify a repeat by themselves, whatever else in the alert changed."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A group that was not stored: the errors of its alerts by their index."""

    errors: dict[int, Invalid]


def submit(
    tx: Transaction,
    alerts: Sequence[Alert],
    by_id: Collection[str] = (),
    *,
    revive_after_ms: int | None = DEFAULT_REVIVE_MS,
) -> list[Receipt | Invalid]:
    """Store alerts with their deliveries. Return a receipt, or the error, for each.

    `by_id` is that of `Group`, `revive_after_ms` that of `submit_groups`.
    """
    groups = [Group([alert], by_id) for alert in alerts]
    answers = submit_groups(tx, groups, revive_after_ms=revive_after_ms)
    return [answer.errors[0] if isinstance(answer, Rejected) else answer[0] for answer in answers]


def submit_report(tx: Transaction, report: Alert) -> Receipt | Invalid:
    """Store an alert of our own, or give the stored one its present content.

    What the search index holds must not change.
    """
    [answer] = submit(tx, [report], {report.alert_id})
    if isinstance(answer, Receipt) and answer.repeated:
        execute(
            tx.db,
            "UPDATE alert SET context = ?, description = ? WHERE alert_id = ?",
            (report.context, report.description, report.alert_id),
        )
    return answer


def submit_groups(
    tx: Transaction, groups: Sequence[Group], *, revive_after_ms: int | None = DEFAULT_REVIVE_MS
) -> list[list[Receipt] | Rejected]:
    """Store groups of alerts, each group completely or not at all.

    An alert whose id is already stored is a repeat if it differs only in `created_at`, which a sender may
    leave to us. Otherwise it is a Conflict. A repeat of an alert that was not routed is routed now. A repeat
    of one whose delivery failed opens a new round, at most once per delivery in `revive_after_ms`; None
    disables both. Raises StoreLocked if a prune deletes the same alerts right now.
    """
    destinations = all_destinations(tx.db)
    stored: dict[str, _Stored] = {}
    while True:
        plan = _Plan(destinations, stored, tx.now, revive_after_ms)
        answers = [plan.take(group) for group in groups]
        with tx.db.atomic() as savepoint:
            keys = _store_alerts(tx, plan.fresh.values())
            taken = plan.fresh.keys() - keys.keys()
            if not taken:
                index_words(tx.db, [(keys[one], found_by(plan.fresh[one].alert)) for one in keys])
                going = [(keys[one], routed) for one, routed in plan.fresh.items()]
                fresh = _store_deliveries(tx, going, plan.rerouted)
                known = {one: before.receipt for one, before in stored.items()}
                if plan.rerouted or plan.failed:
                    known |= _revive(tx, plan, stored, fresh)
                seen: set[str] = set()
                return [_receipts(answer, known, fresh, seen) for answer in answers]
            savepoint.rollback()
        # Only the insert shows which ids are taken: most are new, and others insert concurrently.
        found = _stored(tx, taken)
        if not found:
            # A prune deleted them between the two statements; a retry will store them.
            raise StoreLocked("alerts are being deleted while the same alerts arrive again")
        stored |= found


@dataclass(frozen=True, slots=True)
class _Routed:
    """An alert to store and its destinations."""

    alert: Alert
    targets: Sequence[Destination]
    not_routed: str | None


@dataclass(frozen=True, slots=True)
class _Stored:
    """An alert that is already stored."""

    key: int
    alert: Alert
    receipt: Receipt
    failed: tuple[tuple[Sent, int | None], ...]
    """Its failed deliveries, and those it folded into, each with the time of its last revival."""

    def is_same(self, other: Alert, targets: Collection[Destination] | None) -> bool:
        if targets is not None and {target.id for target in targets} != self.receipt.went_to:
            return False
        return _content(other) == _content(self.alert)


def _content(alert: Alert) -> Alert:
    return replace(alert, created_at=0, destinations=None)


class _Plan:
    """What to store of groups of alerts, given what is already stored."""

    def __init__(
        self,
        destinations: Sequence[Destination],
        stored: Mapping[str, _Stored],
        now: int,
        revive_after_ms: int | None,
    ) -> None:
        self.fresh: dict[str, _Routed] = {}
        self.rerouted: dict[int, _Routed] = {}
        """Repeats of alerts that were not routed, with today's destinations, by the alert's key."""
        self.failed: dict[str, dict[int, Sent]] = {}
        """The failed deliveries to revive by alert id and row id."""
        self.revive_after_ms = revive_after_ms
        self._destinations = destinations
        self._stored = stored
        self._now = now

    def take(self, group: Group) -> list[str] | Rejected:
        """Plan a group. Return its alert ids, or its errors."""
        fresh: dict[str, _Routed] = {}
        errors: dict[int, Invalid] = {}
        for place, alert in enumerate(group.alerts):
            try:
                self._take(alert, fresh, by_id=alert.alert_id in group.by_id)
            except Invalid as error:
                errors[place] = error
        if errors:
            return Rejected(errors)
        self.fresh |= fresh
        for alert in group.alerts:
            if alert.alert_id in self._stored:
                self._repeat(alert, self._stored[alert.alert_id])
        return [alert.alert_id for alert in group.alerts]

    def _repeat(self, alert: Alert, before: _Stored) -> None:
        """Plan what a repeat queues again. Once a user sent or cancelled something, it stays as it is."""
        if self.revive_after_ms is None or before.alert.test:
            return
        if before.receipt.not_routed is not None:
            # What was stored is sent, to the destinations that the repeat names, if it names some.
            asked = replace(before.alert, destinations=alert.destinations)
            targets, _ = route(asked, self._destinations)
            if targets:
                self.rerouted.setdefault(before.key, _Routed(before.alert, targets, None))
            return
        named = None
        if alert.destinations is not None:
            named = {target.id for target in route(alert, self._destinations)[0]}
        for sent, revived_at in before.failed:
            if (named is None or sent[2].id in named) and revives(
                State.FAILED, revived_at, now=self._now, after_ms=self.revive_after_ms
            ):
                self.failed.setdefault(alert.alert_id, {})[sent[0]] = sent

    def _take(self, alert: Alert, group: dict[str, _Routed], *, by_id: bool) -> None:
        targets, not_routed = route(alert, self._destinations)
        before = self._stored.get(alert.alert_id)
        beside = group.get(alert.alert_id) or self.fresh.get(alert.alert_id)
        if before is not None:
            # An alert that was not routed has no destinations to differ from: the repeat may name some.
            routed_now = before.receipt.not_routed is not None and self.revive_after_ms is not None
            anywhere = alert.destinations is None or routed_now
            same = before.is_same(alert, None if anywhere else targets)
        elif beside is not None:
            same = _content(beside.alert) == _content(alert) and list(beside.targets) == list(targets)
        else:
            group[alert.alert_id] = _Routed(alert, targets, not_routed)
            return
        if not (same or by_id):
            raise Conflict(
                "alertId", f"an alert with the id {alert.alert_id!r} is already stored with other content"
            )


def _revive(
    tx: Transaction, plan: _Plan, stored: Mapping[str, _Stored], fresh: Mapping[str, Receipt]
) -> dict[str, Receipt]:
    """Open the planned rounds. Return the changed receipts of stored alerts by alert id."""
    receipts: dict[str, Receipt] = {}
    lost: list[str] = []
    for routed in plan.rerouted.values():
        one = routed.alert.alert_id
        if one in fresh:
            receipts[one] = replace(fresh[one], repeated=True, revived=fresh[one].deliveries)
        else:
            lost.append(one)
    if lost:  # another transaction routed it first
        receipts |= {one: before.receipt for one, before in _stored(tx, lost).items()}
    if plan.revive_after_ms is not None:
        note_revived(tx, [sent[0] for receipt in receipts.values() for sent in receipt.revived])
        asked = {key for sent in plan.failed.values() for key in sent}
        revived = revive(tx, asked, plan.revive_after_ms)
        for one, planned in plan.failed.items():
            reopened = tuple(sent for key, sent in planned.items() if key in revived)
            receipts[one] = replace(stored[one].receipt, revived=reopened)
    return receipts


def _receipts(
    answer: list[str] | Rejected,
    known: Mapping[str, Receipt],
    fresh: Mapping[str, Receipt],
    seen: set[str],
) -> list[Receipt] | Rejected:
    """Return the receipts of a group. `known`: those of alerts that were stored before.

    `seen`: ids of this transaction, whose next alert is a repeat.
    """
    if isinstance(answer, Rejected):
        return answer
    receipts: list[Receipt] = []
    for one in answer:
        receipt = known[one] if one in known else fresh[one]
        receipts.append(replace(receipt, repeated=True, revived=()) if one in seen else receipt)
        seen.add(one)
    return receipts


def _stored(tx: Transaction, ids: Collection[str]) -> dict[str, _Stored]:
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
        row[1]: _Stored(
            row[0],
            to_alert(row),
            Receipt(row[1], tuple(deliveries[row[0]]), row[-1], tuple(folded[row[0]]), repeated=True),
            tuple(failed[row[0]]),
        )
        for row in rows
    }


_DELIVERY = "delivery.id, delivery.webhook_id, delivery.state, delivery.revived_at"


def _store_alerts(tx: Transaction, routed: Collection[_Routed]) -> dict[str, int]:
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


def _store_deliveries(
    tx: Transaction, fresh: Sequence[tuple[int, _Routed]], rerouted: Mapping[int, _Routed]
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


def _still_not_routed(tx: Transaction, rerouted: Mapping[int, _Routed]) -> list[tuple[int, _Routed]]:
    """Lock the alerts that are still not routed, and mark them as routed."""
    if not rerouted:
        return []
    select = f"SELECT id, not_routed FROM alert WHERE id {AMONG} ORDER BY id"
    locked = fetch(tx.db, tx.lock_rows(select), (among(rerouted),))
    keys = [key for key, reason in locked if reason is not None]
    execute(tx.db, f"UPDATE alert SET not_routed = NULL WHERE id {AMONG}", (among(keys),))
    return [(key, rerouted[key]) for key in keys]
