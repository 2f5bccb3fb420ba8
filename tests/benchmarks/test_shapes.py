"""CPU of a delivery in the shape `slack`, against the same delivery as `panther`.

    uv run python -m tests.benchmarks shapes

Whole deliveries: claimed, sent over HTTP and recorded with synchronous=FULL. The two alternate in one run,
and the CPU time of this process is compared, so other work on the machine matters little.
"""

import gc
import time
from pathlib import Path
from statistics import median

import pytest

from tests.benchmarks.test_delivery import url  # noqa: F401
from tests.conftest import alert, write
from tui.delivery.dispatcher import Dispatcher
from tui.delivery.sender import Sender
from tui.delivery.slots import Limits
from tui.domain.destination import Destination
from tui.domain.retry import RetryPolicy
from tui.store import destinations, outbox
from tui.store.engine.database import Store
from tui.store.engine.sqlite import Sqlite

DELIVERIES, RUNS, MOST = 1_000, 9, 1.5
TEXTS = {
    "title": "Root login from 203.0.113.9 & a new country <us-east-1>",
    "description": "Somebody logged in as root without MFA. " * 8,
    "runbook": "Ask the owner of the account, then rotate the keys. " * 4,
    "link": "https://soc.example.com/alerts/4c2f91aa",
    "tags": ("aws", "root", "identity", "T1078"),
    "context": '{"sourceIP":"203.0.113.9","detail":{"text":"' + "x" * 1_000 + '"}}',
}


async def cpu_per_delivery(store: Store, destination: Destination) -> float:
    """Seconds of CPU."""
    for _ in range(DELIVERIES // 500):
        batch = [alert(**TEXTS, destinations=(destination.name,)) for _ in range(500)]
        write(store, outbox.submit, batch)
    async with Sender() as sender:
        dispatcher = Dispatcher(store, sender, policy=RetryPolicy(), limits=Limits(64, 64))
        gc.collect()
        begun = time.process_time()
        await dispatcher.run(until_empty=True)
        return (time.process_time() - begun) / DELIVERIES


@pytest.mark.parametrize("shape", ["slack"])
async def test_a_shape_costs_little_more_than_panther(tmp_path: Path, url: str, shape: str):  # noqa: F811
    figures: dict[str, list[float]] = {"panther": [], shape: []}
    with Store(Sqlite(tmp_path / "bench.db")) as store:
        to = {
            name: write(store, destinations.add, Destination(name=name, url=url, shape=name))
            for name in figures
        }
        for _ in range(RUNS):
            for name, spent in figures.items():
                spent.append(await cpu_per_delivery(store, to[name]))
    ratio = median(figures[shape]) / median(figures["panther"])
    for name, spent in figures.items():
        print(f"{name}: {median(spent) * 1000:.3f} ms of CPU per delivery")
    print(f"{shape} / panther: {ratio:.2f}")
    assert ratio <= MOST
