"""The retry schedule: when a failed delivery is retried."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from itertools import accumulate, chain, repeat

from tui.domain.errors import Invalid
from tui.domain.span import format_span, parse_span

MAX_RETRIES = 10
"""The most retries that the configuration can set for all destinations."""
MOST_RETRIES_OF_ONE = 100
"""The most retries that a destination can have."""
MAX_RETRY_AFTER_MS = 6 * 3600 * 1000
DEFAULT_DELAYS_MS = tuple(seconds * 1000 for seconds in (5, 15, 30, 60, 120, 300, 600, 1200, 2400, 3600))
_LATER_DELAYS_MS = tuple(hours * 3_600_000 for hours in (2, 4, 6))
"""The delays after the default ones until a destination gives up. The last one repeats."""
_LONGEST_DELAY_MS = _LONGEST_SPAN_MS = 7 * 24 * 3_600_000
_JITTER = 0.2


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The delays before the retries; the length of `delays_ms` is the number of retries."""

    delays_ms: tuple[int, ...] = DEFAULT_DELAYS_MS

    def of(self, retries: tuple[int, ...] | None) -> "RetryPolicy":
        """Return the policy of a destination with these delays; this one if it has none of its own."""
        return self if retries is None else RetryPolicy(retries)

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


def delays_until(give_up_after_ms: int) -> tuple[int, ...]:
    """Return delays that end with the last retry after exactly this time, if attempts fail at once."""
    delays: list[int] = []
    left = give_up_after_ms
    for delay in chain(DEFAULT_DELAYS_MS, _LATER_DELAYS_MS, repeat(_LATER_DELAYS_MS[-1])):
        if left <= delay:
            break
        delays.append(delay)
        left -= delay
    return (*delays, left) if left else tuple(delays)


def parse_give_up_after(value: str) -> tuple[int, ...] | None:
    """Parse a time span, like `3d`, into delays (ms); empty for the default schedule.

    Raises Invalid (`retry`).
    """
    if not value.strip():
        return None
    span = parse_span(value)
    if span is None or not 5_000 <= span <= _LONGEST_SPAN_MS:
        raise Invalid("retry", f"a time to give up after is 5s to 7d, like 2h or 3d; not {value!r}")
    return delays_until(span)


def parse_retry(value: str) -> tuple[int, ...] | None:
    """Parse delays, like `5s,30s,2m`, into milliseconds; empty for the default schedule.

    `none` means no retries. Raises Invalid (`retry`).
    """
    if not value.strip():
        return None
    if value.strip().lower() == "none":
        return ()
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not parts:
        raise Invalid("retry", "retry delays are time spans, like 5s,30s,2m; none means no retries")
    if len(parts) > MOST_RETRIES_OF_ONE:
        raise Invalid(
            "retry", f"a destination can have at most {MOST_RETRIES_OF_ONE} retries; these are {len(parts)}"
        )
    delays = [parse_span(part) for part in parts]
    for part, delay in zip(parts, delays, strict=True):
        if delay is None or delay > _LONGEST_DELAY_MS:
            raise Invalid("retry", f"a retry delay is a time span up to 7d, like 30s or 2m; not {part!r}")
    return tuple(delay for delay in delays if delay is not None)


def parse_schedule(value: str) -> tuple[int, ...] | None:
    """Parse what a form takes: a list of delays, `none`, or one time span to give up after."""
    listed = "," in value or value.strip().lower() == "none"
    return parse_retry(value) if listed else parse_give_up_after(value)


def format_schedule(retries: tuple[int, ...] | None) -> str:
    """Return what `parse_schedule` takes, as short as possible; empty for the default schedule.

    A single delay ends with a comma, so that it is not taken for a time to give up after.
    """
    if retries is None:
        return ""
    if not retries:
        return "none"
    total = sum(retries)
    if delays_until(total) == retries and total <= _LONGEST_SPAN_MS:
        return format_span(total)
    listed = ",".join(map(format_span, retries))
    return listed if len(retries) > 1 else f"{listed},"


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
