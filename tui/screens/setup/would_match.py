"""How many of the latest alerts the form's choices and filter would have matched."""

import asyncio

from textual.content import Content
from textual.widgets import Static

from tui.domain.filter import Filter
from tui.screens.shared.context import Context
from tui.store.errors import StoreUnavailable
from tui.store.reading import listing

_TYPING_S = 0.15
"""Wait this long after a keystroke before counting."""


class WouldMatch(Static):
    def __init__(self, context: Context) -> None:
        super().__init__(id="would-match")
        self.context = context

    def count(self, filter: Filter | None) -> None:
        """Start a new count and cancel a running one. `filter` is None while it is invalid."""
        self.run_worker(self._count(filter), group="would-match", exclusive=True)

    async def _count(self, filter: Filter | None) -> None:
        if filter is None:
            self._tell("")
            return
        await asyncio.sleep(_TYPING_S)
        now = self.context.clock()
        try:
            matched, of = await self.context.read_aside(listing.count_latest, filter, now)
        except StoreUnavailable:
            self._tell("")  # saving reports the error
            return
        self._tell(f"Matches {matched:,} of the last {of:,} alerts" if of else "")

    def _tell(self, told: str) -> None:
        self.update(Content(told))
        self.display = bool(told)
