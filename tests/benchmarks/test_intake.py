"""How many alerts a second the HTTP endpoint takes from 64 clients, against a commit for each request.

    uv run pytest tests/benchmarks/test_intake.py -s -n0

Both in one interleaved run, the clients in a process of their own.
"""

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from tests.conftest import write
from tui.domain.destination import Destination
from tui.intake.access import Access
from tui.intake.endpoint import Endpoint
from tui.intake.group_commit import GroupCommit
from tui.serving import ServerThread, bind
from tui.store import destinations, outbox
from tui.store.engine.database import Store, wall_clock
from tui.store.engine.sqlite import Sqlite

CLIENTS, REQUESTS, RUNS = 64, 4_000, 5
TOKEN = "0123456789abcdef"

LOAD = (
    f"token = {TOKEN!r}"
    + """
import asyncio, sys, time
port, clients, requests = map(int, sys.argv[1:])
left = iter(range(requests))
body = b'{"title": "Root login", "alertContext": {"detail": "' + b"x" * 1_900 + b'"}}'
lines = [b"POST /alerts HTTP/1.1", b"Host: localhost", b"Content-Type: application/json"]
lines += [b"Authorization: Bearer " + token.encode(), b"Content-Length: %d"]
head = b"\\r\\n".join(lines) + b"\\r\\n" * 2
async def client():
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in left:
        writer.write(head % len(body) + body)
        answer = await reader.readuntil(b"\\r\\n\\r\\n")
        assert answer.startswith(b"HTTP/1.1 202"), answer
        length = int(answer.lower().partition(b"content-length: ")[2].split()[0])
        await reader.readexactly(length)
async def main():
    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    print(requests / (time.perf_counter() - begun))
asyncio.run(main())
"""
)


class CommitEach(GroupCommit):
    """What one writes first: each request its own transaction."""

    async def submit(self, group: Any) -> Any:
        [answer] = await asyncio.wrap_future(self._store.write(outbox.submit_groups, [group]))
        return answer


def per_second(store: Store, commits: type[GroupCommit]) -> float:
    with contextlib.closing(store.watch()) as notice:
        endpoint = Endpoint(store, wall_clock, Access(store, notice, wall_clock, configured=TOKEN))
        endpoint._commits = commits(store, lambda: None, None)
        return _measure(endpoint)


def _measure(endpoint: Endpoint) -> float:
    with ServerThread(bind("127.0.0.1", 0), endpoint.app()) as server:
        arguments = map(str, (server.port, CLIENTS, REQUESTS))
        done = subprocess.run(
            [sys.executable, "-c", LOAD, *arguments], capture_output=True, text=True, check=True
        )
    return float(done.stdout)


def test_alerts_taken_per_second(tmp_path: Path):
    figures: dict[type[GroupCommit], list[float]] = {GroupCommit: [], CommitEach: []}
    with Store(Sqlite(tmp_path / "bench.db")) as store:
        write(store, destinations.add, Destination(name="soc", url="http://127.0.0.1:9/"))
        for _ in range(RUNS):
            for kind, rates in figures.items():
                rates.append(per_second(store, kind))
    ratio = median(
        ours / other for ours, other in zip(figures[GroupCommit], figures[CommitEach], strict=True)
    )
    print(
        f"\n{ratio:6.2f} times a commit for each request: "
        f"{median(figures[GroupCommit]):,.0f}/s against {median(figures[CommitEach]):,.0f}/s"
    )
