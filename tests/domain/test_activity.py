"""Activity: spans that make up a day, read once, and what they tell together."""

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.domain.activity import DAY, HOUR, MINUTE_MS, Activity, Ended, Span, Tally, all_of, percent
from tui.domain.lifecycle import Outcome

NOW = 1_769_851_830_000
"""2026-01-31T09:30:30Z."""
THIS = NOW // MINUTE_MS


def read(activity: Activity, now: int, ended: dict[int, list[Ended]]) -> list[Span]:
    """Read all that is missing from a store where these ended in these minutes."""
    missing = activity.missing(now)
    for span in missing:
        minutes = range(span.first, span.first + span.minutes)
        activity.take(span, [end for minute in minutes for end in ended.get(minute, [])])
    return missing


@given(st.integers(DAY, 10**9))
def test_the_spans_make_up_a_day_without_a_gap_or_a_repeat(minute: int) -> None:
    covered = [
        m
        for span in Activity().missing(minute * MINUTE_MS)
        for m in range(span.first, span.first + span.minutes)
    ]
    assert sorted(covered) == list(range(min(covered), minute + 1))
    assert len(set(covered)) == len(covered)
    assert DAY - 10 <= len(covered) <= DAY


def test_only_the_newest_minutes_are_read_again() -> None:
    activity = Activity()
    read(activity, NOW, {})
    assert activity.missing(NOW) == [Span(THIS, 1), Span(THIS - 1, 1)]
    assert activity.missing(NOW + MINUTE_MS)[0] == Span(THIS + 1, 1)


def test_the_hour_is_known_before_the_day() -> None:
    activity = Activity()
    missing = activity.missing(NOW)
    known = [(activity.knows_hour, activity.knows_day)]
    for span in missing:
        activity.take(span, [])
        known.append((activity.knows_hour, activity.knows_day))
    steps = [step for step, _ in groupby(known)]
    assert steps == [(False, False), (True, False), (True, True)]


def test_what_is_read_again_takes_the_place_of_what_was_read_before() -> None:
    activity = Activity()
    read(activity, NOW, {THIS: [Ended(1, Outcome.DELIVERED, 80, 5)]})
    read(activity, NOW, {THIS: [Ended(1, Outcome.DELIVERED, 80, 5), Ended(1, Outcome.TIMEOUT, 90, 1)]})
    assert (activity.hour[1].attempts, activity.day[1].attempts) == (6, 6)
    assert activity.hour[1].percentiles(1.0) == (90,)
    read(activity, NOW, {})
    assert (activity.hour, activity.day) == ({}, {})


def test_what_was_forgotten_is_read_again() -> None:
    activity = Activity()
    first = read(activity, NOW, {})
    activity.forget()
    assert activity.missing(NOW) == first


def test_an_hour_later_it_tells_the_same_of_what_is_older() -> None:
    activity = Activity()
    ended = {
        THIS - 30: [Ended(1, Outcome.DELIVERED, 80, 5)],
        THIS - 600: [Ended(2, Outcome.TIMEOUT, 30_000, 2)],
    }
    read(activity, NOW, ended)
    assert activity.hour[1].delivered == 5
    assert set(activity.day) == {1, 2}
    later = NOW + HOUR * MINUTE_MS
    read(activity, later, ended)
    assert activity.hour == {}
    assert activity.day[1].delivered == 5
    assert activity.day[2].failed == 2


def test_by_the_minute_all_destinations_are_counted_together() -> None:
    activity = Activity()
    ends = [
        Ended(1, Outcome.DELIVERED, 80, 2),
        Ended(2, Outcome.DELIVERED, 90, 1),
        Ended(2, Outcome.BLOCKED, None, 4),
    ]
    read(activity, NOW, {THIS: ends, THIS - 59: ends[:1], THIS - 60: ends})
    minutes = activity.by_minute
    assert len(minutes) == HOUR
    assert [(m.delivered, m.failed) for m in (minutes[0], minutes[1], minutes[-1])] == [
        (2, 0),
        (0, 0),
        (3, 4),
    ]


@pytest.mark.parametrize(
    ("share", "said"), [(0.0, "0%"), (0.29, "29%"), (208 / 237, "87%"), (0.999, "99%"), (1.0, "100%")]
)
def test_a_share_is_never_told_as_more_than_it_is(share: float, said: str) -> None:
    assert percent(share) == said


def test_nothing_ended_has_no_percentiles_and_no_success() -> None:
    assert Tally().percentiles(0.5, 0.99) == (None, None)
    assert Tally().success is None


@given(st.lists(st.integers(0, 200_000), min_size=1), st.floats(0, 1))
def test_a_percentile_is_the_value_at_its_place(durations: list[int], share: float) -> None:
    tally = Tally()
    for duration in durations:
        tally.add(Tally(outcomes=Tally().outcomes, durations=type(tally.durations)([duration])))
    assert tally.percentiles(share) == (sorted(durations)[int(share * (len(durations) - 1))],)


def test_all_destinations_together_are_the_sum() -> None:
    one, two = Tally(), Tally()
    one.outcomes[Outcome.DELIVERED] = 3
    two.outcomes[Outcome.TIMEOUT] = 1
    assert all_of({1: one, 2: two}).success == 0.75
