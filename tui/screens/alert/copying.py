"""Copies something of an alert: the payload, the answer, a `curl` command, the error, the alert id."""

import asyncio
from typing import Any

from textual.screen import Screen

from tui.delivery.request import build_request, curl, masked_request, payload
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

_BY_HAND = "by hand"


async def copy_from(screen: Screen[Any], context: Context, pane: AlertPane) -> None:
    """Ask what to copy of the alert that is shown, and copy it."""
    details, chosen = pane.details, pane.chosen
    if details is None:
        screen.notify(PRUNED if pane.is_pruned else "There is no alert to copy from", severity="warning")
        return
    choices = _choices(chosen)
    by_hand = (_BY_HAND, "t", "as text on the screen, to select by hand …")
    what = await screen.app.push_screen_wait(Choose("Copy", [*choices, by_hand]))
    shows = what == _BY_HAND
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
    """What there is to copy: its name, its key, its words."""
    choices = [("payload", "p", "payload, as it is sent")]
    if chosen is not None and chosen.attempt is not None:
        if chosen.attempt.status_code is not None:
            choices.append(("response", "r", "response body of this attempt"))
        if chosen.attempt.error:
            choices.append(("error", "e", "error of this attempt"))
    if chosen is not None:
        choices.append(("curl", "c", "a curl command, secrets masked"))
        choices.append(("curl with secrets", "s", "a curl command with secrets, signed now"))
    return [*choices, ("id", "i", "alert id")]


async def _text_of(
    context: Context, details: AlertDetails, chosen: Chosen | None, what: str
) -> tuple[str, str]:
    """The text, and what it is called. Raises SecretUnavailable, or Invalid for a secret that is none."""
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
            return payload(details.alert, _round(chosen)).decode(), "the payload"


def _round(chosen: Chosen | None) -> int:
    """Of the attempt under the cursor: its payload is what the rest of the screen shows."""
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
    request = await asyncio.to_thread(  # a secret may lie in a file
        build_request,
        details.alert,
        destination,
        webhook_id=webhook_id,
        round=round,
        timestamp=timestamp,
        reveal=reveal,
    )
    return curl(request)
