"""Text output: tables, fields, alerts with their attempts, destinations."""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from tui.commands.shared.console import say
from tui.domain.activity import percent
from tui.domain.alert import Severity, format_time
from tui.domain.explain import explain
from tui.domain.health import DestinationState
from tui.domain.lifecycle import Standing, State
from tui.domain.span import format_span
from tui.domain.text import visible, visible_lines
from tui.domain.tls import UNVERIFIED

if TYPE_CHECKING:
    from tui.domain.destination import Destination
    from tui.store.reading.views import (
        AlertDetails,
        AlertRow,
        AttemptRow,
        DeliveryDetails,
        DeliveryRow,
        DestinationRow,
        Exchange,
        FoldRow,
        Record,
    )

_COLOURS = {
    Standing.DELIVERED: "green",
    Standing.FAILED: "red",
    Standing.RETRYING: "yellow",
    "paused": "yellow",
    "active": "green",
}
_STATE_WORD = re.compile(rf"\b({'|'.join(_COLOURS)})\b")
_NARROWEST, _WIDEST = 12, 120
_OWN_ID = re.compile(r"[0-9a-f]{32}")


def on_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, shrink: int, state: int) -> None:
    """Print rows in aligned columns, with control characters escaped.

    On a terminal, column `shrink` is cut so that a row fits on one line. Elsewhere it is cut only at
    `_WIDEST`, so that one long text does not stretch the table. States in column `state` are coloured.
    """
    from rich.cells import cell_len, set_cell_size

    lines = [[visible(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    widths[shrink] = min(widths[shrink], _WIDEST)
    if on_terminal():
        excess = sum(widths) + 2 * (len(widths) - 1) - shutil.get_terminal_size().columns
        widths[shrink] = min(widths[shrink], max(_NARROWEST, widths[shrink] - excess))
    for line in lines:
        if cell_len(line[shrink]) > widths[shrink]:
            line[shrink] = set_cell_size(line[shrink], widths[shrink] - 1) + "…"
        cells = [set_cell_size(cell, width) for cell, width in zip(line, widths, strict=True)]
        cells[state] = _painted(cells[state])
        say("  ".join(cells).rstrip())


def print_fields(fields: Iterable[tuple[str, str]], *, indent: str = "") -> None:
    """Print one field per line, values aligned. Empty fields are left out, further lines are indented."""
    shown = [(label, visible_lines(value).split("\n")) for label, value in fields if value]
    width = max((len(label) for label, _ in shown), default=0)
    for label, (first, *rest) in shown:
        say(f"{indent}{label:<{width}}  {_painted(first) if label == 'state' else first}".rstrip())
        for line in rest:
            say(f"{indent}{'':<{width}}  {line}".rstrip())


def moment(milliseconds: int) -> str:
    """Return the local date and time of a timestamp in milliseconds UTC."""
    try:
        return f"{datetime.fromtimestamp(milliseconds // 1000):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError):  # local time is beyond the year 9999
        return format_time(milliseconds)


def state_of(row: "DeliveryRow") -> str:
    """Return one word for the state of a delivery."""
    return "paused" if row.paused and row.state is State.SCHEDULED else row.standing.value


def result_of(attempt: "AttemptRow") -> str:
    """Return why an attempt failed, or else the response."""
    return "in flight" if attempt.outcome is None else attempt.error or attempt.summary


def explanation_of(attempt: "AttemptRow", exchange: "Exchange | None") -> str:
    """Return what happened and what to do about it; "" for an attempt without problems."""
    if exchange is None:
        return ""
    from tui.delivery.shapes import library

    return explain(
        attempt,
        exchange.response_headers,
        exchange.response_body,
        exchange.request_headers,
        expected=library.proposal(attempt.url),
    )


def body_of(exchange: "Exchange | None") -> str:
    """Return a response body formatted for reading; "" if there is none."""
    if exchange is None or not exchange.response_body:
        return ""
    from tui.screens.shared import bodies

    text = bodies.body(
        exchange.response_body, exchange.response_headers, cut=exchange.response_truncated
    ).plain
    return f"{text}\n(the rest was not kept)" if exchange.response_truncated else text


def print_alerts(rows: "Sequence[AlertRow]") -> None:
    """A line an alert; on a terminal an id made by Tocsin is cut to as much as it takes to name it."""
    cells = (
        (
            row.alert_id[:12] if on_terminal() and _OWN_ID.fullmatch(row.alert_id) else row.alert_id,
            moment(row.created_at),
            row.severity,
            row.headline + (" (test)" if row.test else ""),
            ", ".join(_stands(row)) or "not routed",
        )
        for row in rows
    )
    print_table(("ID", "CREATED", "SEVERITY", "ALERT", "DELIVERIES"), cells, shrink=3, state=4)


def _stands(row: "AlertRow") -> list[str]:
    """Return the alert's state at each destination."""
    sent = [
        f"{d.destination} {state_of(d)}" + (f" ×{d.folded + 1}" if d.folded else "") for d in row.deliveries
    ]
    return sent + [f"{fold.destination} folded" for fold in row.folds]


def destination_cells(row: "DestinationRow", now: int) -> Sequence[str]:
    """Return name, URL, severities, state, success, p95, pending and last response."""
    shown, last = row.destination, row.last
    return (
        shown.name,
        shown.masked_url,
        listed(shown.severities, Severity),
        _state(row, now) + ("" if shown.tls.verify else f" {UNVERIFIED}"),
        "" if row.success is None else percent(row.success),
        "" if row.p95_ms is None else f"{row.p95_ms} ms",
        str(row.waiting),
        "" if last is None else f"{last.summary}, {moment(last.started_at)}",
    )


def _state(row: "DestinationRow", now: int) -> str:
    state = row.state(now)
    return f"{state} until {moment(row.hold.until)}" if state is DestinationState.HELD else state.value


def slowed_to(row: "DestinationRow", now: int) -> str:
    slowed = row.hold.rate_at(now)
    return f"to {slowed:.3g} requests per second, after the response 429" if slowed else ""


def retries_of(destination: "Destination") -> str:
    """Describe a destination's own retries; empty for the default ones."""
    delays = destination.retries
    if delays is None:
        return ""
    if not delays:
        return "none: a delivery fails after one attempt"
    return f"{len(delays)} retries in {format_span(sum(delays))}: {', '.join(map(format_span, delays))}"


def record_of(record: "Record") -> str:
    if record.success is None:
        return ""
    p95 = "" if record.p95_ms is None else f", p95 {record.p95_ms} ms"
    return f"{percent(record.success)} of {record.attempts} delivered{p95}"


def listed(values: Collection[str], every: Iterable[str]) -> str:
    """Return the values in the order of `every`, "all" or "none"."""
    ordered = [str(value) for value in every if value in values]
    return "all" if ordered == list(every) else ", ".join(ordered) or "none"


def print_details(details: "AlertDetails", exchanges: "dict[int, Exchange | None]") -> None:
    """Print an alert with its deliveries and their attempts."""
    _print_alert(details)
    for delivery in details.deliveries:
        _print_delivery(delivery, exchanges)


def _print_alert(details: "AlertDetails") -> None:
    from tui.screens.shared import bodies

    alert = details.alert
    say(visible(alert.headline))
    print_fields(
        (
            ("alert id", alert.alert_id),
            ("severity", alert.severity),
            ("type", alert.type.label + (", a test alert" if alert.test else "")),
            ("created", moment(alert.created_at)),
            ("rule", alert.rule_id),
            ("name", alert.name or ""),
            ("version", alert.version or ""),
            ("link", alert.link),
            ("tags", ", ".join(alert.tags)),
            ("log types", ", ".join(alert.log_types)),
            ("description", alert.description),
            ("runbook", alert.runbook),
            ("context", bodies.body(alert.context.encode()).plain if alert.context != "{}" else ""),
            ("not routed", details.not_routed or ""),
            ("dedup key", alert.dedup_key or ""),
            ("folded", "\n".join(map(_folded, details.folds))),
        ),
        indent="  ",
    )


def _folded(fold: "FoldRow") -> str:
    into = fold.into_alert_id or "a deleted alert"
    stands = f" ({fold.into_standing} there)" if fold.into_standing else ""
    return f"for {fold.destination} into {into}{stands}, {moment(fold.folded_at)}"


def _print_delivery(delivery: "DeliveryDetails", exchanges: "dict[int, Exchange | None]") -> None:
    row, attempts = delivery.row, delivery.attempts
    due = row.due_at if row.state is State.SCHEDULED else None
    say()
    say(f"to {visible(row.destination)}" + (" (deleted)" if row.deleted else ""))
    last = exchanges[attempts[0].id] if attempts else None
    print_fields(
        (
            ("state", state_of(row)),
            ("next attempt", moment(due) if due is not None else ""),
            ("folded", _counted_folds(row)),
            ("reported again", moment(row.revived_at) if row.revived_at is not None else ""),
            ("webhook-id", row.webhook_id),
            ("url", delivery.destination.masked_url),
            ("attempts", "\n".join(_attempt_lines(delivery))),
            ("last response", body_of(last)),
        ),
        indent="  ",
    )


def _counted_folds(row: "DeliveryRow") -> str:
    if row.folded_at is None:
        return ""
    return f"×{row.folded + 1}: {row.folded:,} more, latest {moment(row.folded_at)}"


def _attempt_lines(delivery: "DeliveryDetails") -> Iterator[str]:
    """Yield the attempts oldest first, with a heading per round if there are several rounds."""
    several = delivery.row.round > 1
    begun = 0
    for attempt in reversed(delivery.attempts):
        if several and attempt.round != begun:
            begun = attempt.round
            yield f"round {begun}"
        took = f"  {attempt.duration_ms} ms" if attempt.duration_ms is not None else ""
        yield f"{attempt.number:>2}  {moment(attempt.started_at)}  {visible(result_of(attempt))}{took}"


def _painted(text: str) -> str:
    if os.environ.get("NO_COLOR"):
        return text
    return _STATE_WORD.sub(lambda match: click.style(match[0], fg=_COLOURS[match[0]]), text)


def command_for(verb: str, destination: "Destination") -> str:
    """Return the shell command, quoted, that does this to a destination."""
    return f"`tocsin destination {verb} {shlex.quote(visible(destination.name))}`"
