"""Home: the live list of alerts, a filter over it, and the details of the one under the cursor."""

from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from tui.domain.errors import Invalid
from tui.domain.filter import Filter, parse_filter
from tui.domain.text import visible
from tui.screens import alert_actions
from tui.screens.alert_details import AlertDetailsScreen
from tui.screens.context import Context
from tui.screens.destination_setup import DestinationSetup
from tui.screens.live import LiveScreen
from tui.screens.widgets.alert_list import MOST_NEW, AlertList
from tui.screens.widgets.alert_pane import AlertPane
from tui.store import destinations

_WIDE = 110
"""Columns from which list and details stand side by side."""


class AlertsScreen(LiveScreen):
    AUTO_FOCUS = "#alerts"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (_WIDE, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "r", "resend", "resend", id="alerts.resend", tooltip="Send the alert's failed deliveries again"
        ),
        Binding("slash", "filter", "filter", id="alerts.filter", tooltip="Filter the list"),
        Binding("y", "copy", "copy", id="alerts.copy", tooltip="Copy payload, response, curl or id"),
        Binding("n", "new_destination", "new", id="alerts.new", tooltip="Set a destination up"),
        Binding(
            "R",
            "resend_all",
            "resend all failed",
            show=False,
            id="alerts.resend-all",
            tooltip="Send every failed delivery under the filter again",
        ),
        Binding(
            "escape",
            "leave",
            "leave",
            show=False,
            id="alerts.leave",
            tooltip="Back to the list; drop filter or selection",
        ),
    ]

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._filter = Filter()
        self._destinations: int | None = None

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="columns"):
            with Vertical(id="list"):
                yield Input(id="filter", placeholder="severity:>=high state:failed to:soc root login")
                yield Static(id="filter-error")
                yield Static(id="empty")
                yield AlertList(self.context)
            yield AlertPane(self.context)

    def on_mount(self) -> None:
        self.query_one("#list").border_title = "Alerts"
        self.query_one("#pane").border_title = "Alert"
        self.query_one("#filter").display = False
        self.query_one("#filter-error").display = False

    async def load(self) -> None:
        alerts = self.query_one(AlertList)
        self._destinations = len(await self.context.read(destinations.all_destinations))
        await alerts.load()  # which tells when the alert under the cursor has changed
        self._show_emptiness(alerts)
        if self.was_lost:
            await self._show_details()

    def tick(self) -> None:
        self.query_one(AlertList).tick()
        if self._is_wide:
            self.query_one(AlertPane).tick()

    @property
    def _is_wide(self) -> bool:
        return self.size.width >= _WIDE

    def on_resize(self) -> None:
        if self._is_wide:
            self.begin(self._show_details, "details")

    async def _show_details(self) -> None:
        if self._is_wide:
            current = self.query_one(AlertList).current
            await self.query_one(AlertPane).show(current.key if current else None)

    def _show_emptiness(self, alerts: AlertList) -> None:
        empty = self.query_one("#empty", Static)
        empty.display, alerts.display = alerts.is_empty, not alerts.is_empty
        if not alerts.is_empty:
            if self.focused is None:
                alerts.focus()
            return
        if self._filter:
            text = "No alert matches this filter. Press / to change it, esc to drop it."
        elif self._destinations:
            text = 'No alerts yet. Send one: tocsin send --title "Root login" --severity CRITICAL'
        else:
            text = (
                "Welcome to Tocsin: it delivers alerts to webhooks. Press n to set up your first destination."
            )
        empty.update(Content(text))
        if self.focused is alerts:
            self.set_focus(None)

    # --- the list

    def on_alert_list_counted(self, event: AlertList.Counted) -> None:
        box = self.query_one("#list")
        box.border_title = Content(f"Alerts · {event.total:,}{'' if event.counted else '+'}")
        if event.selected:
            box.border_subtitle = Content(f"{event.selected} selected")
        elif event.new:
            more = "+" if event.new >= MOST_NEW else ""
            box.border_subtitle = Content(f"{event.new:,}{more} new ↑ g")
        else:
            box.border_subtitle = Content("live" if event.following and event.total else "")

    def on_alert_list_highlighted(self) -> None:
        self.begin(self._show_details, "details")

    def on_alert_list_opened(self, event: AlertList.Opened) -> None:
        if self._is_wide:
            self.query_one(AlertPane).enter()
        else:
            self.app.push_screen(AlertDetailsScreen(self.context, event.row.key))

    # --- the filter

    def filter_by(self, text: str) -> None:
        """Put `text` into the filter, as if it had been typed."""
        field = self.query_one("#filter", Input)
        field.display = bool(text)
        field.value = text
        self.query_one(AlertList).focus()

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """The list follows as one types; a term that makes no sense is named and the last good list stays."""
        error = self.query_one("#filter-error", Static)
        try:
            filter = parse_filter(event.value)
        except Invalid as problem:
            error.update(Content(visible(problem.message)))
            error.display = True
            return
        error.display = False
        if filter != self._filter:
            self._filter = filter
            self.begin(self._apply_filter, "filter")

    async def _apply_filter(self) -> None:
        alerts = self.query_one(AlertList)
        await alerts.show(self._filter)
        self._show_emptiness(alerts)
        await self._show_details()

    def on_input_submitted(self) -> None:
        field = self.query_one("#filter", Input)
        field.display = bool(field.value.strip())
        self.query_one(AlertList).focus()

    def action_leave(self) -> None:
        """Esc takes back one thing at a time: the pane, the selection, the filter."""
        alerts, field = self.query_one(AlertList), self.query_one("#filter", Input)
        if self.focused is not None and self.query_one(AlertPane) in self.focused.ancestors:
            alerts.focus()
        elif alerts.selected and self.focused is alerts:
            alerts.clear_selection()
        elif field.display:
            field.value = ""
            field.display = False
            alerts.focus()

    # --- actions

    def action_resend(self) -> None:
        self.begin(self._resend, "action")

    async def _resend(self) -> None:
        alerts, pane = self.query_one(AlertList), self.query_one(AlertPane)
        chosen = pane.chosen
        if chosen is not None and self.focused is not None and pane in self.focused.ancestors:
            await alert_actions.resend_delivery(self, self.context, chosen.delivery.row)
            return
        rows = [alerts.current] if alerts.current and not alerts.selected else []
        if alerts.selected:
            rows = await alerts.read_selected()
        if rows and await alert_actions.resend_alerts(self, self.context, rows):
            alerts.clear_selection()

    def action_resend_all(self) -> None:
        resend = partial(alert_actions.resend_all_failed, self, self.context, self._filter)
        self.begin(resend, "action")

    def action_copy(self) -> None:
        self.begin(self._copy, "action")

    async def _copy(self) -> None:
        pane, current = self.query_one(AlertPane), self.query_one(AlertList).current
        await pane.show(current.key if current else None)  # hidden, or behind the cursor
        await alert_actions.copy_from(self, self.context, pane)

    def action_new_destination(self) -> None:
        self.app.push_screen(DestinationSetup(self.context))
