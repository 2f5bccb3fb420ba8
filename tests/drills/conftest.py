"""Drills run the real program as processes of their own and do to it what production does."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

PATIENCE_S = 60
"""Longer than anything here takes; only a drill that would hang for ever meets it."""


class HeldReceiver:
    """Counts requests by webhook-id, and holds each back while told to."""

    def __init__(self) -> None:
        self.by_webhook_id: Counter[str] = Counter()
        self.arrived = threading.Semaphore(0)
        self.may_answer = threading.Event()
        self.may_answer.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                receiver.by_webhook_id[self.headers["webhook-id"]] += 1
                receiver.arrived.release()
                receiver.may_answer.wait(PATIENCE_S)
                try:
                    self.send_response(200)
                    self.send_header("Content-Length", "2")
                    self.end_headers()
                    self.wfile.write(b"ok")
                except OSError:
                    self.close_connection = True  # who asked has been killed

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/"

    def wait_for_requests(self, count: int) -> None:
        for _ in range(count):
            assert self.arrived.acquire(timeout=PATIENCE_S), "no request came"

    def close(self) -> None:
        self.may_answer.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Installation:
    """A database and the `tocsin` processes on it."""

    def __init__(self, directory: Path) -> None:
        self.database = directory / "tocsin.db"
        self.log = directory / "tocsin.log"
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "TOCSIN_DB": str(self.database),
            "TOCSIN_LOG": str(self.log),
            "TOCSIN_RETRY_DELAYS": ",".join(["0.05"] * 10),
        }
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tui", *args],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._started.append(process)
        return process

    def run(self, *args: str, input: str = "") -> str:
        """The standard output of a command that is to succeed."""
        done = subprocess.run(
            [sys.executable, "-m", "tui", *args],
            env=self._environment,
            input=input,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE_S)

    def let_leases_run_out(self) -> None:
        """What time does: the drill does not wait the eleven seconds."""
        self.sql("UPDATE delivery SET due_at = 0 WHERE state = 'in_flight'")

    def sql(self, statement: str) -> Sequence[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.database, timeout=PATIENCE_S)) as connection, connection:
            return connection.execute(statement).fetchall()

    def alerts(self) -> list[dict[str, Any]]:
        """`alert show --json` of every alert."""
        listed = json.loads(self.run("alert", "list", "--limit", "10000", "--json"))
        return [json.loads(self.run("alert", "show", alert["alertId"], "--json")) for alert in listed]

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                self.kill(process)


@pytest.fixture
def receiver() -> Iterator[HeldReceiver]:
    held = HeldReceiver()
    yield held
    held.close()


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(tmp_path)
    yield installation
    installation.close()
