"""What can be done with deliveries, the same wherever they are shown: send again, cancel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textual.screen import Screen

from tui.domain.destination import Destination
from tui.domain.errors import Refused
from tui.domain.filter import Filter, Key, term, without_tests
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
NOWHERE = "This alert was sent nowhere"


@dataclass(frozen=True, slots=True)
class _Deed:
    """The words of something done to deliveries."""

    doing: str
    not_done: str


_RESENDING = _Deed("Sending again", "not sent again")
_SENDING = _Deed("Sending", "not sent")
_CANCELLING = _Deed("Cancelling", "not cancelled")


# --- sending again


async def resend_alerts(screen: Screen[Any], context: Context, rows: Sequence[AlertRow]) -> bool:
    """Send again what failed of these alerts; whether anything was asked for.

    Several alerts are counted and confirmed first; so is sending again what was delivered.
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
    """Send one delivery again; asks first if it has not failed."""
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
    # What was delivered beside one that is being retried would only come twice.
    ready = [delivery for delivery in ready if delivery.standing is Standing.RETRYING] or ready
    names = ", ".join(f"{visible(d.destination)} ({d.standing})" for d in ready[:_MOST_NAMED])
    if len(ready) > _MOST_NAMED:
        names += f" and {len(ready) - _MOST_NAMED:,} more"
    if not await _confirm(screen, f"Nothing failed. Send again to {names}?", "Send again"):
        return False
    await _resend(screen, context, ready)
    return True


def why_not_resend(deliveries: Sequence[DeliveryRow]) -> str | None:
    """Why none of these can be sent again now; None where one can."""
    if not deliveries or _ready(deliveries):  # what went nowhere can be sent somewhere
        return None
    if all(delivery.deleted for delivery in deliveries):
        return "Its destination has been deleted: it cannot be sent again"
    return "It is being sent right now: wait for the answer, then try again"


def _ready(deliveries: Sequence[DeliveryRow]) -> list[DeliveryRow]:
    return [d for d in deliveries if d.state is not State.IN_FLIGHT and not d.deleted]


async def send_folded(screen: Screen[Any], context: Context, folds: Sequence[FoldRow]) -> bool:
    """Deliver what folded into other alerts on its own, after a question; whether it was asked for."""
    names = ", ".join(sorted({visible(fold.destination) for fold in folds}))
    what = "It folded into another alert" if len(folds) == 1 else f"{len(folds):,} folded into other alerts"
    if not await _confirm(screen, f"{what}. Send to {names} all the same?", "Send"):
        return False

    async def step(some: Sequence[int]) -> Mapping[int, Refused | None]:
        return await context.write(outbox.send_folded, some)

    result = await in_batches(screen, step, [fold.id for fold in folds], _SENDING.doing)
    _tell(screen, result, _SENDING, f"to {names}", len(folds))
    return True


async def send_somewhere(screen: Screen[Any], context: Context, alert_keys: Sequence[int]) -> bool:
    """Deliver alerts that were sent nowhere to a destination that is chosen; whether one was."""
    known = await context.read(destinations.all_destinations)
    if not known:
        screen.notify("There is no destination to send it to: add one first.", severity="warning")
        return False
    keys = (*"123456789", *" " * len(known))
    choices = [(str(each.id), key, _place(each)) for each, key in zip(known, keys, strict=False)]
    what = NOWHERE if len(alert_keys) == 1 else f"{len(alert_keys):,} alerts were sent nowhere"
    chosen = await screen.app.push_screen_wait(Choose(f"{what}. Send to", choices))
    if chosen is None:
        return False

    async def step(some: Sequence[int]) -> Mapping[int, Refused | None]:
        return await context.write(outbox.send_to, some, int(chosen))

    result = await in_batches(screen, step, alert_keys, _SENDING.doing)
    to = next(each for each in known if str(each.id) == chosen)
    name = visible(to.name)
    waits = f"{'It waits' if result.done == 1 else 'They wait'}: {name} is paused" if to.paused else ""
    _tell(screen, result, _SENDING, f"to {name}", len(alert_keys), waits)
    return True


def _place(destination: Destination) -> str:
    """As one of those that can be chosen."""
    return visible(destination.name) + (f"  {words.PAUSED} paused" if destination.paused else "")


async def resend_all_failed(screen: Screen[Any], context: Context, filter: Filter) -> None:
    """Send again every failed delivery of the alerts that match, after a confirmation that counts them."""
    wanted = without_tests(filter) + term(Key.STATE, Standing.FAILED)
    ids = await context.read(queries.matching_deliveries, wanted, context.clock())
    under = " under this filter" if filter else ""
    if not ids:
        screen.notify(f"No delivery has failed{under}")
        return
    question = f"Send {words.counted(len(ids), 'failed delivery')}{under} again?"
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
    """Withdraw what waits of these alerts, more than one after a question; whether it was done."""
    deliveries = [delivery for row in rows for delivery in row.deliveries]
    of = f" of {len(rows):,} selected alerts" if len(rows) > 1 else ""
    return await _cancel(screen, context, deliveries, of)


async def cancel_delivery(screen: Screen[Any], context: Context, delivery: DeliveryRow) -> bool:
    """Withdraw one delivery; whether it was done."""
    return await _cancel(screen, context, [delivery], "")


async def _cancel(screen: Screen[Any], context: Context, deliveries: Sequence[DeliveryRow], of: str) -> bool:
    if reason := why_not_cancel(deliveries):
        screen.notify(f"{reason}.", severity="warning")
        return False
    waiting = [delivery for delivery in deliveries if delivery.state is State.SCHEDULED]
    names = ", ".join(sorted({visible(delivery.destination) for delivery in waiting}))
    to = f" to {names}" if len(waiting) <= 3 else ""
    what = f"{words.counted(len(waiting), 'waiting delivery')}{to}{of}"
    if len(waiting) > 1 and not await _confirm(screen, f"Cancel {what}?", "Cancel them"):
        return False

    async def step(some: Sequence[int]) -> Mapping[int, Refused | None]:
        return await context.write(outbox.cancel, some)

    ids = [delivery.id for delivery in waiting]
    result = await in_batches(screen, step, ids, _CANCELLING.doing)
    _tell(screen, result, _CANCELLING, what, len(ids))
    return True


def why_not_cancel(deliveries: Sequence[DeliveryRow]) -> str | None:
    """Why none of these can be withdrawn; None where one can."""
    if any(delivery.state is State.SCHEDULED for delivery in deliveries):
        return None
    return f"{_why_none_waits({delivery.standing for delivery in deliveries})}: there is nothing to cancel"


def _why_none_waits(standings: set[Standing]) -> str:
    if not standings:
        return NOWHERE
    if Standing.SENDING in standings:
        return "It is being sent right now"
    return f"It {_ENDED[standings.pop()]} already" if len(standings) == 1 else "Nothing waits"


_ENDED = {
    Standing.DELIVERED: "has been delivered",
    Standing.FAILED: "has failed",
    Standing.CANCELLED: "has been cancelled",
}


# --- the words for it


async def _confirm(screen: Screen[Any], question: str, yes: str) -> bool:
    return await screen.app.push_screen_wait(Confirm(question, yes=yes, no="Leave it"))


def _tell(screen: Screen[Any], result: Result, deed: _Deed, what: str, asked: int, waits: str = "") -> None:
    """What became of it; `waits` says why nothing of what was done can be seen yet."""
    if result.trouble:
        left = f"{result.left:,} {deed.not_done}" if asked > 1 else deed.not_done.capitalize()
        screen.notify(f"{left}: {result.trouble}", severity="error", markup=False)
    elif result.left:
        stopped = f"Stopped: {result.done:,} of {asked:,} done, {result.left:,} {deed.not_done}"
        screen.notify(stopped, severity="warning", markup=False)
    elif result.done:
        screen.notify(waits or f"{deed.doing} {what}", markup=False)
    if result.refused:
        count = (
            f"{len(result.refused):,} {deed.not_done}: " if asked > 1 else f"{deed.not_done.capitalize()}: "
        )
        screen.notify(count + result.refused[0], severity="warning", markup=False)
