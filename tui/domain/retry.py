"""The retry schedule: when a failed delivery is retried."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from itertools import accumulate

from tui.domain.errors import Invalid

MAX_RETRIES = 10
MAX_RETRY_AFTER_MS = 6 * 3600 * 1000
DEFAULT_DELAYS_MS = tuple(seconds * 1000 for seconds in (5, 15, 30, 60, 120, 300, 600, 1200, 2400, 3600))
_JITTER = 0.2


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The delays before the retries; the length of `delays_ms` is the number of retries."""

    delays_ms: tuple[int, ...] = DEFAULT_DELAYS_MS

    def limit(self, *, test: bool) -> int:
        """Return the maximum of counted attempts in a round: 1 plus the retries; 1 for a test alert."""
        return 1 if test else 1 + len(self.delays_ms)

    @property
    def longest_delay_ms(self) -> int:
        """The upper limit of every delay, including jitter and `Retry-After`."""
        own = max(self.delays_ms, default=0)
        return max(own + int(own * _JITTER), MAX_RETRY_AFTER_MS)

    def moments(self, begun: int) -> tuple[int, ...]:
        """Return the earliest times of all retries, for attempts that fail at once (ms)."""
        return tuple(accumulate(self.delays_ms, initial=begun))[1:]

    def next_delay(self, retry: int, fraction: float, asked_ms: int | None = None) -> int:
        """Return the delay before retry number `retry` (1 is the first), in milliseconds.

        `fraction` in [0, 1) is the random jitter: the delay is up to 20 % longer, never shorter, so that
        deliveries that failed together are not retried together. `asked_ms` is the receiver's `Retry-After`,
        which can only lengthen the delay.
        """
        own = self.delays_ms[min(retry, len(self.delays_ms)) - 1]
        own += int(own * _JITTER * fraction)
        return max(own, min(asked_ms or 0, MAX_RETRY_AFTER_MS))

    def expect(self, first: int, *, made: int, limit: int) -> list[int]:
        """Return the expected times (ms) of the remaining attempts if all fail; the next one is at `first`.

        `made` of `limit` attempts have been made. The times assume average jitter and no `Retry-After`, so
        they are estimates.
        """
        moments = [first]
        for retry in range(made + 1, limit):
            moments.append(moments[-1] + self.next_delay(retry, 0.5))
        return moments


def parse_delays(values: Sequence[object]) -> tuple[int, ...]:
    """Parse retry delays in seconds into milliseconds. Raises Invalid (`delays`)."""
    if len(values) > MAX_RETRIES:
        raise Invalid(
            "delays", f"at most {MAX_RETRIES} delays are allowed, one per retry; there are {len(values)}"
        )
    delays: list[int] = []
    for value in values:
        try:
            seconds = float(str(value))
        except ValueError:
            seconds = math.nan
        if not 0 <= seconds <= 7 * 24 * 3600:
            raise Invalid("delays", f"a retry delay must be 0 to 604800 seconds (a week), not {value!r}")
        delays.append(round(seconds * 1000))
    return tuple(delays)


def parse_retry_after(value: str, now: int) -> int | None:
    """Return how long a `Retry-After` header asks to wait from `now`, in milliseconds, at most 6 hours.

    The value is a number of seconds or an HTTP date (RFC 9110 section 10.2.3). Returns None if it is not
    valid or the date has passed.
    """
    text = value.strip()
    if not text or len(text) > 64:
        return None
    if text.isascii() and text.isdigit():
        return min(int(text) * 1000, MAX_RETRY_AFTER_MS)
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        asked = int(moment.timestamp() * 1000) - now
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(asked, MAX_RETRY_AFTER_MS) if asked > 0 else None
