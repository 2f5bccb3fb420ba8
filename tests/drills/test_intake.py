"""Alerts over HTTP: acknowledged alerts are stored and delivered, despite kills."""

import json
import re
import signal
import socket
import threading
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection, HTTPException
from urllib.request import Request, urlopen

import pytest

from tests.drills.installation import Installation, eventually
from tests.drills.receiver import Receiver

TOKEN = "0123456789abcdef"
CLIENTS, KILLS, ACKNOWLEDGED = 64, 4, 1_500


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


class Clients:
    """Clients that post alerts one by one and repeat each until it is acknowledged."""

    def __init__(self, port: int) -> None:
        self.acknowledged: list[str] = []
        self.refused: list[int] = []
        self.broken = 0
        self._port = port
        self._enough = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join(60)

    def have(self, count: int) -> bool:
        return len(self.acknowledged) >= count

    def _run(self, client: int) -> None:
        number = 0
        connection = HTTPConnection("127.0.0.1", self._port, timeout=20)
        while not self._enough.is_set():
            alert_id = f"client-{client}-{number}"
            try:
                body = json.dumps({"title": "x", "alertId": alert_id})
                connection.request("POST", "/alerts", body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                response.read()
            except (OSError, HTTPException):
                self.broken += 1
                connection.close()
                self._enough.wait(0.02)
                continue
            if response.status == 202:
                self.acknowledged.append(alert_id)
            else:
                self.refused.append(response.status)
            number += 1
        connection.close()


def test_an_acknowledged_alert_is_stored_once_despite_kills(
    installation: Installation, receiver: Receiver, port: int, report: Callable[[str], None]
):
    installation.add_destination("soc", receiver.url)
    listen = ("dispatch", "--listen", f"127.0.0.1:{port}")
    with Clients(port) as clients:
        for kill in range(1, KILLS + 1):
            server = installation.start(*listen)
            goal = kill * ACKNOWLEDGED // KILLS
            eventually(partial(clients.have, goal), lambda: f"only {len(clients.acknowledged)} acknowledged")
            server.signal(signal.SIGKILL)
            server.exit_code()
        acknowledged = list(clients.acknowledged)

    stored = [row[0] for row in installation.sql("SELECT alert_id FROM alert")]
    assert clients.refused == []
    assert set(acknowledged) <= set(stored)
    assert len(stored) == len(set(stored)) == installation.count("delivery")
    report(
        f"{CLIENTS} clients, {KILLS} kills, {len(acknowledged)} acknowledged, {len(stored)} stored, "
        f"{clients.broken} requests broken off and sent again"
    )


def test_a_posted_alert_is_delivered(installation: Installation, receiver: Receiver) -> None:
    installation.add_destination("soc", receiver.url)
    installation.environment["TOCSIN_LISTEN_TOKEN"] = TOKEN
    dispatcher = installation.start("dispatch", "--listen", "127.0.0.1:0")
    dispatcher.wait_until_said("receiving alerts at ")
    found = re.search(r"http://\S+/alerts", dispatcher.said())
    assert found is not None

    request = Request(
        found[0],
        json.dumps([{"title": "Root login", "alertId": "a-1"}]).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"},
    )
    with urlopen(request) as answer:
        assert answer.status == 202
    installation.wait_until_all_delivered()
    dispatcher.signal(signal.SIGTERM)

    assert dispatcher.exit_code() == 0
    assert set(receiver.by_alert) == {"a-1"}
    assert TOKEN not in dispatcher.said()
