"""Receivers that cannot be reached, on real sockets, and how the failure is explained."""

import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from tests.conftest import alert, claimed, destination
from tests.delivery.certificates import make_certificates, tls
from tests.delivery.scripted import Peer, Receive, hang, keep_answering, response
from tui.delivery.dialling import Dialler
from tui.delivery.failures import BadCertificate, ProxyFailed, describe
from tui.delivery.secrets import SecretUnavailable, look_up
from tui.delivery.sender import Sender
from tui.delivery.tunnel import open_tunnel
from tui.domain import explain as explanations
from tui.domain.attempt import Answer
from tui.domain.explain import advise, explain
from tui.domain.lifecycle import Outcome
from tui.domain.network import NetworkPolicy, PolicyName
from tui.domain.proxy import Proxy, parse_proxies
from tui.domain.tls import TlsSettings
from tui.store.reading.views import AttemptRow

Tell = Callable[..., Awaitable[str]]


def recorded(url: str, ended: Answer) -> AttemptRow:
    return AttemptRow(
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


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def tell(sender: Sender) -> Tell:
    """Send an alert to a URL and return the explanation, with `HERE` for the receiver."""

    async def send(url: str, timeout_ms: int = 30_000) -> str:
        ended = await sender.send(claimed("dlv_1", alert(), destination(url=url, timeout_ms=timeout_ms)))
        told = explain(recorded(url, ended), ended.response_headers, ended.response_body)
        return told.replace(url.partition("://")[2], "HERE")

    return send


async def test_a_port_without_a_listener_is_explained(tell: Tell, free_port: int) -> None:
    told = await tell(f"http://127.0.0.1:{free_port}")
    assert told == (
        "Nothing is listening on HERE. Check that the receiver is running and that the port is right."
    )


async def test_a_name_that_does_not_resolve_is_explained(tell: Tell) -> None:
    told = await tell("http://nowhere.invalid")
    assert told.startswith("The name HERE does not resolve. Check the spelling of the name")


async def test_a_blocked_address_is_explained(tell: Tell) -> None:
    assert await tell("http://169.254.169.254") == (
        "Nothing was sent: HERE is a link-local address (cloud metadata); Tocsin never sends to it. "
        "To allow it anyway, add exactly this address to `allow` under [network]."
    )


async def test_a_silent_receiver_is_explained(tell: Tell, receive: Receive) -> None:
    told = await tell((await receive(hang)).url, timeout_ms=300)
    assert told.startswith("No answer within 0.3 s. The receiver got the request")


async def test_a_connection_that_times_out_is_explained(tell: Tell, receive: Receive) -> None:
    told = await tell((await receive(hang)).url.replace("http:", "https:"), timeout_ms=300)
    assert told.startswith("No connection to HERE within 0.3 s. Check the address")


async def test_an_incomplete_answer_is_explained(tell: Tell, receive: Receive) -> None:
    async def begin(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
        await peer.reader.read()

    told = await tell((await receive(begin)).url, timeout_ms=300)
    assert told.startswith("The answer began (200) but did not end within 0.3 s. A receiver should")


# --- TLS

CERTIFICATES = {
    "expired": "expired on 2020-01-02. The receiver's operator must renew it.",
    "early": "is not valid before 2089-01-01. Check the clock of this machine.",
    "wrong host": "is for 127.0.0.2, not for 127.0.0.1. Use the receiver's own name in the URL.",
    "many names": "is for a.example, *.b.example, c.example and 1 more, not for 127.0.0.1."
    " Use the receiver's own name in the URL.",
    "self-signed": "is self-signed, and this machine does not trust it."
    " If the certificate is yours, set it as the destination's CA file.",
    "unknown issuer": "was issued by Our Own CA, which this machine does not trust."
    " If you run this certificate authority, set its certificate as the destination's CA file.",
}


@pytest.mark.parametrize("kind", CERTIFICATES)
async def test_a_certificate_that_fails_verification_is_explained(
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


async def test_tls_to_a_plain_http_port_is_explained(tell: Tell, receive: Receive) -> None:
    async def plain(peer: Peer) -> None:
        await peer.reader.read(1)
        await peer.send(response(status="400 Bad Request"))

    told = await tell((await receive(plain)).url.replace("http:", "https:"))
    assert told == (
        "HERE does not speak TLS: it answered in plain text."
        " Use http:// instead of https://, or the port where the receiver speaks TLS."
    )


@pytest.mark.parametrize("end", [Peer.reset, lambda _: None], ids=["reset", "closed"])
async def test_a_connection_closed_during_the_handshake_is_explained(
    tell: Tell, receive: Receive, end: Callable[[Peer], None]
) -> None:
    async def hang_up(peer: Peer) -> None:
        await peer.reader.read(1)
        end(peer)

    told = await tell((await receive(hang_up)).url.replace("http:", "https:"))
    assert told == (
        "HERE closed the connection during the TLS handshake."
        " Check that this port speaks TLS. If it does not, use http:// instead of https://."
    )


async def test_plain_http_to_a_tls_port_is_explained(
    tell: Tell, receive: Receive, certificates: dict[str, Path]
) -> None:
    receiver = await receive(keep_answering, tls(certificates["honest"]))
    told = await tell(receiver.url.replace("https:", "http:"))
    assert told == (
        "HERE closed the connection without answering."
        " The receiver may crash on this request, or expect https://."
    )
    assert receiver.requests == []


async def test_a_web_page_with_status_200_is_doubted(tell: Tell, receive: Receive) -> None:
    told = await tell((await receive(response(b"<html>", "Content-Type: text/html"))).url)
    assert "the answer is a web page" in told


# --- advice

CA, CLIENT = TlsSettings(ca_file="/ca.pem"), TlsSettings(certificate="/client.pem")
NAMES = {"subjectAltName": (("DNS", "other.example"),)}
DATES = {"notBefore": "Jan  1 00:00:00 2089 GMT", "notAfter": "Jan  1 00:00:00 2020 GMT"}


def unreachable(error: str) -> Answer:
    return Answer(outcome=Outcome.UNREACHABLE, ended_at=0, duration_ms=0, error=error)


def alerted(reason: str) -> ssl.SSLError:
    error = ssl.SSLError()
    error.reason = reason
    return error


def unverified(code: int, presented: dict[str, object]) -> BadCertificate:
    """A certificate that failed verification with this code of OpenSSL (x509_vfy.h)."""
    cause = ssl.SSLCertVerificationError()
    cause.verify_code, cause.verify_message = code, ""
    return BadCertificate(cause, presented)


def connection_errors() -> Iterator[str]:
    for error, in_handshake, settings in (
        (ConnectionRefusedError(), False, CA),
        (socket.gaierror(), False, CA),
        (ConnectionResetError(), True, CA),
        (unverified(18, {}), False, CA),
        (unverified(18, {}), False, CLIENT),
        (unverified(20, NAMES), False, CLIENT),
        (unverified(62, NAMES), False, CA),
        (unverified(10, DATES), False, CA),
        (unverified(9, DATES), False, CA),
        (alerted("WRONG_VERSION_NUMBER"), True, CA),
        (alerted("TLSV13_ALERT_CERTIFICATE_REQUIRED"), True, CA),
        (alerted("SSLV3_ALERT_CERTIFICATE_EXPIRED"), True, CLIENT),
        (alerted("SSLV3_ALERT_HANDSHAKE_FAILURE"), True, CA),
        (alerted("TLSV1_ALERT_PROTOCOL_VERSION"), True, CA),
        (alerted("TLSV1_UNRECOGNIZED_NAME"), True, CA),
    ):
        yield describe(error, host="h", port=443, in_handshake=in_handshake, tls=settings)


def blocked() -> Iterator[str]:
    policy = NetworkPolicy(PolicyName.PUBLIC)
    yield policy.judge_unresolved("metadata") or ""
    yield policy.judge_unresolved("soc.lan") or ""
    yield policy.judge(IPv4Address("10.0.0.1")) or ""
    yield policy.judge(IPv4Address("224.0.0.1")) or ""
    with pytest.raises(SecretUnavailable) as missing:
        look_up("env:TOCSIN_NO_SUCH_VARIABLE")
    yield str(missing.value)


async def refused_by_proxy(answer: bytes, user: str | None = None) -> str:
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    theirs.sendall(answer)
    with ours, theirs, pytest.raises(ProxyFailed) as failed:
        await open_tunnel(ours, Proxy("p", 3128, user), "h", 443)
    return str(failed.value)


async def test_every_phrase_with_advice_occurs_in_an_error_that_tocsin_reports(
    sender: Sender, receive: Receive, free_port: int
) -> None:
    async def begin(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
        await peer.reader.read()

    silent, endless = await receive(hang), await receive(begin)
    errors = [*connection_errors(), *blocked()]
    for url in (silent.url, silent.url.replace("http:", "https:"), endless.url):
        ended = await sender.send(claimed("dlv_1", alert(), destination(url=url, timeout_ms=100)))
        errors.append(ended.error or "")
    errors += [
        await refused_by_proxy(b"HTTP/1.1 407 No\r\n\r\n"),
        await refused_by_proxy(b"HTTP/1.1 407 No\r\n\r\n", "Basic bWU6cHc="),
        await refused_by_proxy(b"HTTP/1.1 403 No\r\n\r\n"),
        await refused_by_proxy(b"HTTP/1.1 503 No\r\n\r\n"),
        await refused_by_proxy(b"SSH-2.0-OpenSSH\r\n\r\n"),
    ]
    dialler = Dialler(proxies=parse_proxies({"HTTP_PROXY": f"http://127.0.0.1:{free_port}"}))
    async with Sender(dialler) as through_proxy:
        ended = await through_proxy.send(claimed("dlv_1", alert(), destination(url="http://h.example")))
        errors.append(ended.error or "")

    advice_of = {error.lower(): advise(recorded("https://h", unreachable(error))) for error in errors}
    for phrase, advice in explanations._BY_ERROR:
        assert advice in [given for error, given in advice_of.items() if phrase in error], phrase
