"""Snapshots of the details of an alert, as text. `pytest --snapshot-update` updates them."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.conftest import NOW
from tests.screens.conftest import Opens
from tests.screens.history import deliver, fail, reject
from tests.screens.user import NARROW, VAST, WIDE, User
from tests.store.bench import Bench
from tui.domain.alert import Severity
from tui.domain.alert_type import AlertType
from tui.domain.lifecycle import Outcome
from tui.domain.retry import RetryPolicy
from tui.screens.shared.context import Context

SIZES = pytest.mark.parametrize("size", [NARROW, WIDE, VAST], ids=["80x24", "120x36", "200x50"])
HEADERS = (("Content-Type", "application/json"), ("Server", "nginx"))
SENT = (("Content-Type", "application/json"), ("webhook-id", "dlv_1"), ("X-Token", "••••••"))
CONTEXT = json.dumps(
    {
        "sourceIp": "203.0.113.9",
        "mfa": False,
        "account": {"id": "123456789012", "name": "prod"},
        "events": [{"at": number, "what": "login"} for number in range(12)],
    }
)


@pytest.fixture
def context(context: Context) -> Context:
    """A context with the default retries."""
    return replace(context, policy=RetryPolicy())


@pytest.fixture
def bench(bench: Bench) -> Bench:
    return replace(bench, policy=RetryPolicy())


def submit(bench: Bench, **fields: Any) -> list[int]:
    return bench.submit(
        **{
            "alert_id": "alert-of-root",
            "severity": Severity.CRITICAL,
            "name": "Root account used",
            "tags": ("aws", "identity"),
            "description": "The root user of account 123456789012 signed in to the console.",
            "runbook": "Ask the account's owner.\nIf it was not them: revoke the session.",
            "link": "https://siem.example.com/alert-of-root",
            "version": "7",
            "context": CONTEXT,
            "created_at": NOW - 3_000,
            **fields,
        }
    )


def answered(bench: Bench, body: bytes, **seen: Any) -> None:
    """Add an alert that one destination rejected with this body."""
    bench.add()
    submit(bench)
    headers = {"request_headers": SENT, "response_headers": HEADERS}
    reject(bench, **{**headers, "response_body": body, "response_length": len(body), **seen})


def delivered(bench: Bench) -> None:
    bench.add()
    submit(bench)
    body = b'{"ok":true,"queued":{"id":17}}'
    deliver(
        bench, request_headers=SENT, response_headers=HEADERS, response_body=body, response_length=len(body)
    )


def retrying(bench: Bench) -> None:
    bench.add(name="pager", url="https://hooks.example.com/services/T0/a1b2c3d4")
    bench.add(name="soc")
    bench.add(name="vault", paused=True)
    submit(bench)
    first, second = bench.claim().claims
    bench.finish(second, response_headers=HEADERS, status_code=200, reason="OK")
    seen = {"status_code": 503, "reason": "Service Unavailable", "response_headers": HEADERS}
    error = "the receiver answered 503 Service Unavailable"
    bench.finish(first, Outcome.REJECTED, error=error, response_body=b"overloaded", **seen)
    bench.clock.advance(5_000)
    bench.finish(bench.claim_one(), Outcome.TIMEOUT, error="no whole answer within 30 s")


def failed(bench: Bench) -> None:
    bench.add()
    submit(bench)
    bench.fail_until_exhausted()


def many_attempts(bench: Bench) -> None:
    bench.add()
    [delivery] = submit(bench)
    for _ in range(50):
        for _ in range(10):
            bench.finish(bench.claim_one(), Outcome.INTERRUPTED, error="the dispatcher was shut down")
        bench.clock.advance(3_600_000)
        bench.resend(delivery)
    reject(bench)


def a_test_alert(bench: Bench) -> None:
    bench.add()
    bench.submit(
        alert_id="alert-of-test",
        title="This is a Test Alert",
        test=True,
        destinations=("soc",),
        rule_id="Test.Alert",
    )
    fail(bench)


def storm(bench: Bench) -> None:
    """Select the first alert of a storm, below the others in the list."""
    bench.add(name="archive")
    bench.add(name="pager", fold_ms=600_000)
    submit(bench)
    deliver(bench)
    for number in range(3):
        bench.clock.advance(4_000)
        bench.submit(alert_id=f"again-{number}", destinations=("pager",), context=CONTEXT)


SCENES: dict[str, Callable[[Bench], None]] = {
    "delivered": delivered,
    "retrying": retrying,
    "failed": failed,
    "a test alert": a_test_alert,
    "binary": lambda bench: answered(bench, bytes(range(256)) * 4),
    "json": lambda bench: answered(bench, json.dumps({"errors": [{"n": n} for n in range(9)]}).encode()),
    "truncated": lambda bench: answered(
        bench, b'{"log":["' + b"x" * 400, response_truncated=True, response_length=3_200_000
    ),
    "one long line": lambda bench: answered(bench, b"lorem ipsum " * 5_000),
    "500 attempts": many_attempts,
    "folded": storm,
}


@pytest.mark.parametrize("scene", SCENES)
@SIZES
async def test_the_details(
    viewer: Opens, bench: Bench, scene: str, size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    SCENES[scene](bench)
    await look(viewer, size, snapshot)


def nobody(bench: Bench) -> None:
    submit(bench)


def no_severity(bench: Bench) -> None:
    bench.add(severities=frozenset({Severity.LOW}))
    submit(bench)


def no_type(bench: Bench) -> None:
    bench.add(alert_types=frozenset({AlertType.POLICY}))
    submit(bench)


def named_none(bench: Bench) -> None:
    bench.add()
    submit(bench, destinations=())


def paused(bench: Bench) -> None:
    bench.add(paused=True)
    submit(bench)


def deleted(bench: Bench) -> None:
    soc = bench.add()
    submit(bench)
    bench.delete(soc)


def cancelled(bench: Bench) -> None:
    bench.add()
    bench.cancel(*submit(bench))


def paced(bench: Bench) -> None:
    bench.add(rate=5.0)
    for number in range(20):
        submit(bench, alert_id=f"before-{number}")
    submit(bench)


def held(bench: Bench) -> None:
    bench.add()
    submit(bench)
    bench.claim()
    bench.clock.advance(31_000)


UNSENT: dict[str, Callable[[Bench], None]] = {
    "no destination": nobody,
    "none takes the severity": no_severity,
    "none takes the type": no_type,
    "it names none": named_none,
    "paused": paused,
    "deleted": deleted,
    "cancelled": cancelled,
    "paced": paced,
    "its dispatcher stopped": held,
}


@pytest.mark.parametrize("reason", UNSENT)
async def test_the_reason_why_an_alert_was_not_sent(
    viewer: Opens, bench: Bench, reason: str, snapshot: SnapshotAssertion
) -> None:
    UNSENT[reason](bench)
    await look(viewer, NARROW, snapshot)


@SIZES
async def test_two_attempts_compared(
    viewer: Opens, bench: Bench, size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    answered(bench, b'{"error":"overloaded","retry":5}')
    bench.clock.advance(6_000)
    deliver(bench, request_headers=SENT, response_headers=HEADERS, response_body=b'{"error":null,"id":17}')
    await look(viewer, size, snapshot, "equals_sign")


@SIZES
async def test_the_menu_of_what_can_be_copied(
    viewer: Opens, bench: Bench, size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    answered(bench, b"overloaded")
    await look(viewer, size, snapshot, "y")


async def look(viewer: Opens, size: tuple[int, int], snapshot: SnapshotAssertion, *keys: str) -> None:
    async with viewer(size) as user:
        await user.press("enter")
        await user.until(lambda: user.focused in ("deliveries", "exchange"))
        await loaded(user)
        for key in keys:
            await user.press(key)
            await user.settles()
        assert user.screen == snapshot


async def loaded(user: User) -> None:
    await user.sees("▾ ")
    await user.settles()
