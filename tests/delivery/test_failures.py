"""Receivers that cannot be talked to, on real sockets, and what is said of each in the end."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.conftest import alert, claimed, destination
from tests.delivery.certificates import make_certificates, tls
from tests.delivery.scripted import Peer, Receive, hang, keep_answering, response
from tui.delivery.sender import Sender
from tui.domain.explain import explain
from tui.store.reading.views import AttemptRow

Tell = Callable[..., Awaitable[str]]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def tell(sender: Sender) -> Tell:
    """Sends an alert there and returns what a person is told, `HERE` standing for the receiver."""

    async def send(url: str, timeout_ms: int = 30_000) -> str:
        ended = await sender.send(claimed("dlv_1", alert(), destination(url=url, timeout_ms=timeout_ms)))
        row = AttemptRow(
            1,
            1,
            1,
            ended.outcome,
            ended.status_code,
            ended.reason,
            ended.error,
            0,
            ended.ended_at,
            ended.duration_ms,
            url,
            ended.remote_address,
        )
        told = explain(row, ended.response_headers, ended.response_body)
        return told.replace(url.partition("://")[2], "HERE")

    return send


async def test_where_nothing_listens(tell: Tell, free_port: int) -> None:
    told = await tell(f"http://127.0.0.1:{free_port}")
    assert told == (
        "Nothing is listening on HERE. Check that the receiver is running and that the port is right."
    )


async def test_a_name_that_does_not_resolve(tell: Tell) -> None:
    told = await tell("http://nowhere.invalid")
    assert told.startswith("The name HERE does not resolve. Check the spelling of the name")


async def test_an_address_that_the_network_policy_refuses(tell: Tell) -> None:
    assert await tell("http://169.254.169.254") == (
        "Nothing was sent: HERE is a link-local address (cloud metadata); Tocsin never sends to it. "
        "To allow it anyway, add exactly this address to `allow` under [network]."
    )


async def test_a_receiver_that_keeps_silent(tell: Tell, receive: Receive) -> None:
    told = await tell((await receive(hang)).url, timeout_ms=300)
    assert told.startswith("No answer within 0.3 s. The receiver got the request")


async def test_a_connection_that_does_not_come_about(tell: Tell, receive: Receive) -> None:
    told = await tell((await receive(hang)).url.replace("http:", "https:"), timeout_ms=300)
    assert told.startswith("No connection to HERE within 0.3 s. Check the address")


async def test_an_answer_without_end(tell: Tell, receive: Receive) -> None:
    async def begin(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
        await peer.reader.read()

    told = await tell((await receive(begin)).url, timeout_ms=300)
    assert told.startswith("The answer began (200) but did not end within 0.3 s. A receiver should")


# --- TLS

CERTIFICATES = {
    "expired": "expired on 2020-01-02. The receiver's operator must renew it.",
    "early": "is valid only from 2089-01-01 on. Check the clock of this machine.",
    "wrong host": "is for 127.0.0.2, not for 127.0.0.1. Use the receiver's own name in the URL.",
    "many names": "is for a.example, *.b.example, c.example and 1 more, not for 127.0.0.1."
    " Use the receiver's own name in the URL.",
    "self-signed": "is self-signed: nobody this machine trusts vouches for it."
    " If the certificate is yours, set it as the destination's CA file.",
    "unknown issuer": "was issued by Our Own CA, whom this machine does not trust."
    " If you run this certificate authority, set its certificate as the destination's CA file.",
}


@pytest.mark.parametrize("kind", CERTIFICATES)
async def test_a_certificate_that_is_not_accepted(
    tell: Tell,
    receive: Receive,
    certificates: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates["honest"].with_name("trusted.pem")))
    receiver = await receive(keep_answering, tls(certificates[kind]))
    assert await tell(receiver.url) == f"The certificate of HERE {CERTIFICATES[kind]}"
    assert receiver.requests == []


async def test_tls_to_a_port_that_speaks_plain_http(tell: Tell, receive: Receive) -> None:
    async def plain(peer: Peer) -> None:
        await peer.reader.read(1)
        await peer.send(response(status="400 Bad Request"))

    told = await tell((await receive(plain)).url.replace("http:", "https:"))
    assert told == (
        "HERE speaks no TLS: it answers in plain text."
        " Use http:// instead of https://, or the port where the receiver speaks TLS."
    )


@pytest.mark.parametrize("end", [Peer.reset, lambda _: None], ids=["reset", "closed"])
async def test_tls_to_a_port_that_hangs_up(tell: Tell, receive: Receive, end: Callable[[Peer], None]) -> None:
    async def hang_up(peer: Peer) -> None:
        await peer.reader.read(1)
        end(peer)

    told = await tell((await receive(hang_up)).url.replace("http:", "https:"))
    assert told == (
        "HERE closed the connection before TLS was agreed on."
        " Check that this port speaks TLS. If it does not, use http:// instead of https://."
    )


async def test_plain_http_to_a_port_that_speaks_tls(
    tell: Tell, receive: Receive, certificates: dict[str, Path]
) -> None:
    receiver = await receive(keep_answering, tls(certificates["honest"]))
    told = await tell(receiver.url.replace("https:", "http:"))
    assert told == (
        "HERE closed the connection without answering."
        " The receiver may crash on this request, or expect https://."
    )
    assert receiver.requests == []


async def test_a_web_page_that_says_200(tell: Tell, receive: Receive) -> None:
    told = await tell((await receive(response(b"<html>", "Content-Type: text/html"))).url)
    assert "the answer is a web page" in told
