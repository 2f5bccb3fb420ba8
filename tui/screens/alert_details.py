"""The details of an alert as a page of their own, for terminals too narrow for both."""

from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.domain.lifecycle import State
from tui.screens import alert_actions
from tui.screens.context import Context
from tui.screens.copying import copy_from
from tui.screens.live import LiveScreen
from tui.screens.reasons import Reasons
from tui.screens.widgets.alert_pane import AlertPane
from tui.store.views import DeliveryRow


class AlertDetailsScreen(Reasons, LiveScreen):
    AUTO_FOCUS = "#deliveries"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back", id="details.back", tooltip="Drop the mark; back to the list"),
        Binding("r", "resend", "resend", id="details.resend", tooltip="Send this delivery again"),
        Binding(
            "c", "cancel", "cancel", id="details.cancel", tooltip="Withdraw this delivery while it waits"
        ),
        Binding("y", "copy", "copy", id="details.copy", tooltip="Copy payload, response, curl, error or id"),
        Binding(
            "tab",
            "app.focus_next",
            "response",
            show=False,
            id="details.tab",
            tooltip="To the response and back",
        ),
    ]

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
            pane.enter()  # of an alert sent nowhere
        self.tell_reasons()

    def tick(self) -> None:
        self.query_one(AlertPane).tick()

    def why_not(self, action: str) -> str | None:
        pane = self.query_one(AlertPane)
        if pane.details is None or action not in ("resend", "cancel"):
            return None  # the key may be faster than the first read
        what = "send again" if action == "resend" else "cancel"
        if pane.chosen is None:
            return f"{alert_actions.NOWHERE}: there is nothing to {what}"
        row = pane.chosen.delivery.row
        if action == "resend" and row.deleted:
            return "Its destination has been deleted: it cannot be sent again"
        if action == "resend" and row.state is State.IN_FLIGHT:
            return "It is being sent right now: wait for the answer, then try again"
        if action == "cancel" and row.state is not State.SCHEDULED:
            return f"{alert_actions.why_not_cancel([row])}: there is nothing to cancel"
        return None

    def on_line_view_moved(self) -> None:
        self.tell_reasons()

    # --- actions

    def action_leave(self) -> None:
        if not self.query_one(AlertPane).drop_mark():
            self.app.pop_screen()

    def action_resend(self) -> None:
        self.begin(lambda: self._with_delivery(alert_actions.resend_delivery), "action")

    def action_cancel(self) -> None:
        self.begin(lambda: self._with_delivery(alert_actions.cancel_delivery), "action")

    async def _with_delivery(
        self, action: Callable[["AlertDetailsScreen", Context, DeliveryRow], Awaitable[object]]
    ) -> None:
        chosen = (await self._read_pane()).chosen
        if chosen is None:
            self.notify(f"{alert_actions.NOWHERE}: there is nothing to be done", severity="warning")
            return
        await action(self, self.context, chosen.delivery.row)

    def action_copy(self) -> None:
        self.begin(self._copy, "action")

    async def _copy(self) -> None:
        await copy_from(self, self.context, await self._read_pane())

    async def _read_pane(self) -> AlertPane:
        pane = self.query_one(AlertPane)
        if pane.details is None:
            await pane.show(self._key)  # the key was faster than the first read
        return pane
