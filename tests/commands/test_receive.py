"""`tocsin receive`: a receiver to try things out with."""

import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPResponse
from itertools import takewhile

from standardwebhooks.webhooks import Webhook

from tests.commands.conftest import PATIENCE_S, Tocsin, complaint
from tests.commands.test_destination import SECRET
from tests.conftest import destination
from tui.domain.secret import Secret, format_secret


@contextmanager
def receiving(tocsin: Tocsin, *args: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """`tocsin receive` on a free port, ready, and the URL it names."""
    with tocsin.start("receive", "--port", "0", *args) as process:
        assert process.stdout is not None
        try:
            yield process, next(word for word in process.stdout.readline().split() if "://" in word)
        finally:
            process.kill()


def post(url: str, **headers: str) -> HTTPResponse:
    with closing(HTTPConnection(url.removeprefix("http://"), timeout=PATIENCE_S)) as connection:
        connection.request("POST", "/", '{"title": "x"}', headers)
        answer = connection.getresponse()
        answer.read()
        return answer


def test_prints_the_requests_of_a_destination(tocsin: Tocsin) -> None:
    with receiving(tocsin, "--body", "thank you") as (process, url):
        assert process.stdout is not None
        tocsin.add(destination(url=url))
        assert tocsin.json("destination", "test", "soc")["responseBody"] == "thank you"
        printed = list(takewhile(str.strip, process.stdout))
    assert printed[0].endswith("  POST /  200\n")
    assert printed[1].startswith("webhook-id: dlv_")
    assert '  "title": "New Alert: This is a Test Alert",\n' in printed


def test_fail_rejects_the_first_n_requests(tocsin: Tocsin) -> None:
    with receiving(tocsin, "--fail", "1", "--retry-after", "7", "--status", "202") as (_, url):
        first, second = post(url), post(url)
    assert (first.status, first.getheader("retry-after")) == (503, "7")
    assert (second.status, second.getheader("retry-after")) == (202, None)


def test_verifies_signatures_and_says_why_one_is_wrong(tocsin: Tocsin) -> None:
    with receiving(tocsin, "--secret", SECRET) as (process, url):
        assert process.stdout is not None
        tocsin.add(destination(name="signed", url=url, secret=Secret(SECRET)))
        tocsin.add(destination(name="other", url=url, secret=Secret(format_secret(b"another" * 4))))
        assert tocsin("destination", "test", "signed").returncode == 0
        refused = tocsin("destination", "test", "other")
        assert (refused.returncode, "The receiver may have rejected the signature" in refused.stderr) == (
            1,
            True,
        )
        signed = Webhook(SECRET).sign("a", datetime.fromtimestamp(1_000_000_000, UTC), '{"title": "x"}')
        headers = {"webhook-id": "a", "webhook-timestamp": "1000000000", "webhook-signature": signed}
        assert [post(url, **headers).status, post(url).status] == [401, 401]
        verdicts = [list(takewhile(str.strip, process.stdout))[1].strip() for _ in range(4)]
    assert verdicts[:2] == [
        "signed",
        "badly signed: the secret differs, or the webhook-id, timestamp or body was changed in transit",
    ]
    late = r"badly signed: the signature is valid, but webhook-timestamp is \d+ s in the past, .*"
    assert re.fullmatch(late, verdicts[2])
    assert verdicts[3].startswith("not signed: missing webhook-id and ")


def test_reads_the_secret_from_a_pipe_and_refuses_an_unreadable_one(tocsin: Tocsin) -> None:
    assert "no signing secret came" in complaint(tocsin("receive", "--secret", "-"), 2)
    assert "must start with whsec_" in complaint(tocsin("receive", "--secret", "-", input="hunter2\n"), 2)
    assert "TOKEN is not set" in complaint(tocsin("receive", "--secret", "env:TOKEN"), 1)
    refusal = complaint(tocsin("receive", "--secret", "env:TOKEN", env={"TOKEN": "hunter2"}), 2)
    assert refusal == "a signing secret must start with whsec_, followed by base64"


def test_ends_with_ctrl_c(tocsin: Tocsin) -> None:
    with receiving(tocsin) as (process, _):
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, errors) == (0, "")


def test_ends_when_stdout_is_closed(tocsin: Tocsin) -> None:
    with receiving(tocsin) as (process, url):
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        post(url)
        process.wait(PATIENCE_S)
        assert process.stderr.read() == ""


def test_of_a_port_in_use_says_so(tocsin: Tocsin) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refusal = complaint(tocsin("receive", "--port", port), 3)
    assert refusal == f"port {port} is in use; choose another with --port"


def test_an_address_of_another_machine_is_refused(tocsin: Tocsin) -> None:
    assert "cannot listen on 192.0.2.1:8081" in complaint(tocsin("receive", "--host", "192.0.2.1"), 3)
