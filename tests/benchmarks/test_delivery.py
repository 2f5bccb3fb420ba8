"""How fast deliveries are, against the same sender without a store, in one interleaved run.

    uv run pytest tests/benchmarks -s -n0

The receiver is nginx (`return 200`) where it is installed, else `tocsin receive`; either way it is a
process of its own. Figures of one machine mean little; their ratio carries over.
"""

import asyncio
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from statistics import median

import httpx
import pytest

from tests.conftest import alert, answer, claimed, write
from tui.delivery.dispatcher import Dispatcher
from tui.delivery.sender import Sender
from tui.delivery.slots import Limits
from tui.domain.destination import Destination
from tui.domain.retry import RetryPolicy
from tui.store import destinations, outbox
from tui.store.engine.database import Store, wall_clock
from tui.store.engine.sqlite import Sqlite
from tui.store.outbox import Finish
from tui.store.reading import queries
from tui.store.tables.rows import fetch

AT_ONCE, DELIVERIES, FEWER, RUNS = 64, 5_000, 1_000, 5
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


async def durable(store: Store, destination: Destination, deliveries: int = DELIVERIES) -> float:
    """Deliveries per second through outbox and dispatcher, each recorded with synchronous=FULL."""
    queue(store, destination, deliveries)
    async with Sender() as sender:
        dispatcher = Dispatcher(store, sender, policy=RetryPolicy(), limits=Limits(AT_ONCE, AT_ONCE))
        begun = time.perf_counter()
        await dispatcher.run(until_empty=True)
        return deliveries / (time.perf_counter() - begun)


def queue(store: Store, destination: Destination, deliveries: int) -> None:
    for _ in range(deliveries // 500):
        batch = [alert(context=CONTEXT, destinations=(destination.name,)) for _ in range(500)]
        write(store, outbox.submit, batch)


async def sender_alone(destination: Destination) -> float:
    """Requests per second of the same sender, with nothing stored."""
    one = claimed("dlv_1", alert(context=CONTEXT), destination)
    async with Sender() as sender:
        return await per_second(DELIVERIES, lambda: sender.send(one))


async def transaction_per_step(store: Store, destination: Destination) -> float:
    """The same deliveries, each claimed in a transaction of its own and finished in another."""
    queue(store, destination, FEWER)

    async with Sender() as sender:

        async def deliver() -> None:
            claims = await asyncio.wrap_future(
                store.write(outbox.claim, policy=RetryPolicy(), slots=1, cap=1, busy={})
            )
            for claim in claims.claims:
                ended = Finish(claim, await sender.send(claim), 0.0)
                await asyncio.wrap_future(store.write(outbox.finish, [ended], RetryPolicy()))

        return await per_second(FEWER, deliver)


async def httpx_by_default(destination: Destination) -> float:
    """What one writes first: a client, its defaults, and 64 posts gathered at a time."""
    body = b"x" * 2_000
    async with httpx.AsyncClient() as client:
        return await per_second(FEWER, lambda: client.post(destination.url, content=body))


async def per_second(count: int, one: Callable[[], Awaitable[object]]) -> float:
    """Of `count` calls, `AT_ONCE` at a time."""
    left = iter(range(count))

    async def worker() -> None:
        for _ in left:
            await one()

    begun = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return count / (time.perf_counter() - begun)


async def test_durable_deliveries_per_second(tmp_path: Path, url: str):
    """Each beside the others in every run, because the machine is faster in one minute than in the next."""
    figures: dict[str, list[float]] = {"durable": [], "sender": [], "steps": [], "httpx": []}
    with Store(Sqlite(tmp_path / "bench.db")) as store:
        soc = write(store, destinations.add, Destination(name="soc", url=url))
        for _ in range(RUNS):
            figures["sender"].append(await sender_alone(soc))
            figures["durable"].append(await durable(store, soc))
            figures["steps"].append(await transaction_per_step(store, soc))
            figures["httpx"].append(await httpx_by_default(soc))
        states = store.read(fetch, "SELECT DISTINCT state FROM delivery").result()
    assert states == [("delivered",)]
    for name, label in (
        ("sender", "of the same sender without a store (target 0.85)"),
        ("steps", "times a transaction per step (target 5)"),
        ("httpx", "times httpx's default client (target 25)"),
    ):
        ratio = median(ours / other for ours, other in zip(figures["durable"], figures[name], strict=True))
        print(f"\n{ratio:6.2f} {label}: {median(figures[name]):,.0f}/s", end="")
    print(f"\n       durable: {median(figures['durable']):,.0f}/s, {AT_ONCE} at once")


def claim_and_finish_ms(store: Store) -> float:
    """What a turn of 64 takes, with what is queued."""
    begun = time.perf_counter()
    claims = write(store, outbox.claim, policy=RetryPolicy(), slots=64, cap=64, busy={}).claims
    ended = [Finish(claim, answer(ended_at=wall_clock(), response_body=b"success"), 0.0) for claim in claims]
    write(store, outbox.finish, ended, RetryPolicy())
    assert len(claims) == 64
    return (time.perf_counter() - begun) * 1000


def test_claim_and_finish_with_a_million_queued(tmp_path: Path):
    with Store(Sqlite(tmp_path / "small.db")) as small, Store(Sqlite(tmp_path / "large.db")) as large:
        for store in (small, large):
            write(store, destinations.add, Destination(name="soc", url="http://localhost/"))
        for store, queued in ((small, 1_000), (large, 1_000_000)):
            while (waiting := store.read(queries.summary).result().waiting) < queued:
                count = min(5_000, queued - waiting)
                write(store, outbox.submit, [alert() for _ in range(count)])
        pairs: list[tuple[float, float]] = []
        for _ in range(60):
            pairs.append((claim_and_finish_ms(small), claim_and_finish_ms(large)))
            write(small, outbox.submit, [alert() for _ in range(64)])
    few, many = (median(times) for times in zip(*pairs, strict=True))
    print(f"\n64 claimed and finished: {few:.1f} ms with 1,000 queued, {many:.1f} ms with 1,000,000")
    assert many <= 1.2 * few
