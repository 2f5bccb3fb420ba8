"""A destination is held while its receiver asks to wait, and slowed after a 429."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import NOW, answer
from tui.domain.holding import DOUBLES_IN_MS, LONGEST_MS, Gate, Hold, asks_to_wait
from tui.domain.lifecycle import Outcome

LEASE = 40_000
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000


def refused(status: int = 429, asked: int | None = None, **changes: Any):
    return answer(Outcome.REJECTED, status_code=status, retry_after_ms=asked, **changes)


def after(hold: Hold, ended: Any, now: int, *, started: int | None = None, **seen: Any) -> Hold:
    """Return the hold after a request that was claimed just before `now`."""
    at = now - 1 if started is None else started
    return hold.after(ended, now, started_at=at, lease_ms=LEASE, **{"limit": None, "accepted": 0, **seen})


def probe(hold: Hold, ended: Any, took: int = 5) -> tuple[Hold, int]:
    """Send a probe at the end of a hold. Return the hold after its answer, and the time of the answer."""
    begun = hold.until
    gate = Gate(None, 0, hold)
    assert gate.allowance(begun, most=16, test=False) == 1
    hold = gate.after(1, begun, lease_ms=LEASE).hold
    assert Gate(None, 0, hold).allowance(begun + 1, most=16, test=False) == 0, "one probe at a time"
    return after(hold, ended, begun + took, started=begun), begun + took


@pytest.mark.parametrize(
    ("ended", "asks"),
    [
        (refused(), True),
        (refused(asked=10_000), True),
        (refused(503, 10_000), True),
        (refused(500, 10_000), True),
        (refused(503), False),
        (refused(400, 10_000), False),
        (refused(301, 10_000), False),
        (answer(Outcome.TIMEOUT), False),
        (answer(), False),
    ],
)
def test_a_429_and_a_5xx_with_retry_after_hold_the_destination(ended: Any, *, asks: bool) -> None:
    assert asks_to_wait(ended) is asks
    assert (after(Hold(), ended, NOW).held_until(NOW) is not None) is asks


@pytest.mark.parametrize(
    ("status", "asked", "waits"),
    [
        (429, 10_000, 10_000),
        (503, 10_000, 10_000),
        (429, None, SECOND),
        (429, 200, SECOND),
        (429, 10 * HOUR, LONGEST_MS),
    ],
)
def test_a_hold_lasts_as_long_as_the_receiver_asks(status: int, asked: int | None, waits: int) -> None:
    assert after(Hold(), refused(status, asked), NOW).until == NOW + waits


def test_holds_without_retry_after_double_up_to_a_minute() -> None:
    hold, now, lengths = after(Hold(), refused(), NOW), NOW, []
    for _ in range(8):
        lengths.append((hold.until - now) // SECOND)
        hold, now = probe(hold, refused())
    assert lengths == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_delivered_probe_ends_the_hold() -> None:
    hold, now = probe(after(Hold(), refused(503, 10_000), NOW), answer())
    assert hold.held_until(now) is None
    assert Gate(None, 0, hold).allowance(now, most=16, test=False) == 16


def test_another_failure_of_the_probe_ends_the_hold_too() -> None:
    hold, now = probe(after(Hold(), refused(503, 10_000), NOW), answer(Outcome.TIMEOUT))
    assert Gate(None, 0, hold).allowance(now, most=16, test=False) == 16


def test_an_interrupted_probe_makes_room_for_the_next() -> None:
    hold, now = probe(after(Hold(), refused(503, 10_000), NOW), answer(Outcome.INTERRUPTED))
    assert Gate(None, 0, hold).allowance(now, most=16, test=False) == 1


def test_a_probe_whose_dispatcher_died_is_followed_by_another_after_its_lease() -> None:
    hold = after(Hold(), refused(503, 10_000), NOW)
    gate = Gate(None, 0, hold).after(1, hold.until, lease_ms=LEASE)
    assert gate.opens_at(hold.until, test=False) == hold.until + LEASE
    assert gate.allowance(hold.until + LEASE, most=16, test=False) == 1


def test_an_answer_to_an_earlier_request_neither_ends_nor_shortens_a_hold() -> None:
    hold = after(Hold(), refused(asked=10_000), NOW)
    for late in (answer(), answer(Outcome.TIMEOUT), answer(Outcome.INTERRUPTED), refused(asked=5_000)):
        assert after(hold, late, NOW + 10, started=NOW - 5) == hold
    longer = after(hold, refused(asked=20_000), NOW + 10, started=NOW - 5)
    assert (longer.until, longer.count) == (NOW + 10 + 20_000, 1)


def test_a_test_alert_goes_despite_the_hold_and_ends_it_if_it_is_delivered() -> None:
    hold = after(Hold(), refused(asked=HOUR), NOW)
    gate, now = Gate(None, 0, hold), NOW + MINUTE
    assert (gate.allowance(now, most=16, test=True), gate.allowance(now, most=16, test=False)) == (1, 0)
    assert gate.after(1, now, lease_ms=LEASE) == gate
    for failure in (answer(Outcome.TIMEOUT), answer(Outcome.INTERRUPTED), refused(503)):
        assert after(hold, failure, now + 5, started=now) == hold
    assert after(hold, refused(asked=SECOND), now + 5, started=now).until == hold.until
    assert after(hold, answer(), now + 5, started=now).held_until(now + 5) is None


def test_a_429_slows_the_destination_to_less_than_it_accepted() -> None:
    assert after(Hold(), refused(), NOW, accepted=20).rate == 18
    assert after(Hold(), refused(), NOW, accepted=20, limit=10.0).rate == 9
    assert after(Hold(), refused(), NOW, accepted=0).rate is None
    assert after(Hold(), refused(503, 10_000), NOW, accepted=20).rate is None


def test_the_rate_grows_evenly_to_twice_and_then_the_limit_is_lifted() -> None:
    hold, now = probe(after(Hold(), refused(), NOW, accepted=20), answer())
    rates = [hold.rate_at(now + part * DOUBLES_IN_MS // 4) for part in range(5)]
    assert rates == [pytest.approx(rate, abs=0.01) for rate in (18, 22.5, 27, 31.5)] + [None]
    assert not Gate(None, 0, hold).applies(now + DOUBLES_IN_MS)


def test_a_429_soon_after_a_hold_halves_the_rate_and_a_later_one_does_not() -> None:
    hold, now = probe(after(Hold(), refused(), NOW, accepted=20), answer())
    assert after(hold, refused(), now + 1_000, accepted=20).rate == pytest.approx(9, abs=0.1)
    assert after(hold, refused(), now + MINUTE, accepted=20).rate == pytest.approx(17.8, abs=0.1)


def test_refused_probes_do_not_lower_the_rate() -> None:
    hold = after(Hold(), refused(), NOW, accepted=20)
    for _ in range(5):
        hold, _ = probe(hold, refused())
    assert hold.rate == 18


def test_the_rate_never_exceeds_the_limit_that_a_user_set() -> None:
    hold = Hold(rate=18.0, since=NOW)
    paces = [Gate(20.0, 0, hold).pace(NOW + part * DOUBLES_IN_MS // 4) for part in range(6)]
    assert [pace and round(pace.rate, 1) for pace in paces] == [18, 20, 20, 20, 20, 20]


class Limiter:
    """A receiver that takes `limit` requests in any `span` and answers 429 to the others."""

    def __init__(self, limit: int, span: int, asked: int | None) -> None:
        self.limit, self.span, self.asked = limit, span, asked
        self.taken: list[int] = []
        self.refused = 0

    def answer(self, now: int) -> Any:
        if sum(at > now - self.span for at in self.taken) < self.limit:
            self.taken.append(now)
            return answer()
        self.refused += 1
        return refused(asked=self.asked)


@settings(max_examples=40, deadline=None)
@given(
    limit=st.integers(1, 50),
    span=st.sampled_from([SECOND, 10 * SECOND, MINUTE]),
    asked=st.sampled_from([None, SECOND, 10 * SECOND]),
    own=st.sampled_from([None, 50.0]),
)
def test_a_receiver_with_a_limit_gets_a_backlog_with_few_refusals(
    limit: int, span: int, asked: int | None, own: float | None
) -> None:
    receiver, now, gate, left = Limiter(limit, span, asked), NOW, Gate(own, 0, Hold()), 10 * limit
    while left:
        now = max(now, gate.opens_at(now, test=False))
        requests = gate.allowance(now, most=min(16, left), test=False)
        assert requests > 0
        gate = gate.after(requests, now, lease_ms=LEASE)
        ended = [receiver.answer(now) for _ in range(requests)]
        finished = now + 5
        accepted = sum(at > finished - SECOND for at in receiver.taken)
        for one in ended:
            left -= one.outcome is Outcome.DELIVERED
            hold = gate.hold.after(
                one, finished, started_at=now, lease_ms=LEASE, limit=own, accepted=accepted
            )
            gate = Gate(own, gate.paced_until, hold)
        now = finished
    assert receiver.refused <= 10 * limit / 2 + 60
    # Held, it waits for at most as long again as the receiver's span and what it asked for.
    assert now - NOW <= 10 * (2 * span + 2 * (asked or SECOND)) + 2 * MINUTE
