"""Actions on deliveries, shared by every screen that shows them: resend and cancel."""

from collections.abc import Mapping, Sequence
from typing import Any

from textual.screen import Screen

from tui.domain.destination import Destination
from tui.domain.errors import Refused
from tui.domain.filter import Filter, Key, without_tests
from tui.domain.filter_language import term
from tui.domain.lifecycle import Standing, State
from tui.domain.text import visible
from tui.screens.alert.batches import in_batches
from tui.screens.alert.questions import (
    MOST_NAMED,
    Deed,
    Scope,
    choose_deliveries,
    confirm,
    named,
    named_counts,
    tell,
)
from tui.screens.shared import words
from tui.screens.shared.context import Context
from tui.screens.shared.dialogs import Choose
from tui.store import destinations, outbox
from tui.store.reading import queries
from tui.store.reading.views import DeliveryRow, FoldRow

NO_DELIVERIES = "This alert has no deliveries"

_RESENDING = Deed("Resending", "Resending", "not resent")
_SENDING = Deed("Sending", "Sending", "not sent")
_CANCELLING = Deed("Cancelling", "Cancelled", "not cancelled")


# --- resending


async def resend_alerts(screen: Screen[Any], context: Context, scope: Scope) -> bool:
    """Resend the failed deliveries of the alerts that the filter asks for. Return whether that was requested.

    Asks for confirmation first unless it is only about the alert under the cursor. Also asks if nothing has
    failed, or if something failed that the filter does not ask for.
    """
    rows, deliveries = scope.rows, scope.deliveries
    failed = [delivery for delivery in deliveries if delivery.standing is Standing.FAILED]
    folds = [fold for row in rows for fold in row.folds]
    if not deliveries and not folds:
        return await send_somewhere(screen, context, [row.key for row in rows], scope.of)
    if folds and not failed and (len(rows) > 1 or not deliveries):
        return await send_folded(screen, context, folds)
    inside, outside = await scope.split(context, failed)
    if outside and (inside or len(rows) == 1):
        failed = await _choose_failed(screen, context, scope, inside, outside)
    elif not failed and len(rows) == 1:
        asked, _ = await scope.split(context, deliveries)
        return await _resend_though_not_failed(screen, context, asked or deliveries)
    elif not inside:
        matching = " that matches the filter" if outside else ""
        none = f"None of the {len(rows):,} selected alerts has a failed delivery{matching}"
        screen.notify(none, severity="warning")
        return False
    elif scope.of:
        what = f"{words.counted(len(failed), 'failed delivery')}{scope.of} to {named(failed)}"
        if not await confirm(screen, f"Send {what} again?", "Send again"):
            return False
    if failed:
        await _resend(screen, context, failed)
    return bool(failed)


async def _choose_failed(
    screen: Screen[Any],
    context: Context,
    scope: Scope,
    inside: Sequence[DeliveryRow],
    outside: Sequence[DeliveryRow],
) -> Sequence[DeliveryRow]:
    """Ask for which destinations to resend: those that the filter asks for, or also those where it failed."""
    if inside:
        both = [*inside, *outside]
        title = f"Send {words.counted(len(both), 'failed delivery')}{scope.of} again to:"
        return await choose_deliveries(
            screen, title, [(f"{named(inside)} only", inside), (f"all: {named(both)}", both)]
        )
    title = f"No failed delivery{scope.of} matches the filter. Send again to:"
    ready = _ready((await scope.split(context, scope.deliveries))[0])
    choices = [(f"{named(outside)} (failed)", outside)]
    if ready:
        choices.append((_with_standings(ready), ready))
    return await choose_deliveries(screen, title, choices)


async def resend_delivery(
    screen: Screen[Any], context: Context, delivery: DeliveryRow, *, seen: bool = True
) -> bool:
    """Resend one delivery. Asks for confirmation first unless it has failed and is `seen` on the screen."""
    if delivery.standing is not Standing.FAILED or delivery.deleted:
        return await _resend_though_not_failed(screen, context, [delivery])
    question = f"Send the failed delivery to {visible(delivery.destination)} again?"
    if not seen and not await confirm(screen, question, "Send again"):
        return False
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
    if not await confirm(screen, _resend_question(ready), "Send again"):
        return False
    await _resend(screen, context, ready)
    return True


def _resend_question(deliveries: Sequence[DeliveryRow]) -> str:
    if all(delivery.standing is Standing.DELIVERED for delivery in deliveries):
        return f"Already delivered to {named(deliveries)}. Send it again?"
    return f"No delivery has failed. Send it again to {_with_standings(deliveries)}?"


def _with_standings(deliveries: Sequence[DeliveryRow]) -> str:
    names = ", ".join(f"{visible(each.destination)} ({each.standing})" for each in deliveries[:MOST_NAMED])
    more = len(deliveries) - MOST_NAMED
    return f"{names} and {more:,} more" if more > 0 else names


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
    if not await confirm(screen, question, "Send"):
        return False

    async def step(some: Sequence[int]) -> Mapping[int, Refused | None]:
        return await context.write(outbox.send_folded, some)

    result = await in_batches(screen, step, [fold.id for fold in folds], _SENDING.doing)
    tell(screen, result, _SENDING, f"to {names}", len(folds))
    return True


async def send_somewhere(
    screen: Screen[Any], context: Context, alert_keys: Sequence[int], of: str = ""
) -> bool:
    """Ask for a destination and deliver alerts without deliveries to it. Return whether one was chosen.

    `of` is that of `Scope`.
    """
    known = await context.read(destinations.all_destinations)
    if not known:
        screen.notify("There are no destinations. Add one first.", severity="warning")
        return False
    keys = (*"123456789", *" " * len(known))
    choices = [(str(each.id), key, _place(each)) for each, key in zip(known, keys, strict=False)]
    one = len(alert_keys) == 1
    what = f"No delivery{of}" if of else NO_DELIVERIES
    what = what if one else f"{len(alert_keys):,} alerts have no deliveries"
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
    tell(screen, result, _SENDING, f"to {name}", len(alert_keys), pending)
    return True


def _place(destination: Destination) -> str:
    """The label of a destination in the list of choices."""
    return visible(destination.name) + (f"  {words.PAUSED} paused" if destination.paused else "")


async def resend_all_failed(screen: Screen[Any], context: Context, filter: Filter) -> None:
    """Resend every failed delivery of the alerts that match, after a confirmation that counts them."""
    wanted = without_tests(filter) + term(Key.STATE, Standing.FAILED)
    found = await context.read(queries.resendable_by_name, wanted, context.clock())
    ids = sorted(id for some in found.values() for id in some)
    if not ids:
        screen.notify("No failed deliveries match this filter" if filter else "No failed deliveries")
        return
    matching = " matching this filter" if filter else ""
    names = named_counts({name: len(some) for name, some in found.items()})
    question = f"Send {words.counted(len(ids), 'failed delivery')}{matching} to {names} again?"
    if await confirm(screen, question, "Send again"):
        await _resend_ids(screen, context, ids, words.counted(len(ids), "delivery"))


async def _resend(screen: Screen[Any], context: Context, deliveries: Sequence[DeliveryRow]) -> None:
    what = f"to {named(deliveries)}" if len(deliveries) <= 3 else words.counted(len(deliveries), "delivery")
    await _resend_ids(screen, context, [delivery.id for delivery in deliveries], what)


async def _resend_ids(screen: Screen[Any], context: Context, ids: Sequence[int], what: str) -> None:
    async def step(some: Sequence[int]) -> Mapping[int, Refused | None]:
        return await context.write(outbox.resend, some)

    result = await in_batches(screen, step, ids, _RESENDING.doing)
    tell(screen, result, _RESENDING, what, len(ids))


# --- cancelling


async def cancel_alerts(screen: Screen[Any], context: Context, scope: Scope) -> bool:
    """Cancel the pending deliveries of the alerts that the filter asks for. Return whether that was done.

    Asks for confirmation first if there are several, unless it is only about the alert under the cursor.
    """
    if reason := why_not_cancel(scope.deliveries):
        screen.notify(f"{reason}.", severity="warning")
        return False
    pending = _pending(scope.deliveries)
    inside, outside = await scope.split(context, pending)
    if inside and outside:
        title = f"Cancel {words.counted(len(pending), 'pending delivery')}{scope.of} to:"
        choices = [(f"{named(inside)} only", inside), (f"all: {named(pending)}", pending)]
        chosen = await choose_deliveries(screen, title, choices)
        return bool(chosen) and await _cancel(screen, context, chosen, scope.of, asks=False)
    asks = bool(scope.of or outside or len(pending) > 1)
    return await _cancel(screen, context, pending, scope.of, asks=asks)


async def cancel_delivery(
    screen: Screen[Any], context: Context, delivery: DeliveryRow, *, seen: bool = True
) -> bool:
    """Cancel one delivery. Asks first unless it is `seen` on the screen. Return whether that was done."""
    if reason := why_not_cancel([delivery]):
        screen.notify(f"{reason}.", severity="warning")
        return False
    return await _cancel(screen, context, [delivery], "", asks=not seen)


def _pending(deliveries: Sequence[DeliveryRow]) -> list[DeliveryRow]:
    return [delivery for delivery in deliveries if delivery.state is State.SCHEDULED]


async def _cancel(
    screen: Screen[Any], context: Context, pending: Sequence[DeliveryRow], of: str, *, asks: bool
) -> bool:
    what = f"{words.counted(len(pending), 'pending delivery')} to {named(pending)}{of}"
    if asks and not await confirm(screen, f"Cancel {what}?", "Cancel deliveries", "Keep them"):
        return False

    async def step(some: Sequence[int]) -> Mapping[int, Refused | None]:
        return await context.write(outbox.cancel, some)

    ids = [delivery.id for delivery in pending]
    result = await in_batches(screen, step, ids, _CANCELLING.doing)
    tell(screen, result, _CANCELLING, what, len(ids))
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
