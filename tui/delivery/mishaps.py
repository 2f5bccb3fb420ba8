"""What is recorded of an attempt that ended on our side, before a receiver could say anything."""

import time

from tui.domain.attempt import Answer
from tui.domain.lifecycle import Outcome
from tui.store.outbox import Claim


def cut_off(claim: Claim, begun: float) -> Answer:
    """Of a request begun at `begun` (`time.monotonic`) and cut short by our own shutdown."""
    duration_ms = round((time.monotonic() - begun) * 1000)
    return Answer(
        outcome=Outcome.INTERRUPTED,
        ended_at=claim.started_at + duration_ms,
        duration_ms=duration_ms,
        error="Tocsin was shut down before the answer came; the receiver may or may not have it",
    )


def handed_out_late(now: int) -> Answer:
    """Of a claim that came to us when much of its lease was over: it is given back, and costs nothing."""
    return Answer(
        outcome=Outcome.INTERRUPTED,
        ended_at=now,
        duration_ms=0,
        error="nothing was sent: the database took too long to hand the delivery out",
    )


def internal_error(claim: Claim, error: Exception) -> Answer:
    return Answer(
        outcome=Outcome.BLOCKED,
        ended_at=claim.started_at,
        duration_ms=0,
        error=f"an error inside Tocsin, see the log: {type(error).__name__}",
    )
