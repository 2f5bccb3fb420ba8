"""The command line as a person runs it, a process of its own, and a receiver for what it sends."""

import json
import os
import sqlite3
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.commands import warm
from tests.conftest import write
from tui.domain.alert import Alert
from tui.domain.attempt import Answer
from tui.domain.destination import Destination
from tui.domain.retry import RetryPolicy
from tui.store import destinations, outbox
from tui.store.engine.database import Store
from tui.store.engine.sqlite import Sqlite

Completed = subprocess.CompletedProcess[str]

PATIENCE_S = 60
"""Longer than anything here takes; only a test that would hang for ever meets it."""
TOCSIN = (sys.executable, "-m", "tui")


@dataclass
class Tocsin:
    """`tocsin` with a home, a database and a log of its own."""

    home: Path
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "TOCSIN_DB": str(self.database),
            "TOCSIN_LOG": str(self.log),
        }

    @property
    def database(self) -> Path:
        return self.home / "tocsin.db"

    @property
    def log(self) -> Path:
        return self.home / "tocsin.log"

    def __call__(
        self, *args: str, input: str | bytes | None = "", env: dict[str, str] | None = None, **options: Any
    ) -> Completed:
        """Run it to its end. Its standard input is `input`, never a terminal."""
        raw = input.encode() if isinstance(input, str) else input
        env = self.environment | (env or {})
        if env.keys() & {"LC_ALL", "PYTHONIOENCODING"} or any(
            isinstance(text, bytes) for text in (*args, *env.values())
        ):  # what Python itself makes of these at its start is part of the test
            done = subprocess.run(
                [*TOCSIN, *args], input=raw, capture_output=True, env=env, timeout=PATIENCE_S, **options
            )
        else:
            done = warm.run(args, input=raw, env=env, timeout=PATIENCE_S, **options)
        return Completed(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    def json(self, *args: str, code: int = 0, **options: Any) -> Any:
        """What `tocsin … --json` says."""
        done = self(*args, "--json", **options)
        assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
        return json.loads(done.stdout)

    def start(self, *args: str, **options: Any) -> "subprocess.Popen[str]":
        """Start it, to be watched while it runs."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            [*TOCSIN, *args], env=self.environment, encoding="utf-8", **{**streams, **options}
        )

    def add(self, *wanted: Destination) -> list[Destination]:
        """Destinations, stored without a process for each."""
        with Store(Sqlite(self.database)) as store:
            return [write(store, destinations.add, each) for each in wanted]

    def submit(self, *alerts: Alert) -> None:
        """Alerts, queued without a process for each."""
        with Store(Sqlite(self.database)) as store:
            write(store, outbox.submit, alerts)

    def deliver(self, **answers: Answer) -> None:
        """One attempt at each delivery that is due, answered as told for its destination, and no retry."""
        policy = RetryPolicy(())
        with Store(Sqlite(self.database)) as store:
            claims = write(store, outbox.claim, policy=policy, slots=100, cap=100, busy={}).claims
            ends = [outbox.Finish(claim, answers[claim.destination.name], 0.0) for claim in claims]
            write(store, outbox.finish, ends, policy)

    def deliveries(self) -> list[tuple[str, str, str]]:
        """Alert id, destination and state of each, in the order they were stored."""
        query = (
            "SELECT alert.alert_id, destination.name, delivery.state FROM delivery"
            " JOIN alert ON alert.id = delivery.alert_id"
            " JOIN destination ON destination.id = delivery.destination_id ORDER BY delivery.id"
        )
        with closing(sqlite3.connect(self.database)) as db:
            return db.execute(query).fetchall()

    def secrets(self) -> list[str]:
        """The signing secrets as they are stored, which no command shows."""
        with closing(sqlite3.connect(self.database)) as db:
            return [row[0] for row in db.execute("SELECT secret FROM destination ORDER BY id")]

    def stored(self) -> dict[str, int]:
        """How many rows there are of what commands store."""
        tables = ("alert", "destination", "delivery", "attempt")
        if not self.database.is_file():
            return dict.fromkeys(tables, 0)
        with closing(sqlite3.connect(self.database)) as db:
            return {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}


NOTHING = {"alert": 0, "destination": 0, "delivery": 0, "attempt": 0}


def complaint(done: Completed, code: int) -> str:
    """The one line on stderr of a command that ended with `code` and answered nothing."""
    assert (done.returncode, done.stdout) == (code, ""), done
    (line,) = done.stderr.splitlines()
    assert line.startswith("tocsin: ")
    assert "Traceback" not in line
    return line.removeprefix("tocsin: ")


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def payload(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Answers every request alike, and keeps it."""

    port: int
    scheme: str = "http"
    status: int = 200
    body: bytes = b"success"
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/alerts"


class _Server(ThreadingHTTPServer):
    receiver: Receiver


class _Answer(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver.requests.append(Request(self.path, headers, body))
        self.send_response(receiver.status)
        for name, value in {"Content-Length": str(len(receiver.body)), **receiver.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(receiver.body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def tocsin(tmp_path: Path) -> Tocsin:
    return Tocsin(tmp_path)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    with _Server(("127.0.0.1", 0), _Answer) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.receiver = Receiver(server.server_port, scheme="https" if tls else "http")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.receiver
        server.shutdown()
        thread.join()


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], str]:
    """Writes a file to be read by a command, and returns its path."""

    def make(text: str, name: str = "given.json") -> str:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return make


def without_stdin(*args: str) -> Sequence[str]:
    """A command line that runs `tocsin` with its standard input closed."""
    return ("sh", "-c", 'exec "$@" <&-', "sh", *TOCSIN, *args)
