"""Fixtures: an endpoint on a real socket with the store of each engine, its clients, and a followed file."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import Clock
from tests.intake.follower import Follow, Reader
from tests.store.bench import Bench
from tui.intake.access import Access
from tui.intake.endpoint import Endpoint
from tui.serving import Limits, Refusals, ServerThread, bind
from tui.store.engine.database import Store

Post = Callable[..., httpx.Response]
Serve = Callable[..., httpx.Client]

ACCESS = ("configured", "beyond", "rate", "ticks")


@pytest.fixture
def bench(store: Store, clock: Clock) -> Bench:
    return Bench(store, clock)


@pytest.fixture
def serve(store: Store, clock: Clock) -> Iterator[Serve]:
    """Start an endpoint and return a client. Takes the arguments of Access and Endpoint, and `limits`."""
    with contextlib.ExitStack() as running:

        def start(*, limits: Limits | None = None, **settings) -> httpx.Client:
            notice = running.enter_context(contextlib.closing(store.watch()))
            given = {name: settings.pop(name) for name in ACCESS if name in settings}
            access = Access(store, notice, clock, **given)
            endpoint = Endpoint(store, clock, access, refusals=Refusals(clock), **settings)
            server = ServerThread(
                bind("127.0.0.1", 0), endpoint.app(), limits=limits, refusals=endpoint.refusals
            )
            running.enter_context(server)
            address = f"http://127.0.0.1:{server.port}"
            return running.enter_context(httpx.Client(base_url=address, trust_env=False, timeout=20))

        yield start


@pytest.fixture
def client(serve: Serve) -> httpx.Client:
    return serve()


@pytest.fixture
def post(client: httpx.Client) -> Post:
    """Post a value as JSON, or bytes unchanged."""

    def post(body: object, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.post("/alerts", content=content, headers={"Content-Type": "application/json"} | named)

    return post


def stored(bench: Bench) -> list[str]:
    """Return the titles of the stored alerts in order."""
    return [title for (title,) in bench.rows("SELECT title FROM alert ORDER BY id")]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "eve.json"


@pytest.fixture
def follow(log: Path) -> Iterator[Follow]:
    readers: list[Reader] = []

    def follow(*, from_start: bool = True, rotated_to: tuple[Path, ...] = ()) -> Reader:
        readers.append(Reader(log, from_start=from_start, rotated_to=rotated_to))
        return readers[-1]

    yield follow
    for reader in readers:
        reader.close()
