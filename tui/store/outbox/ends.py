"""What the ends of attempts mean for their destinations: health and holds."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tui.domain.attempt import Answer
from tui.domain.health import Health, counts
from tui.domain.holding import ACCEPTED_SPAN_MS, TOO_MANY_REQUESTS, Hold
from tui.domain.lifecycle import Outcome
from tui.store.engine.database import Transaction
from tui.store.outbox.claim import Claim
from tui.store.outbox.gates import lease_ms
from tui.store.tables.rows import AMONG, HEALTH_COLUMNS, HOLD_COLUMNS, among, fetch, update_many


@dataclass(frozen=True, slots=True)
class End:
    claim: Claim
    answer: Answer
    exhausted: bool
    """Whether it ended the round without success."""


_Place = tuple[int, str]
"""A destination and its URL: answers of an old URL do not count for a new one."""


@dataclass(frozen=True, slots=True)
class _Standing:
    health: Health
    hold: Hold
    limit: float | None

    def after(self, ends: Sequence[End], now: int, accepted: int) -> "_Standing":
        counting = (
            (end.answer, end.exhausted) for end in ends if counts(end.answer, test=end.claim.alert.test)
        )
        hold = self.hold
        for end in ends:
            hold = hold.after(
                end.answer,
                now,
                started_at=end.claim.started_at,
                lease_ms=lease_ms(end.claim.destination),
                limit=self.limit,
                accepted=accepted,
            )
        return _Standing(self.health.after(counting, now), hold, self.limit)


def note_ends(tx: Transaction, ends: Sequence[End]) -> None:
    """Update the destinations. Nothing is written while a destination stays healthy."""
    by_place: dict[_Place, list[End]] = {}
    for end in ends:
        by_place.setdefault((end.claim.destination.id, end.claim.destination.url), []).append(end)
    if not by_place:
        return
    accepted = {key: _accepted(tx, key) for key, _ in _refusing(by_place)}
    before = _standings(tx, {key for key, _ in by_place})
    changing = [key for (key, _) in _changed(tx, by_place, before, accepted)]
    if changing:
        held = _standings(tx, changing, lock=True)  # another dispatcher may update it too
        after = _changed(tx, by_place, held, accepted)
        update_many(
            tx.db,
            "destination",
            "failures = step.failures, exhausted = step.exhausted,"
            " failing_since = CAST(step.failing_since AS bigint), held_until = step.held_until,"
            " holds = step.holds, slowed_to = CAST(step.slowed_to AS double precision),"
            " hold_changed_at = step.hold_changed_at",
            ("id", *HEALTH_COLUMNS.split(", "), *HOLD_COLUMNS.split(", ")),
            [(key, *_columns(standing)) for (key, _), standing in after.items()],
            where="destination.id = step.id",
        )


def _changed(
    tx: Transaction,
    ends: Mapping[_Place, Sequence[End]],
    before: Mapping[_Place, _Standing],
    accepted: Mapping[int, int],
) -> dict[_Place, _Standing]:
    after = {
        place: standing.after(ends.get(place, ()), tx.now, accepted.get(place[0], 0))
        for place, standing in before.items()
    }
    return {place: standing for place, standing in after.items() if standing != before[place]}


def _refusing(ends: Mapping[_Place, Sequence[End]]) -> list[_Place]:
    return [
        place
        for place, own in ends.items()
        if any(end.answer.status_code == TOO_MANY_REQUESTS for end in own)
    ]


def _accepted(tx: Transaction, destination: int) -> int:
    sql = "SELECT count(*) FROM attempt WHERE destination_id = ? AND ended_at > ? AND outcome = ?"
    since = tx.now - ACCEPTED_SPAN_MS
    return fetch(tx.db, sql, (destination, since, Outcome.DELIVERED.value))[0][0]


def _standings(tx: Transaction, ids: Collection[int], *, lock: bool = False) -> dict[_Place, _Standing]:
    sql = (
        f"SELECT id, url, rate, {HEALTH_COLUMNS}, {HOLD_COLUMNS} FROM destination"
        f" WHERE id {AMONG} AND deleted_at IS NULL ORDER BY id"
    )
    sql = tx.lock_rows(sql) if lock else sql
    return {
        (key, url): _Standing(Health(*columns[:3]), Hold(*columns[3:]), rate)
        for key, url, rate, *columns in fetch(tx.db, sql, (among(ids),))
    }


def _columns(standing: _Standing) -> tuple[int | float | None, ...]:
    health, hold = standing.health, standing.hold
    return (
        health.failures,
        health.exhausted,
        health.failing_since,
        hold.until,
        hold.count,
        hold.rate,
        hold.since,
    )
