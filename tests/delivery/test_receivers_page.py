"""Runs the receivers of docs/receivers.md."""

import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import alert, claimed, destination
from tui.delivery.sender import Sender
from tui.domain.attempt import Answer
from tui.domain.secret import Secret
from tui.receiver import Behaviour, Received, build_app
from tui.serving import ServerThread, bind
from tui.store.engine.database import wall_clock

PAGE = Path(__file__).parents[2] / "docs" / "receivers.md"
RECEIVER, TRANSLATOR = re.findall(r"```js\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
TRANSLATING = re.sub(r" *console\.log\(`\$\{alert\..*?\n", lambda _: TRANSLATOR, RECEIVER)
SIGNING, OTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(program: Callable[[str], str], tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as running:

        def start(source: str, **environment: str) -> "subprocess.Popen[str]":
            script = tmp_path / "receiver.mjs"
            script.write_text(source, encoding="utf-8")
            process = running.enter_context(
                subprocess.Popen(
                    [program("node"), str(script)],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    env={"TOCSIN_SECRET": SIGNING, "PORT": "0", **environment},
                )
            )
            running.callback(process.terminate)
            return process

        yield start


def url_of(node: "subprocess.Popen[str]") -> str:
    assert node.stdout is not None
    return f"http://127.0.0.1:{node.stdout.readline().split()[-1]}/"


async def sent(sender: Sender, url: str, id: str, secret: str = SIGNING, *, age_ms: int = 0) -> Answer:
    to = destination(url=url, secret=Secret(secret))
    claim = claimed(id, alert(title="Zoë ☃", description="snow"), to)
    return await sender.send(replace(claim, started_at=wall_clock() - age_ms))


async def test_the_verifying_receiver_accepts_each_signed_request_once(start: Start, sender: Sender) -> None:
    node = start(RECEIVER)
    url = url_of(node)
    answers = [
        await sent(sender, url, "dlv_1"),
        await sent(sender, url, "dlv_1"),
        await sent(sender, url, "dlv_2", OTHER),
        await sent(sender, url, "dlv_3", age_ms=6 * 60_000),
        await sent(sender, url, "dlv_4"),
    ]
    assert [answer.status_code for answer in answers] == [204, 204, 401, 401, 204]
    node.terminate()
    assert node.communicate()[0].splitlines() == ["HIGH New Alert: Zoë ☃"] * 2


async def test_a_receiver_survives_a_sender_that_disconnects(start: Start, sender: Sender) -> None:
    node = start(RECEIVER)
    url = url_of(node)
    with socket.create_connection(("127.0.0.1", int(url.rstrip("/").rpartition(":")[2]))) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
    assert node.stdout is not None
    assert "aborted" in node.stdout.readline()
    assert (await sent(sender, url, "dlv_1")).status_code == 204


def test_a_receiver_without_its_secret_names_it(start: Start) -> None:
    node = start(RECEIVER, TOCSIN_SECRET="")
    assert node.communicate(timeout=30)[0] == (
        "TOCSIN_SECRET is not set: give it the signing secret of the destination, whsec_…\n"
    )
    assert node.returncode == 1


@pytest.mark.parametrize(("status", "answered"), [(200, 204), (400, 502)])
async def test_the_translator_acknowledges_after_the_other_service(
    start: Start, sender: Sender, status: int, answered: int
) -> None:
    got: list[Received] = []
    with ServerThread(bind("127.0.0.1", 0), build_app({"/": Behaviour(status=status)}, got.append)) as slack:
        node = start(TRANSLATING, SLACK_URL=f"http://127.0.0.1:{slack.port}/")
        answer: Any = await sent(sender, url_of(node), "dlv_1")
    assert answer.status_code == answered
    assert [request.body.decode() for request in got] == ['{"text":"*HIGH* New Alert: Zoë ☃\\nsnow"}']


async def test_the_translator_answers_502_while_the_other_service_is_unreachable(
    start: Start, sender: Sender
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        slack_url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    url = url_of(start(TRANSLATING, SLACK_URL=slack_url))
    assert [(await sent(sender, url, id)).status_code for id in ("dlv_1", "dlv_1")] == [502, 502]
