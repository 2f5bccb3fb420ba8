"""Requests through a proxy: tunnels for https, forwarding for http, and who failed."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.delivery.certificates import Authority
from tests.delivery.certificates import tls as presenting
from tests.delivery.conftest import Send
from tests.delivery.scripted import Peer, Receive, Receiver, Script, keep_answering, response
from tui.delivery.dialling import Dialler
from tui.domain.attempt import Answer
from tui.domain.explain import advise
from tui.domain.lifecycle import Outcome
from tui.domain.network import Address, NetworkPolicy, PolicyName
from tui.domain.proxy import parse_proxies
from tui.domain.tls import TlsSettings


class Ended(NamedTuple):
    """An attempt with the fields that advice uses."""

    outcome: Outcome
    status_code: int | None
    reason: str | None
    error: str | None
    url: str
    ended_at: int


By = Callable[[Dialler], Send]

HTTPS, HTTP = "https://hooks.example.com/alerts", "http://hooks.example.com/alerts"
ME, MY_HEADER = "me:hunter2@", b"Proxy-Authorization: Basic bWU6aHVudGVyMg=="


async def nobody_asks(host: str) -> Sequence[Address]:
    raise AssertionError(f"{host} was looked up here")


def by_way_of(proxy: Receiver | int, user: str = "", policy: str = "local", **variables: str) -> Dialler:
    port = proxy if isinstance(proxy, int) else proxy.port
    proxies = parse_proxies({"all_proxy": f"http://{user}127.0.0.1:{port}", **variables})
    return Dialler(NetworkPolicy(PolicyName(policy)), proxies, resolve=nobody_asks)


def tunnelling(to: Receiver, heads: list[bytes]) -> Script:
    """A proxy that connects every name to one receiver."""

    async def script(peer: Peer) -> None:
        heads.append(await peer.reader.readuntil(b"\r\n\r\n"))
        reader, writer = await asyncio.open_connection("127.0.0.1", to.port)
        await peer.send(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n")
        await asyncio.gather(pump(peer.reader, writer), pump(reader, peer.writer))

    return script


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
    finally:
        writer.close()


def saying(said: bytes) -> Script:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(said)

    return script


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"), "Our Own CA")


@pytest.fixture(scope="session")
def named(authority: Authority) -> Path:
    return authority.issue("named", names="DNS:hooks.example.com").both


class TestATunnel:
    async def test_carries_tls_to_the_receiver(
        self, receive: Receive, send_by: By, authority: Authority, named: Path
    ) -> None:
        receiver, heads = await receive(keep_answering, presenting(named)), list[bytes]()
        proxy = await receive(tunnelling(receiver, heads))
        send = send_by(by_way_of(proxy, ME))

        replies = [await send(HTTPS, tls=TlsSettings(ca_file=str(authority.file))) for _ in range(2)]

        assert [reply.outcome for reply in replies] == [Outcome.DELIVERED] * 2
        assert replies[0].remote_address == f"through proxy 127.0.0.1:{proxy.port}"
        assert [head.split(b"\r\n")[:3] for head in heads] == [
            [b"CONNECT hooks.example.com:443 HTTP/1.1", b"Host: hooks.example.com:443", MY_HEADER]
        ]
        assert receiver.requests[0].startswith(b"POST /alerts HTTP/1.1\r\nHost: hooks.example.com\r\n")
        assert b"proxy" not in receiver.requests[0].lower()

    async def test_does_not_bypass_certificate_verification(
        self, receive: Receive, send_by: By, authority: Authority
    ) -> None:
        other = presenting(authority.issue("other").both)
        receiver = await receive(keep_answering, other)
        proxy = await receive(tunnelling(receiver, []))

        reply = await send_by(by_way_of(proxy))(HTTPS, tls=TlsSettings(ca_file=str(authority.file)))

        assert (reply.outcome, reply.error) == (
            Outcome.UNREACHABLE,
            "the certificate of hooks.example.com:443 is for 127.0.0.1, not for hooks.example.com",
        )

    @pytest.mark.parametrize(
        ("user", "said", "told"),
        [
            (
                "",
                b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
                "requires a user and password: 407 Proxy Authentication Required",
            ),
            (ME, b"HTTP/1.1 407 No\r\n\r\n", "rejected the user or password: 407 No"),
            (ME, b"HTTP/1.0 401 No\r\n\r\n", "rejected the user or password: 401 No"),
            (
                "",
                b"HTTP/1.0 403 Filtered\r\n\r\n",
                "refused to connect to hooks.example.com:443: 403 Filtered",
            ),
            ("", b"HTTP/1.1 404\r\n\r\n", "refused to connect to hooks.example.com:443: 404"),
            (
                "",
                b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
                "could not connect to hooks.example.com:443: 502 Bad Gateway",
            ),
            ("", b"", "closed the connection without answering"),
            ("", b"\x05\x00\r\n\r\n", "did not answer like an HTTP proxy"),
            ("", b"SSH-2.0-OpenSSH_9.2\r\n", "did not answer like an HTTP proxy"),
            ("", b"HTTP/1.1 200 OK\r\n", "did not answer like an HTTP proxy"),
            ("", b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n!", "did not answer like an HTTP proxy"),
            ("", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 9999, "did not answer like an HTTP proxy"),
        ],
    )
    async def test_that_the_proxy_refuses_is_reported_with_its_answer(
        self, receive: Receive, send_by: By, user: str, said: bytes, told: str
    ) -> None:
        proxy = await receive(saying(said))

        reply = await send_by(by_way_of(proxy, user))(HTTPS)

        assert (reply.outcome, reply.status_code) == (Outcome.UNREACHABLE, None)
        assert reply.error == f"the proxy 127.0.0.1:{proxy.port} {told}"

    async def test_reset_by_the_proxy_is_reported(self, receive: Receive, send_by: By) -> None:
        async def reset(peer: Peer) -> None:
            await peer.reader.readuntil(b"\r\n\r\n")
            peer.reset()

        proxy = await receive(reset)

        reply = await send_by(by_way_of(proxy))(HTTPS)

        assert reply.error == f"the proxy 127.0.0.1:{proxy.port} closed the connection"

    async def test_that_never_opens_ends_at_the_deadline(self, receive: Receive, send_by: By) -> None:
        async def hang(peer: Peer) -> None:
            await peer.reader.read()

        proxy = await receive(hang)

        reply = await send_by(by_way_of(proxy))(HTTPS, timeout_ms=200)

        assert (reply.outcome, reply.error) == (
            Outcome.TIMEOUT,
            f"no connection to hooks.example.com:443 through the proxy 127.0.0.1:{proxy.port} within 0.2 s",
        )


class TestAForwarder:
    async def test_gets_the_full_url_on_a_reused_connection(self, receive: Receive, send_by: By) -> None:
        proxy = await receive(keep_answering)
        send = send_by(by_way_of(proxy, ME))

        replies = [await send(f"{HTTP}?a=b") for _ in range(2)]

        assert [reply.outcome for reply in replies] == [Outcome.DELIVERED] * 2
        assert replies[0].remote_address == f"through proxy 127.0.0.1:{proxy.port}"
        assert (len(proxy.connections), len(proxy.requests)) == (1, 2)
        lines = proxy.requests[1].split(b"\r\n")
        assert lines[:2] == [b"POST http://hooks.example.com/alerts?a=b HTTP/1.1", b"Host: hooks.example.com"]
        assert MY_HEADER in lines
        assert "bWU6aHVudGVyMg" not in repr(replies)
        assert "hunter2" not in repr(replies)

    async def test_is_named_as_a_possible_source_of_the_answer(self, receive: Receive, send_by: By) -> None:
        proxy = await receive(response(b"blocked", status="403 Filtered"))

        reply = await send_by(by_way_of(proxy))(HTTP)

        assert (reply.outcome, reply.summary) == (Outcome.REJECTED, "403 Filtered")
        assert reply.error == f"the receiver or the proxy 127.0.0.1:{proxy.port} answered 403 Filtered"

    async def test_that_disconnects_is_reported(self, receive: Receive, send_by: By) -> None:
        async def leave(peer: Peer) -> None:
            await peer.request()

        proxy = await receive(leave)

        reply = await send_by(by_way_of(proxy))(HTTP)

        assert reply.error == (
            f"through a proxy: 127.0.0.1:{proxy.port} closed the connection without answering"
        )


def advice(reply: Answer) -> str:
    return advise(Ended(reply.outcome, reply.status_code, reply.reason, reply.error, HTTPS, 0))


async def test_proxy_errors_come_with_advice(receive: Receive, send_by: By, free_port: int) -> None:
    wanting = await receive(saying(b"HTTP/1.1 407 No\r\n\r\n"))
    refusing = await receive(saying(b"HTTP/1.1 403 No\r\n\r\n"))
    failing = await receive(saying(b"HTTP/1.1 503 No\r\n\r\n"))
    other = await receive(saying(b"220 smtp.example.com ESMTP\r\n"))

    for dialler, words in (
        (by_way_of(free_port), "Check that the proxy is running and that HTTPS_PROXY or HTTP_PROXY is right"),
        (by_way_of(wanting), "Set them in the proxy URL"),
        (by_way_of(wanting, ME), "Check the user and password in the proxy URL"),
        (by_way_of(refusing), "Ask the proxy's administrator to allow it"),
        (by_way_of(failing), "that the proxy can reach it."),
        (by_way_of(other), "Check that HTTPS_PROXY names an HTTP proxy."),
    ):
        assert words in advice(await send_by(dialler)(HTTPS))


@pytest.mark.parametrize("url", [HTTPS, HTTP])
class TestAnyProxy:
    async def test_that_is_down_is_reported(self, send_by: By, url: str, free_port: int) -> None:
        reply = await send_by(by_way_of(free_port))(url)

        assert (reply.outcome, reply.error) == (
            Outcome.UNREACHABLE,
            f"cannot reach the proxy: nothing is listening on 127.0.0.1:{free_port}",
        )

    @pytest.mark.parametrize(
        ("policy", "host", "told"),
        [
            ("local", "169.254.169.254", "a link-local address (cloud metadata); Tocsin never sends to it"),
            ("local", "2852039166", "2852039166 is 169.254.169.254, a link-local address"),
            (
                "local",
                "metadata.google.internal",
                "the name of a cloud's metadata service; Tocsin never sends to it",
            ),
            ("public", "10.0.0.7", "a private address, blocked by the network policy public"),
            ("public", "wiki", "a private network name, blocked by the network policy public"),
        ],
    )
    async def test_is_not_asked_for_a_blocked_host(
        self, receive: Receive, send_by: By, url: str, policy: str, host: str, told: str
    ) -> None:
        proxy = await receive(keep_answering)

        reply = await send_by(by_way_of(proxy, policy=policy))(url.replace("hooks.example.com", host))

        assert reply.outcome is Outcome.BLOCKED
        assert told in (reply.error or "")
        assert proxy.connections == []


async def test_an_invalid_host_is_not_blamed_on_the_proxy(send_by: By, free_port: int) -> None:
    reply = await send_by(by_way_of(free_port))("http://☃.net/")

    assert (reply.error or "").startswith("cannot reach ☃.net:80: ")


async def test_localhost_and_hosts_in_no_proxy_bypass_the_proxy(receive: Receive, send_by: By) -> None:
    receiver, proxy = await receive(keep_answering), await receive(keep_answering)
    send = send_by(by_way_of(proxy, no_proxy="127.0.0.0/8"))

    for host in ("127.0.0.1", "localhost"):
        reply = await send(f"http://{host}:{receiver.port}/")
        assert (reply.outcome, reply.remote_address) == (Outcome.DELIVERED, f"127.0.0.1:{receiver.port}")
    assert proxy.connections == []
