"""The gates of destinations in a claim: which lanes let something through, and what a claim uses up."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.domain.destination import Destination
from tui.domain.holding import Gate, Hold
from tui.store.engine.database import Transaction
from tui.store.tables.rows import AMONG, HOLD_COLUMNS, among, fetch, update_many

LEASE_MARGIN_MS = 10_000
"""A lease lasts the destination's timeout plus this, in ms, so that the request cannot outlive it."""
GATE_COLUMNS = f"rate, paced_until, {HOLD_COLUMNS}"


def lease_ms(destination: Destination) -> int:
    return destination.timeout_ms + LEASE_MARGIN_MS


@dataclass(frozen=True, slots=True)
class Lane:
    """The pending deliveries of one destination at one urgency."""

    destination: int
    urgency: int
    due_at: int
    """The due time of its head, the first to be sent."""
    gate: Gate | None
    """None if neither a rate limit nor a hold applies."""

    @property
    def is_test(self) -> bool:
        return self.urgency == 0

    def opens_at(self, now: int) -> int:
        """Return when its head may be claimed, in ms: a rate limit or a hold may put it off."""
        return (
            self.due_at if self.gate is None else max(self.due_at, self.gate.opens_at(now, test=self.is_test))
        )


def to_gate(row: Sequence[Any]) -> Gate:
    """Convert a row of `GATE_COLUMNS`."""
    rate, paced_until, *hold = row
    return Gate(rate, paced_until, Hold(*hold))


def passing(lanes: list[Lane], gates: Mapping[int, Gate], room: dict[int, int], now: int) -> list[Lane]:
    """Return the lanes that something may be claimed from, and limit the `room` of their destinations."""
    through: list[Lane] = []
    for lane in lanes:
        if lane.gate is not None:
            gate, most = gates.get(lane.destination), room[lane.destination]
            allowed = gate.allowance(now, most=most, test=lane.is_test) if gate else 0
            if allowed <= 0:
                continue
            room[lane.destination] = allowed
        through.append(lane)
    return through


def lock_gates(tx: Transaction, lanes: list[Lane]) -> dict[int, Gate]:
    """Lock the gate of each destination that lets something through; others hold those that are missing.

    Two dispatchers must not spend the same allowance, nor send two probes.
    """
    opening = {lane.destination for lane in lanes if lane.gate and lane.opens_at(tx.now) <= tx.now}
    if not opening:
        return {}
    sql = f"SELECT id, {GATE_COLUMNS} FROM destination WHERE id {AMONG}"
    return {
        key: to_gate(rest)
        for key, *rest in fetch(tx.db, tx.lock_rows(sql, skip_locked=True), (among(opening),))
    }


def write_gates(tx: Transaction, gates: Mapping[int, Gate], claimed: Sequence[Destination]) -> None:
    """Store the gates after a claim for each of the destinations in `claimed`."""
    requests = Counter(destination.id for destination in claimed)
    leases = {destination.id: lease_ms(destination) for destination in claimed}
    after = {
        key: gate.after(requests[key], tx.now, lease_ms=leases[key])
        for key, gate in gates.items()
        if key in requests
    }
    update_many(
        tx.db,
        "destination",
        "paced_until = step.paced_until, held_until = step.held_until",
        ("id", "paced_until", "held_until"),
        [(key, gate.paced_until, gate.hold.until) for key, gate in after.items()],
        where="destination.id = step.id",
    )
