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


def not_started(claim: Claim, claimed_at: float) -> Answer:
    """Of a claim, ours since `claimed_at` (`time.monotonic`), that is given back, and costs nothing."""
    return Answer(
        outcome=Outcome.INTERRUPTED,
        ended_at=claim.started_at + round((time.monotonic() - claimed_at) * 1000),
        duration_ms=0,
        error="nothing was sent: no slot became free in time",
    )


def internal_error(claim: Claim, error: Exception) -> Answer:
    return Answer(
        outcome=Outcome.BLOCKED,
        ended_at=claim.started_at,
        duration_ms=0,
        error=f"an error inside Tocsin, see the log: {type(error).__name__}",
    )


def without_text(answer: Answer) -> Answer:
    """What is left to record of an answer that the database refused."""
    return Answer(
        outcome=answer.outcome,
        ended_at=answer.ended_at,
        duration_ms=answer.duration_ms,
        status_code=answer.status_code,
        error=None if answer.outcome is Outcome.DELIVERED else "the answer cannot be stored, see the log",
        retry_after_ms=answer.retry_after_ms,
    )
