"""An installation of Tocsin: a database and the processes that use it."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from tests.commands import warm
from tests.conftest import destination, new_database, strategy, write
from tests.drills.receiver import PATIENCE_S
from tui.domain.alert import parse_alert
from tui.store import destinations, outbox
from tui.store.engine.database import Store, wall_clock
from tui.store.outbox import Receipt

ROOT = Path(__file__).parents[2]
_TICKS_S = os.sysconf("SC_CLK_TCK")


def eventually(happened: Callable[[], object], otherwise: Callable[[], str]) -> None:
    """Poll until `happened`, for changes that another process makes."""
    give_up = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < give_up, otherwise()
        time.sleep(0.02)


@dataclass(frozen=True, slots=True)
class Program:
    """A running `tocsin`, and the file with its stderr."""

    process: subprocess.Popen[bytes]
    stderr: Path

    def said(self) -> str:
        return self.stderr.read_text(encoding="utf-8", errors="replace")

    def wait_until_said(self, words: str) -> None:
        eventually(lambda: words in self.said(), lambda: f"no {words!r} in {self.said()[-2000:]!r}")

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def exit_code(self) -> int:
        """Wait for the exit code. It is negative for a signal."""
        return self.process.wait(PATIENCE_S)

    def is_stopped(self) -> bool:
        """Return whether every thread is stopped."""
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/stat")
        return all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in threads)

    def cpu_s(self) -> float:
        """Return the processor time in seconds (utime + stime)."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / _TICKS_S


class Installation:
    """A database and the `tocsin` processes on it."""

    def __init__(self, engine: str, directory: Path, database: str = "") -> None:
        self.engine = engine
        self.clock = wall_clock
        """Milliseconds since 1970: what the processes see, too."""
        self.directory = directory
        self.database = database or new_database(engine, directory)
        self.log = directory / "tocsin.log"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "TERM": "xterm-256color",
            "TOCSIN_DB": self.database,
            "TOCSIN_LOG": str(self.log),
            "TOCSIN_RETRY_DELAYS": ",".join(["0.05"] * 10),
        }
        self._started: list[Program] = []

    # --- processes

    def start(
        self,
        *args: str,
        input: str | int = "",
        crash_at: str = "",
        ignoring: signal.Signals | None = None,
        **drilled: str,
    ) -> Program:
        """Start `tocsin ARGS`, to be killed at a point of crashing.py.

        Its standard input is a file with this text, or what `subprocess` takes; `drilled` are variables of
        crashing.py. It inherits that the signal `ignoring` is ignored.
        """
        number = len(self._started)
        given = self.directory / f"{number}.stdin"
        given.write_text(input if isinstance(input, str) else "")
        stderr = self.directory / f"{number}.stderr"
        environment = self.environment | drilled | ({"DRILL_CRASH_AT": crash_at} if crash_at else {})
        with given.open("rb") as stdin, stderr.open("wb") as errors:
            process = subprocess.Popen(
                [*_program(environment), *args],
                env=environment,
                cwd=ROOT,
                stdin=input if isinstance(input, int) else stdin,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                preexec_fn=partial(signal.signal, ignoring, signal.SIG_IGN) if ignoring else None,
            )
        program = Program(process, stderr)
        self._started.append(program)
        return program

    def dispatcher(self, *args: str) -> Program:
        """Start a dispatcher and wait until it works."""
        program = self.start("dispatch", *args)
        program.wait_until_said("delivering from")
        return program

    def ask(self, *args: str, input: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command that may fail."""
        if _is_drilled(self.environment):
            return subprocess.run(
                [*_program(self.environment), *args],
                env=self.environment,
                cwd=ROOT,
                input=input,
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
        done = warm.run(args, input=input.encode(), env=self.environment, timeout=PATIENCE_S, cwd=ROOT)
        return subprocess.CompletedProcess(args, done.returncode, done.stdout.decode(), done.stderr.decode())

    def run(self, *args: str, input: str = "") -> str:
        """Run a command that must succeed. Return its standard output."""
        done = self.ask(*args, input=input)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def stop(self, program: Program) -> None:
        """Send SIGSTOP. On SQLite, only between transactions: within one, it would hold the write lock."""

        def stopped_holding_nothing() -> bool:
            program.signal(signal.SIGSTOP)
            eventually(program.is_stopped, lambda: "it does not stop")
            if self.engine != "sqlite":
                return True
            try:
                with closing(sqlite3.connect(self.database, timeout=0.1, isolation_level=None)) as other:
                    other.execute("BEGIN IMMEDIATE")
                    other.execute("ROLLBACK")
            except sqlite3.OperationalError:
                program.signal(signal.SIGCONT)
                return False
            return True

        eventually(stopped_holding_nothing, lambda: "it is always in a transaction")

    def close(self) -> None:
        for program in self._started:
            if program.process.poll() is None:
                program.kill()
            if program.process.stdin is not None:
                program.process.stdin.close()

    # --- the database

    def move_database(self, address: str) -> None:
        """Move the database. It must still be empty."""
        self.database = self.environment["TOCSIN_DB"] = address

    # In this process: the start of a command takes longer than all that these do.

    def add_destination(self, name: str, url: str, *, timeout_s: int = 30) -> None:
        with self._store() as store:
            write(store, destinations.add, destination(name=name, url=url, timeout_ms=timeout_s * 1000))

    def queue(self, ids: Iterable[str], **fields: Any) -> None:
        """Store an alert for each id, all with these fields, as `tocsin send` does."""
        now = self.clock()
        alerts = [parse_alert({"title": id, **fields}, now=now, alert_id=id) for id in ids]
        with self._store() as store:
            assert all(isinstance(told, Receipt) for told in write(store, outbox.submit, alerts))

    def damage(self) -> list[str]:
        """Return the problems that `tocsin db check` finds."""
        with self._store() as store:
            return store.check()

    def _store(self) -> Store:
        return Store(strategy(self.engine, self.database, self.clock))

    def sql(self, statement: str) -> Sequence[tuple[Any, ...]]:
        with closing(self._connect()) as connection, connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def _connect(self) -> "sqlite3.Connection | psycopg.Connection[Any]":
        if self.engine == "sqlite":
            return sqlite3.connect(self.database, timeout=PATIENCE_S)
        return psycopg.connect(self.database)

    def count(self, table: str, where: str = "1 = 1") -> int:
        return self.sql(f"SELECT count(*) FROM {table} WHERE {where}")[0][0]

    def let_leases_run_out(self) -> None:
        """Expire all leases now, instead of waiting eleven seconds."""
        # PostgreSQL's dispatchers lock rows in an order of their own: the table, lest one waits for us.
        alone = "" if self.engine == "sqlite" else "LOCK TABLE delivery IN EXCLUSIVE MODE; "
        self.sql(f"{alone}UPDATE delivery SET due_at = 0 WHERE state = 'in_flight'")
        self.sql("UPDATE destination SET held_until = 0")  # the lease of a probe

    def wait_until_all_delivered(self) -> None:
        eventually(
            lambda: self.count("delivery", "state <> 'delivered'") == 0,
            lambda: f"stuck: {self.sql('SELECT state, count(*) FROM delivery GROUP BY state')}",
        )

    def alerts(self) -> list[dict[str, Any]]:
        """Return `alert show --json` of every alert."""
        listed = json.loads(self.run("alert", "list", "--limit", "10000", "--json"))
        return [json.loads(self.run("alert", "show", alert["alertId"], "--json")) for alert in listed]

    def delivery(self) -> dict[str, Any]:
        """Return the only delivery, as `alert show --json` prints it."""
        (listed,) = json.loads(self.run("alert", "list", "--json"))
        return self.delivery_of(listed["alertId"])

    def delivery_of(self, alert_id: str) -> dict[str, Any]:
        (delivery,) = json.loads(self.run("alert", "show", alert_id, "--json"))["deliveries"]
        return delivery

    def outcomes(self) -> list[str]:
        """Return the outcomes of all attempts in order."""
        return [row[0] for row in self.sql("SELECT outcome FROM attempt ORDER BY id")]


def _is_drilled(environment: Mapping[str, str]) -> bool:
    return any(name.startswith("DRILL_") for name in environment)


def _program(environment: Mapping[str, str]) -> list[str]:
    """Return the command for Tocsin, or for the build of crashing.py if the environment uses its features."""
    return [sys.executable, "-m", "tests.drills.crashing" if _is_drilled(environment) else "tui"]


def json_lines(ids: Iterable[str], **fields: Any) -> str:
    return "\n".join(json.dumps({"alertId": id, "title": id, **fields}) for id in ids)


def names(prefix: str, count: int) -> list[str]:
    """Return alert ids: `prefix-1` and so on."""
    return [f"{prefix}-{number}" for number in range(1, count + 1)]
