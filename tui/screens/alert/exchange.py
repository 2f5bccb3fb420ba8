"""One attempt in full: the request and the response."""

from textual.content import Content

from tui.delivery.request import shown_body
from tui.delivery.shapes import library
from tui.domain.alert import Alert
from tui.domain.explain import advise
from tui.domain.secret import mask_url
from tui.domain.text import visible
from tui.screens.alert.overview import heading
from tui.screens.shared import bodies, words
from tui.screens.shared.lines import Line
from tui.store.reading.views import AttemptRow, Exchange

ATTEMPT, RESPONSE, REQUEST = "attempt", "response", "request"
"""The keys of the headings."""


def exchange_lines(alert: Alert, attempt: AttemptRow, exchange: Exchange | None, now: int) -> list[Line]:
    """Make the sections of an attempt. `exchange` is None while the request is under way."""
    lines = heading(_title(attempt), ATTEMPT, _facts(attempt, exchange, now))
    if exchange is not None and attempt.status_code is not None:
        lines += heading(
            f"RESPONSE  {attempt.status_code} {visible(attempt.reason or '')}  {size_of(exchange)}",
            RESPONSE,
            bodies.body_lines(
                exchange.response_body,
                exchange.response_headers,
                key=f"response-{attempt.id}",
                cut=exchange.response_truncated,
            ),
        )
        lines += heading(
            "RESPONSE HEADERS", "response-headers", bodies.header_lines(exchange.response_headers)
        )
    body = body_of(alert, attempt, exchange)
    lines += heading(
        f"REQUEST  {words.size(len(body))}",
        REQUEST,
        bodies.body_lines(body, key=f"request-{attempt.id}"),
    )
    if exchange is not None and exchange.request_headers:
        lines += heading("REQUEST HEADERS", "request-headers", bodies.header_lines(exchange.request_headers))
    return lines


def body_of(alert: Alert, attempt: AttemptRow, exchange: Exchange | None) -> bytes:
    """Return the body that an attempt sent, with secrets masked."""
    sent = exchange.request_headers if exchange is not None else ()
    webhook_id = next((value for name, value in sent if name == "webhook-id"), "…")
    return shown_body(alert, attempt.shape, attempt.url, webhook_id=webhook_id, round=attempt.round)


def size_of(exchange: Exchange) -> str:
    return bodies.kept(
        exchange.response_length, len(exchange.response_body), truncated=exchange.response_truncated
    )


def _title(attempt: AttemptRow) -> str:
    return f"ATTEMPT {attempt.number}" + (f" OF ROUND {attempt.round}" if attempt.round > 1 else "")


def _facts(attempt: AttemptRow, exchange: Exchange | None, now: int) -> list[Line]:
    outcome = str(attempt.outcome or "being sent")
    summary = "" if attempt.summary == outcome else f"  {visible(attempt.summary)}"
    facts = [
        f"started {words.wall_time(attempt.started_at, now)}",
        words.duration(attempt.duration_ms),
        _answered(attempt.remote_address or ""),
    ]
    lines = [
        Content.assemble(words.outcome_glyph(attempt.outcome), f" {outcome}{summary}".rstrip()),
        Content.styled(" · ".join(fact for fact in facts if fact), words.MUTED),
        Content.styled(f"to {visible(mask_url(attempt.url))}", words.MUTED),
    ]
    if attempt.error and attempt.summary not in attempt.error:
        lines.insert(1, Content(visible(attempt.error)))
    if exchange is not None and (advice := _advice(attempt, exchange)):
        lines.append(Content(visible(advice)))
    return [Line(line) for line in lines]


def _answered(remote: str) -> str:
    if not remote:
        return ""
    return (
        f"answered {visible(remote)}" if remote.startswith("through ") else f"answered by {visible(remote)}"
    )


def _advice(attempt: AttemptRow, exchange: Exchange) -> str:
    return advise(
        attempt,
        exchange.response_headers,
        exchange.response_body,
        exchange.request_headers,
        expected=library.proposal(attempt.url),
    )
