"""Sends one test alert and shows what came of it, in place."""

import asyncio

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.domain.alert import make_test_alert
from tui.domain.destination import Destination
from tui.domain.errors import Invalid
from tui.domain.lifecycle import Outcome
from tui.domain.text import visible
from tui.screens import bodies, words
from tui.screens.context import Context
from tui.store import outbox, queries
from tui.store.views import AttemptRow, Exchange

_LOOK_EVERY_S = 0.05
_PATIENCE_S = 4.0


class TestResult(Vertical):
    __test__ = False

    def __init__(self, context: Context) -> None:
        super().__init__(id="test")
        self.context = context

    def compose(self) -> ComposeResult:
        yield Static(id="test-result")

    def introduce(self, destination: Destination, *, saved: bool) -> None:
        self._show(
            Content.assemble(
                (visible(destination.name), "bold"),
                " is saved. Send" if saved else ": send",
                f" a test alert to {visible(destination.masked_url)}\n",
                "and see what the receiver makes of it. One request, not retried.",
            )
        )

    async def run(self, destination: Destination, alert_id: str) -> bool:
        """Send the test alert; whether it was delivered. Raises StoreUnavailable or Invalid."""
        alert = make_test_alert(
            str(destination.name),
            now=self.context.clock(),
            alert_id=alert_id,
            link_template=self.context.link_template,
        )
        (receipt,) = await self.context.write(outbox.submit, [alert])
        if isinstance(receipt, Invalid):
            raise receipt
        waited = 0.0
        while True:
            key = await self.context.read(queries.find_alert, alert_id)
            details = await self.context.read(queries.alert_details, key)
            attempts = details.deliveries[0].attempts if details else ()
            if attempts and attempts[0].outcome is not None:
                exchange = await self.context.read(queries.exchange, attempts[0].id)
                self._show_end(attempts[0], exchange)
                return attempts[0].outcome is Outcome.DELIVERED
            self._show_waiting(waited, sending=bool(attempts))
            await asyncio.sleep(_LOOK_EVERY_S)
            waited += _LOOK_EVERY_S

    def _show_waiting(self, seconds: float, *, sending: bool) -> None:
        if sending or seconds < _PATIENCE_S:
            self._show(Content.assemble(("→ ", "$text-accent"), f"sending…  {seconds:.0f} s"))
            return
        advice = (
            "is `tocsin dispatch` running on this database?"
            if self.context.dispatcher is None
            else (self.context.dispatcher.trouble or "the dispatcher is busy")
        )
        self._show(Content.assemble(("○ ", "$text-warning"), f"Nobody has taken it up yet: {advice}"))

    def _show_end(self, attempt: AttemptRow, exchange: Exchange | None) -> None:
        delivered = attempt.outcome is Outcome.DELIVERED
        verdict = (
            ("✓ Delivered", "bold $text-success") if delivered else ("✗ Not delivered", "bold $text-error")
        )
        status = f"{attempt.status_code} {visible(attempt.reason or '')}" if attempt.status_code else "none"
        parts: list[Content | str | tuple[str, str]] = [verdict, "\n"]
        if not delivered:
            parts += [(_sentence(attempt.error or str(attempt.outcome)), "$text-error"), "\n"]
        for name, value in (
            ("Dispatched at", words.clock_time(attempt.started_at)),
            ("Status code", status),
            ("Duration", words.duration(attempt.duration_ms)),
        ):
            parts += [(f"\n{name:<15}", words.MUTED), value]
        if exchange is not None and attempt.status_code is not None:
            parts += [
                ("\n\nResponse body", words.MUTED),
                "\n",
                bodies.body(exchange.response_body, exchange.response_headers),
            ]
        self._show(Content.assemble(*parts))

    def _show(self, content: Content) -> None:
        self.query_one("#test-result", Static).update(content)


def _sentence(text: str) -> str:
    text = visible(text)
    return f"{text[:1].upper()}{text[1:]}."
