"""The details of an alert as a page of their own, for terminals too narrow for both."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.screens import alert_actions
from tui.screens.context import Context
from tui.screens.live import LiveScreen
from tui.screens.widgets.alert_pane import AlertPane


class AlertDetailsScreen(LiveScreen):
    AUTO_FOCUS = "#deliveries"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.pop_screen", "back", id="details.back", tooltip="Back to the list"),
        Binding("r", "resend", "resend", id="details.resend", tooltip="Send this delivery again"),
        Binding("y", "copy", "copy", id="details.copy", tooltip="Copy payload, response, curl or id"),
        Binding("tab", "app.focus_next", "response", id="details.tab", tooltip="To the response and back"),
    ]

    def __init__(self, context: Context, key: int) -> None:
        super().__init__(context)
        self._key = key

    def compose_body(self) -> ComposeResult:
        yield AlertPane(self.context)

    def on_mount(self) -> None:
        self.query_one("#pane").border_title = "Alert"

    async def load(self) -> None:
        await self.query_one(AlertPane).show(self._key)

    def tick(self) -> None:
        self.query_one(AlertPane).tick()

    def action_resend(self) -> None:
        self.begin(self._resend, "action")

    async def _read_pane(self) -> AlertPane:
        pane = self.query_one(AlertPane)
        if pane.details is None:
            await pane.show(self._key)  # the key was faster than the first read
        return pane

    async def _resend(self) -> None:
        chosen = (await self._read_pane()).chosen
        if chosen is None:
            self.notify("This alert was sent nowhere: there is nothing to send again", severity="warning")
            return
        await alert_actions.resend_delivery(self, self.context, chosen.delivery.row)

    def action_copy(self) -> None:
        self.begin(self._copy, "action")

    async def _copy(self) -> None:
        await alert_actions.copy_from(self, self.context, await self._read_pane())
