"""A connection goes only to an address that the network policy allows."""

import asyncio
import gc
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.conftest import alert, destination, write
from tests.delivery.certificates import Authority
from tests.delivery.certificates import tls as presenting
from tests.delivery.conftest import Send
from tests.delivery.scripted import Receive, keep_answering, response
from tests.delivery.test_dispatcher import attempts, deliveries
from tui.delivery import lookup
from tui.delivery.dialling import Dialler, connect_to_first
from tui.delivery.dispatcher import Dispatcher
from tui.delivery.lookup import look_up
from tui.delivery.sender import Sender
from tui.domain.alert import make_test_alert
from tui.domain.lifecycle import Outcome
from tui.domain.network import Address, NetworkPolicy, PolicyName, parse_allow
from tui.domain.retry import RetryPolicy
from tui.domain.tls import TlsSettings
from tui.store import destinations, outbox
from tui.store.engine.database import Store

By = Callable[[Dialler], Send]

HERE, THERE = "127.0.0.1", "127.0.0.2"
METADATA = "169.254.169.254"
ONLY_HERE = NetworkPolicy(PolicyName.PUBLIC, parse_allow([HERE]))
"""So that sockets of this machine stand for one address that is allowed and others that are not."""
CLOSING = response(b"", "Connection: close")
LINK_LOCAL = "169.254.169.254, a link-local address (cloud metadata); Tocsin never sends to it"


class Names:
    """A resolver that gives these answers in turn, repeats the last one, and records the questions."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[Address]:
        self.asked.append(host)
        await asyncio.sleep(0)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [ip_address(address) for address in answer]


def url_of(port: int, host: str = "hooks.example.com", scheme: str = "http") -> str:
    return f"{scheme}://{host}:{port}/alerts"


class TestAName:
    async def test_with_a_blocked_address_gets_no_request(self, send_by: By) -> None:
        reply = await send_by(Dialler(resolve=Names([METADATA])))(url_of(80))

        assert reply.outcome is Outcome.BLOCKED
        assert reply.error == f"nothing was sent: hooks.example.com is {LINK_LOCAL}"
        assert reply.remote_address is None

    async def test_is_checked_at_every_connection_which_goes_to_the_checked_address(
        self, receive: Receive, send_by: By
    ) -> None:
        """The name resolves to another address each time, as in DNS rebinding."""
        good = await receive(CLOSING)
        bad = await receive(keep_answering, host=THERE, port=good.port)
        names = Names([HERE], [THERE])
        send = send_by(Dialler(ONLY_HERE, resolve=names))

        first, second = await send(url_of(good.port)), await send(url_of(good.port))

        assert first.outcome is Outcome.DELIVERED
        assert (second.outcome, second.error) == (
            Outcome.BLOCKED,
            "nothing was sent: hooks.example.com is 127.0.0.2, a loopback address, "
            "blocked by the network policy public",
        )
        assert len(names.asked) == 2
        assert bad.connections == []

    async def test_rebound_to_a_metadata_address_is_blocked(self, receive: Receive, send_by: By) -> None:
        receiver = await receive(CLOSING)
        names = Names([HERE], [METADATA])
        send = send_by(Dialler(resolve=names))

        replies = [await send(url_of(receiver.port)) for _ in range(2)]

        assert [reply.outcome for reply in replies] == [Outcome.DELIVERED, Outcome.BLOCKED]
        assert replies[1].error == f"nothing was sent: hooks.example.com is {LINK_LOCAL}"

    @pytest.mark.parametrize("answer", [[THERE, HERE], [HERE, THERE], [METADATA, THERE, HERE]])
    async def test_with_several_addresses_is_dialled_only_at_the_allowed_ones(
        self, receive: Receive, send_by: By, answer: list[str]
    ) -> None:
        good = await receive(keep_answering)
        bad = await receive(keep_answering, host=THERE, port=good.port)

        reply = await send_by(Dialler(ONLY_HERE, resolve=Names(answer)))(url_of(good.port))

        assert (reply.outcome, reply.remote_address) == (Outcome.DELIVERED, f"{HERE}:{good.port}")
        assert bad.connections == []

    async def test_is_not_dialled_at_a_blocked_address_when_the_allowed_one_is_down(
        self, receive: Receive, send_by: By, free_port: int
    ) -> None:
        bad = await receive(keep_answering, host=THERE, port=free_port)

        reply = await send_by(Dialler(ONLY_HERE, resolve=Names([HERE, THERE])))(url_of(free_port))

        assert (reply.outcome, reply.error) == (
            Outcome.UNREACHABLE,
            f"nothing is listening on hooks.example.com:{free_port}",
        )
        assert bad.connections == []

    async def test_with_only_blocked_addresses_names_the_first(self, send_by: By) -> None:
        reply = await send_by(Dialler(resolve=Names([METADATA, "0.0.0.0"])))(url_of(80))

        assert reply.error == f"nothing was sent: hooks.example.com is {LINK_LOCAL}"

    async def test_is_used_for_tls_and_in_the_host_header(
        self, receive: Receive, send_by: By, tmp_path: Path
    ) -> None:
        authority = Authority.make(tmp_path, "Our Own CA")
        named = presenting(authority.issue("named", names="DNS:hooks.example.com").both)
        asked_for: list[str | None] = []
        named.sni_callback = lambda _, name, __: asked_for.append(name)
        receiver = await receive(keep_answering, named)
        other = await receive(keep_answering, presenting(authority.issue("other").both))
        send = send_by(Dialler(resolve=Names([HERE])))
        trusting = TlsSettings(ca_file=str(authority.file))

        good = await send(url_of(receiver.port, scheme="https"), tls=trusting)
        bad = await send(url_of(other.port, scheme="https"), tls=trusting)

        assert (good.outcome, asked_for) == (Outcome.DELIVERED, ["hooks.example.com"])
        assert f"\r\nHost: hooks.example.com:{receiver.port}\r\n".encode() in receiver.requests[0]
        assert (bad.outcome, bad.error) == (
            Outcome.UNREACHABLE,
            f"the certificate of hooks.example.com:{other.port} is for 127.0.0.1, not for hooks.example.com",
        )


class TestAnAddress:
    @pytest.mark.parametrize("spelling", ["127.0.0.1", "2130706433", "0x7f.1", "017700000001", "127.1"])
    async def test_is_dialled_in_any_spelling(self, receive: Receive, send_by: By, spelling: str) -> None:
        receiver, names = await receive(keep_answering), Names([METADATA])

        local = await send_by(Dialler(resolve=names))(url_of(receiver.port, spelling))
        public = await send_by(Dialler(NetworkPolicy(PolicyName.PUBLIC), resolve=names))(
            url_of(receiver.port, spelling)
        )

        assert (local.outcome, local.remote_address) == (Outcome.DELIVERED, f"{HERE}:{receiver.port}")
        assert public.outcome is Outcome.BLOCKED
        assert "a loopback address, blocked by the network policy public" in (public.error or "")
        assert (len(receiver.requests), names.asked) == (1, [])

    @pytest.mark.parametrize(
        "host",
        ["169.254.169.254", "2852039166", "0xa9.0xfe.0xa9fe", "[::ffff:169.254.169.254]", "0.0.0.0", "[::]"],
    )
    async def test_is_blocked_in_any_spelling(self, send_by: By, host: str) -> None:
        assert (await send_by(Dialler())(f"http://{host}/latest")).outcome is Outcome.BLOCKED

    @pytest.mark.parametrize("here", ["127.0.0.1", "::1"])
    @pytest.mark.parametrize("name", ["localhost", "hooks.localhost"])
    async def test_of_localhost_needs_no_lookup(
        self, receive: Receive, send_by: By, here: str, name: str
    ) -> None:
        receiver, names = await receive(keep_answering, host=here), Names([METADATA])

        reply = await send_by(Dialler(resolve=names))(url_of(receiver.port, name))

        assert (reply.outcome, names.asked) == (Outcome.DELIVERED, [])

    async def test_in_a_redirect_is_not_looked_up(self, receive: Receive, send_by: By) -> None:
        names = Names([HERE], [METADATA])
        moved = response(b"", "Location: http://metadata.example/latest", status="307 Temporary Redirect")
        receiver = await receive(moved)

        reply = await send_by(Dialler(resolve=names))(url_of(receiver.port))

        assert (reply.outcome, reply.status_code) == (Outcome.REJECTED, 307)
        assert names.asked == ["hooks.example.com"]


class TestSeveralAddresses:
    @contextmanager
    def _silent(self, host: str, port: int) -> Iterator[None]:
        """A full backlog: connections are neither accepted nor refused."""
        with ExitStack() as sockets:
            listening = sockets.enter_context(socket.socket())
            listening.bind((host, port))
            listening.listen(0)
            for _ in range(2):
                waiting = sockets.enter_context(socket.socket())
                waiting.settimeout(0)
                waiting.connect_ex((host, port))
            yield

    async def test_are_tried_in_parallel_while_one_is_silent(self, receive: Receive, send_by: By) -> None:
        receiver = await receive(keep_answering)
        with self._silent(THERE, receiver.port):
            send = send_by(Dialler(resolve=Names([THERE, HERE])))
            reply = await send(url_of(receiver.port), timeout_ms=10_000)

        assert (reply.outcome, reply.remote_address) == (Outcome.DELIVERED, f"{HERE}:{receiver.port}")

    async def test_are_tried_after_one_refuses_the_connection(self, receive: Receive, send_by: By) -> None:
        receiver = await receive(keep_answering)

        reply = await send_by(Dialler(resolve=Names(["::1", THERE, HERE])))(url_of(receiver.port))

        assert (reply.outcome, reply.remote_address) == (Outcome.DELIVERED, f"{HERE}:{receiver.port}")

    async def test_that_all_refuse_are_reported_as_one_error(self, send_by: By, free_port: int) -> None:
        reply = await send_by(Dialler(resolve=Names([THERE, HERE])))(url_of(free_port))

        assert reply.error == f"nothing is listening on hooks.example.com:{free_port}"

    async def test_may_be_empty(self, send_by: By) -> None:
        reply = await send_by(Dialler(resolve=Names([])))(url_of(80))

        assert (reply.outcome, reply.error) == (
            Outcome.UNREACHABLE,
            "the name hooks.example.com does not resolve",
        )


class TestALookup:
    async def test_is_shared_by_concurrent_requests(self, receive: Receive, send_by: By) -> None:
        receiver, names = await receive(keep_answering), Names([HERE])
        send = send_by(Dialler(resolve=names))

        replies = await asyncio.gather(*(send(url_of(receiver.port)) for _ in range(5)))

        assert {reply.outcome for reply in replies} == {Outcome.DELIVERED}
        assert (len(names.asked), len(receiver.connections)) == (1, 5)

    async def test_survives_the_cancellation_of_one_request(self, receive: Receive, send_by: By) -> None:
        receiver, answered = await receive(keep_answering), asyncio.Event()

        async def slow(_: str) -> Sequence[Address]:
            await answered.wait()
            return [ip_address(HERE)]

        send = send_by(Dialler(resolve=slow))
        patient = asyncio.create_task(send(url_of(receiver.port)))
        hasty = await send(url_of(receiver.port), timeout_ms=50)
        answered.set()

        assert hasty.error == f"no connection to hooks.example.com:{receiver.port} within 0.05 s"
        assert (await patient).outcome is Outcome.DELIVERED

    async def test_that_hangs_does_not_delay_others(
        self, receive: Receive, send_by: By, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        receiver, over, dialler = await receive(keep_answering), threading.Event(), Dialler()

        def some_hang(host: str) -> Sequence[Address]:
            if host.startswith("slow"):
                over.wait(60)
            return [ip_address(HERE)]

        monkeypatch.setattr(lookup, "_ask", some_hang)
        send = send_by(dialler)
        slow = [f"slow{number}.example" for number in range(50)]
        hanging = [asyncio.create_task(send(url_of(receiver.port, host))) for host in slow]
        while len(dialler._lookups) < len(slow):  # noqa: ASYNC110
            await asyncio.sleep(0)
        reply = await send(url_of(receiver.port), timeout_ms=5000)
        over.set()

        assert reply.outcome is Outcome.DELIVERED
        assert {(await task).outcome for task in hanging} == {Outcome.DELIVERED}

    async def test_uses_the_system_resolver(self) -> None:
        assert {str(address) for address in await look_up("localhost")} <= {"127.0.0.1", "::1"}
        with pytest.raises(socket.gaierror):
            await look_up("a" * 64 + ".invalid")


class TestABlockedAddress:
    async def test_is_recorded_as_an_attempt_and_retried(self, store: Store) -> None:
        write(store, destinations.add, destination())
        write(store, outbox.submit, [alert()])

        async with Sender(Dialler(resolve=Names([METADATA]))) as sender:
            await Dispatcher(store, sender, policy=RetryPolicy((0, 0))).run(until_empty=True)

        assert deliveries(store) == [("failed", 1, 3, 3)]
        assert attempts(store) == [(1, number, "blocked", None) for number in (1, 2, 3)]

    async def test_blocks_test_alerts_too(self, store: Store) -> None:
        write(store, destinations.add, destination())
        write(store, outbox.submit, [make_test_alert("soc", now=0, alert_id="test", link_template="")])

        async with Sender(Dialler(resolve=Names([METADATA]))) as sender:
            await Dispatcher(store, sender, policy=RetryPolicy((0, 0))).run(until_empty=True)

        assert attempts(store) == [(1, 1, "blocked", None)]


@pytest.mark.parametrize("turns", range(8))
async def test_an_attempt_cancelled_at_any_moment_leaves_no_connection_open(turns):
    """In one of these turns of the loop, the attempt has connected but its waiter has not been resumed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        connecting = asyncio.create_task(connect_to_first([ip_address(HERE)] * 2, port))
        for _ in range(turns):
            await asyncio.sleep(0)
        connecting.cancel()
        if isinstance(ended := (await asyncio.gather(connecting, return_exceptions=True))[0], socket.socket):
            ended.close()
        await asyncio.sleep(0)
        del ended
        gc.collect()  # tells of a socket that nobody closed, and of an exception that nobody took
