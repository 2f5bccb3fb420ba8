"""`w`: where an alert would go if it arrived now, and why not to the other destinations."""

from typing import Any

from textual.screen import Screen

from tui.domain.routing import choices
from tui.screens.alert.pane import PRUNED, AlertPane
from tui.screens.shared.context import Context
from tui.screens.shared.dialogs import ShowText
from tui.store.destinations import all_destinations

_TITLE = "Where this alert would go now"


async def show_routes(screen: Screen[Any], context: Context, pane: AlertPane) -> None:
    if pane.details is None:
        screen.notify(PRUNED if pane.is_pruned else "No alert is selected", severity="warning")
        return
    found = choices(pane.details.alert, await context.read(all_destinations))
    lines = [
        f"– {each.destination.name}: {each.reason}"
        if each.reason
        else f"✓ {each.destination.name}" + " (paused)" * each.destination.paused
        for each in found
    ]
    text = "\n".join(lines) or "There is no destination yet."
    await screen.app.push_screen_wait(ShowText(_TITLE, text))
