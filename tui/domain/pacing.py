"""Pacing: when a destination with a rate limit may be sent to, and how fast a sender may send.

The generic cell rate algorithm: one moment, `paced_until`, is all that is kept of each. A request moves
it on by 1/rate; requests may run ahead of it by some slack. To a destination that is a tenth of a
second's worth, so that a dispatcher need not wake up for each.
"""

from dataclasses import dataclass, replace

from tui.domain.errors import Invalid

SLACK_MS = 100
SLOWEST, FASTEST = 0.01, 1000.0
"""Requests per second."""
FURTHEST_MS = SLACK_MS + int(1000 / SLOWEST)
"""How far ahead of now a `paced_until` can come to lie."""


@dataclass(frozen=True, slots=True)
class Pace:
    rate: float
    """Requests per second."""
    paced_until: int
    """Milliseconds, by the clock of whoever asks: what was let through so far is spread out up to here."""
    slack_ms: int = SLACK_MS

    def allowance(self, now: int) -> int:
        """How many requests may start at `now`."""
        ahead = max(self.paced_until, now) - now
        return max(0, 1 + int((self.slack_ms - ahead) * self.rate / 1000)) if ahead <= self.slack_ms else 0

    @property
    def opens_at(self) -> int:
        """When a request may start again, if none may now."""
        return self.paced_until - self.slack_ms

    def after(self, requests: int, now: int) -> "Pace":
        """The pace once `requests` have started at `now`."""
        # Upwards, so that rounding never lets one through too many.
        return replace(self, paced_until=max(self.paced_until, now) + -int(-requests * 1000 // self.rate))


def parse_rate(value: str) -> float | None:
    """Requests per second as typed; nothing, or 0, is no limit. Raises Invalid (`rate`)."""
    try:
        rate = float(value.strip() or 0)
    except ValueError:
        rate = -1.0
    if rate == 0:
        return None
    if not SLOWEST <= rate <= FASTEST:
        raise Invalid(
            "rate", f"the rate must be {SLOWEST:g} to {FASTEST:g} requests a second, or 0 for no limit"
        )
    return rate
