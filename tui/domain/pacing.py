"""Pacing: rate limits for destinations and for senders.

It uses the generic cell rate algorithm, which keeps a single time, `paced_until`. Each request advances it by
1/rate; requests may run ahead of it by some slack. For a destination the slack is a tenth of a second, so
that the dispatcher does not wake up for every request.
"""

from dataclasses import dataclass, replace

from tui.domain.errors import Invalid

SLACK_MS = 100
SLOWEST, FASTEST = 0.01, 1000.0
"""Requests per second."""
FURTHEST_MS = SLACK_MS + int(1000 / SLOWEST)
"""The farthest that `paced_until` can be ahead of now."""


@dataclass(frozen=True, slots=True)
class Pace:
    rate: float
    """Requests per second."""
    paced_until: int
    """Milliseconds, by the caller's clock: the requests admitted so far, spread evenly, end here."""
    slack_ms: int = SLACK_MS

    def allowance(self, now: int) -> int:
        """Return how many requests may start at `now`."""
        ahead = max(self.paced_until, now) - now
        return max(0, 1 + int((self.slack_ms - ahead) * self.rate / 1000)) if ahead <= self.slack_ms else 0

    @property
    def opens_at(self) -> int:
        """When the next request may start, if none may start now."""
        return self.paced_until - self.slack_ms

    def after(self, requests: int, now: int) -> "Pace":
        """Return the pace after `requests` have started at `now`."""
        # Rounded up, so that rounding never admits one request too many.
        return replace(self, paced_until=max(self.paced_until, now) + -int(-requests * 1000 // self.rate))


def parse_rate(value: str) -> float | None:
    """Parse a rate in requests per second; empty or 0 means no limit (None). Raises Invalid (`rate`)."""
    try:
        rate = float(value.strip() or 0)
    except ValueError:
        rate = -1.0
    if rate == 0:
        return None
    if not SLOWEST <= rate <= FASTEST:
        raise Invalid(
            "rate", f"the rate must be {SLOWEST:g} to {FASTEST:g} requests per second, or 0 for no limit"
        )
    return rate
