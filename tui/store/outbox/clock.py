"""Correct due times after the clock was set back: they lie too far ahead."""

from tui.domain.holding import LONGEST_MS
from tui.domain.pacing import FURTHEST_MS
from tui.domain.retry import RetryPolicy
from tui.store.destinations import all_destinations
from tui.store.engine.database import Transaction
from tui.store.outbox.gates import LEASE_MARGIN_MS
from tui.store.tables.rows import fetch

_LONGEST_LEASE_MS = 120_000 + LEASE_MARGIN_MS
_MOMENT_MS = 1_000
"""Tolerance in ms: others may commit between our `now` and our statement, with a later `now`."""


def pull_in(tx: Transaction, policy: RetryPolicy) -> int:
    """Pull in times that lie further ahead than possible. Return the number of deliveries changed.

    A first attempt becomes due now, and so does a retry further away than the longest delay. A lease may
    belong to a live dispatcher, so it is set to the longest possible lease from now. A destination's pace
    that lies too far ahead is reset to now. A hold that was placed in the future begins now.
    """
    latest = tx.now + _MOMENT_MS
    fetch(
        tx.db,
        "UPDATE destination SET paced_until = ? WHERE paced_until > ? RETURNING id",
        (tx.now, latest + FURTHEST_MS),
    )
    fetch(
        tx.db,
        "UPDATE destination SET held_until = held_until - (hold_changed_at - ?), hold_changed_at = ?"
        " WHERE hold_changed_at > ? RETURNING id",
        (tx.now, tx.now, latest),
    )
    furthest = latest + max(LONGEST_MS, _LONGEST_LEASE_MS)
    fetch(
        tx.db, "UPDATE destination SET held_until = ? WHERE held_until > ? RETURNING id", (tx.now, furthest)
    )
    own = (policy.of(destination.retries) for destination in all_destinations(tx.db))
    longest_ms = max((each.longest_delay_ms for each in own), default=policy.longest_delay_ms)
    pulled = fetch(
        tx.db,
        "UPDATE delivery SET due_at = CASE state WHEN 'in_flight' THEN ? ELSE ? END"
        " WHERE due_at IS NOT NULL AND (state = 'in_flight' AND due_at > ?"
        " OR state = 'scheduled' AND (due_at > ? OR attempts = 0 AND due_at > ?)) RETURNING id",
        (
            tx.now + _LONGEST_LEASE_MS,
            tx.now,
            latest + _LONGEST_LEASE_MS,
            latest + longest_ms,
            latest,
        ),
    )
    return len(pulled)
