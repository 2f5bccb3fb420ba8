"""One request and its outcome, against good, broken and malicious receivers."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate

import pytest

from tests.conftest import NOW
from tests.delivery.scripted import Peer, answering, hang, keep_answering, pouring, response
from tui.delivery.failures import describe
from tui.domain.attempt import BODY_LIMIT
from tui.domain.headers import Header
from tui.domain.lifecycle import Outcome
from tui.domain.secret import Secret

SHORT = 300
"""Milliseconds, for receivers that make the deadline pass."""


def deflate(*pieces: bytes, wbits: int) -> bytes:
    compress = zlib.compressobj(wbits=wbits)
    return b"".join(map(compress.compress, pieces)) + compress.flush()


@contextmanager
def at_most(mebibytes: int) -> Iterator[None]:
    """Fail if the process allocates more memory than this."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < mebibytes << 20
    finally:
        tracemalloc.stop()


class TestTheAcknowledgement:
    @pytest.mark.parametrize(
        "status", ["200 OK", "201 Created", "202 Accepted", "204 No Content", "299 Sure"]
    )
    async def test_is_any_2xx(self, receive, send, status):
        reply = await send((await receive(response(status=status))).url)

        assert (reply.outcome, reply.summary, reply.error) == (Outcome.DELIVERED, status, None)

    @pytest.mark.parametrize(
        "status",
        ["400 Bad Request", "404 Not Found", "410 Gone", "500 Oh No", "503 Service Unavailable", "999 ?"],
    )
    async def test_is_no_other_status(self, receive, send, status):
        reply = await send((await receive(response(b"no", status=status))).url)

        assert (reply.outcome, reply.summary) == (Outcome.REJECTED, status)
        assert reply.error == f"the receiver answered {status}"
        assert reply.response_body == b"no"

    @pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
    async def test_a_redirect_is_not_followed(self, receive, send, status):
        target = await receive(response())
        moved = await receive(response(b"", f"Location: {target.url}", status=status))

        reply = await send(moved.url)

        assert (reply.outcome, reply.summary) == (Outcome.REJECTED, status)
        assert reply.error == f"Tocsin does not follow redirects; this one points to {target.url}"
        assert target.requests == []

    async def test_300_does_not_acknowledge(self, receive, send):
        reply = await send((await receive(response(status="300 Multiple Choices"))).url)

        assert (reply.outcome, reply.status_code) == (Outcome.REJECTED, 300)

    async def test_is_not_an_early_answer(self, receive, send):
        early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"

        reply = await send((await receive(early + response(b"ok"))).url)

        assert (reply.status_code, reply.response_body) == (200, b"ok")

    async def test_is_not_a_101(self, receive, send):
        raw = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n??"

        assert (await send((await receive(raw)).url)).outcome is Outcome.REJECTED

    @pytest.mark.parametrize(
        ("raw", "body"),
        [
            (b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", b""),
            (b"HTTP/1.1 204 No Content\r\n\r\n{}", b""),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntr\xc3\xa8s bien", b"tr\xc3\xa8s"),
        ],
    )
    async def test_counts_despite_surplus_bytes(self, receive, send, raw, body):
        receiver = await receive(raw)

        first, second = await send(receiver.url), await send(receiver.url)

        assert (first.outcome, first.response_body) == (Outcome.DELIVERED, body)
        assert second.outcome is Outcome.DELIVERED

    async def test_counts_despite_an_endless_rest(self, receive, send):
        receiver = await receive(pouring(b"", response() * 10_000))
        with at_most(mebibytes=3):
            reply = await send(receiver.url)

        assert (reply.outcome, reply.response_body) == (Outcome.DELIVERED, b"")

    async def test_may_be_http_1_0(self, receive, send):
        reply = await send((await receive(b"HTTP/1.0 200 OK\r\n\r\nhello")).url)

        assert (reply.outcome, reply.response_body) == (Outcome.DELIVERED, b"hello")

    async def test_may_contain_bytes_that_are_not_text(self, receive, send):
        headers = b"X-Latin: caf\xe9\r\nX-Utf: \xe2\x82\xac\r\nContent-Length: 2\r\n\r\n"
        raw = b"HTTP/1.1 200 Tr\xe8s bien\r\n" + headers + b"\xff\x00"

        reply = await send((await receive(raw)).url)

        assert (reply.outcome, reply.summary) == (Outcome.DELIVERED, "200 Très bien")
        assert {("X-Latin", "café"), ("X-Utf", "€")} < set(reply.response_headers)
        assert reply.response_body == b"\xff\x00"

    async def test_may_have_a_reason_in_pieces_with_a_nul(self, receive, send):
        async def script(peer: Peer) -> None:
            await peer.request()
            for piece in (b"HTTP/1.1 200 Al", b"l \xff\x00", b"well\r\nContent-Length: 2\r\n\r\nok"):
                await peer.send(piece)
                await asyncio.sleep(0)

        reply = await send((await receive(script)).url)

        assert (reply.outcome, reply.response_body) == (Outcome.DELIVERED, b"ok")
        assert reply.reason.startswith("All ÿ")
        assert "\0" not in reply.reason

    @pytest.mark.parametrize(
        "raw",
        [
            b"HTTP/1.1 200 OK\r\nX-Said: \x1b[2J\x07\x9b\r\nContent-Length: 2\r\n\r\nok",
            b"HTTP/1.1 200 OK\nX-Said: a\nContent-Length: 2\n\nok",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2 \r\nok\r\n0\r\n\r\n",
        ],
        ids=["control characters in a header", "lines that end in LF", "a space behind a chunk's size"],
    )
    async def test_may_have_sloppy_framing(self, receive, send, raw):
        reply = await send((await receive(raw)).url)

        assert (reply.outcome, reply.response_body) == (Outcome.DELIVERED, b"ok")


class TestTheRecord:
    async def test_holds_the_answer_and_the_remote_address(self, receive, send):
        raw = response(b'{"id": 7}', "Content-Type: application/json", "X-Twice: a", "X-Twice: b")
        receiver = await receive(raw)

        reply = await send(receiver.url)

        assert reply.remote_address == f"127.0.0.1:{receiver.port}"
        assert reply.response_headers == (
            ("Content-Length", "9"),
            ("Content-Type", "application/json"),
            ("X-Twice", "a"),
            ("X-Twice", "b"),
        )
        assert (reply.response_body, reply.response_length, reply.response_truncated) == (
            b'{"id": 7}',
            9,
            False,
        )
        assert reply.ended_at == NOW + reply.duration_ms

    async def test_holds_the_request_headers_with_secrets_masked(self, receive, send):
        receiver = await receive(response())

        reply = await send(receiver.url, headers=(Header("X-Token", Secret("s3cret")),))

        assert b"\r\nX-Token: s3cret\r\n" in receiver.requests[0]
        assert dict(reply.request_headers)["webhook-id"] == "dlv_1"
        assert "s3cret" not in repr(reply)

    @pytest.mark.parametrize("value", ["7", formatdate(NOW / 1000 + 7, usegmt=True)])
    async def test_holds_the_retry_after(self, receive, send, value):
        busy = await receive(response(b"", f"Retry-After: {value}", status="503 Busy"))

        reply = await send(busy.url)

        assert reply.retry_after_ms == (7000 if value == "7" else 7000 - reply.duration_ms)

    @pytest.mark.parametrize("values", [("5", "10"), ("10", "5"), ("soon", "10")])
    async def test_holds_the_longest_of_several_retry_after_headers(self, receive, send, values):
        busy = await receive(response(b"", *[f"Retry-After: {value}" for value in values], status="503 Busy"))

        assert (await send(busy.url)).retry_after_ms == 10_000

    async def test_holds_at_most_64_kib_of_headers(self, receive, send):
        large = [f"X-{number}: {'a' * 30_000}" for number in range(3)]

        reply = await send((await receive(response(b"ok", *large))).url)

        assert [name for name, _ in reply.response_headers] == ["Content-Length", "X-0", "X-1"]
        assert (reply.outcome, reply.response_body) == (Outcome.DELIVERED, b"ok")

    async def test_holds_no_single_header_above_the_limit(self, receive, send):
        reply = await send((await receive(response(b"ok", f"X: {'a' * 70_000}"))).url)

        assert [name for name, _ in reply.response_headers] == ["Content-Length"]
        assert (reply.outcome, reply.response_body) == (Outcome.DELIVERED, b"ok")


class TestTheBody:
    async def test_is_kept_whole_up_to_the_limit(self, receive, send):
        reply = await send((await receive(response(b"x" * BODY_LIMIT))).url)

        assert (len(reply.response_body), reply.response_truncated) == (BODY_LIMIT, False)

    async def test_is_truncated_at_the_limit_and_its_full_length_recorded(self, receive, send):
        reply = await send((await receive(response(b"x" * BODY_LIMIT + b"y"))).url)

        assert reply.outcome is Outcome.DELIVERED
        assert (reply.response_body, reply.response_truncated) == (b"x" * BODY_LIMIT, True)
        assert reply.response_length == BODY_LIMIT + 1

    @pytest.mark.parametrize("start", [b"", gzip.compress(b"hello")], ids=["plain", "behind a gzip member"])
    async def test_without_end_is_truncated_and_the_connection_closed(self, receive, send, start):
        closed = asyncio.Event()

        async def pour(peer: Peer) -> None:
            await peer.request()
            coding = b"Content-Encoding: gzip\r\n" if start else b""
            await peer.send(b"HTTP/1.1 200 OK\r\n" + coding + b"\r\n" + start)
            try:
                while True:
                    await peer.send(b"x" * 65536)
            finally:
                closed.set()

        receiver = await receive(pour)
        with at_most(mebibytes=8):
            reply = await send(receiver.url)
            await closed.wait()

        assert (reply.outcome, reply.response_truncated) == (Outcome.DELIVERED, True)
        assert reply.response_body == (b"hello" if start else b"x" * BODY_LIMIT)

    @pytest.mark.parametrize(
        ("coding", "wbits"), [("gzip", 31), ("x-gzip", 31), ("deflate", 15), ("GZip", 31)]
    )
    async def test_is_inflated_if_it_is_compressed(self, receive, send, coding, wbits):
        packed = deflate(b"hello", wbits=wbits)

        reply = await send((await receive(response(packed, f"Content-Encoding: {coding}"))).url)

        assert (reply.response_body, reply.response_length) == (b"hello", 5)

    @pytest.mark.parametrize(
        ("start", "rest", "body"),
        [
            (b"1;", b"a" * 65536, b""),
            (b"2\r\nok\r\n0\r\n", b"X: " + b"a" * 60_000 + b"\r\n", b"ok"),
        ],
        ids=["a chunk extension", "trailers"],
    )
    async def test_with_endless_framing_is_truncated(self, receive, send, start, rest, body):
        receiver = await receive(
            pouring(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + start, rest)
        )
        with at_most(mebibytes=8):
            reply = await send(receiver.url)

        assert (reply.outcome, reply.response_body, reply.response_truncated) == (
            Outcome.DELIVERED,
            body,
            True,
        )

    async def test_is_inflated_no_further_than_the_limit(self, receive, send):
        bomb = deflate(*[bytes(1 << 20)] * 64, wbits=31)
        receiver = await receive(response(bomb, "Content-Encoding: gzip"))

        with at_most(mebibytes=8):
            reply = await send(receiver.url)

        assert (reply.response_body, reply.response_truncated) == (bytes(BODY_LIMIT), True)
        assert (reply.outcome, reply.response_length) == (Outcome.DELIVERED, None)

    @pytest.mark.parametrize("coding", ["br", "gzip", "deflate", "nonsense"])
    async def test_in_an_unknown_coding_is_kept_unchanged(self, receive, send, coding):
        reply = await send((await receive(response(b"\x8b\x02\x80", f"Content-Encoding: {coding}"))).url)

        assert (reply.outcome, reply.response_body) == (Outcome.DELIVERED, b"\x8b\x02\x80")


class TestAnUnreachableReceiver:
    async def test_that_does_not_listen_is_reported(self, send, free_port):
        reply = await send(f"http://127.0.0.1:{free_port}")

        assert (reply.outcome, reply.status_code) == (Outcome.UNREACHABLE, None)
        assert reply.error == reply.summary == f"nothing is listening on 127.0.0.1:{free_port}"

    async def test_is_named_as_in_the_url(self, send, free_port):
        reply = await send(f"http://localhost:{free_port}")

        assert reply.error == f"nothing is listening on localhost:{free_port}"
        assert describe(ConnectionRefusedError(), host="::1", port=80) == "nothing is listening on [::1]:80"

    async def test_whose_name_does_not_resolve_is_reported(self, send):
        reply = await send("https://nowhere.invalid/hook")

        assert (reply.outcome, reply.error) == (
            Outcome.UNREACHABLE,
            "the name nowhere.invalid does not resolve",
        )

    @pytest.mark.parametrize(
        ("host", "error"),
        [
            *((host, f"cannot reach {host}:80") for host in ("☃.net", "256.256.256.256")),
            *((host, f"the name {host} does not resolve") for host in ("a..b", "xn--zzzzzz.invalid")),
        ],
    )
    async def test_with_an_invalid_host_is_reported(self, send, host, error):
        reply = await send(f"http://{host}/")

        assert (reply.outcome, reply.error.partition(": ")[0]) == (Outcome.UNREACHABLE, error)

    async def test_that_does_not_speak_tls_is_reported(self, receive, send):
        async def plain(peer: Peer) -> None:
            await peer.reader.read(1)
            await peer.send(response(status="400 Bad Request"))

        receiver = await receive(plain)
        reply = await send(receiver.url.replace("http:", "https:"))

        assert reply.outcome is Outcome.UNREACHABLE
        assert reply.error == f"127.0.0.1:{receiver.port} does not speak TLS: it answered in plain text"

    async def test_with_an_untrusted_certificate_is_reported(self, receive, send, tls):
        receiver = await receive(keep_answering, tls)
        reply = await send(receiver.url)

        assert reply.outcome is Outcome.UNREACHABLE
        assert reply.error.startswith(f"the certificate of 127.0.0.1:{receiver.port} is self-signed, and ")
        assert receiver.requests == []

    async def test_is_reachable_once_its_certificate_is_trusted(
        self, receive, send, tls, certificate, monkeypatch
    ):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

        assert (await send((await receive(keep_answering, tls)).url)).outcome is Outcome.DELIVERED

    @pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nX-Head: cut"], ids=["nothing", "half a head"])
    @pytest.mark.parametrize("end", [Peer.reset, lambda _: None], ids=["reset", "closed"])
    async def test_that_disconnects_before_the_answer_is_reported(self, receive, send, said, end):
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send(said)
            end(peer)

        receiver = await receive(script)
        reply = await send(receiver.url)

        assert (reply.outcome, reply.status_code) == (Outcome.UNREACHABLE, None)
        assert reply.error == f"127.0.0.1:{receiver.port} closed the connection without answering"

    @pytest.mark.parametrize(
        "framing", [b"Content-Length: 10\r\n\r\nhel", b"Transfer-Encoding: chunked\r\n\r\nA\r\nhel"]
    )
    async def test_that_disconnects_in_the_body_is_reported(self, receive, send, framing):
        receiver = await receive(b"HTTP/1.1 200 OK\r\n" + framing)
        reply = await send(receiver.url)

        assert (reply.outcome, reply.status_code, reply.response_body) == (Outcome.UNREACHABLE, 200, b"hel")
        assert reply.error == f"127.0.0.1:{receiver.port} closed the connection in the middle of its answer"

    @pytest.mark.parametrize(
        ("raw", "why"),
        [
            (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "expected http/"),
            (bytes(range(256)), "expected http/"),
            (b"HTTP/1.1 200 OK\r\nno header\r\n\r\n", "invalid header token"),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
                "duplicate content-length",
            ),
        ],
        ids=["another protocol", "noise", "no header", "two lengths"],
    )
    async def test_that_does_not_answer_in_http_is_reported(self, receive, send, raw, why):
        receiver = await receive(raw)
        reply = await send(receiver.url)

        assert (reply.outcome, reply.status_code) == (Outcome.UNREACHABLE, None)
        assert reply.error.startswith(f"the answer from 127.0.0.1:{receiver.port} is not valid HTTP: {why}")
        assert not reply.error.endswith(":")

    @pytest.mark.parametrize(
        ("start", "rest"),
        [
            (b"HTTP/1.1 200 OK\r\n", b"X: " + b"a" * 60_000 + b"\r\n"),
            (b"HTTP/1.1 200 OK\r\n", b"a:b\r\n" * 1000),
            (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000),
        ],
        ids=["of the answer", "small ones", "of early answers"],
    )
    async def test_with_endless_headers_is_reported(self, receive, send, start, rest):
        receiver = await receive(pouring(start, rest))
        with at_most(mebibytes=8):
            reply = await send(receiver.url)

        assert (reply.outcome, reply.status_code) == (Outcome.UNREACHABLE, None)
        assert reply.error == f"the headers of the answer from 127.0.0.1:{receiver.port} are too long"


class TestTheDeadline:
    async def test_ends_the_wait_for_a_connection(self, receive, send):
        receiver = await receive(hang)
        reply = await send(receiver.url.replace("http:", "https:"), timeout_ms=SHORT)

        assert (reply.outcome, reply.remote_address) == (Outcome.TIMEOUT, None)
        assert reply.error == f"no connection to 127.0.0.1:{receiver.port} within 0.3 s"

    async def test_ends_the_wait_for_an_answer(self, receive, send):
        reply = await send((await receive(hang)).url, timeout_ms=SHORT)

        assert (reply.outcome, reply.error) == (Outcome.TIMEOUT, "no answer within 0.3 s")
        assert reply.remote_address

    @pytest.mark.parametrize(
        "head", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"]
    )
    async def test_ends_an_answer_that_drips(self, receive, send, head):
        async def drip(peer: Peer) -> None:
            await peer.request()
            await peer.send(head)
            while True:
                await peer.send(b".")
                await asyncio.sleep(0.01)

        reply = await send((await receive(drip)).url, timeout_ms=SHORT)

        assert reply.outcome is Outcome.TIMEOUT
        if reply.status_code:
            assert reply.error == "the answer began (200) but did not end within 0.3 s"
            assert reply.response_body.startswith(b"..")
            assert (reply.response_length, reply.response_truncated) == (99999, False)

    @pytest.mark.filterwarnings("ignore:Sending a large body")
    async def test_ends_the_sending_of_a_request(self, receive, send):
        over, came = asyncio.Event(), asyncio.get_running_loop().create_future()

        async def take_nothing_before_it_is_over(peer: Peer) -> None:
            await peer.reader.readuntil(b"\r\n\r\n")
            peer.writer.transport.pause_reading()
            await over.wait()
            peer.writer.transport.resume_reading()
            came.set_result(len(await peer.reader.read()))

        size = 32 << 20
        receiver = await receive(take_nothing_before_it_is_over)
        reply = await send(receiver.url, timeout_ms=2 * SHORT, context=f'{{"text":"{"x" * size}"}}')
        over.set()

        assert reply.outcome is Outcome.TIMEOUT
        assert await came < size


class TestConnections:
    async def test_are_reused(self, receive, send):
        receiver = await receive(keep_answering)

        for _ in range(3):
            await send(receiver.url)

        assert (len(receiver.requests), len(receiver.connections)) == (3, 1)

    async def test_with_surplus_bytes_are_not_reused(self, receive, send):
        receiver = await receive(answering(response(b"ok") + response(b"a lie"), response(b"ok")))

        replies = [await send(receiver.url) for _ in range(2)]

        assert [reply.response_body for reply in replies] == [b"ok", b"ok"]
        assert len(receiver.connections) == 2

    async def test_with_unsolicited_bytes_are_not_reused(self, receive, send):
        said = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send(response(b"ok"))
            if len(peer.receiver.connections) == 1:
                await peer.send(response(b"a lie"))
                await peer.reader.read()  # until it is closed
                said.set()

        receiver = await receive(script)
        first = await send(receiver.url)
        await said.wait()
        second = await send(receiver.url)

        assert [first.response_body, second.response_body] == [b"ok", b"ok"]
        assert len(receiver.connections) == 2

    async def test_go_to_the_one_of_several_addresses_that_listens(self, receive, send):
        receiver = await receive(keep_answering)

        reply = await send(receiver.url.replace("127.0.0.1", "localhost"))

        assert (reply.outcome, reply.remote_address) == (Outcome.DELIVERED, f"127.0.0.1:{receiver.port}")

    async def test_carry_no_cookies_between_alerts(self, receive, send):
        cookie = response(b"", "Set-Cookie: session=1; Path=/")
        receiver = await receive(answering(cookie, cookie))

        for _ in range(2):
            await send(receiver.url)

        assert len(receiver.requests) == 2
        assert b"cookie" not in receiver.requests[1].lower()

    async def test_closed_between_two_alerts_cause_no_second_request(self, receive, send):
        receiver = await receive(answering(response()))

        replies = [await send(receiver.url, webhook_id=f"dlv_{number}") for number in range(2)]

        # Whether it was seen in time that the connection is closed is a matter of luck.
        delivered = [reply.outcome is Outcome.DELIVERED for reply in replies]
        assert len(receiver.requests) == sum(delivered)
        assert delivered[0]

    @pytest.mark.parametrize("end", [Peer.reset, lambda _: None], ids=["reset", "closed"])
    async def test_closed_on_the_second_alert_cause_no_second_request(self, receive, send, end):
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send(response())
            await peer.request()
            end(peer)

        receiver = await receive(script)
        first, second = await send(receiver.url), await send(receiver.url)

        assert (first.outcome, second.outcome) == (Outcome.DELIVERED, Outcome.UNREACHABLE)
        assert (len(receiver.requests), len(receiver.connections)) == (2, 1)


class TestABlockedAttempt:
    @pytest.mark.parametrize(
        ("fields", "why"),
        [
            ({"secret": Secret("env:TOCSIN_NOT_SET")}, "the environment variable TOCSIN_NOT_SET is not set"),
            (
                {"headers": (Header("X-Token", Secret("file:/nowhere/token")),)},
                "cannot read the file /nowhere/token: No such file or directory",
            ),
            ({"secret": Secret("hunter2")}, "a signing secret must start with whsec_, followed by base64"),
        ],
    )
    async def test_sends_nothing_without_a_required_secret(self, receive, send, fields, why):
        receiver = await receive(keep_answering)

        reply = await send(receiver.url, **fields)

        assert (reply.outcome, reply.error) == (Outcome.BLOCKED, f"nothing was sent: {why}")
        assert receiver.connections == []


async def test_a_connection_that_was_idle_for_too_long_is_not_reused(receive, send, sender):
    receiver = await receive(keep_answering)
    await send(receiver.url)
    await send(receiver.url)
    assert len(receiver.connections) == 1
    ((connection,),) = sender._transport._idle.values()
    connection.idle_since -= 4.0  # the receiver may be closing it just now

    assert (await send(receiver.url)).outcome is Outcome.DELIVERED

    assert len(receiver.connections) == 2
