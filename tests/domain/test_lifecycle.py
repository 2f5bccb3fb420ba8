"""The table of a delivery's life: as designed, complete, and true to the checks of the database."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import NOW
from tui.domain.errors import Refused
from tui.domain.lifecycle import (
    TABLE,
    Count,
    Due,
    Event,
    NotDue,
    Outcome,
    Progress,
    Stale,
    Standing,
    State,
    Transition,
    advance,
    finishing_event,
    standing,
    submitted,
)

LIMIT = 11
LEASE = "a" * 32

# DESIGN 2.4, word for word: from, event, guards → to, effects. Held against the code's table, so that
# a change of the one is a decision about the other.
DESIGN = """
-          submit     -                   scheduled  now    attempts=0
scheduled  claim      due                 in_flight  later  attempts+1 opens
in_flight  claim      due attempts-left   in_flight  later  attempts+1 opens abandons
in_flight  claim      due none-left       failed     never  abandons exhausts
in_flight  deliver    lease               delivered  never  -
in_flight  fail       lease attempts-left scheduled  later  -
in_flight  fail       lease none-left     failed     never  exhausts
in_flight  interrupt  lease               scheduled  now    attempts-1
scheduled  resend     -                   scheduled  now    attempts=0
delivered  resend     -                   scheduled  now    attempts=0
failed     resend     -                   scheduled  now    attempts=0
cancelled  resend     -                   scheduled  now    attempts=0
scheduled  cancel     -                   cancelled  never  -
"""

GUARDS = {"due", "lease", "attempts-left", "none-left"}


def as_designed(row: Transition) -> tuple[str, str, frozenset[str], str, str, frozenset[str]]:
    """A row of the code's table in the words of the design."""
    guards = {"due": row.when_due, "lease": row.fenced}
    guards |= {"attempts-left": row.attempts_left is True, "none-left": row.attempts_left is False}
    effects = {
        "attempts=0": row.count is Count.ANEW,
        "attempts+1": row.count is Count.ONE_MORE,
        "attempts-1": row.count is Count.GIVEN_BACK,
        "opens": row.opens,
        "abandons": row.abandons,
        "exhausts": row.exhausts,
    }
    return (
        row.source or "-",
        row.event,
        frozenset(word for word, holds in guards.items() if holds),
        row.target,
        row.due.name.lower(),
        frozenset(word for word, holds in effects.items() if holds),
    )


def designed() -> list[tuple[str, str, frozenset[str], str, str, frozenset[str]]]:
    rows: list[tuple[str, str, frozenset[str], str, str, frozenset[str]]] = []
    for line in DESIGN.strip().splitlines():
        source, event, *words = line.split()
        target = next(n for n, word in enumerate(words) if word in [*State])
        guards, effects = set(words[:target]) - {"-"}, set(words[target + 2 :]) - {"-"}
        assert guards <= GUARDS
        rows.append((source, event, frozenset(guards), words[target], words[target + 1], frozenset(effects)))
    return rows


def described(row: Transition) -> str:
    left = {None: "", True: ", attempts left", False: ", none left"}[row.attempts_left]
    return f"{row.source}, {row.event}{left}"


def holds_the_checks_of_the_database(progress: Progress) -> bool:
    return (
        (progress.due_at is not None) is (progress.state in (State.SCHEDULED, State.IN_FLIGHT))
        and (progress.lease is not None) is (progress.state is State.IN_FLIGHT)
        and 0 <= progress.attempts <= LIMIT
        and progress.attempts <= progress.number
        and progress.round >= 1
    )


@st.composite
def some_progress(draw: st.DrawFn, state: State, *, attempts_left: bool | None = None) -> Progress:
    """Any delivery in `state` that the database would hold."""
    least = 1 if state is State.IN_FLIGHT else 0
    most = LIMIT - 1 if attempts_left or state is State.SCHEDULED else LIMIT
    attempts = LIMIT if attempts_left is False else draw(st.integers(least, most))
    progress = Progress(
        state=state,
        round=draw(st.integers(1, 5)),
        attempts=attempts,
        number=attempts + draw(st.integers(0, 3)),
        due_at=NOW + draw(st.integers(-100, 100)) if state in (State.SCHEDULED, State.IN_FLIGHT) else None,
        lease=LEASE if state is State.IN_FLIGHT else None,
    )
    assert holds_the_checks_of_the_database(progress)
    return progress


FROM_A_STATE = [row for row in TABLE if row.source is not None]
TAKEN = [row for row in FROM_A_STATE if row.when_due]
FENCED = [row for row in FROM_A_STATE if row.fenced]


def test_the_table_is_the_one_of_the_design() -> None:
    assert sorted(map(as_designed, TABLE), key=repr) == sorted(designed(), key=repr)


def test_a_delivery_begins_scheduled_for_now() -> None:
    begun = submitted(NOW)
    assert begun == Progress(State.SCHEDULED, round=1, attempts=0, number=0, due_at=NOW, lease=None)
    assert holds_the_checks_of_the_database(begun)


@pytest.mark.parametrize("row", FROM_A_STATE, ids=described)
@given(st.data())
def test_each_row_does_what_it_says_and_holds_the_checks_of_the_database(
    row: Transition, data: st.DataObject
) -> None:
    assert row.source is not None
    before = data.draw(some_progress(row.source, attempts_left=row.attempts_left))
    lease = "b" * 32 if row.opens else LEASE
    now = NOW + 100

    after, step = advance(before, row.event, now=now, limit=LIMIT, lease=lease, wait_ms=7_000)

    assert step is row
    assert holds_the_checks_of_the_database(after)
    assert after.state is row.target
    assert after.due_at == {Due.NOW: now, Due.LATER: now + 7_000, Due.NEVER: None}[row.due]
    assert after.lease == (lease if row.opens else None)
    if row.count is Count.ANEW:
        assert (after.round, after.attempts, after.number) == (before.round + 1, 0, 0)
    else:
        added = {Count.ONE_MORE: 1, Count.GIVEN_BACK: -1, Count.SAME: 0}[row.count]
        assert (after.round, after.attempts) == (before.round, before.attempts + added)
        assert after.number == before.number + (1 if row.opens else 0)


NO_ROW = [
    (state, event, attempts_left)
    for state, event, attempts_left in product(State, Event, (True, False))
    if not any(
        (row.source, row.event) == (state, event) and row.attempts_left in (None, attempts_left)
        for row in TABLE
    )
]


@pytest.mark.parametrize(("state", "event", "attempts_left"), NO_ROW)
@settings(max_examples=20)
@given(st.data())
def test_what_the_table_does_not_say_does_not_happen(
    state: State, event: Event, attempts_left: bool, data: st.DataObject
) -> None:
    before = data.draw(some_progress(state))
    limit = before.attempts + 1 if attempts_left else before.attempts
    with pytest.raises((Refused, Stale, NotDue)):
        advance(before, event, now=NOW + 100, limit=limit, lease=before.lease, wait_ms=7_000)


@pytest.mark.parametrize("row", TAKEN, ids=described)
@given(st.data())
def test_nothing_is_claimed_before_it_is_due(row: Transition, data: st.DataObject) -> None:
    assert row.source is not None
    before = data.draw(some_progress(row.source, attempts_left=row.attempts_left))
    assert before.due_at is not None
    with pytest.raises(NotDue):
        advance(before, row.event, now=before.due_at - 1, limit=LIMIT, lease="b" * 32, wait_ms=7_000)
    after, _ = advance(before, row.event, now=before.due_at, limit=LIMIT, lease="b" * 32, wait_ms=7_000)
    assert after.state is row.target


@pytest.mark.parametrize("row", FENCED, ids=described)
@pytest.mark.parametrize("lease", ["b" * 32, "", None])
@given(st.data())
def test_nothing_is_finished_under_a_lease_that_is_not_the_deliverys(
    row: Transition, lease: str | None, data: st.DataObject
) -> None:
    before = data.draw(some_progress(State.IN_FLIGHT, attempts_left=row.attempts_left))
    with pytest.raises(Stale):
        advance(before, row.event, now=NOW, limit=LIMIT, lease=lease, wait_ms=7_000)


@pytest.mark.parametrize("row", FENCED, ids=described)
@given(st.data())
def test_a_finish_after_the_lease_ran_out_counts_while_nobody_else_has_claimed(
    row: Transition, data: st.DataObject
) -> None:
    before = data.draw(some_progress(State.IN_FLIGHT, attempts_left=row.attempts_left))
    assert before.due_at is not None
    late = before.due_at + 3_600_000
    after, _ = advance(before, row.event, now=late, limit=LIMIT, lease=LEASE, wait_ms=7_000)
    assert after.state is row.target


@pytest.mark.parametrize("state", [State.DELIVERED, State.FAILED, State.CANCELLED])
def test_a_cancel_that_comes_too_late_says_what_became_of_it(state: State) -> None:
    ended = Progress(state, round=1, attempts=1, number=1, due_at=None, lease=None)
    with pytest.raises(Refused, match=f"nothing to cancel: it is already {state}"):
        advance(ended, Event.CANCEL, now=NOW, limit=LIMIT)


@pytest.mark.parametrize("event", [Event.RESEND, Event.CANCEL])
def test_what_is_being_sent_can_be_neither_cancelled_nor_sent_again(event: Event) -> None:
    sending, _ = advance(submitted(NOW), Event.CLAIM, now=NOW, limit=LIMIT, lease=LEASE, wait_ms=40_000)
    with pytest.raises(Refused, match="it is being sent now; wait for the answer, then try again"):
        advance(sending, event, now=NOW, limit=LIMIT)


def test_an_interrupted_attempt_is_not_counted_but_keeps_its_number() -> None:
    progress = submitted(NOW)
    for _ in range(3):
        progress, _ = advance(progress, Event.CLAIM, now=NOW, limit=LIMIT, lease=LEASE, wait_ms=40_000)
        progress, _ = advance(progress, Event.INTERRUPT, now=NOW, limit=LIMIT, lease=LEASE)
    assert progress == replace(submitted(NOW), number=3)


@pytest.mark.parametrize("outcome", Outcome)
def test_an_attempt_finishes_its_delivery_by_how_it_ended(outcome: Outcome) -> None:
    expected = {Outcome.DELIVERED: Event.DELIVER, Outcome.INTERRUPTED: Event.INTERRUPT}
    assert finishing_event(outcome) is expected.get(outcome, Event.FAIL)


@pytest.mark.parametrize(
    ("state", "attempts", "said"),
    [
        (State.SCHEDULED, 0, Standing.WAITING),
        (State.SCHEDULED, 1, Standing.RETRYING),
        (State.IN_FLIGHT, 1, Standing.SENDING),
        (State.DELIVERED, 1, Standing.DELIVERED),
        (State.FAILED, 11, Standing.FAILED),
        (State.CANCELLED, 0, Standing.CANCELLED),
    ],
)
def test_a_person_reads_of_waiting_and_retrying_where_the_table_says_scheduled(
    state: State, attempts: int, said: Standing
) -> None:
    assert standing(state, attempts) is said
