"""Signatures on the wire, before, during and after a rotation."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest
from standardwebhooks.webhooks import Webhook

from tests.conftest import NOW, Clock, alert, destination, write
from tests.delivery.scripted import Receiver, answering, response
from tui.delivery.dispatcher import Dispatcher
from tui.domain.destination import Destination
from tui.domain.retry import RetryPolicy
from tui.domain.secret import Secret, format_secret
from tui.store import destinations, outbox

OLD, NEW = (format_secret(key * 8) for key in (b"old!", b"new!"))
REFUSAL = response(b"no", status="503 Busy")
HOUR = 3_600_000


@pytest.fixture
def turn(store, sender) -> Callable[[], object]:
    """Make one attempt at each due delivery."""
    make = partial(Dispatcher, store, sender, policy=RetryPolicy(delays_ms=(0,) * 10), fraction=lambda: 0.0)

    async def run() -> None:
        ids = [
            row[0]
            for row in store.read(lambda db: db.execute_sql("SELECT id FROM delivery").fetchall()).result()
        ]
        dispatcher = make(only=ids)
        await dispatcher.step()
        dispatcher.drain(60)
        await dispatcher.run()

    return run


def signed_with(request: bytes, *secrets: str) -> bool:
    """Return whether the official package makes the same signatures with these secrets, in this order."""
    head, _, body = request.partition(b"\r\n\r\n")
    fields = dict(re.findall(r"(webhook-\w+): ([^\r\n]*)", head.decode()))
    at = datetime.fromtimestamp(int(fields["webhook-timestamp"]), UTC)
    right = [Webhook(secret).sign(fields["webhook-id"], at, body.decode()) for secret in secrets]
    return fields.get("webhook-signature", "").split(" ") == right


def field(receiver: Receiver, name: str) -> list[str]:
    return [re.search(rf"{name}: (\S+)", request.decode())[1] for request in receiver.requests]


async def test_attempts_share_the_id_and_have_their_own_timestamps(store, receive, turn, clock: Clock):
    receiver = await receive(answering(REFUSAL, REFUSAL, response()))
    write(store, destinations.add, destination(url=receiver.url, secret=Secret(NEW)))
    write(store, outbox.submit, [alert()])
    for _ in range(3):
        await turn()
        clock.advance(7_000)

    assert len(set(field(receiver, "webhook-id"))) == 1
    assert field(receiver, "webhook-timestamp") == [str(NOW // 1000 + 7 * n) for n in range(3)]
    assert all(signed_with(request, NEW) for request in receiver.requests)


def rotated(store, soc: Destination, overlap_ms: int) -> Destination:
    return write(store, destinations.edit, replace(soc, secret=Secret(NEW)), overlap_ms=overlap_ms)


async def test_both_secrets_sign_during_a_rotation_which_ends_by_itself(store, receive, turn, clock: Clock):
    receiver = await receive(answering(REFUSAL, REFUSAL, REFUSAL, response()))
    soc = write(store, destinations.add, destination(url=receiver.url, secret=Secret(OLD)))
    write(store, outbox.submit, [alert()])
    await turn()
    rotated(store, soc, HOUR)
    await turn()
    clock.advance(HOUR - 1_000)
    await turn()
    clock.advance(1_000)
    await turn()

    used = [(OLD,), (NEW, OLD), (NEW, OLD), (NEW,)]
    for request, secrets in zip(receiver.requests, used, strict=True):
        assert signed_with(request, *secrets)


async def test_an_unreadable_old_secret_does_not_block_deliveries(
    store, receive, turn, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("OLD_SECRET", raising=False)
    receiver = await receive(answering(response()))
    soc = write(store, destinations.add, destination(url=receiver.url, secret=Secret("env:OLD_SECRET")))
    rotated(store, soc, HOUR)
    write(store, outbox.submit, [alert()])
    await turn()

    (request,) = receiver.requests
    assert signed_with(request, NEW)
