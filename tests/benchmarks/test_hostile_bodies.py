"""How long one sender waits while another posts hostile bodies on four connections.

uv run pytest tests/benchmarks/test_hostile_bodies.py -s -n0
"""

import gzip
import http.client
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median

import pytest

from tests.drills.installation import Installation
from tui.intake.bodies import BODY_LIMIT

CONNECTIONS, SECONDS, MOST_MS, MOST_MB = 4, 5.0, 250, 400


def filled(unit: bytes, begin: bytes = b"", end: bytes = b"") -> bytes:
    """As many units as the largest body holds."""
    return begin + unit * ((BODY_LIMIT - len(begin) - len(end)) // len(unit)) + end


CONTEXT = b'{"title":"x","alertContext":{"a":['
BODIES = {
    "lines of {}": filled(b"{}\n"),
    "20,000 lines of {}": b"{}\n" * 19_999,
    "array of {}": filled(b"{},", b"[", b"{}]"),
    "[[[[": filled(b"["),
    "nested 900 deep": filled(b"[" * 900 + b"]" * 900 + b",", b"[", b"0]"),
    "alerts of {}": filled(b"{},", b'{"alerts":[', b"{}]}"),
    "a context of []": filled(b"[],", CONTEXT, b"0]}}"),
    "a context of numbers": filled(b"1,", CONTEXT, b"0]}}"),
    "numbers of 4,000 digits": filled(b"9" * 4_000 + b",", CONTEXT, b"0]}}"),
    "one number": filled(b"9", b'{"title":"x","alertContext":{"a":', b"}}"),
    "many keys": b'{"title":"x","alertContext":{'
    + b",".join(b'"%d":1' % n for n in range(1_300_000))
    + b"}}",
    "empty lines": filled(b"\n"),
    "a gzip bomb": gzip.compress(b" " * (1 << 28)),
    "a gzip bomb of {}": gzip.compress(filled(b"{},", b"[", b"{}]")),
    "empty gzip members": gzip.compress(b"") * 400_000,
}


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    installation = Installation("sqlite", tmp_path)
    yield installation
    installation.close()


class Sender:
    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def close(self) -> None:
        self._connection.close()

    def post(self, body: bytes) -> int:
        packed = {"Content-Encoding": "gzip"} if body.startswith(b"\x1f\x8b") else {}
        try:
            self._connection.request("POST", "/alerts", body, self._headers | packed)
            answer = self._connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):  # it was refused before its end
            self._connection.close()
            return 0


def waits_ms(port: int, honest: str, hostile: str, body: bytes | None) -> list[float]:
    end = time.monotonic() + SECONDS

    def attack() -> None:
        with closing(Sender(port, hostile)) as sender:
            while time.monotonic() < end and body is not None:
                sender.post(body)

    attackers = [threading.Thread(target=attack) for _ in range(CONNECTIONS)]
    for attacker in attackers:
        attacker.start()
    waits: list[float] = []
    with closing(Sender(port, honest)) as sender:
        while time.monotonic() < end:
            begun = time.perf_counter()
            assert sender.post(json.dumps({"title": "honest"}).encode()) == 202
            waits.append((time.perf_counter() - begun) * 1000)
    for attacker in attackers:
        attacker.join()
    return sorted(waits)


def memory_mb(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) // 1024


@pytest.mark.parametrize("name", [None, *BODIES])
def test_a_hostile_sender_delays_others_little(installation: Installation, name: str | None) -> None:
    honest, hostile = (installation.run("token", "add", name).strip() for name in ("honest", "hostile"))
    server = installation.start("dispatch", "--listen", "127.0.0.1:0")
    server.wait_until_said("receiving alerts at ")
    found = re.search(r"http://\S+?:(\d+)/alerts", server.said())
    assert found is not None

    waits = waits_ms(int(found[1]), honest, hostile, BODIES[name] if name else None)

    p99, memory = waits[len(waits) * 99 // 100], memory_mb(server.process.pid)
    print(f"\n{name or 'nobody':25} p50 {median(waits):6.1f} ms  p99 {p99:6.1f} ms  peak {memory} MB")
    assert p99 < MOST_MS
    assert memory < MOST_MB
