"""The size limits of one body and of all bodies together."""

import gzip
import http.client
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import httpx
import pytest

from tests.intake.conftest import Serve, stored
from tests.store.bench import Bench
from tui.intake.bodies import BODY_LIMIT, Bodies, is_light
from tui.intake.endpoint import Endpoint
from tui.intake.room import Room
from tui.store.engine.database import Store


@pytest.fixture
def engine() -> str:
    return "sqlite"


HEAD = "POST /alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def send(client: httpx.Client, text: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", client.base_url.port), timeout=20)
    connection.sendall(text.encode())
    return connection


def status(connection: socket.socket) -> int:
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.status


def test_a_body_announced_as_too_long_is_not_read(client: httpx.Client) -> None:
    with send(client, f"{HEAD}Content-Length: {BODY_LIMIT + 1}\r\nExpect: 100-continue\r\n\r\n") as one:
        assert status(one) == 413


def test_reading_stops_when_a_body_exceeds_the_limit(bench: Bench, client: httpx.Client) -> None:
    part = f"{BODY_LIMIT // 2:x}\r\n{' ' * (BODY_LIMIT // 2)}\r\n"
    with send(client, f"{HEAD}Transfer-Encoding: chunked\r\n\r\n{part * 2}1\r\n \r\n") as one:
        assert status(one) == 413
    assert stored(bench) == []


@contextmanager
def first_held(store: Store, client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """Send a large body and hold it while it is stored. The event lets it go on."""
    begun, go_on, write_now = Event(), Event(), store.write

    def slow_write(work: Any, *args: Any, **named: Any) -> Any:
        def waiting(tx: Any) -> Any:
            begun.set()
            assert go_on.wait(20)
            return work(tx, *args, **named)

        return write_now(waiting)

    monkeypatch.setattr(store, "write", slow_write)
    with send(client, f"{HEAD}Content-Length: {len(BODY)}\r\n\r\n{BODY}") as first:
        assert begun.wait(20)
        yield go_on
        go_on.set()
        assert status(first) == 202


BODY = json.dumps({"title": "x" * 4_000_000})


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_a_body_that_waits_too_long_for_memory_is_answered_503(
    store: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch, coding: str
) -> None:
    client = serve(bodies=Bodies(room=Room(5_000_000, patience_s=0.01)))
    content = gzip.compress(BODY.encode()) if coding == "gzip" else BODY.encode()
    with first_held(store, client, monkeypatch):
        second = client.post("/alerts", content=content, headers={"Content-Encoding": coding})
    assert (second.status_code, second.headers["retry-after"]) == (503, "5")
    assert [client.post("/alerts", content=BODY).status_code for _ in range(3)] == [202] * 3


def test_a_body_waits_for_memory_and_is_accepted(
    bench: Bench, store: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(bodies=Bodies(room=Room(5_000_000)))
    with ThreadPoolExecutor(2) as threads:
        with first_held(store, client, monkeypatch):
            answers = [threads.submit(client.post, "/alerts", content=BODY) for _ in range(2)]
        assert [answer.result().status_code for answer in answers] == [202] * 2
    assert len(stored(bench)) == 3


def test_an_incomplete_body_releases_its_memory(serve: Serve) -> None:
    client = serve(bodies=Bodies(room=Room(5_000_000)))
    for _ in range(3):
        send(client, f"{HEAD}Content-Length: 4900000\r\n\r\n{' ' * 90_000}").close()
    assert client.post("/alerts", content=BODY).status_code == 202


COUNTED = (b"{}", b"[]", b"1,")


@pytest.mark.parametrize("unit", COUNTED, ids=range(len(COUNTED)))
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_a_body_with_too_many_values_is_not_parsed(
    bench: Bench, serve: Serve, monkeypatch: pytest.MonkeyPatch, unit: bytes, coding: str
) -> None:
    monkeypatch.setattr(Endpoint, "_read", lambda *_: pytest.fail("it was parsed"))
    client = serve(bodies=Bodies(marks_limit=1_000))
    content = unit * 1_001
    content = gzip.compress(content) if coding == "gzip" else content
    answer = client.post("/alerts", content=content, headers={"Content-Encoding": coding})
    assert (answer.status_code, answer.json()) == (413, {"error": "the body has more than 1000 values"})
    assert stored(bench) == []


def test_a_body_with_too_many_gzip_members_is_refused(bench: Bench, client: httpx.Client) -> None:
    content = gzip.compress(b"") * 20_001
    answer = client.post("/alerts", content=content, headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()) == (
        413,
        {"error": "the body has more than 20000 gzip members"},
    )
    assert stored(bench) == []


LIGHT = (
    (b'{"title": "x"}', True),
    (b'{"title": "%s"}' % (b"x" * 16_000), True),
    (b'{"title": "%s"}' % (b"x" * 17_000), False),
    (b"{}\n" * 101, False),
)


@pytest.mark.parametrize(("body", "light"), LIGHT, ids=range(len(LIGHT)))
def test_only_a_small_body_with_few_objects_is_light(body: bytes, light: bool) -> None:
    assert is_light(body) is light
