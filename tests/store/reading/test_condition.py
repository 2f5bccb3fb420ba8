"""What `tocsin status` counts in the database, and what it makes of the figures."""

from dataclasses import replace

import pytest

from tests.conftest import NOW
from tests.store.bench import Bench
from tui.domain.alert_type import AlertType
from tui.domain.condition import Intake, Level, Load, Problem, level_of, problems
from tui.domain.health import Health
from tui.domain.lifecycle import Outcome
from tui.intake.unreadable import RULE
from tui.store.reading import condition

MINUTE = 60_000


def found(bench: Bench, *, since: int = 0, late_ms: int = 5 * MINUTE) -> list[Problem]:
    now = bench.clock.now
    loads = bench.store.read(condition.loads, since=since, now=now).result()
    intake = bench.store.read(condition.intake, since=since, unreadable=RULE).result()
    return problems(loads, intake, now=now, late_ms=late_ms)


def kinds(bench: Bench, *, since: int = 0) -> list[tuple[str, str | None, int]]:
    return [(problem.kind, problem.destination, problem.count) for problem in found(bench, since=since)]


@pytest.mark.usefixtures("soc")
def test_nothing_needs_attention_while_deliveries_are_on_time(bench: Bench) -> None:
    bench.submit()
    bench.finish(bench.claim_one(), Outcome.DELIVERED)
    bench.submit()
    bench.clock.advance(5 * MINUTE)
    assert found(bench) == []
    assert level_of([]) is Level.OK


@pytest.mark.usefixtures("soc")
def test_a_permanent_failure_is_critical_until_it_is_resent_or_the_period_is_over(bench: Bench) -> None:
    [delivery] = bench.submit()
    bench.fail_until_exhausted()
    assert kinds(bench) == [("failed", "soc", 1)]
    assert level_of(found(bench)) is Level.CRITICAL
    assert ("failed", "soc", 1) not in kinds(bench, since=bench.clock.now + 1)
    bench.resend(delivery)
    assert [kind for kind, *_ in kinds(bench)] == ["failing"]


@pytest.mark.usefixtures("soc")
def test_deliveries_are_late_when_nobody_delivers_them(bench: Bench) -> None:
    bench.submit()
    bench.submit()
    bench.clock.advance(5 * MINUTE + 1)
    [late] = found(bench)
    assert (late.level, late.kind, late.count) == (Level.CRITICAL, "late", 2)
    assert late.text.startswith("deliveries have been due for 5 min: no dispatcher is running")


@pytest.mark.usefixtures("soc")
def test_a_delivery_is_late_once_its_lease_is_over_and_nobody_took_it(bench: Bench) -> None:
    bench.submit()
    bench.claim_one()
    bench.clock.advance(5 * MINUTE)
    assert found(bench) == []
    bench.clock.advance(60 * MINUTE)
    assert kinds(bench) == [("late", "soc", 1)]


@pytest.mark.usefixtures("soc")
def test_a_held_destination_is_a_warning_until_its_hold_is_long_over(bench: Bench) -> None:
    bench.submit()
    bench.submit()
    bench.finish(bench.claim().claims[0], Outcome.REJECTED, status_code=429, retry_after_ms=60 * MINUTE)
    bench.clock.advance(30 * MINUTE)
    assert ("held", "soc") in [kind[:2] for kind in kinds(bench)]
    assert level_of(found(bench)) is Level.WARNING
    bench.clock.advance(60 * MINUTE)
    assert ("late", "soc") in [kind[:2] for kind in kinds(bench)]


def test_a_paused_destination_is_a_warning_only_while_something_is_pending(bench: Bench) -> None:
    soc = bench.add(name="soc")
    bench.pause(soc)
    assert found(bench) == []
    bench.submit()
    bench.clock.advance(60 * MINUTE)
    assert kinds(bench) == [("paused", "soc", 1)]
    assert level_of(found(bench)) is Level.WARNING


def test_test_alerts_do_not_count(bench: Bench) -> None:
    bench.submit(test=True)
    bench.add(name="soc")
    bench.submit(test=True)
    bench.clock.advance(60 * MINUTE)
    assert found(bench) == []


def test_alerts_without_a_destination_and_unreadable_input_are_warnings_of_the_period(bench: Bench) -> None:
    bench.submit()
    bench.submit(type=AlertType.RULE_ERROR, rule_id=RULE)
    assert kinds(bench) == [("unrouted", None, 2), ("unreadable", None, 1)]
    assert kinds(bench, since=NOW + 1) == []


def test_the_most_urgent_comes_first(bench: Bench) -> None:
    soc = bench.add(name="soc")
    failing = Load(soc, Health(5, 0, None), 0, 0, None, None, 0, "HTTP 503")
    late = replace(failing, destination=replace(soc, name="zz"), health=Health(), pending=1, due_since=NOW)
    shown = problems([failing, late], Intake(0, 0), now=NOW + 61 * MINUTE, late_ms=MINUTE)
    assert [problem.kind for problem in shown] == ["late", "failing"]
    assert shown[1].text == "5 attempts failed in a row; last: HTTP 503"
