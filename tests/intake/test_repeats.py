"""Repeats are counted, and logged once per source and minute."""

import pytest

from tests.conftest import Clock
from tests.intake.conftest import Serve
from tests.store.bench import Bench
from tui.intake.minutely import Minutely
from tui.intake.repeats import Repeats
from tui.store.outbox import Receipt

STORED, REPEATED = Receipt("a-1", (), None), Receipt("a-1", (), None, repeated=True)


@pytest.fixture
def ticks() -> Clock:
    return Clock(0)


@pytest.fixture
def repeats(ticks: Clock, caplog: pytest.LogCaptureFixture) -> Repeats:
    caplog.set_level("INFO", logger="tui.intake.repeats")
    return Repeats(Minutely(ticks))


def test_one_line_per_source_and_minute(
    repeats: Repeats, ticks: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        repeats.count("x", [STORED, REPEATED])
        repeats.count("y", [REPEATED, REPEATED])
    ticks.advance(60_000)
    repeats.count("x", [REPEATED])
    assert caplog.messages == [
        "x: already stored, not stored again: alert a-1",
        "y: already stored, not stored again: alert a-1 and 1 more",
        "x: already stored, not stored again: alert a-1 and 2 more",
    ]
    assert repeats.total == 10


def test_alerts_that_are_stored_are_not_counted(repeats: Repeats, caplog: pytest.LogCaptureFixture) -> None:
    repeats.count("x", [STORED])
    assert (repeats.total, caplog.messages) == (0, [])


def test_a_thousand_sources_are_remembered(
    repeats: Repeats, ticks: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        for number in range(1_000):
            repeats.count(f"{number}", [REPEATED])
    ticks.advance(60_000)
    repeats.count("new", [REPEATED])
    assert len(repeats.limit._logged) == 1  # pyright: ignore[reportPrivateUsage]
    assert "7: already stored, not stored again: 1 alerts" in caplog.messages


def test_the_endpoint_logs_who_sent_a_repeat(
    repeats: Repeats, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    client = serve(repeats=repeats)
    answers = [client.post("/alerts", json={"title": "x", "alertId": "a-1"}).json() for _ in range(3)]
    assert [(one["alertId"], one["repeated"]) for [one] in answers] == [
        ("a-1", False),
        ("a-1", True),
        ("a-1", True),
    ]
    assert [one for one in caplog.messages if "already" in one] == [
        "127.0.0.1: already stored, not stored again: alert a-1"
    ]
    assert repeats.total == 2


def test_the_endpoint_says_and_logs_what_a_repeat_queued(
    repeats: Repeats, serve: Serve, bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    nudges: list[int] = []
    client = serve(repeats=repeats, nudge=lambda: nudges.append(1))
    body = {"title": "x", "alertId": "a-1"}
    client.post("/alerts", json=body)
    bench.add()
    [routed] = client.post("/alerts", json=body).json()
    assert (routed["repeated"], routed["notRouted"]) == (True, None)
    assert routed["revived"] == routed["deliveries"] != []
    bench.fail_until_exhausted()
    [reopened] = client.post("/alerts", json=body).json()
    assert reopened["revived"] == routed["revived"]
    assert len(nudges) == 3
    assert caplog.messages.count("127.0.0.1: reported again, queued for soc: alert a-1") == 2


def test_the_endpoint_queues_nothing_again_if_disabled(serve: Serve, bench: Bench) -> None:
    client = serve(revive_after_ms=None)
    body = {"title": "x", "alertId": "a-1"}
    client.post("/alerts", json=body)
    bench.add()
    [repeat] = client.post("/alerts", json=body).json()
    assert (repeat["revived"], repeat["notRouted"]) == ([], "there was no destination yet")
