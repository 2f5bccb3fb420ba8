"""Holding a destination: when its receiver asks to wait, and how fast requests go afterwards.

A 429, or a 5xx with `Retry-After`, is about the destination and not about one delivery. So the destination
is held: nothing is claimed for it until the hold ends. Then one delivery goes as a probe. If it is delivered,
the hold is over; if the receiver asks again, the next hold is longer.

A 429 also says that requests come too fast. The rate is then lowered to a little less than what the receiver
accepted in the last second (multiplicative decrease), and grows evenly until it has doubled (additive
increase). Then the limit is lifted.
"""

from dataclasses import dataclass, replace

from tui.domain.attempt import Answer
from tui.domain.lifecycle import Outcome
from tui.domain.pacing import SLACK_MS, Pace
from tui.domain.retry import MAX_RETRY_AFTER_MS

TOO_MANY_REQUESTS = 429
LONGEST_MS = MAX_RETRY_AFTER_MS
ACCEPTED_SPAN_MS = 1_000
"""The accepted requests of this span are counted when a receiver answers 429."""
DOUBLES_IN_MS = 600_000
SLOWEST_BY_ITSELF = 0.1
"""Requests per second; no 429 slows a destination further."""
_FIRST_MS, _LONGEST_OWN_MS = 1_000, 60_000
"""The holds after a 429 without `Retry-After`: each is twice as long as the one before."""
_LESS, _MUCH_LESS = 0.9, 0.5
_SOON_MS = 5_000
"""A 429 within this time after a hold means that the rate is far too high."""
_SLACK_MS = SLACK_MS // 2
"""Less than for a rate limit that a user set: requests that go together may exceed the receiver's limit."""


def asks_to_wait(answer: Answer) -> bool:
    """Return whether an answer holds its destination."""
    status = answer.status_code or 0
    return answer.outcome is Outcome.REJECTED and (
        status == TOO_MANY_REQUESTS or (status >= 500 and answer.retry_after_ms is not None)
    )


@dataclass(frozen=True, slots=True)
class Hold:
    """Whether a destination is held or slowed. Times are in milliseconds since 1970."""

    until: int = 0
    """The end of the hold or, while a probe is being sent, of the probe's lease."""
    count: int = 0
    """Consecutive holds without a success between them. Above 0, the next delivery goes as a probe."""
    rate: float | None = None
    """Requests per second at `since`; None if the destination is not slowed."""
    since: int = 0
    """When any of this last changed. Answers to requests that started earlier are about the time before."""

    def held_until(self, now: int) -> int | None:
        """Return when the hold ends; None if nothing is held at `now`."""
        return self.until if self.count and self.until > now else None

    def rate_at(self, now: int) -> float | None:
        """Return the rate that is allowed at `now`, in requests per second; None for no limit."""
        grown = max(0, now - self.since) / DOUBLES_IN_MS
        return None if self.rate is None or (grown >= 1 and not self.count) else self.rate * (1 + grown)

    def probed(self, now: int, lease_ms: int) -> "Hold":
        """Return the hold while a probe claimed at `now` is under way."""
        return replace(self, until=now + lease_ms)

    def after(
        self, answer: Answer, now: int, *, started_at: int, lease_ms: int, limit: float | None, accepted: int
    ) -> "Hold":
        """Return the hold after the answer to a request that was claimed at `started_at` for `lease_ms`.

        `limit` is the destination's own rate limit, `accepted` the number of requests that the receiver
        acknowledged in the last `ACCEPTED_SPAN_MS`.
        """
        if not self.count and answer.outcome is Outcome.DELIVERED:
            return self
        asks = asks_to_wait(answer)
        if started_at <= self.since:
            longer = now + min(answer.retry_after_ms or 0, LONGEST_MS)
            return replace(self, until=max(self.until, longer)) if asks and self.count else self
        is_probe = self.count > 0 and self.until == started_at + lease_ms
        if asks:
            # A test alert that went during a hold does not shorten it.
            least = 0 if is_probe else self.until
            return self._again(answer, now, least=least, limit=limit, accepted=accepted)
        if not self.count:
            return self
        if answer.outcome is Outcome.INTERRUPTED:
            return replace(self, until=now) if is_probe else self
        if answer.outcome is Outcome.DELIVERED or is_probe:
            # A millisecond ago, because the deliveries that are claimed now count.
            return Hold(rate=self.rate, since=now - 1)
        return self

    def _again(self, answer: Answer, now: int, *, least: int, limit: float | None, accepted: int) -> "Hold":
        wait, rate = answer.retry_after_ms or 0, self.rate
        if answer.status_code == TOO_MANY_REQUESTS:
            wait = max(wait, min(_FIRST_MS << min(self.count, 10), _LONGEST_OWN_MS))
            if not self.count:
                rate = self._lowered(now, limit, accepted)
        return Hold(max(least, now + min(wait, LONGEST_MS)), self.count + 1, rate, now)

    def _lowered(self, now: int, limit: float | None, accepted: int) -> float | None:
        """Return the rate after a 429; None if nothing shows what the receiver accepts."""
        allowed = self.rate_at(now)
        known = [rate for rate in (allowed, limit, accepted * 1000 / ACCEPTED_SPAN_MS) if rate]
        if not known:
            return None
        soon = allowed is not None and now - self.since < _SOON_MS
        return max(SLOWEST_BY_ITSELF, min(known) * (_MUCH_LESS if soon else _LESS))


@dataclass(frozen=True, slots=True)
class Gate:
    """What a destination lets through: its rate limit, as set and as lowered, and its hold."""

    limit: float | None
    paced_until: int
    hold: Hold

    def applies(self, now: int) -> bool:
        """Return whether there is a rate limit or a hold at `now`."""
        return bool(self.limit or self.hold.count or (self.hold.rate and self.hold.rate_at(now)))

    def pace(self, now: int) -> Pace | None:
        """Return the pace at `now`; None for no limit."""
        slowed = self.hold.rate_at(now)
        if slowed is not None and (self.limit is None or slowed < self.limit):
            return Pace(slowed, self.paced_until, _SLACK_MS)
        return Pace(self.limit, self.paced_until) if self.limit else None

    def allowance(self, now: int, *, most: int, test: bool) -> int:
        """Return how many requests may start at `now`, at most `most`. A test alert goes despite a hold."""
        if self.hold.count:
            held = self.hold.held_until(now) is not None
            return 0 if held and not test else min(1, most)
        pace = self.pace(now)
        return most if pace is None else min(most, pace.allowance(now))

    def opens_at(self, now: int, *, test: bool) -> int:
        """Return when the next request may start; not after `now` if one may start now."""
        if self.hold.count:
            return now if test else self.hold.until
        pace = self.pace(now)
        if pace is None or pace.allowance(now):
            return now
        # With less slack, whoever comes back at `paced_until` is late, and the rate is not reached.
        return pace.opens_at if pace.slack_ms < SLACK_MS else pace.paced_until

    def after(self, requests: int, now: int, *, lease_ms: int) -> "Gate":
        """Return the gate after `requests` have started at `now`. `lease_ms` is that of a probe."""
        if self.hold.count:
            probing = self.hold.held_until(now) is None
            return replace(self, hold=self.hold.probed(now, lease_ms)) if probing else self
        pace = self.pace(now)
        return self if pace is None else replace(self, paced_until=pace.after(requests, now).paced_until)
