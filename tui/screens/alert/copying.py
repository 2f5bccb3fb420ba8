"""Copy part of an alert: the payload, the response, the error, a `curl` command or the alert ID."""

import asyncio
from typing import Any

from textual.screen import Screen

from tui.delivery.request import build_request, curl, masked_request, payload, shown_body
from tui.delivery.secrets import SecretUnavailable, reveal
from tui.domain.errors import Invalid
from tui.screens.alert.delivery_status import Chosen
from tui.screens.alert.pane import PRUNED, AlertPane
from tui.screens.shared import bodies, words
from tui.screens.shared.clipboard import copy
from tui.screens.shared.context import Context
from tui.screens.shared.dialogs import Choose, ShowText
from tui.store.reading import queries
from tui.store.reading.views import AlertDetails

_AS_TEXT = "as text"


async def copy_from(screen: Screen[Any], context: Context, pane: AlertPane) -> None:
    """Ask what to copy of the alert in the details pane, and copy it."""
    details, chosen = pane.details, pane.chosen
    if details is None:
        screen.notify(PRUNED if pane.is_pruned else "No alert is selected", severity="warning")
        return
    choices = _choices(chosen)
    as_text = (_AS_TEXT, "t", "show as text, to select with the mouse …")
    what = await screen.app.push_screen_wait(Choose("Copy", [*choices, as_text]))
    shows = what == _AS_TEXT
    if shows:
        what = await screen.app.push_screen_wait(Choose("Show as text", choices))
    if what is None:
        return
    try:
        text, described = await _text_of(context, details, chosen, what)
    except (SecretUnavailable, Invalid) as problem:
        screen.notify(f"Not copied: {problem}", severity="error", markup=False)
        return
    if shows or not await copy(screen.app, text, described):
        await screen.app.push_screen_wait(ShowText(described, text))


def _choices(chosen: Chosen | None) -> list[tuple[str, str, str]]:
    """Return what can be copied, each as (name, key, label)."""
    choices = [("payload", "p", "payload (request body)")]
    if chosen is not None and chosen.attempt is not None:
        if chosen.attempt.status_code is not None:
            choices.append(("response", "r", "response body of this attempt"))
        if chosen.attempt.error:
            choices.append(("error", "e", "error of this attempt"))
    if chosen is not None:
        choices.append(("curl", "c", "curl command, secrets masked"))
        choices.append(("curl with secrets", "s", "curl command with secrets, signed now"))
    return [*choices, ("id", "i", "alert id")]


async def _text_of(
    context: Context, details: AlertDetails, chosen: Chosen | None, what: str
) -> tuple[str, str]:
    """Return the text and a description of it.

    Raises SecretUnavailable if a secret cannot be read, Invalid if its value is not a valid secret.
    """
    attempt = chosen.attempt if chosen else None
    match what:
        case "response" if attempt is not None:
            exchange = await context.read(queries.exchange, attempt.id)
            raw = exchange.response_body if exchange else b""
            text = bodies.decode(raw, exchange.response_headers if exchange else ())
            if text is None:
                return bodies.whole_text(raw), f"the response as a hex dump ({words.size(len(raw))})"
            return text, f"the response ({words.size(len(raw))})"
        case "error" if attempt is not None:
            return attempt.error or "", "the error"
        case "curl" | "curl with secrets" if chosen is not None:
            command = await _curl(context, details, chosen, with_secrets=what != "curl")
            return command, "a curl command" + ("" if what == "curl" else " with secrets")
        case "id":
            return details.alert.alert_id, "the alert id"
        case _:
            return _payload(details, chosen).decode(), "the payload"


def _payload(details: AlertDetails, chosen: Chosen | None) -> bytes:
    """Return the body of the attempt under the cursor, else the one that the delivery would send."""
    if chosen is None:
        return payload(details.alert, 1)
    attempt, delivery = chosen.attempt, chosen.delivery
    return shown_body(
        details.alert,
        attempt.shape if attempt else delivery.destination.shape,
        attempt.url if attempt else delivery.destination.url,
        webhook_id=delivery.row.webhook_id,
        round=_round(chosen),
    )


def _round(chosen: Chosen | None) -> int:
    """The round of the attempt under the cursor: the pane shows the payload of that round."""
    if chosen is None:
        return 1
    return chosen.attempt.round if chosen.attempt else chosen.delivery.row.round


async def _curl(context: Context, details: AlertDetails, chosen: Chosen, *, with_secrets: bool) -> str:
    destination = chosen.delivery.destination
    webhook_id = chosen.delivery.row.webhook_id
    round, timestamp = _round(chosen), context.clock() // 1000
    if not with_secrets:
        return curl(
            masked_request(
                details.alert, destination, webhook_id=webhook_id, round=round, timestamp=timestamp
            )
        )
    request = await asyncio.to_thread(  # a secret may be in a file
        build_request,
        details.alert,
        destination,
        webhook_id=webhook_id,
        round=round,
        timestamp=timestamp,
        reveal=reveal,
    )
    return curl(request)
