"""The questions before an action on deliveries and the message after it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from textual.screen import Screen

from tui.domain.filter import ABOUT_DELIVERIES, Filter
from tui.domain.text import visible
from tui.screens.alert.batches import Result
from tui.screens.shared.context import Context
from tui.screens.shared.dialogs import Choose, Confirm
from tui.store.reading import queries
from tui.store.reading.views import AlertRow, DeliveryRow

MOST_NAMED = 8


@dataclass(frozen=True, slots=True)
class Deed:
    """The words for an action on deliveries."""

    doing: str
    """While it is under way, in the progress dialog."""
    done: str
    """Once it is stored, in the message. A resend is still on its way then."""
    not_done: str


@dataclass(frozen=True, slots=True)
class Scope:
    """The alerts that an action is about."""

    rows: Sequence[AlertRow]
    filter: Filter = field(default_factory=Filter)
    """The filter that they are listed under."""
    of: str = ""
    """The alerts in the words of the question, like ` of 3 selected alerts`. Empty for the alert under the
    cursor if it is on the screen: then the action needs no question."""

    @property
    def deliveries(self) -> list[DeliveryRow]:
        return [delivery for row in self.rows for delivery in row.deliveries]

    async def split(
        self, context: Context, deliveries: Sequence[DeliveryRow]
    ) -> tuple[list[DeliveryRow], list[DeliveryRow]]:
        """Split into what the filter asks for, like `to:soc`, and the others. States do not matter."""
        filter = self.filter.in_any_state
        if not any(one.asking(*ABOUT_DELIVERIES) for one in filter.alternatives):
            return list(deliveries), []
        keys = [row.key for row in self.rows]
        found = {*await context.read(queries.matching_deliveries, filter, context.clock(), of=keys)}
        inside = [delivery for delivery in deliveries if delivery.id in found]
        return inside, [delivery for delivery in deliveries if delivery.id not in found]


class OnDelivery(Protocol):
    """An action on one delivery, which is `seen` on the screen or not."""

    async def __call__(
        self, screen: Screen[Any], context: Context, delivery: DeliveryRow, *, seen: bool
    ) -> object: ...


def named(deliveries: Iterable[DeliveryRow]) -> str:
    """Name the destinations, and count what goes to each: `soc (4), pager (2)`."""
    return named_counts(Counter(delivery.destination for delivery in deliveries))


def named_counts(counts: Mapping[str, int]) -> str:
    """Like `named`, from the number of deliveries by destination. Without counts if they say nothing more."""
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    counted = len(ordered) > 1 and ordered[0][1] > 1

    def count(number: int) -> str:
        return f" ({number:,})" if counted else ""

    shown = ", ".join(visible(name) + count(number) for name, number in ordered[:MOST_NAMED])
    rest = [number for _, number in ordered[MOST_NAMED:]]
    return shown + (f" and {len(rest):,} more{count(sum(rest))}" if rest else "")


async def confirm(screen: Screen[Any], question: str, yes: str, no: str = "Cancel") -> bool:
    return await screen.app.push_screen_wait(Confirm(question, yes=yes, no=no))


async def choose_deliveries(
    screen: Screen[Any], title: str, choices: Sequence[tuple[str, Sequence[DeliveryRow]]]
) -> Sequence[DeliveryRow]:
    """Ask which of these deliveries are meant, each choice with its label. Empty if none was chosen."""
    items = [(str(place), str(place), label) for place, (label, _) in enumerate(choices, 1)]
    chosen = await screen.app.push_screen_wait(Choose(title, items))
    return choices[int(chosen) - 1][1] if chosen else ()


def tell(screen: Screen[Any], result: Result, deed: Deed, what: str, asked: int, pending: str = "") -> None:
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
