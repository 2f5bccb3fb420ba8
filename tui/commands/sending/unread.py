"""What `tocsin send` cannot read: named on stderr and stored in an alert, so that no line is lost."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.commands.shared.console import tell
from tui.domain.alert import Alert
from tui.domain.errors import Invalid
from tui.domain.text import visible
from tui.intake.documents import Item
from tui.intake.unreadable import RULE, Unreadable, UnreadableLines

if TYPE_CHECKING:
    from tui.store.outbox import Receipt

_MOST_TOLD = 20
"""Bad items named on stderr one by one: a file of another kind may have millions."""


class Unread:
    """The items of one source that cannot be read.

    `store` stores a report, or its new content, and returns its receipt. With `whole`, the source still
    exists after the command, so it is refused as a whole if nothing in it can be read.
    """

    def __init__(
        self,
        lines: UnreadableLines,
        store: "Callable[[Alert], Receipt]",
        destinations: tuple[str, ...] | None,
        *,
        whole: bool,
    ) -> None:
        self.count = 0
        """How many items could not be read."""
        self.receipts: dict[str, Receipt] = {}
        """Of the reports by alert id."""
        self._lines, self._store, self._destinations = lines, store, destinations
        self._readable = not whole
        self._new: list[Unreadable] = []
        self._held: dict[str, Alert] = {}
        """Reports to store, by alert id."""
        self._untold: list[str] = []

    def add(self, item: Item, place: str, error: Invalid, *, again: bool) -> None:
        """Take an error of `item`; `again` if it is not the first of that item."""
        self.count += 1
        if self.count <= _MOST_TOLD:
            self._untold.append(f"tocsin: {place + ': ' if place else ''}{error.message}")
        raw = b"" if again else item.as_bytes()
        if raw:
            self._new.append(Unreadable(place or "line 1", error.message, raw, cut=item.is_cut))

    def found_readable(self) -> None:
        """Note that something in the source can be read."""
        self._readable = True

    def report(self, *, at_the_end: bool = False) -> None:
        """Tell and store what is new. Raises StoreUnavailable.

        Until something can be read, wait: the source may be a file of another kind.
        """
        if self._new:
            report = self._lines.add(self._new, self._destinations)
            self._held[report.alert_id] = report
            self._new = []
        if self._readable or at_the_end:
            for message in self._untold:
                tell(message)
            self._untold.clear()
        if self._readable:
            self._store_held()
        if at_the_end and self.count > 1 and not self._readable:
            source, bad = visible(self._lines.reports.subject), f"{self.count:,} bad items"
            tell(f"tocsin: nothing stored: no alert in {source} can be read ({bad})")
        elif at_the_end and self.count > _MOST_TOLD:
            tell(f"tocsin: {self.count:,} bad items in all")

    def _store_held(self) -> None:
        for alert_id, report in self._held.items():
            receipt = self._store(report)
            if alert_id not in self.receipts:
                self.receipts[alert_id] = receipt
                tell(f"tocsin: stored what cannot be read in alert {visible(alert_id)} of the rule {RULE}")
        self._held.clear()
