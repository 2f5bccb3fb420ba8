"""What had happened before the app was opened, or happens elsewhere while it is open."""

from dataclasses import replace
from typing import Any

from tests.store.bench import Bench
from tui.domain.lifecycle import Outcome
from tui.domain.retry import RetryPolicy

OK = {
    "status_code": 200,
    "reason": "OK",
    "remote_address": "203.0.113.80:443",
    "response_headers": (("Content-Type", "text/plain"),),
    "response_body": b"success",
    "response_length": 7,
}
BUSY = {
    **OK,
    "status_code": 503,
    "reason": "Service Unavailable",
    "error": "the receiver answered 503 Service Unavailable",
    "response_body": b"overloaded",
    "response_length": 10,
}
REFUSED = {"error": "nothing is listening on hooks.example.com:443"}


def deliver(bench: Bench, **seen: Any) -> None:
    """One attempt at everything that is due, acknowledged."""
    _attempt(bench, Outcome.DELIVERED, OK | seen)


def reject(bench: Bench, **seen: Any) -> None:
    """One attempt at everything that is due, refused; it is retried."""
    _attempt(bench, Outcome.REJECTED, BUSY | seen)


def fail(bench: Bench, **seen: Any) -> None:
    """One attempt at everything that is due, refused; there is no other."""
    _attempt(replace(bench, policy=RetryPolicy(())), Outcome.REJECTED, BUSY | seen)


def _attempt(bench: Bench, outcome: Outcome, seen: dict[str, Any]) -> None:
    for claim in bench.claim().claims:
        bench.finish(claim, outcome, **seen)
