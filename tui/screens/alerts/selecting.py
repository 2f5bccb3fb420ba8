"""The selection in the list of alerts: only alerts that the filter lets through can be selected."""

from tui.domain.filter import Filter
from tui.screens.alerts.pages import AlertPages
from tui.screens.alerts.rows import AlertRows
from tui.screens.shared.context import Context
from tui.store.reading import listing
from tui.store.reading.views import AlertRow


class SelectableRows(AlertRows):
    """Subclasses report the number of selected alerts."""

    def __init__(self, context: Context, *, id: str) -> None:
        super().__init__(context, id=id)
        self._pages = AlertPages(context)
        """The source of the rows shown."""

    @property
    def filter(self) -> Filter:
        """The filter of the rows shown."""
        return self._pages.filter

    @property
    def selected(self) -> frozenset[int]:
        """The keys of the selected alerts."""
        return frozenset(self._selected)

    async def read_selected(self) -> list[AlertRow]:
        """Read the selected alerts as they are now, wherever they are in the list."""
        await self._deselect_unlisted(self._pages)
        return await self.context.read(listing.alerts_by_key, self._selected)

    async def _deselect_unlisted(self, pages: AlertPages) -> None:
        """Deselect what the filter does not let through: an action must not reach what is not listed."""
        if self._selected:
            before = frozenset(self._selected)  # a key may select another alert meanwhile
            self._selected -= before - await pages.matching(before)

    def clear_selection(self) -> None:
        self._selected.clear()
        self._repaint()
        self.tell_counts()

    def action_select(self) -> None:
        row = self.current
        if row is not None:
            self._selected ^= {row.key}
            self._refresh_line(self.cursor - self.scroll_offset.y)
            self.go_to(self.cursor + 1)

    def tell_counts(self) -> None:
        raise NotImplementedError
