"""Fixtures: a bench over a store on each engine."""

import pytest

from tests.conftest import Clock
from tests.store.bench import Bench
from tui.domain.destination import Destination
from tui.store.engine.database import Store


@pytest.fixture
def bench(store: Store, clock: Clock) -> Bench:
    return Bench(store, clock)


@pytest.fixture
def soc(bench: Bench) -> Destination:
    """A destination that matches every alert."""
    return bench.add()
