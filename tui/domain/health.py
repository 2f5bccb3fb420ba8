"""The health of a destination: when it counts as failing.

Failing is a mark for people, no more: nothing is dropped and no retry is left out. It is lifted by
the first delivery that gets through, or by a new URL.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tui.domain.attempt import Answer
from tui.domain.lifecycle import Outcome

FAILING_AFTER = 10
"""Deliveries in a row that used up all their attempts."""
GONE = 410
"""The status with which a receiver says that it will never be there again (RFC 9110, 15.5.11)."""


@dataclass(frozen=True, slots=True)
class Health:
    failures: int = 0
    """Attempts in a row that were not acknowledged."""
    exhausted: int = 0
    """Deliveries in a row that failed for good."""
    failing_since: int | None = None
    """Milliseconds since 1970; None while it is not failing."""

    def after(self, ends: Iterable[tuple[Answer, bool]], now: int) -> "Health":
        """The health after attempts ended, each with its answer and whether it was the last of a round."""
        failures, exhausted, since = self.failures, self.exhausted, self.failing_since
        for answer, exhausts in ends:
            if answer.outcome is Outcome.DELIVERED:
                failures, exhausted, since = 0, 0, None
            elif answer.outcome is not Outcome.INTERRUPTED:
                failures += 1
                exhausted += exhausts
                if since is None and (exhausted >= FAILING_AFTER or answer.status_code == GONE):
                    since = now
        return Health(failures, exhausted, since)
