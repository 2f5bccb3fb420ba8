"""The built-in receiver answers as it is told to, and shows what it got without obeying it."""

import errno
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import pytest

from tui.receiver import BODY_LIMIT, Behaviour, Received, build_app, describe
from tui.serving import ServerThread, bind

BEHAVIOURS = {
    "": Behaviour(),
    "/down": Behaviour(status=500, body="out of order", retry_after=7),
    "/down/not": Behaviour(body="up"),
    "/late": Behaviour(fail_first=2, retry_after=1),
    "/flaky": Behaviour(fail_every=3),
    "/empty": Behaviour(status=204),
    "/slow": Behaviour(delay_s=0.01),
    "/hangs": Behaviour(delay_s=3600),
    "/slack": Behaviour(vendor="slack"),
    "/slack/gone": Behaviour(vendor="slack", status=410, body="channel_is_archived"),
    "/slack/busy": Behaviour(vendor="slack", status=429, retry_after=7),
    "/slack/late": Behaviour(vendor="slack", fail_first=1),
    "/telegram/body": Behaviour(vendor="telegram", body='{"ok":false}'),
}

FOREGROUND = """
from tui.receiver import build_app, describe
from tui.serving import bind, serve

sock = bind("127.0.0.1", 0)
print(sock.getsockname()[1], flush=True)
serve(sock, build_app({}, lambda received: print(*describe(received), flush=True)))
print("bye")
"""


def connection_to(port: int) -> closing[HTTPConnection]:
    return closing(HTTPConnection("127.0.0.1", port, timeout=20))


@pytest.fixture(scope="module")
def got() -> list[Received]:
    """What the receiver has reported."""
    return []


@pytest.fixture(scope="module")
def port(got: list[Received]) -> Iterator[int]:
    with ServerThread(bind("127.0.0.1", 0), build_app(BEHAVIOURS, got.append)) as receiver:
        yield receiver.port


@pytest.fixture
def ask(port: int) -> Callable[..., HTTPResponse]:
    """Sends a request and returns the answer, with its body already read into `text`."""

    def ask_for(path: str, body: bytes = b"{}", method: str = "POST", **headers: str) -> Any:
        with connection_to(port) as connection:
            connection.request(method, path, body, headers)
            response: Any = connection.getresponse()
            response.text = response.read().decode()
            return response

    return ask_for


class TestAnswers:
    def test_success_to_a_post_on_any_path(self, ask):
        for path in ("/", "/alerts", "/a/b?c=d", "/slow"):
            assert (ask(path).status, ask(path).text) == (200, "success")

    def test_what_the_longest_path_that_fits_says(self, ask):
        texts = {path: ask(path).text for path in ("/down", "/down/", "/down/x", "/down/not/x", "/downtown")}

        assert texts == {
            "/down": "out of order",
            "/down/": "out of order",
            "/down/x": "out of order",
            "/down/not/x": "up",
            "/downtown": "success",
        }

    def test_503_to_the_first_requests_and_says_when_to_come_again(self, ask):
        answers = [ask("/late") for _ in range(4)]

        assert [answer.status for answer in answers] == [503, 503, 200, 200]
        assert [answer.text for answer in answers] == ["not yet", "not yet", "success", "success"]
        assert [answer.headers["Retry-After"] for answer in answers] == ["1", "1", None, None]
        assert ask("/down").headers["Retry-After"] == "7"

    def test_503_to_all_but_the_last_of_every_few(self, ask):
        assert [ask("/flaky").status for _ in range(7)] == [503, 503, 200, 503, 503, 200, 503]

    def test_nothing_where_the_status_allows_no_body(self, ask):
        assert (ask("/empty").status, ask("/empty").text) == (204, "")

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
    def test_405_to_what_is_not_a_post(self, ask, method):
        answer = ask("/", method=method)

        assert (answer.status, answer.headers["Allow"]) == (405, "POST")

    def test_a_vendor_answers_valid_requests_with_the_status_and_body_that_were_set(self, ask):
        valid = b'{"text":"x"}'
        answers = {path: ask(path, valid) for path in ("/slack", "/slack/gone", "/slack/busy", "/slack/late")}

        assert {path: (answer.status, answer.text) for path, answer in answers.items()} == {
            "/slack": (200, "ok"),
            "/slack/gone": (410, "channel_is_archived"),
            "/slack/busy": (429, "rate limited"),
            "/slack/late": (429, "rate limited"),
        }
        assert answers["/slack/busy"].headers["Retry-After"] == "7"
        assert (ask("/slack/gone").status, ask("/slack/gone").text) == (400, "no_text")
        telegram = ask("/telegram/body?chat_id=1", valid)
        assert (telegram.status, telegram.text) == (200, '{"ok":false}')

    def test_413_to_what_is_too_large(self, ask):
        assert ask("/", bytes(BODY_LIMIT)).status == 200
        assert ask("/", bytes(BODY_LIMIT + 1)).status == 413


class TestReports:
    def test_every_request_as_it_came_with_the_status_it_is_answered(self, ask, got):
        got.clear()
        ask("/down/%C3%A9?a=%20b", b"\xff\x00", **{"webhook-id": "dlv_1", "X-Latin": "caf\xe9"})
        ask("/", method="GET")

        post, get = got
        assert (post.method, post.path, post.status) == ("POST", "/down/%C3%A9?a=%20b", 500)
        assert [post.header(name) for name in ("Webhook-Id", "x-latin", "x-none")] == ["dlv_1", "café", ""]
        assert post.body == b"\xff\x00"
        assert (get.method, get.status) == ("GET", 405)


class TestItsEnd:
    def test_does_not_wait_long_for_an_answer_under_way(self):
        came = threading.Event()
        receiver = ServerThread(bind("127.0.0.1", 0), build_app(BEHAVIOURS, lambda _: came.set()))
        receiver.start()
        with connection_to(receiver.port) as connection:
            connection.request("POST", "/hangs", b"{}")
            assert came.wait(20)

            receiver.stop()

        with pytest.raises(ConnectionRefusedError), connection_to(receiver.port) as gone:
            gone.connect()

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_comes_with_a_signal_and_is_clean(self, number):
        command = [sys.executable, "-c", FOREGROUND]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            with connection_to(int(process.stdout.readline())) as connection:
                connection.request("POST", "/alerts", b"[1]")
                assert connection.getresponse().read() == b"success"
            process.send_signal(number)
            out, err = process.communicate(timeout=20)

        assert re.fullmatch(r"\d\d:\d\d:\d\d  POST /alerts  200 \[   1 \]\nbye\n", out)
        assert (err, process.returncode) == ("", 0)


class TestBinding:
    def test_a_port_in_use_is_an_error_at_once(self, port):
        with pytest.raises(OSError, match="in use") as caught:
            bind("127.0.0.1", port)
        assert caught.value.errno == errno.EADDRINUSE

    def test_a_port_just_left_can_be_taken_again(self):
        with (
            ServerThread(bind("127.0.0.1", 0), build_app({}, lambda _: None)) as receiver,
            connection_to(receiver.port) as connection,
        ):
            connection.request("POST", "/")
            connection.getresponse().read()

        bind("127.0.0.1", receiver.port).close()

    @pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="there is no IPv6 here")
    def test_works_for_ipv6(self):
        with bind("::1", 0) as sock:
            assert sock.getsockname()[0] == "::1"


def received(body: bytes = b"", path: str = "/alerts", webhook_id: str = "") -> Received:
    headers = (("webhook-id", webhook_id),) if webhook_id else ()
    return Received(1_769_851_800_000, "POST", path, headers, body, 200)


class TestTheDescription:
    def test_is_the_request_its_webhook_id_and_the_json_indented(self):
        first, *rest = describe(received(b'{"title":"Zo\xc3\xab","tags":[]}', webhook_id="dlv_1"))

        assert re.fullmatch(r"\d\d:\d\d:00  POST /alerts  200", first)
        assert rest == ["webhook-id: dlv_1", "{", '  "title": "Zoë",', '  "tags": []', "}"]

    @pytest.mark.parametrize(
        ("body", "lines"),
        [
            (b"", []),
            (b"severity=high", ["severity=high"]),
            (b"two\r\nlines\n", ["two", "lines", ""]),
            (b'{"cut": ', ['{"cut": ']),
            (b"NaN", ["NaN"]),
            (b"\xff\xfe", ["\ufffd\ufffd"]),
            (b"[" * 100_000, ["[" * 100_000]),
            (b"9" * 5000, ["9" * 5000]),
        ],
        ids=["nothing", "a form", "lines", "cut JSON", "no JSON", "no text", "deep", "large"],
    )
    def test_is_text_where_there_is_no_json(self, body, lines):
        assert describe(received(body))[1:] == lines

    @pytest.mark.parametrize(
        "hostile", ["\x1b]52;c;cm0=\x07", "\x9b2J", "\u202ecod.exe", "\r", "\u200b", "\x7f"]
    )
    def test_is_inert(self, hostile):
        for body in (json.dumps({hostile: [hostile]}, ensure_ascii=False), hostile):
            for line in describe(received(body.encode(), path=f"/{hostile}", webhook_id=hostile)):
                assert line.isprintable()

    def test_can_be_printed_even_with_half_a_surrogate_pair(self):
        assert describe(received(rb'{"half": "\ud800"}'))[2] == '  "half": "\ufffd"'
