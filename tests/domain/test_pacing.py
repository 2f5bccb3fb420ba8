"""A rate limit lets through no more than it says, and no less than it must."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.conftest import NOW, result_or_refusal
from tui.domain.errors import Invalid
from tui.domain.pacing import FASTEST, SLACK_MS, SLOWEST, Pace, parse_rate

rates = st.floats(SLOWEST, FASTEST)


def run(rate: float, pauses: list[int]) -> list[tuple[int, int]]:
    """(moment, requests) of somebody who looks after each pause and always sends all that it may."""
    pace, now, sent = Pace(rate, 0), NOW, []
    for pause in pauses:
        now += pause
        requests = pace.allowance(now)
        pace = pace.after(requests, now)
        sent.append((now, requests))
    return sent


@given(rates, st.lists(st.integers(0, 2_000), min_size=1, max_size=60))
def test_no_span_of_time_sees_more_than_the_rate_and_its_slack(rate: float, pauses: list[int]) -> None:
    sent = run(rate, pauses)
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            span = sent[last][0] - sent[first][0] + SLACK_MS
            assert sum(requests for _, requests in sent[first : last + 1]) <= span * rate / 1000 + 1 + 1e-6


@given(rates)
def test_who_always_comes_back_when_it_may_gets_all_of_the_rate(rate: float) -> None:
    pace, now, requests = Pace(rate, 0), NOW, 0
    for _ in range(100):
        allowed = pace.allowance(now)
        assert allowed > 0
        requests += allowed
        pace = pace.after(allowed, now)
        now = max(now, pace.paced_until)
    # Each turn may lose less than a millisecond to rounding.
    assert requests >= (now - NOW - 100) * rate / 1000


@given(rates, st.integers(0, 10_000))
def test_a_long_silence_earns_no_more_than_the_slack(rate: float, silence: int) -> None:
    pace = Pace(rate, NOW - silence)
    assert pace.allowance(NOW) == 1 + int(SLACK_MS * rate / 1000)


@given(rates, st.integers(0, 300_000), st.integers(1, 500))
def test_who_has_run_out_knows_when_to_come_back(rate: float, slack: int, requests: int) -> None:
    pace = Pace(rate, 0, slack).after(requests, NOW)
    assume(not pace.allowance(NOW))
    assert pace.allowance(pace.opens_at - 1) == 0
    assert pace.allowance(pace.opens_at) > 0


def test_with_a_second_of_slack_a_second_of_requests_comes_at_once() -> None:
    pace = Pace(5, 0, 1000)
    assert pace.allowance(NOW) == 6
    assert pace.after(6, NOW).allowance(NOW) == 0


def test_a_clock_set_back_stops_nobody_for_longer_than_it_was_ahead() -> None:
    pace = Pace(10, 0).after(2, NOW)
    assert pace.allowance(NOW - 3_600_000) == 0
    assert pace.allowance(NOW + 200) > 0


@pytest.mark.parametrize(
    ("typed", "rate"), [("", None), ("0", None), (" 5 ", 5.0), ("0.5", 0.5), ("1000", 1000.0)]
)
def test_what_may_be_typed(typed: str, rate: float | None) -> None:
    assert parse_rate(typed) == rate


@pytest.mark.parametrize("typed", ["-1", "0.001", "1001", "nan", "inf", "fast", "5/s", "1e9"])
def test_what_may_not(typed: str) -> None:
    refused = result_or_refusal(parse_rate, typed)
    assert isinstance(refused, Invalid)
    assert (refused.field, "0.01 to 1000 requests per second" in refused.message) == ("rate", True)
