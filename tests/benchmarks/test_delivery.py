"""How fast deliveries are, against the same sender without a store, in one interleaved run.

    uv run pytest tests/benchmarks -s

The receiver is nginx (`return 200`) where it is installed, else `tocsin receive`; either way it is a
process of its own. Figures of one machine mean little; their ratio carries over.
"""

import asyncio
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from tests.conftest import alert, claimed, write
from tui.delivery.dispatcher import Dispatcher, Limits
from tui.delivery.sender import Sender
from tui.domain.destination import Destination
from tui.domain.retry import RetryPolicy
from tui.store import destinations, outbox
from tui.store.database import Store, wall_clock
from tui.store.sqlite import Sqlite

DELIVERIES, RUNS = 5_000, 3
CONTEXT = '{"detail":"' + "x" * 1_700 + '"}'

NGINX = """
daemon off; pid {directory}/pid; error_log {directory}/error.log; worker_processes 1;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 1000000; client_body_temp_path {directory}/body;
        server {{ listen 127.0.0.1:{port}; location / {{ return 200 "success"; }} }} }}
"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tui", "receive", "--port", str(port)]
    if shutil.which("nginx"):
        configuration = tmp_path / "nginx.conf"
        configuration.write_text(NGINX.format(directory=tmp_path, port=port))
        command = ["nginx", "-c", str(configuration)]
    receiver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.sleep(0.05)
    yield f"http://127.0.0.1:{port}/"
    receiver.terminate()
    receiver.wait()


async def durable(store: Store, destination: Destination, concurrency: int) -> float:
    """Deliveries per second through outbox and dispatcher, each recorded with synchronous=FULL."""
    for start in range(0, DELIVERIES, 500):
        batch = [alert(context=CONTEXT, destinations=(destination.name,)) for _ in range(start, start + 500)]
        write(store, outbox.submit, batch)
    async with Sender(wall_clock) as sender:
        limits = Limits(64, concurrency)
        dispatcher = Dispatcher(store, sender, policy=RetryPolicy(), limits=limits)
        begun = time.perf_counter()
        await dispatcher.run(until_empty=True)
        return DELIVERIES / (time.perf_counter() - begun)


async def sender_alone(destination: Destination, concurrency: int) -> float:
    """Requests per second of the same sender, with nothing stored."""
    one = claimed("dlv_1", alert(context=CONTEXT), destination)
    left = iter(range(DELIVERIES))

    async def send() -> None:
        for _ in left:
            await sender.send(one)

    async with Sender(wall_clock) as sender:
        begun = time.perf_counter()
        await asyncio.gather(*(send() for _ in range(concurrency)))
        return DELIVERIES / (time.perf_counter() - begun)


@pytest.mark.parametrize("concurrency", [16, 64])
async def test_durable_deliveries_per_second_against_the_sender_alone(
    tmp_path: Path, url: str, concurrency: int
):
    with Store(Sqlite(tmp_path / "bench.db")) as store:
        soc = write(store, destinations.add, Destination(name="soc", url=url))
        pairs = [
            (await sender_alone(soc, concurrency), await durable(store, soc, concurrency))
            for _ in range(RUNS)
        ]
        states = store.read(
            lambda db: db.execute_sql("SELECT DISTINCT state FROM delivery").fetchall()
        ).result()
    alone, kept = (median(figures) for figures in zip(*pairs, strict=True))
    ratio = kept / alone
    print(f"\n{concurrency} at once: {kept:,.0f} durable/s, sender alone {alone:,.0f}/s, ratio {ratio:.2f}")
    assert states == [("delivered",)]
