"""The endpoint's promise, for any request: the status is 202 if and only if the alerts are stored."""

import base64
import gzip
import json
import socket
from dataclasses import dataclass
from typing import Any, BinaryIO

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import write
from tests.intake.conftest import Serve
from tests.store.bench import Bench
from tui.domain.token import Token, digest_of
from tui.store import tokens
from tui.store.engine.database import Store


@pytest.fixture
def engine() -> str:
    return "sqlite"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
    max_leaves=5,
)
ENTRIES = st.one_of(
    VALUES,
    st.builds(lambda value: {"title": "x", "alertId": value}, VALUES),
    st.builds(lambda key, value: {"title": "x", key: value}, st.text(st.characters()), VALUES),
    st.builds(
        lambda value: {"event_type": value, "timestamp": 1, "in_iface": "x", "alert": {"signature": "s"}},
        VALUES,
    ),
    st.builds(
        lambda value: {"Type": "Notification", "TopicArn": "t", "MessageId": "m", "Message": value}, VALUES
    ),
    st.sampled_from([{"title": "a"}, {"title": "b"}, {"title": "x", "alertId": "a-1"}]),
)
PLAIN = st.one_of(
    st.binary(),
    st.builds(lambda value: json.dumps(value).encode(), ENTRIES | st.lists(ENTRIES, max_size=4)),
    st.builds(
        lambda entries: b"\n".join(json.dumps(entry).encode() for entry in entries),
        st.lists(ENTRIES, max_size=4),
    ),
)


def packed(body: bytes, how: str) -> bytes:
    whole = gzip.compress(body, mtime=0)
    return {
        "plain": body,
        "gzip": whole,
        "two members": gzip.compress(body[:7], mtime=0) + gzip.compress(body[7:], mtime=0),
        "cut off": whole[:-3],
        "followed by junk": whole + b"junk",
    }[how]


@dataclass(frozen=True)
class Sent:
    """One request of a connection."""

    body: bytes
    packing: str
    format: str
    key: tuple[str, str] | None
    credentials: str
    chunked: bool

    def encoded(self, token: str) -> bytes:
        body = packed(self.body, self.packing)
        url = f"/alerts?format={self.format}" + f"&token={token}" * (self.credentials == "url")
        given = {
            "bearer": f"Bearer {token}",
            "basic": "Basic " + base64.b64encode(f"any:{token}".encode()).decode(),
            "wrong": "Bearer tcs_wrong",
        }.get(self.credentials)
        head = [f"POST {url} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
        head += [f"Authorization: {given}"] * (given is not None)
        head += ["Content-Encoding: gzip"] * (self.packing != "plain")
        head += [f"{name}: {value}" for name, value in [self.key] * (self.key is not None)]
        if self.chunked:
            parts = [body[:5], body[5:]]
            coded = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n"
            return "\r\n".join([*head, "Transfer-Encoding: chunked", "", ""]).encode() + coded
        return "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body


REQUESTS = st.builds(
    Sent,
    body=PLAIN,
    packing=st.sampled_from(["plain", "plain", "gzip", "two members", "cut off", "followed by junk"]),
    format=st.sampled_from(["auto", "auto", "tocsin", "suricata", "plain", "sns", "none"]),
    key=st.none()
    | st.tuples(
        st.sampled_from(["Idempotency-Key", "webhook-id", "X-GitHub-Delivery"]),
        st.sampled_from(["k", "l", "", "x" * 256]),
    ),
    credentials=st.sampled_from(["bearer", "basic", "url", "wrong", "none"]),
    chunked=st.booleans(),
)


def answer(stream: BinaryIO) -> tuple[int, Any]:
    status, length = int(stream.readline().split()[1]), 0
    while (line := stream.readline()) not in (b"\r\n", b""):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return status, json.loads(stream.read(length))


def alert_ids(bench: Bench) -> list[str]:
    return [one for (one,) in bench.rows("SELECT alert_id FROM alert")]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(sent=st.lists(REQUESTS, min_size=1, max_size=4))
def test_an_alert_is_stored_if_and_only_if_its_answer_is_202(
    bench: Bench, store: Store, sender: tuple[httpx.Client, str], sent: list[Sent]
) -> None:
    """Several requests are sent at once on one connection, and answered in order."""
    client, token = sender
    before = alert_ids(bench)

    with socket.create_connection(("127.0.0.1", client.base_url.port), timeout=20) as connection:
        connection.sendall(b"".join(one.encoded(token) for one in sent))
        with connection.makefile("rb") as stream:
            answers = [answer(stream) for _ in sent]

    new: list[str] = []
    for one, (status, body) in zip(sent, answers, strict=True):
        if one.credentials in ("wrong", "none"):
            assert status == 401
        assert status in (202, 401, 409, 422), body
        if status == 202:
            receipts = [entry for entry in body if "skipped" not in entry]
            new += [receipt["alertId"] for receipt in receipts if not receipt["repeated"]]
            assert {receipt["alertId"] for receipt in receipts} <= {*before, *new}
    assert sorted(alert_ids(bench)) == sorted(before + new)


@pytest.fixture
def sender(store: Store, serve: Serve) -> tuple[httpx.Client, str]:
    """A client, and the token that the endpoint requires."""
    token = "tcs_" + "t" * 43
    write(store, tokens.add, Token("ci", digest_of(token)))
    return serve(), token
