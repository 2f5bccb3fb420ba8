"""Every command that sends keeps to the network policy, and goes through the proxies of its environment."""

import time

import pytest

from tests.commands.conftest import NOTHING, Receiver, Tocsin, complaint
from tests.conftest import alert, destination
from tui.commands.app import finish, start_dispatcher
from tui.config import load
from tui.store.engine.database import Store
from tui.store.engine.sqlite import Sqlite
from tui.store.reading.queries import summary

PUBLIC = {"TOCSIN_NETWORK_POLICY": "public"}
NO_RETRY = {"TOCSIN_RETRY_DELAYS": "0"}
REFUSED = "127.0.0.1 is a loopback address, blocked by the network policy public"


def outcomes(tocsin: Tocsin) -> list[tuple[str, str]]:
    """Outcome and error of every attempt."""
    alerts = tocsin.json("alert", "list")
    shown = [tocsin.json("alert", "show", each["alertId"]) for each in alerts]
    return [
        (attempt["outcome"], attempt["error"])
        for each in shown
        for delivery in each["deliveries"]
        for attempt in delivery["attempts"]
    ]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("dispatch", "--drain"), 0),
        (("send", "--title", "x", "--wait"), 1),
        (("destination", "test", "soc"), 1),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_nothing_is_sent_where_the_policy_refuses(
    tocsin: Tocsin, receiver: Receiver, command: tuple[str, ...], code: int
) -> None:
    tocsin.add(destination(url=receiver.url))
    if command[0] == "dispatch":
        tocsin.submit(alert())

    done = tocsin(*command, env=PUBLIC | NO_RETRY)

    assert done.returncode == code, done.stderr
    assert receiver.requests == []
    assert set(outcomes(tocsin)) == {("blocked", f"nothing was sent: {REFUSED}")}


def test_a_test_upon_adding_keeps_to_it_too(tocsin: Tocsin, receiver: Receiver) -> None:
    named = receiver.url.replace("127.0.0.1", "localhost")

    done = tocsin("destination", "add", "soc", named, "--test", env=PUBLIC)

    assert done.returncode == 1
    assert "localhost is 127.0.0.1, a loopback address, blocked by the network policy public." in done.stderr
    assert "add its network to `allow` under [network]" in done.stderr
    assert receiver.requests == []


def test_the_apps_dispatcher_keeps_to_it(tocsin: Tocsin, receiver: Receiver) -> None:
    config = load(db=str(tocsin.database), log=str(tocsin.log), file=None, environment=PUBLIC | NO_RETRY)
    tocsin.add(destination(url=receiver.url))
    tocsin.submit(alert())

    with Store(Sqlite(tocsin.database)) as store:
        dispatcher = start_dispatcher(store, config)
        while store.read(summary).result().waiting:
            time.sleep(0.01)
        finish(dispatcher)

    assert set(outcomes(tocsin)) == {("blocked", f"nothing was sent: {REFUSED}")}
    assert receiver.requests == []


def test_an_allowed_network_is_sent_to(tocsin: Tocsin, receiver: Receiver) -> None:
    tocsin.add(destination(url=receiver.url))

    flags = ("--network-policy", "public", "--network-allow", "10.0.0.0/8,127.0.0.1")
    assert tocsin(*flags, "send", "--title", "x", "--wait").returncode == 0
    assert len(receiver.requests) == 1


def test_the_demo_stays_on_this_machine_whatever_the_network_is_like(tocsin: Tocsin) -> None:
    done = tocsin("demo", env=PUBLIC | {"ALL_PROXY": "socks5://127.0.0.1:1"})
    assert done.returncode == 0, done.stderr


class TestProxies:
    def test_are_those_of_the_environment_and_their_password_is_nowhere(
        self, tocsin: Tocsin, receiver: Receiver
    ) -> None:
        proxy = f"http://me:hunter2@127.0.0.1:{receiver.port}"
        tocsin.add(destination(url="http://hooks.example.com/alerts"))
        tocsin.submit(alert())

        done = tocsin("dispatch", "--drain", env={"HTTP_PROXY": proxy})

        assert done.returncode == 0
        assert [request.path for request in receiver.requests] == ["http://hooks.example.com/alerts"]
        assert receiver.requests[0].headers["proxy-authorization"] == "Basic bWU6aHVudGVyMg=="
        assert f"sending through proxy 127.0.0.1:{receiver.port} for http: " in done.stderr
        kept = done.stdout.encode() + done.stderr.encode()
        kept += b"".join(path.read_bytes() for path in tocsin.home.rglob("*") if path.is_file())
        assert f"through proxy 127.0.0.1:{receiver.port}".encode() in kept
        for secret in (b"hunter2", b"bWU6aHVudGVyMg"):
            assert secret not in kept

    def test_that_cannot_be_used_are_said_before_anything_is_stored(
        self, tocsin: Tocsin, receiver: Receiver
    ) -> None:
        socks = {"ALL_PROXY": "socks5://me:hunter2@127.0.0.1:1080"}
        told = (
            "ALL_PROXY is a socks5:// proxy; Tocsin supports only http:// proxies, which also carry https; "
            "use one of those or unset ALL_PROXY"
        )

        for command in (
            ("send", "--title", "x", "--wait"),
            ("destination", "add", "soc", receiver.url, "--test"),
            ("dispatch", "--drain"),
        ):
            done = tocsin(*command, env=socks)
            assert complaint(done, 2) == told
        assert tocsin.stored() == NOTHING
        tocsin.add()
        assert tocsin("destination", "list", env=socks).returncode == 0
