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
from tui.store.outbox.reviving import note_revived, revive
from tui.store.outbox.stored import Receipt, Sent, Stored, content, find_stored
from tui.store.outbox.storing import Routed, count_repeats, store_alerts, store_deliveries
from tui.store.tables.dialect import dialect_of
from tui.store.tables.rows import ALERT_COLUMNS, execute, fetch, to_alert
from tui.store.tables.words import index_words


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


def submit_report(
    tx: Transaction, report: Alert, *, revive_after_ms: int | None = DEFAULT_REVIVE_MS
) -> Receipt | Invalid:
    """Store an alert of our own, or give the stored one its present context and description."""
    [answer] = submit(tx, [report], {report.alert_id}, revive_after_ms=revive_after_ms)
    if isinstance(answer, Receipt) and answer.repeated:
        _amend(tx, report)
    return answer


def _amend(tx: Transaction, report: Alert) -> None:
    [(key,)] = fetch(tx.db, "SELECT id FROM alert WHERE alert_id = ?", (report.alert_id,))
    dialect_of(tx.db).forget_words(tx.db, [key])  # before the words that are to be forgotten are gone
    changes = "UPDATE alert SET context = ?, description = ? WHERE id = ?"
    execute(tx.db, changes, (report.context, report.description, key))
    [row] = fetch(tx.db, f"SELECT {ALERT_COLUMNS} FROM alert WHERE id = ?", (key,))
    index_words(tx.db, [(key, found_by(to_alert(row)))])


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
    stored: dict[str, Stored] = {}
    while True:
        plan = _Plan(destinations, stored, tx.now, revive_after_ms)
        answers = [plan.take(group) for group in groups]
        with tx.db.atomic() as savepoint:
            keys = store_alerts(tx, plan.fresh.values())
            taken = plan.fresh.keys() - keys.keys()
            if not taken:
                index_words(tx.db, [(keys[one], found_by(plan.fresh[one].alert)) for one in keys])
                going = [(keys[one], routed) for one, routed in plan.fresh.items()]
                fresh = store_deliveries(tx, going, plan.rerouted)
                known = {one: before.receipt for one, before in stored.items()}
                if plan.rerouted or plan.failed:
                    known |= _revive(tx, plan, stored, fresh)
                seen: set[str] = set()
                done = [_receipts(answer, known, fresh, seen) for answer in answers]
                repeated = (
                    one.alert_id
                    for answer in done
                    if isinstance(answer, list)
                    for one in answer
                    if one.repeated
                )
                count_repeats(tx, repeated, keys | {one: before.key for one, before in stored.items()})
                return done
            savepoint.rollback()
        # Only the insert shows which ids are taken: most are new, and others insert concurrently.
        found = find_stored(tx, taken)
        if not found:
            # A prune deleted them between the two statements; a retry will store them.
            raise StoreLocked("alerts are being deleted while the same alerts arrive again")
        stored |= found


class _Plan:
    """What to store of groups of alerts, given what is already stored."""

    def __init__(
        self,
        destinations: Sequence[Destination],
        stored: Mapping[str, Stored],
        now: int,
        revive_after_ms: int | None,
    ) -> None:
        self.fresh: dict[str, Routed] = {}
        self.rerouted: dict[int, Routed] = {}
        """Repeats of alerts that were not routed, with today's destinations, by the alert's key."""
        self.failed: dict[str, dict[int, Sent]] = {}
        """The failed deliveries to revive by alert id and row id."""
        self.revive_after_ms = revive_after_ms
        self._destinations = destinations
        self._stored = stored
        self._now = now

    def take(self, group: Group) -> list[str] | Rejected:
        """Plan a group. Return its alert ids, or its errors."""
        fresh: dict[str, Routed] = {}
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

    def _repeat(self, alert: Alert, before: Stored) -> None:
        """Plan what a repeat queues again. Once a user sent or cancelled something, it stays as it is."""
        if self.revive_after_ms is None or before.alert.test:
            return
        if before.receipt.not_routed is not None:
            # What was stored is sent, to the destinations that the repeat names, if it names some.
            asked = replace(before.alert, destinations=alert.destinations)
            targets, _ = route(asked, self._destinations)
            if targets:
                self.rerouted.setdefault(before.key, Routed(before.alert, targets, None))
            return
        named = None
        if alert.destinations is not None:
            named = {target.id for target in route(alert, self._destinations)[0]}
        for sent, revived_at in before.failed:
            if (named is None or sent[2].id in named) and revives(
                State.FAILED, revived_at, now=self._now, after_ms=self.revive_after_ms
            ):
                self.failed.setdefault(alert.alert_id, {})[sent[0]] = sent

    def _take(self, alert: Alert, group: dict[str, Routed], *, by_id: bool) -> None:
        targets, not_routed = route(alert, self._destinations)
        before = self._stored.get(alert.alert_id)
        beside = group.get(alert.alert_id) or self.fresh.get(alert.alert_id)
        if before is not None:
            # An alert that was not routed has no destinations to differ from: the repeat may name some.
            routed_now = before.receipt.not_routed is not None and self.revive_after_ms is not None
            anywhere = alert.destinations is None or routed_now
            same = before.is_same(alert, None if anywhere else targets)
        elif beside is not None:
            same = content(beside.alert) == content(alert) and list(beside.targets) == list(targets)
        else:
            group[alert.alert_id] = Routed(alert, targets, not_routed)
            return
        if not (same or by_id):
            raise Conflict(
                "alertId", f"an alert with the id {alert.alert_id!r} is already stored with other content"
            )


def _revive(
    tx: Transaction, plan: _Plan, stored: Mapping[str, Stored], fresh: Mapping[str, Receipt]
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
        receipts |= {one: before.receipt for one, before in find_stored(tx, lost).items()}
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
