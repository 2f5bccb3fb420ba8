"""After the wall clock has gone back, moments that were near lie far ahead."""

from tui.domain.pacing import FURTHEST_MS
from tui.domain.retry import RetryPolicy
from tui.store.engine.database import Transaction
from tui.store.outbox.claim import LEASE_MARGIN_MS
from tui.store.tables.rows import fetch

_LONGEST_LEASE_MS = 120_000 + LEASE_MARGIN_MS
_MOMENT_MS = 1_000
"""On PostgreSQL others commit between our `now` and our statement: they put things this much further."""


def pull_in(tx: Transaction, policy: RetryPolicy) -> int:
    """Bring back what lies further ahead than it could have been put; how many deliveries those were.

    A first attempt is never put off, so it is due now; so is a retry further away than the longest
    delay. A lease may be held by a dispatcher that lives: it gets the longest a lease can be, anew.
    A destination whose pace lies further ahead than pacing puts it may be sent to now.
    """
    latest = tx.now + _MOMENT_MS
    fetch(
        tx.db,
        "UPDATE destination SET paced_until = ? WHERE paced_until > ? RETURNING id",
        (tx.now, latest + FURTHEST_MS),
    )
    pulled = fetch(
        tx.db,
        "UPDATE delivery SET due_at = CASE state WHEN 'in_flight' THEN ? ELSE ? END"
        " WHERE due_at IS NOT NULL AND (state = 'in_flight' AND due_at > ?"
        " OR state = 'scheduled' AND (due_at > ? OR attempts = 0 AND due_at > ?)) RETURNING id",
        (
            tx.now + _LONGEST_LEASE_MS,
            tx.now,
            latest + _LONGEST_LEASE_MS,
            latest + policy.longest_delay_ms,
            latest,
        ),
    )
    return len(pulled)
