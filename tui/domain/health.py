"""The health of a destination: when it counts as failing.

The mark is only for users: no alert is dropped and no retry is skipped. The first successful delivery, or a
new URL, clears it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tui.domain.attempt import Answer
from tui.domain.lifecycle import Outcome

FAILING_AFTER = 10
"""Consecutive deliveries that used all their attempts."""
GONE = 410
"""The status for a resource that is permanently gone (RFC 9110 section 15.5.11)."""


def counts(answer: Answer, *, test: bool) -> bool:
    """Return whether an attempt's result counts towards the destination's health.

    A failure on our side does not count. Neither does a failed test alert: a user is trying something out,
    and it is not retried.
    """
    ours = answer.outcome in (Outcome.INTERRUPTED, Outcome.BLOCKED)
    return answer.outcome is Outcome.DELIVERED or not (ours or test)


class DestinationState(StrEnum):
    """What a person is told first of a destination, the earliest that applies."""

    PAUSED = "paused"
    FAILING = "failing"
    HELD = "held"
    """Its receiver asked to wait."""
    LAST_FAILED = "last failed"
    RECOVERING = "recovering"
    """The last attempt was delivered, a recent one was not."""
    ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class Health:
    failures: int = 0
    """Consecutive attempts that were not acknowledged."""
    exhausted: int = 0
    """Consecutive deliveries that failed permanently."""
    failing_since: int | None = None
    """Milliseconds since 1970; None if the destination is not failing."""

    def after(self, ends: Iterable[tuple[Answer, bool]], now: int) -> "Health":
        """Return the health after attempts that count: each answer, and whether it ended its round."""
        failures, exhausted, since = self.failures, self.exhausted, self.failing_since
        for answer, exhausts in ends:
            if answer.outcome is Outcome.DELIVERED:
                failures, exhausted, since = 0, 0, None
            else:
                failures += 1
                exhausted += exhausts
                if since is None and (exhausted >= FAILING_AFTER or answer.status_code == GONE):
                    since = now
        return Health(failures, exhausted, since)
