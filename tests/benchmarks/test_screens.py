"""What a person waits for: first rows, the end of the list, a filter, a word, and each key.

    uv run pytest tests/benchmarks/test_screens.py -s -n0

The app runs in a terminal of its own; bytes in, bytes out. With a hundred, a hundred thousand and a million
alerts, at rest and with 1,000 more arriving each second: delivered by the app itself, or by another process
beside a viewer. The yardstick is a Textual app that does nothing but move a cursor, measured in the same run.
"""

import fcntl
import os
import pty
import random
import re
import select
import statistics
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.benchmarks.test_lists import SIZES, fill
from tests.conftest import new_database, strategy, write
from tests.drills.installation import ROOT
from tui.store.engine.database import Store, wall_clock
from tui.store.engine.sqlite import Sqlite

KEYS = 150
"""Presses that each figure is made of."""
STARTS, ASKS = 2, 3
PATIENCE_S = 15.0

BARE = """
from textual.app import App
from textual.widgets import OptionList
class Bare(App):
    CSS = "OptionList > .option-list--option-highlighted { text-style: bold; }"
    def compose(self):
        yield OptionList(*(f"row {number}" for number in range(1000)))
    BINDINGS = [("j", "app.move(1)", "down"), ("k", "app.move(-1)", "up")]
    def action_move(self, rows):
        self.query_one(OptionList).highlighted = (self.query_one(OptionList).highlighted or 0) + rows
Bare().run()
"""
FEED = """
import sys, time
from pathlib import Path
from tests.conftest import alert
from tui.store import outbox
from tui.store.engine.database import Store, wall_clock
from tui.store.engine.sqlite import Sqlite
with Store(Sqlite(Path(sys.argv[1]))) as store:
    begun, sent = time.monotonic(), 0
    while True:
        alerts = [alert(alert_id=f"fed-{begun}-{sent + i}", title=f"Arriving {sent + i}") for i in range(50)]
        store.write(outbox.submit, alerts).result()
        sent += 50
        time.sleep(max(0.0, begun + sent / 1000 - time.monotonic()))
"""
RECEIVER = """
import asyncio
class Answers(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.left = transport, 0
    def data_received(self, data):
        if b"\\r\\n\\r\\n" in data:
            head, _, body = data.partition(b"\\r\\n\\r\\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\\r\\n")[0])
            self.left = length - len(body)
        else:
            self.left -= len(data)
        if self.left <= 0:
            self.transport.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
async def main():
    server = await asyncio.get_running_loop().create_server(Answers, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


class Keyboard:
    """A program in a terminal, of which it is known when it wrote what."""

    def __init__(self, argv: Sequence[str], environment: dict[str, str]) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            argv, env=environment, cwd=ROOT, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)

    def press(self, keys: str, seen: Callable[[bytes], object]) -> float:
        """Milliseconds from the keys until `seen` holds of what was written since."""
        pressed = time.perf_counter()
        os.write(self._master, keys.encode())
        return self.until(seen, pressed)

    def type(self, keys: str) -> None:
        """Keys that are none of those measured."""
        os.write(self._master, keys.encode())
        self.rest(0.6)

    def until(self, seen: Callable[[bytes], object], since: float) -> float:
        written = b""
        while not seen(written):
            left = since + PATIENCE_S - time.perf_counter()
            assert select.select([self._master], [], [], max(0.0, left))[0], f"not in {written[-2000:]!r}"
            written += os.read(self._master, 1 << 20)
        return (time.perf_counter() - since) * 1000

    def rest(self, seconds: float) -> None:
        """Read what is written meanwhile, and let it pass."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self._master], [], [], left)[0]:
                os.read(self._master, 1 << 20)

    def cpu_s(self) -> float:
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)


_CURSOR = re.compile(rb"\x1b\[\d+;\d+H\x1b\[1;[\d;]*m[ \xe2]")
"""A line in bold from its beginning on: only the one under the cursor is."""

_TITLE = re.compile(rb"Root login|Brute force|S3 bucket|Zebra|Arriving")


def keys(app: Keyboard, seen: Callable[[bytes], object] = _CURSOR.search) -> str:
    """Down and up, at no fixed distance: median and 99th percentile in ms, processor time for each in ms."""
    times: list[float] = []
    chance = random.Random(7)
    for _ in range(8):
        app.press("j", seen)
    app.rest(0.5)
    began = app.cpu_s()
    for number in range(KEYS):
        times.append(app.press("j" if number % 2 else "k", seen))
        app.rest(chance.choice((0.03, 0.06, 0.14)))  # as of a held key, and once the details follow
    cpu = (app.cpu_s() - began) * 1000 / KEYS
    return f"{statistics.median(times):.0f} / {sorted(times)[-(KEYS // 100) - 1]:.0f} ({cpu:.0f})"


# --- what is measured


def measure(name: str, database: str, home: Path, *arguments: str) -> None:
    """A line of the table."""
    firsts: list[float] = []
    for start in range(STARTS):
        with opened(database, home, *arguments) as app:
            firsts.append(app.until(_TITLE.search, app.started))
            if start < STARTS - 1:
                continue
            app.rest(1.0)
            pressed = keys(app)
            end = ask(app, "", "G", "g", "Oldest of all")
            failed = ask(app, "/", _paste("state:failed"), "\x1b", "✗", "No alert matches")
            word = ask(app, "/", _paste("zebra"), "\x1b", "Zebra crossing")
            tell(name, f"{min(firsts):.0f}", f"{end:.0f}", f"{failed:.0f}", f"{word:.0f}", pressed)


def tell(name: str, *cells: str) -> None:
    print(f"{name:34}" + "".join(f"{cell:>13}" for cell in cells), flush=True)


def ask(app: Keyboard, before: str, asked: str, after: str, *answers: str) -> float:
    """The median of what it takes, in ms, from `asked` to one of the answers."""
    taken: list[float] = []
    for _ in range(ASKS):
        app.type(before)
        taken.append(app.press(asked, lambda written: any(answer.encode() in written for answer in answers)))
        app.type(after)
    return statistics.median(taken)


def _paste(text: str) -> str:
    return f"\x1b[200~{text}\x1b[201~"


def measure_bare(name: str, home: Path) -> None:
    with closing(Keyboard([sys.executable, "-c", BARE], environment(home))) as app:
        first = app.until(lambda written: b"row 3" in written, app.started)
        tell(name, f"{first:.0f}", "", "", "", keys(app, lambda written: b"row" in written))


def environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "xterm-256color", "COLORTERM": "truecolor"}


@contextmanager
def opened(database: str, home: Path, *arguments: str) -> Iterator[Keyboard]:
    argv = [sys.executable, "-m", "tui", "--db", database, *arguments]
    with closing(Keyboard(argv, environment(home))) as app:
        yield app


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Python in a process of its own, in this checkout."""
    with subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Of whoever starts the app, with nothing in it."""
    print()
    tell("", "first rows", "G", "state:failed", "a word", "key p50 / p99 (cpu), ms")
    return tmp_path


def test_what_a_person_waits_for(home: Path) -> None:
    measure_bare("a bare app", home)
    with running("-c", RECEIVER) as receiver:
        assert receiver.stdout is not None
        url = f"http://127.0.0.1:{int(receiver.stdout.readline())}/"
        for size in SIZES:
            database = str(home / f"{size}.db")
            with Store(Sqlite(Path(database))) as store:
                fill(store, size)
                write(store, lambda tx: tx.db.execute_sql("UPDATE destination SET url = ?", (url,)))
            measure(f"{size:,}", database, home, "--no-dispatch")
            with running("-c", FEED, database):
                measure(f"{size:,}, 1,000/s, app delivers", database, home)
                if size == SIZES[-1]:
                    with running("-m", "tui", "--db", database, "dispatch"):
                        measure(f"{size:,}, 1,000/s, beside dispatch", database, home, "--no-dispatch")
                        measure_bare("a bare app beside that", home)


def test_the_same_on_postgresql(home: Path) -> None:
    database = new_database("postgresql", home)
    with Store(strategy("postgresql", database, wall_clock)) as store:
        fill(store, 100_000)
    measure("100,000 on PostgreSQL", database, home, "--no-dispatch")
