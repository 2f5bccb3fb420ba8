"""Send a test alert and wait for the result, from the list and from the form."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from textual.content import Content

from tui.delivery.shapes import library
from tui.domain.alert import make_test_alert
from tui.domain.destination import Destination
from tui.domain.errors import Invalid
from tui.domain.explain import explain
from tui.domain.lifecycle import Outcome
from tui.domain.text import visible
from tui.screens.alert.exchange import size_of
from tui.screens.shared import bodies, words
from tui.screens.shared.context import Context
from tui.store import outbox
from tui.store.reading import queries
from tui.store.reading.views import AttemptRow, Exchange

LOOK_EVERY_S = 0.05
PATIENCE_S = 4.0


@dataclass(frozen=True, slots=True)
class TestEnd:
    """The only attempt of a test alert, and the response."""

    __test__ = False

    attempt: AttemptRow
    exchange: Exchange | None

    @property
    def delivered(self) -> bool:
        return self.attempt.outcome is Outcome.DELIVERED

    @property
    def explanation(self) -> str:
        """What happened and what to do about it; empty after a success."""
        if self.exchange is None:
            return ""
        return visible(
            explain(
                self.attempt,
                self.exchange.response_headers,
                self.exchange.response_body,
                self.exchange.request_headers,
                expected=library.proposal(self.attempt.url),
            )
        )


async def send_test(context: Context, destination: Destination, tell: Callable[[Content], None]) -> TestEnd:
    """Send a test alert and wait for its end; pass progress to `tell`.

    Raises StoreUnavailable or Invalid.
    """
    alert = make_test_alert(
        str(destination.name),
        now=context.clock(),
        alert_id=secrets.token_hex(16),
        link_template=context.link_template,
    )
    (receipt,) = await context.write(outbox.submit, [alert])
    if isinstance(receipt, Invalid):
        raise receipt
    waited = 0.0
    while True:
        key = await context.read(queries.find_alert, alert.alert_id)
        details = await context.read(queries.alert_details, key)
        attempts = details.deliveries[0].attempts if details else ()
        if attempts and attempts[0].outcome is not None:
            return TestEnd(attempts[0], await context.read(queries.exchange, attempts[0].id))
        tell(_waiting(context, waited, destination.timeout_ms / 1000, sending=bool(attempts)))
        await asyncio.sleep(LOOK_EVERY_S)
        waited += LOOK_EVERY_S


def _waiting(context: Context, seconds: float, most: float, *, sending: bool) -> Content:
    if sending or seconds < PATIENCE_S:
        limit = (f", timeout {most:g} s" if seconds >= PATIENCE_S else "", words.MUTED)
        return Content.assemble(("→ ", "$text-accent"), f"sending…  {seconds:.0f} s", limit)
    advice = (
        "Is `tocsin dispatch` running on this database?"
        if context.dispatcher is None
        else (_sentence(context.dispatcher.trouble) or "The dispatcher is busy.")
    )
    return Content.assemble(("○ ", "$text-warning"), f"No dispatcher has claimed it yet. {advice}")


def _sentence(trouble: str | None) -> str:
    return f"{trouble[:1].upper()}{trouble[1:]}." if trouble else ""


def verdict(end: TestEnd) -> Content:
    if end.delivered:
        return Content.styled("✓ Delivered", "bold $text-success")
    return Content.styled("✗ Not delivered", "bold $text-error")


def status(attempt: AttemptRow) -> str:
    return (
        f"{attempt.status_code} {visible(attempt.reason or '')}".rstrip() if attempt.status_code else "none"
    )


def brief(end: TestEnd) -> Content:
    """Return the result on one line: verdict, status, duration, time."""
    attempt = end.attempt
    return Content.assemble(
        verdict(end),
        f"   {status(attempt)}" if attempt.status_code else "   no response",
        (f"   {words.duration(attempt.duration_ms)}, at {words.clock_time(attempt.started_at)}", words.MUTED),
    )


def in_full(end: TestEnd) -> Content:
    """Return the whole result, with the response body."""
    attempt = end.attempt
    parts: list[Content | str | tuple[str, str]] = [verdict(end), "\n"]
    if end.explanation:
        parts += [(end.explanation, "$text-warning" if end.delivered else "$text-error"), "\n"]
    for name, value in (
        ("Dispatched at", words.clock_time(attempt.started_at)),
        ("Status code", status(attempt)),
        ("Duration", words.duration(attempt.duration_ms)),
    ):
        parts += [(f"\n{name:<15}", words.MUTED), value]
    if end.exchange is not None and attempt.status_code is not None:
        exchange = end.exchange
        shown = bodies.body(
            exchange.response_body, exchange.response_headers, cut=exchange.response_truncated
        )
        parts += [(f"\n\nResponse body  {size_of(exchange)}", words.MUTED), "\n", shown]
    return Content.assemble(*parts)
