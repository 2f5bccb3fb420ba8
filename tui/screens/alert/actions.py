"""Actions on deliveries, shared by every screen that shows them: resend and cancel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textual.screen import Screen

from tui.domain.destination import Destination
from tui.domain.errors import Refused
from tui.domain.filter import Filter, Key, without_tests
from tui.domain.filter_language import term
from tui.domain.lifecycle import Standing, State
from tui.domain.text import visible
from tui.screens.alert.batches import Result, in_batches
from tui.screens.shared import words
from tui.screens.shared.context import Context
from tui.screens.shared.dialogs import Choose, Confirm
from tui.store import destinations, outbox
from tui.store.reading import queries
from tui.store.reading.views import AlertRow, DeliveryRow, FoldRow

_MOST_NAMED = 5
NO_DELIVERIES = "This alert has no deliveries"


@dataclass(frozen=True, slots=True)
class _Deed:
    """The words for an action on deliveries."""

    doing: str
    """While it is under way, in the progress dialog."""
    done: str
    """Once it is stored, in the message. A resend is still on its way then."""
    not_done: str


_RESENDING = _Deed("Resending", "Resending", "not resent")
_SENDING = _Deed("Sending", "Sending", "not sent")
_CANCELLING = _Deed("Cancelling", "Cancelled", "not cancelled")


# --- resending


async def resend_alerts(screen: Screen[Any], context: Context, rows: Sequence[AlertRow]) -> bool:
    """Resend the failed deliveries of these alerts. Return whether a resend was requested.

    Asks for confirmation first if there are several alerts, or if nothing has failed.
    """
    deliveries = [delivery for row in rows for delivery in row.deliveries]
    failed = [delivery for delivery in deliveries if delivery.standing is Standing.FAILED]
    folds = [fold for row in rows for fold in row.folds]
    if not deliveries and not folds:
        return await send_somewhere(screen, context, [row.key for row in rows])
    if folds and not failed and (len(rows) > 1 or not deliveries):
        return await send_folded(screen, context, folds)
    if len(rows) == 1 and not failed:
        return await _resend_though_not_failed(screen, context, deliveries)
    if not failed:
        screen.notify(f"None of the {len(rows)} selected alerts has a failed delivery", severity="warning")
        return False
    if len(rows) > 1:
        what = f"{words.counted(len(failed), 'failed delivery')} of {len(rows):,} selected alerts"
        if not await _confirm(screen, f"Send {what} again?", "Send again"):
            return False
    await _resend(screen, context, failed)
    return True


async def resend_delivery(screen: Screen[Any], context: Context, delivery: DeliveryRow) -> bool:
    """Resend one delivery. Asks for confirmation first unless it has failed."""
    if delivery.standing is not Standing.FAILED or delivery.deleted:
        return await _resend_though_not_failed(screen, context, [delivery])
    await _resend(screen, context, [delivery])
    return True


async def _resend_though_not_failed(
    screen: Screen[Any], context: Context, deliveries: Sequence[DeliveryRow]
) -> bool:
    if reason := why_not_resend(deliveries):
        screen.notify(f"{reason}.", severity="warning")
        return False
    ready = _ready(deliveries)
    # Resend only what is being retried, if anything is: the receivers of the others have the alert already.
    ready = [delivery for delivery in ready if delivery.standing is Standing.RETRYING] or ready
    if not await _confirm(screen, _resend_question(ready), "Send again"):
        return False
    await _resend(screen, context, ready)
    return True


def _resend_question(deliveries: Sequence[DeliveryRow]) -> str:
    delivered = all(delivery.standing is Standing.DELIVERED for delivery in deliveries)
    names = ", ".join(
        visible(each.destination) + ("" if delivered else f" ({each.standing})")
        for each in deliveries[:_MOST_NAMED]
    )
    if len(deliveries) > _MOST_NAMED:
        names += f" and {len(deliveries) - _MOST_NAMED:,} more"
    if delivered:
        return f"Already delivered to {names}. Send it again?"
    return f"No delivery has failed. Send it again to {names}?"


def why_not_resend(deliveries: Sequence[DeliveryRow]) -> str | None:
    """Return why none of these can be resent now, or None if one can."""
    if not deliveries or _ready(deliveries):  # without deliveries, resending asks for a destination
        return None
    if all(delivery.deleted for delivery in deliveries):
        return "Cannot resend: the destination has been deleted"
    return "Being sent right now: wait for the answer, then try again"


def _ready(deliveries: Sequence[DeliveryRow]) -> list[DeliveryRow]:
    return [d for d in deliveries if d.state is not State.IN_FLIGHT and not d.deleted]


async def send_folded(screen: Screen[Any], context: Context, folds: Sequence[FoldRow]) -> bool:
    """Deliver folded alerts separately, after confirmation. Return whether that was requested."""
    names = ", ".join(sorted({visible(fold.destination) for fold in folds}))
    if len(folds) == 1:
        question = f"This alert was folded into another one. Send it separately to {names}?"
    else:
        question = f"{len(folds):,} alerts were folded into others. Send them separately to {names}?"
    if not await _confirm(screen, question, "Send"):
        return False

    async def step(some: Sequence[int]) -> Mapping[int, Refused | None]:
        return await context.write(outbox.send_folded, some)

    result = await in_batches(screen, step, [fold.id for fold in folds], _SENDING.doing)
    _tell(screen, result, _SENDING, f"to {names}", len(folds))
    return True


async def send_somewhere(screen: Screen[Any], context: Context, alert_keys: Sequence[int]) -> bool:
    """Ask for a destination and deliver alerts without deliveries to it. Return whether one was chosen."""
    known = await context.read(destinations.all_destinations)
    if not known:
        screen.notify("There are no destinations. Add one first.", severity="warning")
        return False
    keys = (*"123456789", *" " * len(known))
    choices = [(str(each.id), key, _place(each)) for each, key in zip(known, keys, strict=False)]
    one = len(alert_keys) == 1
    what = NO_DELIVERIES if one else f"{len(alert_keys):,} alerts have no deliveries"
    title = f"{what}. Send {'it' if one else 'them'} to:"
    chosen = await screen.app.push_screen_wait(Choose(title, choices))
    if chosen is None:
        return False

    async def step(some: Sequence[int]) -> Mapping[int, Refused | None]:
        return await context.write(outbox.send_to, some, int(chosen))

    result = await in_batches(screen, step, alert_keys, _SENDING.doing)
    to = next(each for each in known if str(each.id) == chosen)
    name = visible(to.name)
    pending = f"Pending until {name} is resumed" if to.paused else ""
    _tell(screen, result, _SENDING, f"to {name}", len(alert_keys), pending)
    return True


def _place(destination: Destination) -> str:
    """The label of a destination in the list of choices."""
    return visible(destination.name) + (f"  {words.PAUSED} paused" if destination.paused else "")


async def resend_all_failed(screen: Screen[Any], context: Context, filter: Filter) -> None:
    """Resend every failed delivery of the alerts that match, after a confirmation that counts them."""
    wanted = without_tests(filter) + term(Key.STATE, Standing.FAILED)
    ids = await context.read(queries.matching_deliveries, wanted, context.clock())
    if not ids:
        screen.notify("No failed deliveries match this filter" if filter else "No failed deliveries")
        return
    matching = " matching this filter" if filter else ""
    question = f"Send {words.counted(len(ids), 'failed delivery')}{matching} again?"
    if await _confirm(screen, question, "Send again"):
        await _resend_ids(screen, context, ids, words.counted(len(ids), "delivery"))


async def _resend(screen: Screen[Any], context: Context, deliveries: Sequence[DeliveryRow]) -> None:
    names = ", ".join(sorted({visible(delivery.destination) for delivery in deliveries}))
    what = f"to {names}" if len(deliveries) <= 3 else words.counted(len(deliveries), "delivery")
    await _resend_ids(screen, context, [delivery.id for delivery in deliveries], what)


async def _resend_ids(screen: Screen[Any], context: Context, ids: Sequence[int], what: str) -> None:
    async def step(some: Sequence[int]) -> Mapping[int, Refused | None]:
        return await context.write(outbox.resend, some)

    result = await in_batches(screen, step, ids, _RESENDING.doing)
    _tell(screen, result, _RESENDING, what, len(ids))


# --- cancelling


async def cancel_alerts(screen: Screen[Any], context: Context, rows: Sequence[AlertRow]) -> bool:
    """Cancel the pending deliveries of these alerts. Return whether that was done.

    Asks for confirmation first if there are several.
    """
    deliveries = [delivery for row in rows for delivery in row.deliveries]
    of = f" of {len(rows):,} selected alerts" if len(rows) > 1 else ""
    return await _cancel(screen, context, deliveries, of)


async def cancel_delivery(screen: Screen[Any], context: Context, delivery: DeliveryRow) -> bool:
    """Cancel one delivery. Return whether that was done."""
    return await _cancel(screen, context, [delivery], "")


async def _cancel(screen: Screen[Any], context: Context, deliveries: Sequence[DeliveryRow], of: str) -> bool:
    if reason := why_not_cancel(deliveries):
        screen.notify(f"{reason}.", severity="warning")
        return False
    pending = [delivery for delivery in deliveries if delivery.state is State.SCHEDULED]
    names = ", ".join(sorted({visible(delivery.destination) for delivery in pending}))
    to = f" to {names}" if len(pending) <= 3 else ""
    what = f"{words.counted(len(pending), 'pending delivery')}{to}{of}"
    if len(pending) > 1 and not await _confirm(screen, f"Cancel {what}?", "Cancel deliveries", "Keep them"):
        return False

    async def step(some: Sequence[int]) -> Mapping[int, Refused | None]:
        return await context.write(outbox.cancel, some)

    ids = [delivery.id for delivery in pending]
    result = await in_batches(screen, step, ids, _CANCELLING.doing)
    _tell(screen, result, _CANCELLING, what, len(ids))
    return True


def why_not_cancel(deliveries: Sequence[DeliveryRow]) -> str | None:
    """Return why none of these can be cancelled, or None if one can."""
    if any(delivery.state is State.SCHEDULED for delivery in deliveries):
        return None
    return f"Nothing to cancel: {_why_none_is_pending({delivery.standing for delivery in deliveries})}"


def _why_none_is_pending(standings: set[Standing]) -> str:
    if not standings:
        return "this alert has no deliveries"
    if Standing.SENDING in standings:
        return "it is being sent right now"
    return _ENDED[standings.pop()] if len(standings) == 1 else "no delivery is pending"


_ENDED = {
    Standing.DELIVERED: "it has already been delivered",
    Standing.FAILED: "it has already failed",
    Standing.CANCELLED: "it has already been cancelled",
}


# --- questions and messages


async def _confirm(screen: Screen[Any], question: str, yes: str, no: str = "Cancel") -> bool:
    return await screen.app.push_screen_wait(Confirm(question, yes=yes, no=no))


def _tell(screen: Screen[Any], result: Result, deed: _Deed, what: str, asked: int, pending: str = "") -> None:
    """Report the result in a message. `pending` replaces it if the deliveries cannot be sent yet."""
    if result.trouble:
        left = f"{result.left:,} {deed.not_done}" if asked > 1 else deed.not_done.capitalize()
        screen.notify(f"{left}: {result.trouble}", severity="error", markup=False)
    elif result.left:
        stopped = f"Stopped: {result.done:,} of {asked:,} done, {result.left:,} {deed.not_done}"
        screen.notify(stopped, severity="warning", markup=False)
    elif result.done:
        screen.notify(pending or f"{deed.done} {what}", markup=False)
    if result.refused:
        count = (
            f"{len(result.refused):,} {deed.not_done}: " if asked > 1 else f"{deed.not_done.capitalize()}: "
        )
        screen.notify(count + result.refused[0], severity="warning", markup=False)
