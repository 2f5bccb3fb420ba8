"""After the wall clock has gone back, moments that were near lie far ahead."""

from tui.domain.retry import RetryPolicy
from tui.store.database import Transaction
from tui.store.outbox.claim import LEASE_MARGIN_MS
from tui.store.rows import fetch

_LONGEST_LEASE_MS = 120_000 + LEASE_MARGIN_MS


def pull_in(tx: Transaction, policy: RetryPolicy) -> int:
    """Bring back what lies further ahead than the lifecycle could have put it; how many those were.

    A first attempt is never put off, so it is due now; so is a retry further away than the longest
    delay. A lease may be held by a dispatcher that lives: it gets the longest a lease can be, anew.
    """
    pulled = fetch(
        tx.db,
        "UPDATE delivery SET due_at = CASE state WHEN 'in_flight' THEN ? ELSE ? END"
        " WHERE due_at IS NOT NULL AND (state = 'in_flight' AND due_at > ?"
        " OR state = 'scheduled' AND (due_at > ? OR attempts = 0 AND due_at > ?)) RETURNING id",
        (
            tx.now + _LONGEST_LEASE_MS,
            tx.now,
            tx.now + _LONGEST_LEASE_MS,
            tx.now + policy.longest_delay_ms,
            tx.now,
        ),
    )
    return len(pulled)
