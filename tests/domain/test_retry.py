"""When a failed delivery is tried again: later, never earlier, and whatever the receiver says."""

import itertools
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOW, result_or_refusal
from tui.domain.errors import Invalid
from tui.domain.retry import (
    DEFAULT_DELAYS_MS,
    MAX_RETRIES,
    MAX_RETRY_AFTER_MS,
    MOST_RETRIES_OF_ONE,
    RetryPolicy,
    delays_until,
    format_schedule,
    parse_delays,
    parse_give_up_after,
    parse_retry,
    parse_retry_after,
    parse_schedule,
)

SIX_HOURS = 6 * 3600 * 1000

a_delay = st.integers(0, 7 * 24 * 3600 * 1000)
a_policy = st.lists(a_delay, min_size=1, max_size=MAX_RETRIES).map(lambda delays: RetryPolicy(tuple(delays)))
a_fraction = st.floats(0, 1, exclude_max=True)
a_retry = st.integers(1, MAX_RETRIES)


# --- the schedule ---


@pytest.mark.parametrize("empty", [",", " , ,"])
def test_separators_without_a_delay_do_not_turn_retries_off(empty: str) -> None:
    with pytest.raises(Invalid, match="none means no retries"):
        parse_retry(empty)


def test_the_ten_retries_wait_from_five_seconds_to_an_hour() -> None:
    minutes = [delay / 60_000 for delay in DEFAULT_DELAYS_MS]
    assert minutes == [5 / 60, 15 / 60, 30 / 60, 1, 2, 5, 10, 20, 40, 60]


def test_a_round_is_the_first_attempt_and_its_retries() -> None:
    assert RetryPolicy().limit(test=False) == 11
    assert RetryPolicy((1_000, 2_000)).limit(test=False) == 3
    assert RetryPolicy(()).limit(test=False) == 1


def test_a_test_alert_is_tried_once() -> None:
    assert RetryPolicy().limit(test=True) == 1


def test_each_retry_waits_for_its_own_delay() -> None:
    waited = [RetryPolicy().next_delay(retry, 0.0) for retry in range(1, 11)]
    assert waited == list(DEFAULT_DELAYS_MS)


def test_retries_past_the_end_of_a_shortened_list_wait_as_long_as_the_last() -> None:
    assert RetryPolicy((1_000, 2_000)).next_delay(7, 0.0) == 2_000


def test_the_longest_delay_includes_its_jitter() -> None:
    day = 24 * 3600 * 1000
    policy = RetryPolicy((1_000, day))
    assert policy.longest_delay_ms == day + day // 5
    assert day < policy.next_delay(2, 0.999_999) <= policy.longest_delay_ms


def test_the_longest_delay_is_at_least_the_longest_retry_after() -> None:
    assert RetryPolicy((1_000,)).longest_delay_ms == SIX_HOURS


@given(a_policy, a_retry, a_fraction)
def test_a_delay_is_never_shorter_than_its_own_and_at_most_a_fifth_longer(
    policy: RetryPolicy, retry: int, fraction: float
) -> None:
    own = policy.delays_ms[min(retry, len(policy.delays_ms)) - 1]
    assert own <= policy.next_delay(retry, fraction) <= own * 1.2


@given(a_policy, a_retry, a_fraction, st.none() | st.integers(-(10**18), 10**18))
def test_what_the_receiver_asks_for_only_ever_delays_and_by_six_hours_at_most(
    policy: RetryPolicy, retry: int, fraction: float, asked: int | None
) -> None:
    own = policy.next_delay(retry, fraction)
    assert policy.next_delay(retry, fraction, asked) == max(own, min(asked or 0, SIX_HOURS))


# --- Retry-After ---


@pytest.mark.parametrize(
    ("header", "milliseconds"),
    [
        ("0", 0),
        ("120", 120_000),
        (" 5 ", 5_000),
        ("21600", SIX_HOURS),
        ("21601", SIX_HOURS),
        ("9" * 60, SIX_HOURS),
        ("Sat, 31 Jan 2026 09:30:07 GMT", 7_000),
        ("Saturday, 31-Jan-26 09:30:07 GMT", 7_000),
        ("Sat Jan 31 09:30:07 2026", 7_000),
        ("Sat, 31 Jan 2026 11:30:07 +0200", 7_000),
        ("Fri, 31 Dec 9999 23:59:59 GMT", SIX_HOURS),
        ("Fri, 31 Dec 9999 23:59:59 -2359", SIX_HOURS),
    ],
)
def test_a_receiver_asks_in_seconds_or_by_a_date(header: str, milliseconds: int) -> None:
    assert parse_retry_after(header, NOW) == milliseconds


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        "soon",
        "-5",
        "+5",
        "1.5",
        "1e3",
        "0x10",
        "NaN",
        "inf",
        "٣",
        "5 seconds",
        "5, 10",
        "5,10",
        "5 5",
        "\u00a05\u200b",
        "²",
        "Mon, 01 Jan 0000 00:00:00 GMT",
        "Fri, 31 Dec 10000 23:59:59 GMT",
        "Mon, 01 Jan 2027 00:00:00 +99999999999999999999",
        "Sat, 31 Jan 2026 09:29:59 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Sat, 31 Feb 2026 09:30:07 GMT",
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "2026-01-31T09:30:07Z",
        pytest.param("9" * 1_000_000, id="a megabyte of digits"),
        pytest.param("Sat, " * 200_000, id="a megabyte of words"),
    ],
)
def test_what_makes_no_sense_or_has_gone_by_is_ignored(header: str) -> None:
    assert parse_retry_after(header, NOW) is None


days = st.sampled_from(
    ["Sat, ", "31 ", "Jan ", "2026 ", "99999 ", "09:30:07 ", "GMT", "-", "+9999", ",", "0", ":"]
)


@given(st.text() | st.lists(days).map("".join), st.integers(0, 2 * NOW))
def test_whatever_the_header_holds_it_asks_for_at_most_six_hours(header: str, now: int) -> None:
    asked = parse_retry_after(header, now)
    assert asked is None or 0 <= asked <= MAX_RETRY_AFTER_MS


@given(st.integers(0, 10**40))
def test_a_number_of_seconds_is_waited_up_to_six_hours(seconds: int) -> None:
    assert parse_retry_after(str(seconds), NOW) == min(seconds * 1000, SIX_HOURS)


@given(st.integers(-(10**9), 10**9) | st.integers(-30_000, 30_000))
def test_a_date_is_waited_for_unless_it_has_gone_by(seconds: int) -> None:
    asked = parse_retry_after(formatdate(NOW / 1000 + seconds, usegmt=True), NOW)
    assert asked == (min(seconds * 1000, SIX_HOURS) if seconds > 0 else None)


# --- the configuration ---


def test_delays_are_configured_in_seconds() -> None:
    assert parse_delays([5, 2.5, "30", 0]) == (5_000, 2_500, 30_000, 0)


def test_no_delays_mean_no_retries() -> None:
    assert parse_delays([]) == ()


def test_a_delay_is_at_most_a_week() -> None:
    assert parse_delays([604_800]) == (604_800_000,)


@pytest.mark.parametrize("value", [-1, 604_801, "soon", "", None, True, float("nan"), float("inf"), [5]])
def test_a_delay_that_is_no_number_of_seconds_is_refused(value: object) -> None:
    with pytest.raises(Invalid) as caught:
        parse_delays([5, value])
    assert caught.value.field == "delays"
    assert caught.value.message == f"a retry delay must be 0 to 604800 seconds (a week), not {value!r}"


def test_more_than_ten_delays_are_refused() -> None:
    with pytest.raises(Invalid) as caught:
        parse_delays([1] * 11)
    assert caught.value.message == "at most 10 delays are allowed, one per retry; there are 11"


# --- what is to be expected ---


@given(a_policy, st.integers(0, MAX_RETRIES))
def test_what_is_to_be_expected_is_one_moment_for_each_attempt_that_is_left(
    policy: RetryPolicy, made: int
) -> None:
    limit = policy.limit(test=False)
    moments = policy.expect(NOW, made=made, limit=limit)

    assert len(moments) == max(1, limit - made)
    assert moments[0] == NOW
    waits = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert waits == [policy.next_delay(retry, 0.5) for retry in range(made + 1, limit)]


# --- the schedule of one destination ---


@pytest.mark.parametrize(
    ("typed", "delays"),
    [
        ("", None),
        ("none", ()),
        ("5s", (5_000,)),
        ("5s,30s, 2m ,1d", (5_000, 30_000, 120_000, 86_400_000)),
        ("0s,0s", (0, 0)),
        (",".join(["1h"] * MOST_RETRIES_OF_ONE), (3_600_000,) * MOST_RETRIES_OF_ONE),
    ],
)
def test_delays_are_listed_with_commas(typed: str, delays: tuple[int, ...] | None) -> None:
    assert parse_retry(typed) == delays


@pytest.mark.parametrize(
    ("parse", "typed", "said"),
    [
        (parse_retry, "soon", "not 'soon'"),
        (parse_retry, "5s,30", "not '30'"),
        (parse_retry, "8d", "not '8d'"),
        (parse_retry, ",".join(["1h"] * 101), "these are 101"),
        (parse_give_up_after, "4s", "5s to 7d"),
        (parse_give_up_after, "8d", "5s to 7d"),
        (parse_give_up_after, "never", "5s to 7d"),
    ],
)
def test_other_schedules_are_refused(parse: Any, typed: str, said: str) -> None:
    refused = result_or_refusal(parse, typed)
    assert isinstance(refused, Invalid)
    assert (refused.field, said in refused.message) == ("retry", True)


def test_the_first_ten_delays_until_giving_up_are_the_default_ones_and_the_others_grow_to_six_hours() -> None:
    delays = parse_give_up_after("3d")
    assert delays is not None
    assert delays[:10] == DEFAULT_DELAYS_MS
    assert [delay // 3_600_000 for delay in delays[10:-1]] == [2, 4, *[6] * 10]
    assert parse_give_up_after("") is None


@given(st.integers(5, 7 * 24 * 3600))
def test_the_last_retry_is_when_the_destination_gives_up(seconds: int) -> None:
    delays = delays_until(seconds * 1000)
    assert RetryPolicy(delays).moments(NOW)[-1] == NOW + seconds * 1000
    assert len(delays) <= MOST_RETRIES_OF_ONE
    assert min(delays) > 0


@pytest.mark.parametrize("typed", ["", "none", "3d", "2h", "5s,30s,2m", "10s,"])
def test_a_form_shows_a_schedule_as_it_was_typed(typed: str) -> None:
    assert format_schedule(parse_schedule(typed)) == typed


def test_a_destination_without_delays_of_its_own_keeps_those_of_the_configuration() -> None:
    policy = RetryPolicy((1_000,))
    assert policy.of(None) is policy
    assert policy.of((2_000, 3_000)).limit(test=False) == 3
    assert policy.of(()).limit(test=False) == 1
