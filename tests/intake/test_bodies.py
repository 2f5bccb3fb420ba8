"""The size limits of one body and of all bodies together."""

import http.client
import json
import socket
import threading
from typing import Any

import httpx
import pytest

from tests.intake.conftest import Serve, stored
from tests.store.bench import Bench
from tui.intake.bodies import BODY_LIMIT, Bodies
from tui.store.engine.database import Store

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


def test_all_bodies_share_a_memory_limit_and_release_it(
    bench: Bench, store: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = Bodies(together_limit=1000)
    client = serve(bodies=bodies)
    begun, go_on, write_now = threading.Event(), threading.Event(), store.write

    def slow_write(work: Any, *args: Any, **named: Any) -> Any:
        def waiting(tx: Any) -> Any:
            begun.set()
            assert go_on.wait(20)
            return work(tx, *args, **named)

        return write_now(waiting)

    monkeypatch.setattr(store, "write", slow_write)
    large = json.dumps({"title": "x" * 800})
    with send(client, f"{HEAD}Content-Length: {len(large)}\r\n\r\n{large}") as first:
        assert begun.wait(20)
        second = client.post("/alerts", content=large)
        go_on.set()
        assert status(first) == 202
    assert (second.status_code, second.headers["retry-after"]) == (429, "5")
    assert [client.post("/alerts", content=large).status_code for _ in range(3)] == [202] * 3


def test_an_incomplete_body_releases_its_memory(serve: Serve) -> None:
    bodies = Bodies(together_limit=1000)
    client = serve(bodies=bodies)
    for _ in range(3):
        send(client, f"{HEAD}Content-Length: 990\r\n\r\n{' ' * 900}").close()
    for _ in range(1000):  # until the server has noticed
        if client.post("/alerts", json={"title": "x" * 800}).status_code == 202:
            return
    pytest.fail("its memory was not released")
