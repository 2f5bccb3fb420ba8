"""When a destination counts as failing, and when no longer."""

import pytest

from tests.conftest import NOW, answer
from tui.domain.attempt import Answer
from tui.domain.health import FAILING_AFTER, Health, counts
from tui.domain.lifecycle import Outcome

REFUSED = answer(Outcome.REJECTED, status_code=500)
GONE = answer(Outcome.REJECTED, status_code=410)
FAILURES = [Outcome.REJECTED, Outcome.UNREACHABLE, Outcome.TIMEOUT]


def after(*ends: tuple[Answer, bool], before: Health | None = None) -> Health:
    return (before or Health()).after(ends, NOW)


@pytest.mark.parametrize("outcome", FAILURES)
def test_failures_in_a_row_are_counted(outcome: Outcome) -> None:
    assert after(*[(answer(outcome), False)] * 3) == Health(failures=3)


def test_the_tenth_exhausted_delivery_in_a_row_makes_it_failing() -> None:
    nine = after(*[(REFUSED, True)] * (FAILING_AFTER - 1))
    assert nine.failing_since is None
    assert after((REFUSED, False), before=nine).failing_since is None
    assert after((REFUSED, True), before=nine).failing_since == NOW


def test_gone_makes_it_failing_at_once() -> None:
    assert after((GONE, False)) == Health(failures=1, failing_since=NOW)


def test_it_keeps_the_moment_it_began_to_fail() -> None:
    failing = Health(failures=20, exhausted=10, failing_since=NOW - 1000)
    assert after((REFUSED, True), (GONE, True), before=failing) == Health(22, 12, NOW - 1000)


def test_one_delivery_lifts_it_and_the_count_begins_anew() -> None:
    failing = Health(failures=20, exhausted=10, failing_since=NOW - 1000)
    assert after((answer(), False), before=failing) == Health()
    assert after((REFUSED, True), (answer(), False), (REFUSED, True)) == Health(1, 1)


@pytest.mark.parametrize("outcome", Outcome)
def test_what_is_our_own_doing_says_nothing_about_it(outcome: Outcome) -> None:
    ours = outcome in (Outcome.INTERRUPTED, Outcome.BLOCKED)
    assert counts(answer(outcome), test=False) is not ours


@pytest.mark.parametrize("failure", [*FAILURES, Outcome.BLOCKED])
def test_a_test_alert_counts_only_when_it_gets_through(failure: Outcome) -> None:
    assert not counts(answer(failure), test=True)
    assert counts(answer(), test=True)
