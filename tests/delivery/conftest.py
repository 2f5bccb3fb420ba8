"""Real receivers on 127.0.0.1, a sender and an outbox."""

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Clock, alert, claimed, destination
from tests.delivery.scripted import Receive, open_receivers
from tui.delivery.dialling import Dialler
from tui.delivery.sender import Sender
from tui.domain.attempt import Answer

Send = Callable[..., Awaitable[Answer]]


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Return the path of a program. If it is missing, skip the test; in CI, fail."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{name} is not installed")
        return path

    return find


@pytest.fixture
async def receive() -> AsyncIterator[Receive]:
    async with open_receivers() as receive:
        yield receive


@pytest.fixture
async def sender(clock: Clock) -> AsyncIterator[Sender]:
    async with Sender() as sender:
        yield sender


@pytest.fixture
def send(sender: Sender) -> Send:
    """Send the first attempt of an alert with this context to a destination with these fields."""

    return sending(sender)


@pytest.fixture
async def send_by() -> AsyncIterator[Callable[[Dialler], Send]]:
    """Like `send`, with a given dialler."""
    async with AsyncExitStack() as senders:

        def by(dialler: Dialler) -> Send:
            sender = Sender(dialler)
            senders.push_async_exit(sender)
            return sending(sender)

        yield by


def sending(sender: Sender) -> Send:
    def send_to(
        url: str, *, webhook_id: str = "dlv_1", context: str = "{}", **fields: Any
    ) -> Awaitable[Answer]:
        to = destination(url=url, **fields)
        return sender.send(claimed(webhook_id, alert(context=context), to))

    return send_to


@pytest.fixture
def free_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


@pytest.fixture(scope="session")
def certificate(program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 and its key, in one file."""
    key, path = (tmp_path_factory.mktemp("tls") / name for name in ("key.pem", "certificate.pem"))
    new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test"
    out = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(path)]
    subprocess.run([program("openssl"), *new.split(), *out], check=True, capture_output=True)
    path.write_text(path.read_text() + key.read_text())
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    """The TLS context of a receiver that presents that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
