"""Alerts sent to a receiver that shares no code with Tocsin, in another language."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tui.domain.lifecycle import Outcome

RECEIVER = Path(__file__).parents[1] / "receivers" / "receiver.mjs"


@pytest.fixture
def node(program: Callable[[str], str]) -> Iterator[subprocess.Popen[str]]:
    """The receiver on a port of its own choice; the first line it prints is its address."""
    environment = {"PATH": os.environ["PATH"]}
    command = [program("node"), str(RECEIVER), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        yield process
        process.terminate()


async def test_plain_node_js_reads_the_alert_and_acknowledges(node, send):
    url = node.stdout.readline().strip()

    first = await send(f"{url}/alerts", context='{"ip":"203.0.113.9","who":"Zoë ☃"}')
    second = await send(f"{url}/alerts")

    assert (first.outcome, first.summary, first.response_body) == (Outcome.DELIVERED, "200 OK", b"success")
    assert second.outcome is Outcome.DELIVERED
    received = json.loads(node.stdout.readline())
    assert received["alertContext"] == {"ip": "203.0.113.9", "who": "Zoë ☃"}
    assert len(received) == 13
