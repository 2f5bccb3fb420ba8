"""Drills run the real program in separate processes and expose it to the faults of production."""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest

from tests.drills.installation import Installation
from tests.drills.receiver import Receiver

MOST_COUNTED = 11
"""The first attempt and ten retries: what a round may spend."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def another_receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def installation(engine: str, tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(engine, tmp_path)
    yield installation
    installation.close()


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Print the figures of a drill despite pytest's capture."""

    def say(figures: str) -> None:
        with capsys.disabled():
            print(f"\n  {request.node.name}: {figures}")

    return say


def assert_nothing_lost(installation: Installation, receiver: Receiver, alerts: Collection[str]) -> str:
    """Check what must hold after any drill, once nothing is in flight. Return the figures.

    `alerts` are all accepted alerts, each with one delivery. All must be delivered.
    """
    sql = installation.sql
    left = "SELECT state, count(*) FROM delivery WHERE state <> 'delivered' GROUP BY state"
    assert sql(left) == [], "all are delivered"
    assert installation.count("delivery") == len(alerts)
    assert {row[0] for row in sql("SELECT alert_id FROM alert")} == set(alerts)
    assert set(receiver.by_alert) == set(alerts), "each reached the receiver"
    assert sql("SELECT 1 FROM attempt WHERE outcome IS NULL") == [], "every attempt is closed"
    gaps = (
        "SELECT 1 FROM attempt GROUP BY delivery_id, round"
        " HAVING min(number) <> 1 OR max(number) <> count(*) OR count(DISTINCT number) <> count(*)"
    )
    assert sql(gaps) == [], "attempts are numbered without a gap or a repeat"
    counted = (
        "SELECT 1 FROM attempt WHERE outcome <> 'interrupted' GROUP BY delivery_id, round"
        f" HAVING count(*) > {MOST_COUNTED}"
    )
    assert sql(counted) == [], "no round spends more than its budget"
    attempts = dict(
        sql(
            "SELECT webhook_id, count(*) FROM attempt JOIN delivery ON delivery.id = delivery_id"
            " GROUP BY webhook_id"
        )
    )
    more = {id: seen for id, seen in receiver.by_webhook_id.items() if seen > attempts[id]}
    assert more == {}, "every request on the wire has its row"
    assert installation.damage() == []
    requests = len(receiver.requests)
    outcomes = dict(sql("SELECT outcome, count(*) FROM attempt GROUP BY outcome"))
    stale = installation.log.read_text().count("late answer ignored")
    return (
        f"{len(alerts)} alerts, {requests} requests, {outcomes}, {stale} late answers refused, "
        f"{sum(seen - 1 for seen in receiver.by_alert.values())} requests more than alerts"
    )
