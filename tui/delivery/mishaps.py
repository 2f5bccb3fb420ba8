"""Answers to record for attempts that ended on our side, without an answer from the receiver."""

import time

from tui.domain.attempt import Answer
from tui.domain.lifecycle import Outcome
from tui.store.outbox import Claim


def cut_off(claim: Claim, begun: float) -> Answer:
    """A request that began at `begun` (`time.monotonic`) and was cut off by our shutdown."""
    duration_ms = round((time.monotonic() - begun) * 1000)
    return Answer(
        outcome=Outcome.INTERRUPTED,
        ended_at=claim.started_at + duration_ms,
        duration_ms=duration_ms,
        error="Tocsin was shut down before the answer arrived; the receiver may or may not have the alert",
    )


NO_SLOT = "no slot became free in time"
HELD = "the receiver asked Tocsin to wait"


def not_started(claim: Claim, claimed_at: float, reason: str) -> Answer:
    """A claim made at `claimed_at` (`time.monotonic`) and given back unsent. It does not count."""
    return Answer(
        outcome=Outcome.INTERRUPTED,
        ended_at=claim.started_at + round((time.monotonic() - claimed_at) * 1000),
        duration_ms=0,
        error=f"nothing was sent: {reason}",
    )


def internal_error(claim: Claim, error: Exception) -> Answer:
    return Answer(
        outcome=Outcome.BLOCKED,
        ended_at=claim.started_at,
        duration_ms=0,
        error=f"an error inside Tocsin, see the log: {type(error).__name__}",
    )


def without_text(answer: Answer) -> Answer:
    """Return what is left to record of an answer that the database cannot store."""
    return Answer(
        outcome=answer.outcome,
        ended_at=answer.ended_at,
        duration_ms=answer.duration_ms,
        status_code=answer.status_code,
        error=None if answer.outcome is Outcome.DELIVERED else "the answer cannot be stored, see the log",
        retry_after_ms=answer.retry_after_ms,
    )
