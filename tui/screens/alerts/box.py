"""The frame around the list of alerts: the filter, the number of alerts, or why there are none."""

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.domain.filter import Filter
from tui.domain.text import visible
from tui.screens.alerts.filter_bar import FilterBar
from tui.screens.alerts.list import AlertList
from tui.screens.alerts.pages import MOST_NEW
from tui.screens.shared.context import Context


class AlertBox(Vertical):
    def __init__(self, context: Context) -> None:
        super().__init__(id="list")
        self.context = context
        self.border_title = "Alerts"
        self._counts: AlertList.Counts | None = None
        self._lost = ""
        """Why the database does not answer. Empty while it does."""
        self._framed = ("", "")
        self._why_empty = ""

    def compose(self) -> ComposeResult:
        bar = FilterBar(self.context.kept)
        yield bar
        yield Static(id="empty")
        yield AlertList(self.context, bar.filter)

    async def load(self) -> None:
        await self.query_one(AlertList).load()
        self._lost = ""
        self._show_emptiness()

    async def show(self, filter: Filter) -> None:
        await self.query_one(AlertList).show(filter)
        self._show_emptiness()

    def say_lost(self, reason: str) -> None:
        self._lost = reason
        self._show_emptiness()

    # --- the empty list

    def _show_emptiness(self) -> None:
        """Show the list, or why it is empty and what to do."""
        alerts, empty = self.query_one(AlertList), self.query_one("#empty", Static)
        why = self._reason(alerts)
        if why != self._why_empty:
            self._why_empty = why
            empty.update(Content(why))
        empty.display, alerts.display = bool(why), not why
        if why and alerts.has_focus:
            self.screen.set_focus(None)
        elif not why and self.screen.focused is None:
            alerts.focus()
        self._frame()

    def _reason(self, alerts: AlertList) -> str:
        """Return why the list is empty and which key to press, or "" if there are alerts."""
        if not alerts.is_loaded:
            return f"{self._lost}; retrying. Press q to quit." if self._lost else "Loading alerts…"
        if not alerts.is_empty:
            return ""
        bar = self.query_one(FilterBar)
        if unknown := bar.unknown:
            return f"{unknown}. Press / to change the filter, esc to clear it."
        if bar.filter:
            return "No alerts match this filter. Press / to change it, esc to clear it."
        if self.context.read_only:
            return "No alerts yet."
        if bar.names:
            return 'No alerts yet. Send one: tocsin send --title "Root login" --severity CRITICAL'
        return "Welcome to Tocsin. It delivers alerts to webhooks. Press n to add your first destination."

    # --- the frame

    def on_alert_list_counted(self, event: AlertList.Counted) -> None:
        self._counts = event.counts
        self._frame()

    def _frame(self) -> None:
        """Set title and subtitle if they changed: setting either repaints the frame and its contents."""
        counts = self._counts
        if counts is None:
            return
        framed = f"Alerts · {counts.total:,}{'' if counts.counted else '+'}", self._below(counts)
        if framed != self._framed:
            self._framed = framed
            self.border_title, self.border_subtitle = map(Content, framed)

    def _below(self, counts: AlertList.Counts) -> str:
        if counts.selected:
            return f"{counts.selected:,} selected"
        if self._lost:
            return f"{visible(self._lost)}; retrying"
        if counts.new:
            return f"{counts.new:,}{'+' if counts.new >= MOST_NEW else ''} new ↑ g"
        return "live" if counts.following and counts.total else ""
