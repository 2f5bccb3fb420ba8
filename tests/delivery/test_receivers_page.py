"""The receivers that docs/receivers.md shows are run, and do what it says of them."""

import re
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
from tui.store.database import wall_clock

PAGE = Path(__file__).parents[2] / "docs" / "receivers.md"
RECEIVER, TRANSLATOR = re.findall(r"```js\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
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


async def test_takes_what_is_signed_once_and_refuses_what_is_not(start: Start, sender: Sender) -> None:
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


@pytest.mark.parametrize(("status", "answered"), [(200, 204), (400, 502)])
async def test_translates_and_acknowledges_when_the_other_did(
    start: Start, sender: Sender, status: int, answered: int
) -> None:
    got: list[Received] = []
    translator = re.sub(r" *console\.log\(`\$\{alert\..*?\n", lambda _: TRANSLATOR, RECEIVER)
    with ServerThread(bind("127.0.0.1", 0), build_app({"/": Behaviour(status=status)}, got.append)) as slack:
        node = start(translator, SLACK_URL=f"http://127.0.0.1:{slack.port}/")
        answer: Any = await sent(sender, url_of(node), "dlv_1")
    assert answer.status_code == answered
    assert [request.body.decode() for request in got] == ['{"text":"*HIGH* New Alert: Zoë ☃\\nsnow"}']
