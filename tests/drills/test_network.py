"""A real dispatcher with receivers that misbehave in every possible way at once.

Each is its own destination. A few alerts go to all of them. At the end, the records are compared with what
each receiver saw, and the dispatcher's memory with that at the start. SQLite only: the network does not
depend on the engine.
"""

import asyncio
import json
import re
import socket
import subprocess
import sys
import zlib
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import Clock, destination, open_store, write
from tests.delivery.certificates import make_certificates, tls
from tests.delivery.scripted import Peer, Script, keep_answering, open_receivers, pouring, response
from tests.drills.installation import Installation
from tests.drills.receiver import PATIENCE_S
from tui.domain.attempt import BODY_LIMIT
from tui.domain.destination import DEFAULT_TIMEOUT_MS
from tui.domain.text import is_control
from tui.store import destinations
from tui.store.outbox import LEASE_MARGIN_MS

ALERTS = 3
"""To each receiver at the same time."""
WARM_UP = 64
"""To honest receivers before: enough to fill every slot of the dispatcher."""
ATTEMPTS = 11
"""Of a delivery that is never acknowledged."""
SHORT_MS = 1000
"""The deadline where it is to pass. Elsewhere it is the usual one, which only a hang meets."""
MAY_GROW_KB = 20 * 1024


# --- what receivers do ---


async def reset_at_once(peer: Peer) -> None:
    await peer.reader.read(1)
    peer.reset()


def always(said: bytes) -> Script:
    """Give this answer to every request, and keep the connection open."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(said)

    return script


async def answer_without_tls(peer: Peer) -> None:
    await peer.reader.read(1)
    await peer.send(response(status="400 Bad Request"))


def closing_after(said: bytes) -> Script:
    """Read the request, send this much, and close the connection."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(said)

    return script


def resetting_after(said: bytes) -> Script:
    """Read the request, send this much, and reset the connection."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(said)
        peer.reset()

    return script


def dripping_after(said: bytes) -> Script:
    """Send this much, then one byte at a time forever."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(said)
        while True:
            await peer.send(b".")
            await asyncio.sleep(SHORT_MS / 5000)

    return script


FULL = response(b"x" * BODY_LIMIT)
BUSY = response(status="503 Busy")
"""Says nothing of the connection being closed after it."""


async def answer_then_close_upon_reuse(peer: Peer) -> None:
    await peer.request()
    await peer.send(BUSY)
    await peer.request()


def gzip_bomb() -> bytes:
    """Return a gibibyte of zeros in a mebibyte: one deflated block 1024 times, each ending on a byte.

    The checksum is missing, because nobody may read that far.
    """
    deflate = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    block = deflate.compress(bytes(1 << 20)) + deflate.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + block * 1024 + b"\x03\0"


# --- what is to be told of it ---


@dataclass(frozen=True, kw_only=True)
class Case:
    """A receiver, and the expected record of every attempt."""

    script: Script | None = None
    """None where nothing that could play one is listening."""
    certificate: str | None = None
    outcome: str
    error: str | None = None
    """A regular expression for the whole of it."""
    body: bytes = b""
    truncated: bool = False
    requests: int = 1
    """That reach the receiver, an attempt."""

    @property
    def attempts(self) -> int:
        return 1 if self.outcome == "delivered" else ATTEMPTS

    @property
    def deadline_ms(self) -> int:
        return SHORT_MS if self.outcome == "timeout" else DEFAULT_TIMEOUT_MS


def never_reached(error: str, **fields: Any) -> Case:
    return Case(outcome="unreachable", error=error, requests=0, **fields)


def unreachable(script: Script, error: str, **fields: Any) -> Case:
    return Case(script=script, outcome="unreachable", error=error, **fields)


def timeout(script: Script, error: str, **fields: Any) -> Case:
    return Case(script=script, outcome="timeout", error=error, **fields)


def delivered(script: Script, **fields: Any) -> Case:
    return Case(script=script, outcome="delivered", **fields)


def rejected(script: Script, error: str, **fields: Any) -> Case:
    return Case(script=script, outcome="rejected", error=error, **fields)


HEAD = b"HTTP/1.1 200 OK\r\n"
OH_NO = b"HTTP/1.1 500 Oh No\r\n"
ENDLESS_HEADERS = "the headers of the answer from {place} are too long"
NO_ANSWER = "{place} closed the connection without answering"
CUT_SHORT = "{place} closed the connection in the middle of its answer"
NOT_HTTP = "the answer from {place} is not valid HTTP: .+"
CERTIFICATE = "the certificate of {place} "

CASES = {
    # before anything is sent
    "refused": never_reached("nothing is listening on {place}"),
    "black hole": Case(outcome="timeout", error="no connection to {place} within 1 s", requests=0),
    "unknown name": never_reached("the name name.invalid does not resolve"),
    "self-signed": never_reached(
        CERTIFICATE + "is self-signed, and .+", script=keep_answering, certificate="self-signed"
    ),
    "expired": never_reached(
        CERTIFICATE + "expired on 2020-01-02", script=keep_answering, certificate="expired"
    ),
    "wrong host": never_reached(
        CERTIFICATE + "is for 127.0.0.2, not for 127.0.0.1", script=keep_answering, certificate="wrong host"
    ),
    "plain where TLS was meant": never_reached("{place} does not speak TLS: .+", script=answer_without_tls),
    "reset at once": never_reached(NO_ANSWER, script=reset_at_once),
    # broken off
    "reset before the headers": unreachable(resetting_after(b""), NO_ANSWER),
    "reset in the headers": unreachable(resetting_after(HEAD + b"X-Head: cu"), NO_ANSWER),
    "reset after the headers": unreachable(resetting_after(HEAD + b"Content-Length: 10\r\n\r\n"), CUT_SHORT),
    "Content-Length too big": unreachable(
        closing_after(HEAD + b"Content-Length: 10\r\n\r\nhello"), CUT_SHORT, body=b"hello"
    ),
    # without end
    "headers that drip": timeout(dripping_after(HEAD + b"X-Head: "), "no answer within 1 s"),
    "a body that drips": timeout(
        dripping_after(HEAD + b"Content-Length: 999999\r\n\r\n"),
        r"the answer began \(200\) but did not end within 1 s",
        body=b".",
    ),
    "a body without end": delivered(
        pouring(HEAD + b"\r\n", b"x" * BODY_LIMIT), body=b"x" * BODY_LIMIT, truncated=True
    ),
    "a refusal without end": rejected(
        pouring(OH_NO + b"\r\n", b"x" * BODY_LIMIT),
        "the receiver answered 500 Oh No",
        body=b"x" * BODY_LIMIT,
        truncated=True,
    ),
    "headers without end": unreachable(pouring(HEAD, b"X-Head: " + b"a" * 60_000 + b"\r\n"), ENDLESS_HEADERS),
    "early answers without end": unreachable(
        pouring(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 1000), ENDLESS_HEADERS
    ),
    "a chunk extension without end": rejected(
        pouring(OH_NO + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a" * BODY_LIMIT),
        "the receiver answered 500 Oh No",
        truncated=True,
    ),
    "trailers without end": rejected(
        pouring(
            OH_NO + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n",
            b"X-Head: " + b"a" * 60_000 + b"\r\n",
        ),
        "the receiver answered 500 Oh No",
        body=b"ok",
        truncated=True,
    ),
    "answers behind the answer": rejected(
        pouring(b"", response(b"no", status="500 Oh No") * 1000),
        "the receiver answered 500 Oh No",
        body=b"no",
    ),
    "1 GiB in a gzip bomb": rejected(
        closing_after(response(gzip_bomb(), "Content-Encoding: gzip", status="500 Oh No")),
        "the receiver answered 500 Oh No",
        body=bytes(BODY_LIMIT),
        truncated=True,
    ),
    # odd, and an acknowledgement all the same
    "Content-Length too small": delivered(
        always(HEAD + b"Content-Length: 5\r\n\r\nhello world"), body=b"hello"
    ),
    "bytes that are no text": delivered(
        always(HEAD + b"X-Latin: caf\xe9\r\nContent-Length: 3\r\n\r\n\xff\x1b\x00"),
        body=b"\xff\x1b\x00",
    ),
    "100 KB of headers": delivered(
        always(response(b"ok", *[f"X-{number}: {'a' * 990}" for number in range(100)])), body=b"ok"
    ),
    "early answers first": delivered(
        always(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + response(b"ok")),
        body=b"ok",
    ),
    "204 with a body": delivered(always(b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok")),
    "HTTP/1.0": delivered(closing_after(b"HTTP/1.0 200 OK\r\n\r\nhello"), body=b"hello"),
    # an answer, and none that counts
    "redirect": rejected(
        always(response(b"", "Location: http://127.0.0.1:9/x", status="302 Found")),
        "Tocsin does not follow redirects; this one points to http://127.0.0.1:9/x",
    ),
    "escape sequences": rejected(
        always(response(b"\x1b[2J", "X-Esc: \x9b2J\u202e", status="500 \x1b]0;owned\x07\x9b2J")),
        "the receiver answered 500 .*owned.*",
        body=b"\x1b[2J",
    ),
    "garbage": unreachable(closing_after(bytes(range(256))), NOT_HTTP),
    "another protocol": unreachable(closing_after(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), NOT_HTTP),
}
CLOSED_UPON_REUSE = "closed upon reuse"
CLOSED_AT_ONCE = "closed at once"


# --- the drill ---


@dataclass(frozen=True)
class Memory:
    """The memory of a running process, in KB."""

    resident: int
    peak: int

    @staticmethod
    def of(pid: int) -> "Memory":
        status = Path(f"/proc/{pid}/status").read_text()
        resident, peak = (int(re.findall(rf"{name}:\s+(\d+) kB", status)[0]) for name in ("VmRSS", "VmHWM"))
        return Memory(resident, peak)


@dataclass(frozen=True)
class Met:
    """What was recorded and what each receiver saw, by the name of the receiver."""

    place: dict[str, str]
    deliveries: dict[str, list[dict[str, Any]]]
    bodies: dict[str, list[bytes]]
    requests: dict[str, int]
    output: str
    """The log, and what `alert show` prints for people."""
    before: Memory
    after: Memory

    def attempts(self, name: str) -> list[dict[str, Any]]:
        return [attempt for delivery in self.deliveries[name] for attempt in delivery["attempts"]]


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory) -> Met:
    if sys.platform != "linux":
        pytest.skip("reads /proc, and fills a backlog as Linux does")
    installation = Installation("sqlite", tmp_path_factory.mktemp("network"))
    certificates = make_certificates(tmp_path_factory.mktemp("tls"))
    return asyncio.run(meet(installation, certificates))


async def meet(installation: Installation, certificates: dict[str, Path]) -> Met:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(asyncio.timeout(3 * PATIENCE_S))
        receive = await stack.enter_async_context(open_receivers())
        trusted = tls(certificates["honest"])
        honest = ["honest 1", "honest 2", "honest over TLS 1", "honest over TLS 2"]
        receivers = {name: await receive(always(FULL), trusted if "TLS" in name else None) for name in honest}
        receivers[CLOSED_UPON_REUSE] = await receive(answer_then_close_upon_reuse)
        receivers[CLOSED_AT_ONCE] = await receive(BUSY)
        for name, case in CASES.items():
            if case.script:
                context = tls(certificates[case.certificate]) if case.certificate else None
                receivers[name] = await receive(case.script, context)
        urls = {name: receiver.url for name, receiver in receivers.items()}
        urls |= {
            "refused": stack.enter_context(refusing()),
            "black hole": stack.enter_context(swallowing()),
            "unknown name": "http://name.invalid",
            "plain where TLS was meant": urls["plain where TLS was meant"].replace("http:", "https:"),
        }
        add_destinations(installation, urls)
        process = await stack.enter_async_context(
            dispatching(installation, SSL_CERT_FILE=str(certificates["honest"].with_name("trusted.pem")))
        )

        await send(installation, honest, WARM_UP)
        await deliveries_end(process, WARM_UP * len(honest))
        before = Memory.of(process.pid)
        names = [CLOSED_UPON_REUSE, CLOSED_AT_ONCE, *CASES]
        alerts = await send(installation, names, ALERTS)
        await deliveries_end(process, ALERTS * len(names))
        after = Memory.of(process.pid)

    shown = installation.run("alert", "show", alerts[0])
    told = [json.loads(installation.run("alert", "show", alert, "--json")) for alert in alerts]
    bodies = installation.sql(
        "SELECT name, response_body FROM attempt JOIN destination ON destination.id = destination_id"
    )
    return Met(
        place={name: urlsplit(url).netloc for name, url in urls.items()},
        deliveries={
            name: [d for alert in told for d in alert["deliveries"] if d["destination"] == name]
            for name in names
        },
        bodies={name: [body for of, body in bodies if of == name] for name in names},
        requests={name: len(receiver.requests) for name, receiver in receivers.items()},
        output=installation.log.read_text() + shown,
        before=before,
        after=after,
    )


def add_destinations(installation: Installation, urls: dict[str, str]) -> None:
    with open_store("sqlite", installation.directory, Clock()) as store:
        for name, url in urls.items():
            timeout_ms = CASES[name].deadline_ms if name in CASES else DEFAULT_TIMEOUT_MS
            write(store, destinations.add, destination(name=name, url=f"{url}/hook", timeout_ms=timeout_ms))


async def send(installation: Installation, names: list[str], count: int) -> list[str]:
    """Send alerts to each of these destinations. Return their ids."""
    alerts = [{"title": f"alert {number}", "destinations": names} for number in range(count)]
    told = await asyncio.to_thread(installation.run, "send", "-", "--json", input=json.dumps(alerts))
    return [alert["alertId"] for alert in json.loads(told)]


@asynccontextmanager
async def dispatching(installation: Installation, **environment: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tui", "dispatch"),
        env=installation.environment | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def deliveries_end(process: Process, count: int) -> None:
    """Read the dispatcher's log until this many deliveries have ended."""
    assert process.stderr
    while count:
        line = await process.stderr.readline()
        assert line, "the dispatcher stopped"
        count -= bool(re.search(rb" state=(delivered|failed) ", line))


@contextmanager
def refusing() -> Iterator[str]:
    """Return a bound address that does not listen."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@contextmanager
def swallowing() -> Iterator[str]:
    """Return an address with a full backlog, which never answers a packet."""
    with ExitStack() as sockets:
        listening = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = sockets.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


# --- what has to hold ---


@pytest.mark.parametrize("name", CASES)
class TestWhateverAReceiverDoes:
    def test_the_outcome_is_recorded_with_its_error(self, met: Met, name: str) -> None:
        case = CASES[name]
        told = re.compile((case.error or "").format(place=re.escape(met.place[name])))

        assert len(met.attempts(name)) == ALERTS * case.attempts
        for attempt in met.attempts(name):
            assert attempt["outcome"] == case.outcome
            assert told.fullmatch(attempt["error"] or "")

    def test_every_request_on_the_wire_has_its_attempt(self, met: Met, name: str) -> None:
        assert met.requests.get(name, 0) == len(met.attempts(name)) * CASES[name].requests

    def test_the_deadline_holds(self, met: Met, name: str) -> None:
        case = CASES[name]
        for attempt in met.attempts(name):
            assert (attempt["durationMs"] >= case.deadline_ms) is (case.outcome == "timeout")
            assert attempt["durationMs"] < case.deadline_ms + LEASE_MARGIN_MS

    def test_at_most_64_kib_of_an_answer_are_kept(self, met: Met, name: str) -> None:
        case = CASES[name]
        for body, attempt in zip(met.bodies[name], met.attempts(name), strict=True):
            assert body.strip(b".") == case.body.strip(b".")
            assert len(body) <= BODY_LIMIT
            assert attempt["responseTruncated"] is case.truncated
            headers = attempt["responseHeaders"]
            assert sum(len(key) + len(value) for key, value in headers.items()) <= BODY_LIMIT


class TestAConnectionKeptAlive:
    def test_that_closes_on_the_next_request_costs_that_attempt(self, met: Met) -> None:
        attempts = met.attempts(CLOSED_UPON_REUSE)

        assert met.requests[CLOSED_UPON_REUSE] == len(attempts) == ALERTS * ATTEMPTS
        assert {(attempt["outcome"], attempt["error"]) for attempt in attempts} == {
            ("rejected", "the receiver answered 503 Busy"),
            ("unreachable", f"{met.place[CLOSED_UPON_REUSE]} closed the connection without answering"),
        }

    def test_that_closes_while_idle_sends_nothing_twice(self, met: Met) -> None:
        outcomes = Counter(attempt["outcome"] for attempt in met.attempts(CLOSED_AT_ONCE))

        # Whether it was seen in time that the connection is closed is a matter of luck.
        assert set(outcomes) <= {"rejected", "unreachable"}
        assert outcomes["rejected"] == met.requests[CLOSED_AT_ONCE]
        assert outcomes.total() == ALERTS * ATTEMPTS


def test_the_memory_of_the_dispatcher_does_not_grow(met: Met) -> None:
    print(f"before: {met.before}; after: {met.after}")

    assert met.after.resident - met.before.resident < MAY_GROW_KB
    assert met.after.peak - met.before.peak < MAY_GROW_KB


def test_no_control_character_of_an_answer_reaches_a_terminal(met: Met) -> None:
    assert "owned" in met.output
    assert [character for character in met.output if is_control(character) and character != "\n"] == []
