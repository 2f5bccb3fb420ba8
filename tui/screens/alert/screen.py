"""The details of an alert as a full screen, for terminals too narrow for list and details side by side."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from tui.screens.alert import actions as alert_actions
from tui.screens.alert.copying import copy_from
from tui.screens.alert.pane import PRUNED, AlertPane
from tui.screens.alert.preview import show_preview
from tui.screens.alert.questions import OnDelivery
from tui.screens.alert.routes import show_routes
from tui.screens.shared import key_table
from tui.screens.shared.context import Context
from tui.screens.shared.live import LiveScreen
from tui.screens.shared.reasons import Reasons


class AlertDetailsScreen(LiveScreen, Reasons):  # pyright: ignore[reportIncompatibleMethodOverride]
    AUTO_FOCUS = "#deliveries"
    BINDINGS: ClassVar[list[BindingType]] = key_table.ALERT_DETAILS.bindings

    def __init__(self, context: Context, key: int) -> None:
        super().__init__(context)
        self._key = key

    def compose_body(self) -> ComposeResult:
        yield AlertPane(self.context)

    def on_mount(self) -> None:
        self.query_one("#pane").border_title = "Alert"

    async def load(self) -> None:
        pane = self.query_one(AlertPane)
        await pane.show(self._key)
        if self.focused is None:
            pane.enter()  # the alert has no deliveries to focus
        self.tell_reasons()

    def tick(self) -> None:
        self.query_one(AlertPane).tick()

    def why_not(self, action: str) -> str | None:
        pane = self.query_one(AlertPane)
        if action not in ("resend", "cancel"):
            return None
        if pane.details is None:
            return PRUNED if pane.is_pruned else None  # else the first read is still under way
        if pane.chosen_fold is not None:
            return "Nothing to cancel: this alert was folded into another one" if action == "cancel" else None
        why_not = alert_actions.why_not_resend if action == "resend" else alert_actions.why_not_cancel
        return why_not([pane.chosen.delivery.row] if pane.chosen else [])

    def on_line_view_moved(self) -> None:
        self.tell_reasons()

    def on_alert_pane_followed(self, event: AlertPane.Followed) -> None:
        self.app.push_screen(AlertDetailsScreen(self.context, event.alert_key))

    # --- actions

    def action_back(self) -> None:
        if not self.query_one(AlertPane).drop_mark():
            self.dismiss()

    async def action_resend(self) -> None:
        await self.ask(self._resend)

    async def _resend(self) -> None:
        pane = await self._read_pane()
        if pane.chosen_fold is not None:
            await alert_actions.send_folded(self, self.context, [pane.chosen_fold])
        elif pane.details is not None and pane.chosen is None:
            await alert_actions.send_somewhere(self, self.context, [pane.details.key])
        else:
            await self._with_delivery(alert_actions.resend_delivery)

    async def action_cancel(self) -> None:
        await self.ask(lambda: self._with_delivery(alert_actions.cancel_delivery))

    async def _with_delivery(self, action: OnDelivery) -> None:
        pane = await self._read_pane()
        chosen = pane.chosen
        if chosen is None:
            self.notify(f"{alert_actions.NO_DELIVERIES}.", severity="warning")
            return
        await action(self, self.context, chosen.delivery.row, seen=pane.is_cursor_visible)

    async def action_copy(self) -> None:
        await self.ask(self._copy)

    async def _copy(self) -> None:
        await copy_from(self, self.context, await self._read_pane())

    async def action_route(self) -> None:
        await self.ask(self._show_routes)

    async def _show_routes(self) -> None:
        await show_routes(self, self.context, await self._read_pane())

    async def action_preview(self) -> None:
        await self.ask(self._show_preview)

    async def _show_preview(self) -> None:
        await show_preview(self, self.context, await self._read_pane())

    async def _read_pane(self) -> AlertPane:
        pane = self.query_one(AlertPane)
        if pane.details is None:
            await pane.show(self._key)  # the key came before the first read
        return pane
