"""What can be done with alerts, the same wherever they are shown: send again, copy."""

from collections.abc import Sequence
from typing import Any

from textual.screen import Screen

from tui.delivery.request import curl, masked_request, payload
from tui.domain.filter import Filter, Key, term
from tui.domain.lifecycle import Standing, State
from tui.domain.text import visible
from tui.screens import words
from tui.screens.bodies import kept
from tui.screens.context import Context
from tui.screens.dialogs import Choose, Confirm
from tui.screens.widgets.alert_pane import AlertPane, Chosen
from tui.screens.widgets.clipboard import copy
from tui.store import outbox, queries
from tui.store.errors import StoreUnavailable
from tui.store.views import AlertDetails, AlertRow, DeliveryRow

_BATCH = 500


async def resend_alerts(screen: Screen[Any], context: Context, rows: Sequence[AlertRow]) -> bool:
    """Send again what failed of these alerts; whether anything was asked for.

    Several alerts are counted and confirmed first; so is sending again what was delivered.
    """
    deliveries = [delivery for row in rows for delivery in row.deliveries]
    failed = [delivery for delivery in deliveries if delivery.standing is Standing.FAILED]
    if len(rows) > 1:
        if not failed:
            screen.notify(
                f"None of the {len(rows)} selected alerts has a failed delivery", severity="warning"
            )
            return False
        question = (
            f"Send {words.counted(len(failed), 'failed delivery')} of {len(rows)} selected alerts again?"
        )
        if not await screen.app.push_screen_wait(Confirm(question, yes="Send again")):
            return False
        await _resend(screen, context, failed)
        return True
    if failed:
        await _resend(screen, context, failed)
        return True
    return await _resend_though_not_failed(screen, context, deliveries)


async def resend_delivery(screen: Screen[Any], context: Context, delivery: DeliveryRow) -> bool:
    """Send one delivery again; asks first if it has not failed."""
    if delivery.standing is Standing.FAILED:
        await _resend(screen, context, [delivery])
        return True
    return await _resend_though_not_failed(screen, context, [delivery])


async def _resend_though_not_failed(
    screen: Screen[Any], context: Context, deliveries: Sequence[DeliveryRow]
) -> bool:
    ready = [delivery for delivery in deliveries if delivery.state is not State.IN_FLIGHT]
    if not ready:
        reason = "It is being sent right now" if deliveries else "This alert was sent nowhere"
        screen.notify(f"{reason}: there is nothing to send again", severity="warning")
        return False
    names = ", ".join(f"{visible(d.destination)} ({d.standing})" for d in ready[:5])
    if not await screen.app.push_screen_wait(
        Confirm(f"Nothing failed. Send again to {names}?", yes="Send again")
    ):
        return False
    await _resend(screen, context, ready)
    return True


async def resend_all_failed(screen: Screen[Any], context: Context, filter: Filter) -> None:
    """Send again every failed delivery of the alerts that match, after a confirmation that counts them."""
    wanted = filter + term(Key.STATE, Standing.FAILED)
    ids = await context.read(queries.matching_deliveries, wanted, context.clock())
    under = " under this filter" if filter else ""
    if not ids:
        screen.notify(f"No delivery has failed{under}")
        return
    if await screen.app.push_screen_wait(
        Confirm(f"Send {words.counted(len(ids), 'failed delivery')}{under} again?", yes="Send again")
    ):
        await _resend_ids(screen, context, ids, words.counted(len(ids), "delivery"))


async def _resend(screen: Screen[Any], context: Context, deliveries: Sequence[DeliveryRow]) -> None:
    names = ", ".join(sorted({visible(delivery.destination) for delivery in deliveries}))
    what = f"to {names}" if len(deliveries) <= 3 else words.counted(len(deliveries), "delivery")
    await _resend_ids(screen, context, [delivery.id for delivery in deliveries], what)


async def _resend_ids(screen: Screen[Any], context: Context, ids: Sequence[int], what: str) -> None:
    refused: list[str] = []
    try:
        for start in range(0, len(ids), _BATCH):
            answers = await context.write(outbox.resend, ids[start : start + _BATCH])
            refused += [str(refusal) for refusal in answers.values() if refusal]
            if len(ids) > _BATCH:
                screen.notify(f"{min(start + _BATCH, len(ids)):,} of {len(ids):,} queued again", timeout=1)
    except StoreUnavailable as error:
        screen.notify(f"Not sent again: {error}", severity="error", markup=False)
        return
    if len(refused) < len(ids):
        screen.notify(f"Sending again {what}", markup=False)
    if refused:
        count = f"{len(refused)} not sent again: " if len(ids) > 1 else "Not sent again: "
        screen.notify(count + refused[0], severity="warning", markup=False)


async def copy_from(screen: Screen[Any], context: Context, pane: AlertPane) -> None:
    """Ask what to copy of the alert that is shown, and copy it."""
    details, chosen = pane.details, pane.chosen
    if details is None:
        screen.notify("There is no alert to copy from", severity="warning")
        return
    choices = [("payload", "p", "payload, as it is sent")]
    if chosen is not None and chosen.attempt is not None:
        choices.append(("response", "r", "response body of this attempt"))
    if chosen is not None:
        choices.append(("curl", "c", "a curl command, secrets masked"))
    what = await screen.app.push_screen_wait(Choose("Copy", [*choices, ("id", "i", "alert id")]))
    if what is not None:
        text, described = await _text_of(context, details, chosen, what)
        await copy(screen.app, text, described)


async def _text_of(
    context: Context, details: AlertDetails, chosen: Chosen | None, what: str
) -> tuple[str, str]:
    round = chosen.delivery.row.round if chosen else 1
    match what:
        case "response" if chosen is not None and chosen.attempt is not None:
            exchange = await context.read(queries.exchange, chosen.attempt.id)
            body = exchange.response_body if exchange else b""
            return body.decode("utf-8", "replace"), f"the response ({kept(None, len(body), truncated=False)})"
        case "curl" if chosen is not None:
            request = masked_request(
                details.alert,
                chosen.delivery.destination,
                webhook_id=chosen.delivery.row.webhook_id,
                round=round,
                timestamp=context.clock() // 1000,
            )
            return curl(request), "a curl command"
        case "id":
            return details.alert.alert_id, "the alert id"
        case _:
            return payload(details.alert, round).decode(), "the payload"
