"""What all tests share: a clock that only a test moves, builders, and a store on each engine."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tui.domain.alert import Alert, AlertType, Severity
from tui.domain.attempt import Answer
from tui.domain.destination import Destination
from tui.domain.errors import Invalid
from tui.domain.lifecycle import Outcome
from tui.store.database import Sqlite, Store

Result = TypeVar("Result")

NOW = 1_769_851_800_000
"""2026-01-31T09:30:00Z, when every test begins."""

ENGINES = ("sqlite",)

_numbers = count(1)


class Clock:
    """Milliseconds since 1970, standing still until told to move."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, milliseconds: int) -> None:
        self.now += milliseconds


def alert(**changes: Any) -> Alert:
    """A high severity rule match with an id of its own."""
    return Alert(
        **{
            "alert_id": f"alert-{next(_numbers)}",
            "rule_id": "AWS.Root.Login",
            "severity": Severity.HIGH,
            "type": AlertType.RULE,
            "created_at": NOW,
            "title": "Root login from 203.0.113.9",
            **changes,
        }
    )


def destination(**changes: Any) -> Destination:
    """An active destination called soc that takes everything."""
    return Destination(**{"name": "soc", "url": "https://hooks.example.com/alerts", **changes})


def answer(outcome: Outcome = Outcome.DELIVERED, **changes: Any) -> Answer:
    """What the sender saw of an attempt that ended after 84 ms."""
    return Answer(**{"outcome": outcome, "ended_at": NOW + 84, "duration_ms": 84, **changes})


def result_or_refusal(work: Callable[..., Result], *args: Any, **kwargs: Any) -> Result | Invalid:
    """What `work` returns, or the Invalid it raises; whatever else it raises is a failure."""
    try:
        return work(*args, **kwargs)
    except Invalid as refused:
        return refused


def write(store: Store, work: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
    """The result of `work` in a transaction of its own, committed."""
    return store.write(work, *args, **kwargs).result()


@contextmanager
def open_store(engine: str, directory: Path, clock: Callable[[], int]) -> Iterator[Store]:
    """An empty store on `engine`: the one place that knows how to make one for a test."""
    strategies = {"sqlite": lambda: Sqlite(directory / "tocsin.db", clock)}
    with Store(strategies[engine]()) as store:
        yield store


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(engine: str, tmp_path: Path, clock: Clock) -> Iterator[Store]:
    with open_store(engine, tmp_path, clock) as opened:
        yield opened
