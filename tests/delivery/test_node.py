"""Receivers in Node.js, which share no code with Tocsin."""

import json
import os
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
from tui.domain.lifecycle import Outcome
from tui.domain.rotation import OldSecret
from tui.domain.secret import Secret
from tui.store.engine.database import wall_clock

RECEIVERS = Path(__file__).parents[1] / "receivers"
SIGNING, OTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"
MINUTE_MS = 60_000

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(program: Callable[[str], str]) -> Iterator[Start]:
    """Start a receiver that chooses its port and prints its address on the first line."""
    environment = {name: os.environ[name] for name in ("PATH", "NODE_PATH") if name in os.environ}
    with ExitStack() as running:

        def start(name: str, *args: str) -> "subprocess.Popen[str]":
            command = [program("node"), str(RECEIVERS / name), *args]
            process = running.enter_context(
                subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
            )
            running.callback(process.terminate)
            return process

        yield start


@pytest.fixture
def verifier(program: Callable[[str], str], start: Start) -> str:
    """The address of a receiver that verifies with the npm package `standardwebhooks`."""
    found = [program("node"), "-e", "require.resolve('standardwebhooks')"]
    if subprocess.run(found, capture_output=True, check=False).returncode:
        reason = "no package standardwebhooks in NODE_PATH, where .ci/run puts it"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return start("verifier.cjs", SIGNING).stdout.readline().strip()


def signed(sender: Sender, url: str, *, at: int, **secrets: Any) -> Any:
    to = destination(url=url, **secrets)
    return sender.send(replace(claimed("dlv_1", alert(title="Zoë ☃"), to), started_at=at))


async def test_plain_node_js_reads_the_alert_and_acknowledges(start: Start, send: Callable[..., Any]) -> None:
    node = start("receiver.mjs", "0")
    url = node.stdout.readline().strip()

    first = await send(f"{url}/alerts", context='{"ip":"203.0.113.9","who":"Zoë ☃"}')
    second = await send(f"{url}/alerts")

    assert (first.outcome, first.summary, first.response_body) == (Outcome.DELIVERED, "200 OK", b"success")
    assert second.outcome is Outcome.DELIVERED
    received = json.loads(node.stdout.readline())
    assert received["alertContext"] == {"ip": "203.0.113.9", "who": "Zoë ☃"}
    assert len(received) == 13


async def test_the_official_npm_verifier_accepts_only_signed_requests(verifier: str, sender: Sender) -> None:
    now = wall_clock()

    async def sent(at: int = now, **secrets: Any) -> Answer:
        return await signed(sender, verifier, at=at, **secrets)

    rotating = {"secret": Secret(OTHER), "old_secret": OldSecret(Secret(SIGNING), now + MINUTE_MS)}
    for secrets in ({"secret": Secret(SIGNING)}, rotating):
        taken = await sent(**secrets)
        assert (taken.outcome, taken.response_body.decode()) == (Outcome.DELIVERED, "New Alert: Zoë ☃")
    for refused, why in (
        (await sent(secret=Secret(OTHER)), b"No matching signature"),
        (await sent(), b"required headers"),
        (await sent(now - 6 * MINUTE_MS, secret=Secret(SIGNING)), b"timestamp too old"),
    ):
        assert refused.status_code == 401
        assert why in refused.response_body
