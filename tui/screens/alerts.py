"""Home: the live list of alerts, a filter over it, and the details of the one under the cursor."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Static

from tui.domain.errors import Invalid
from tui.domain.filter import Filter, parse_filter, unknown_names
from tui.domain.text import visible
from tui.screens import alert_actions
from tui.screens.alert_details import AlertDetailsScreen
from tui.screens.context import Context
from tui.screens.copying import copy_from
from tui.screens.destination_setup import DestinationSetup
from tui.screens.filter_commands import FilterCommands
from tui.screens.live import LiveScreen
from tui.screens.widgets.alert_list import MOST_NEW, AlertList
from tui.screens.widgets.alert_pane import AlertPane
from tui.screens.widgets.filter_field import FilterField, FilterHint
from tui.store.destinations import every_destination
from tui.store.errors import StoreUnavailable
from tui.store.views import AlertRow, DeliveryRow

_TROUBLE = "state:failed,retrying"
_TYPING_S = 0.08
"""Letters typed within it are taken together."""
DETAILS_AFTER_S = 0.12
"""How long the cursor rests on an alert before its details are read."""
_WIDE = 110
"""Columns from which list and details stand side by side."""


class AlertsScreen(LiveScreen):
    AUTO_FOCUS = "#alerts"
    COMMANDS = {FilterCommands}
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (_WIDE, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "r", "resend", "resend", id="alerts.resend", tooltip="Send the alert's failed deliveries again"
        ),
        Binding("slash", "filter", "filter", id="alerts.filter", tooltip="Filter the list"),
        Binding(
            "f", "trouble", "failed", id="alerts.trouble", tooltip="Only what failed or is being retried"
        ),
        Binding("y", "copy", "copy", id="alerts.copy", tooltip="Copy payload, response, curl or id"),
        Binding(
            "c",
            "cancel",
            "cancel",
            show=False,
            id="alerts.cancel",
            tooltip="Withdraw the deliveries that wait",
        ),
        Binding("n", "new_destination", "new", show=False, id="alerts.new", tooltip="Set a destination up"),
        Binding(
            "R",
            "resend_all",
            "resend all failed",
            show=False,
            id="alerts.resend-all",
            tooltip="Send all that failed under the filter again",
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
        self._names: Sequence[str] = ()
        """What destinations are or were called."""
        self._counts: AlertList.Counts | None = None
        self._reason = ""
        """Why the database does not answer; empty while it does."""

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="columns"):
            with Vertical(id="list"):
                yield FilterField()
                yield FilterHint()
                yield Static(id="empty")
                yield AlertList(self.context)
            yield AlertPane(self.context)

    def on_mount(self) -> None:
        self.query_one("#list").border_title = "Alerts"
        self.query_one("#pane").border_title = "Alert"
        self.query_one(FilterField).display = False
        self.query_one(FilterHint).display = False
        if self.context.kept.filter:
            self.filter_by(self.context.kept.filter)

    async def load(self) -> None:
        alerts, field = self.query_one(AlertList), self.query_one(FilterField)
        known = await self.context.read(every_destination)
        self._names = field.names = list(dict.fromkeys(destination.name for destination in known))
        await alerts.load()  # which tells when the alert under the cursor has changed
        self._reason = ""
        self._show_emptiness()
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

    def _lose(self, error: StoreUnavailable) -> None:
        super()._lose(error)
        self._reason = str(error)
        self._show_emptiness()

    def _show_emptiness(self) -> None:
        """The list, or why there is none and what to do about it."""
        alerts, empty = self.query_one(AlertList), self.query_one("#empty", Static)
        why = self._why_empty(alerts)
        empty.display, alerts.display = bool(why), not why
        empty.update(Content(why))
        if why and self.focused is alerts:
            self.set_focus(None)
        elif not why and self.focused is None:
            alerts.focus()
        self._frame()

    def _why_empty(self, alerts: AlertList) -> str:
        """A sentence and the key to press; nothing where there are alerts."""
        if not alerts.is_loaded:
            return (
                f"{self._reason}; trying again. Press q to quit." if self._reason else "Reading the alerts…"
            )
        if not alerts.is_empty:
            return ""
        if unknown := unknown_names(self._filter, self._names):
            return f"{_nobody(unknown)}. Press / to change the filter, esc to drop it."
        if self._filter:
            return "No alert matches this filter. Press / to change it, esc to drop it."
        if self._names:
            return 'No alerts yet. Send one: tocsin send --title "Root login" --severity CRITICAL'
        return "Welcome to Tocsin: it delivers alerts to webhooks. Press n to set up your first destination."

    # --- the list

    def on_alert_list_counted(self, event: AlertList.Counted) -> None:
        self._counts = event.counts
        self._frame()

    def _frame(self) -> None:
        """The list's title and what stands below it."""
        counts, box = self._counts, self.query_one("#list")
        if counts is None:
            return
        box.border_title = Content(f"Alerts · {counts.total:,}{'' if counts.counted else '+'}")
        below = "live" if counts.following and counts.total else ""
        if counts.selected:
            below = f"{counts.selected:,} selected"
        elif self._reason:
            below = f"{visible(self._reason)}; trying again"
        elif counts.new:
            below = f"{counts.new:,}{'+' if counts.new >= MOST_NEW else ''} new ↑ g"
        box.border_subtitle = Content(below)

    def on_alert_list_highlighted(self) -> None:
        self.begin(self._show_details_soon, "details")

    def on_alert_list_opened(self, event: AlertList.Opened) -> None:
        if self._is_wide:
            self.begin(self._enter_details, "details")
        else:
            self.app.push_screen(AlertDetailsScreen(self.context, event.row.key))

    async def _show_details_soon(self) -> None:
        """Once the cursor rests: a key held down paints lines of the list, not details nobody reads."""
        await asyncio.sleep(DETAILS_AFTER_S)
        await self._show_details()

    async def _enter_details(self) -> None:
        await self._show_details()  # which may still be those of the alert before
        self.query_one(AlertPane).enter()

    # --- the filter

    def filter_by(self, text: str) -> None:
        """Put `text` into the filter, as if it had been typed."""
        field = self.query_one(FilterField)
        field.keep()
        field.display = bool(text)
        field.value = text
        self.query_one(AlertList).focus()

    def action_filter(self) -> None:
        field = self.query_one(FilterField)
        field.display = True
        self.set_focus(field)  # at once: what is typed next is for it, and must not act on the list

    def action_trouble(self) -> None:
        """Failures only, beside whatever else the filter asks for; again, and it is taken back."""
        terms = self.query_one(FilterField).value.split()
        others = [term for term in terms if term != _TROUBLE]
        self.filter_by(" ".join(others if _TROUBLE in terms else [*others, _TROUBLE]))

    @on(Input.Changed, "#filter")
    def _on_typed(self, event: Input.Changed) -> None:
        """The list follows as one types; what makes no sense, or not yet, leaves the last good list."""
        filter, wrong = self._understand(event.value)
        self._show_hint(wrong)
        if not wrong:
            self.context.kept.filter = event.value
        is_begun = bool(self.query_one(FilterField).completions) and unknown_names(filter, self._names)
        if not is_begun and filter != self._filter:
            self._filter = filter
            self.begin(self._apply_filter, "filter")

    def _understand(self, text: str) -> tuple[Filter, str]:
        """The filter in `text`, or the last good one; and what is wrong, unless it may yet become right."""
        goes_on = self.query_one(FilterField).completions
        try:
            filter = parse_filter(text)
        except Invalid as problem:
            return self._filter, "" if goes_on else problem.message
        unknown = unknown_names(filter, self._names)
        return filter, _nobody(unknown) if unknown and not goes_on else ""

    def _show_hint(self, wrong: str) -> None:
        field, hint = self.query_one(FilterField), self.query_one(FilterHint)
        if wrong:
            hint.say_wrong(wrong)
        else:
            hint.suggest(field.completions)
        hint.display = field.display and (bool(wrong) or field.has_focus)

    def on_descendant_focus(self) -> None:
        self._show_hint(self._understand(self.query_one(FilterField).value)[1])

    async def _apply_filter(self) -> None:
        await asyncio.sleep(_TYPING_S)
        await self.query_one(AlertList).show(self._filter)
        self._show_emptiness()
        await self._show_details()

    @on(Input.Submitted, "#filter")
    def _on_entered(self) -> None:
        field = self.query_one(FilterField)
        field.keep()
        field.display = bool(field.value.strip())
        self.query_one(AlertList).focus()

    def action_leave(self) -> None:
        """Esc takes back one thing at a time: the pane, the selection, the filter."""
        alerts, field = self.query_one(AlertList), self.query_one(FilterField)
        pane = self.query_one(AlertPane)
        if self.focused is not None and pane in self.focused.ancestors:
            if not pane.drop_mark():
                alerts.focus()
        elif alerts.selected and self.focused is alerts:
            alerts.clear_selection()
        elif field.display:
            field.keep()
            field.value = ""
            field.display = False
            alerts.focus()

    # --- actions

    def action_resend(self) -> None:
        resend = partial(self._act, alert_actions.resend_delivery, alert_actions.resend_alerts)
        self.begin(resend, "action")

    def action_cancel(self) -> None:
        cancel = partial(self._act, alert_actions.cancel_delivery, alert_actions.cancel_alerts)
        self.begin(cancel, "action")

    async def _act(
        self,
        on_delivery: Callable[[Screen[Any], Context, DeliveryRow], Awaitable[object]],
        on_alerts: Callable[[Screen[Any], Context, Sequence[AlertRow]], Awaitable[bool]],
    ) -> None:
        """On the delivery the pane's cursor is on; else the selected alerts, or the one under the cursor."""
        alerts, pane = self.query_one(AlertList), self.query_one(AlertPane)
        chosen = pane.chosen
        if chosen is not None and self.focused is not None and pane in self.focused.ancestors:
            await on_delivery(self, self.context, chosen.delivery.row)
            return
        rows = [alerts.current] if alerts.current and not alerts.selected else []
        if alerts.selected:
            rows = await alerts.read_selected()
        if rows and await on_alerts(self, self.context, rows):
            alerts.clear_selection()

    def action_resend_all(self) -> None:
        resend = partial(alert_actions.resend_all_failed, self, self.context, self._filter)
        self.begin(resend, "action")

    def action_copy(self) -> None:
        self.begin(self._copy, "action")

    async def _copy(self) -> None:
        pane, current = self.query_one(AlertPane), self.query_one(AlertList).current
        await pane.show(current.key if current else None)  # hidden, or behind the cursor
        await copy_from(self, self.context, pane)

    def action_new_destination(self) -> None:
        self.app.push_screen(DestinationSetup(self.context))


def _nobody(names: Sequence[str]) -> str:
    return f"No destination is called {' or '.join(map(visible, names))}"
