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


def counts(answer: Answer, *, test: bool) -> bool:
    """Whether the end of an attempt says how its destination fares.

    Not when it is our doing that nothing got through, nor when a test alert fails: somebody tries
    something out, and it is not retried.
    """
    ours = answer.outcome in (Outcome.INTERRUPTED, Outcome.BLOCKED)
    return answer.outcome is Outcome.DELIVERED or not (ours or test)


@dataclass(frozen=True, slots=True)
class Health:
    failures: int = 0
    """Attempts in a row that were not acknowledged."""
    exhausted: int = 0
    """Deliveries in a row that failed for good."""
    failing_since: int | None = None
    """Milliseconds since 1970; None while it is not failing."""

    def after(self, ends: Iterable[tuple[Answer, bool]], now: int) -> "Health":
        """The health after attempts that count ended: their answers, and whether a round ended with them."""
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
