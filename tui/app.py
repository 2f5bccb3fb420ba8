"""The app: its modes, its keys, its look, and what keeps strangers' text from the terminal."""

import asyncio
import signal
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, cast

from rich.segment import Segment
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.filter import LineFilter
from textual.screen import Screen
from textual.theme import Theme

from tui.domain.text import replace_controls
from tui.screens.alerts import AlertsScreen
from tui.screens.context import Context
from tui.screens.destinations import DestinationsScreen
from tui.screens.dialogs import Confirm, Help
from tui.screens.live import LiveScreen
from tui.screens.log import LogScreen
from tui.store.database import ChangeNotice

_CHANGES_EVERY_S = 0.1

TOCSIN_THEME = Theme(
    name="tocsin",
    primary="#e0a458",
    secondary="#7aa2c4",
    accent="#6cb6d9",
    warning="#e5c07b",
    error="#ef6b73",
    success="#8cc98f",
    foreground="#d8d4cc",
    background="#14161a",
    surface="#1a1d22",
    panel="#242830",
    dark=True,
)


def style_sheet() -> Path:
    """`screens.tcss`: inside the package when installed, at the repository's top in a checkout."""
    packaged = Path(__file__).with_name("screens.tcss")
    return packaged if packaged.exists() else Path(__file__).parent.parent / "screens.tcss"


class InertFilter(LineFilter):
    """The last gate before the terminal: no control character gets through, whichever widget drew it.

    Text from outside is made visible where it enters a screen; this holds where that was forgotten.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        return [
            segment if segment.control else segment._replace(text=replace_controls(segment.text))
            for segment in segments
        ]


class TocsinApp(App[None]):
    TITLE = "Tocsin"
    CSS_PATH = style_sheet()
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "show_mode('alerts')", "alerts", show=False, id="app.alerts", tooltip="Alerts"),
        Binding(
            "2",
            "show_mode('destinations')",
            "destinations",
            show=False,
            id="app.destinations",
            tooltip="Destinations",
        ),
        Binding("3", "show_mode('log')", "log", show=False, id="app.log", tooltip="Log"),
        Binding(
            "question_mark", "help", "help", show=False, id="app.help", tooltip="The keys of this screen"
        ),
        Binding(
            "ctrl+p",
            "command_palette",
            "commands",
            id="app.palette",
            tooltip="Every action by name",
            priority=True,
        ),
        Binding("q", "leave", "quit", id="app.quit", tooltip="Quit; what is in flight is finished first"),
        Binding(
            "ctrl+q,ctrl+c",
            "leave",
            "quit",
            show=False,
            id="app.quit-anywhere",
            tooltip="Quit",
            priority=True,
        ),
    ]

    def __init__(self, context: Context, notice: ChangeNotice) -> None:
        super().__init__()
        self.context = context
        self._notice = notice
        self._inert = InertFilter()
        """Always the same: what a line looks like after a filter is kept with the line, by the filter."""
        self.register_theme(TOCSIN_THEME)
        self.theme = "tocsin"
        self.add_mode("alerts", lambda: AlertsScreen(context))
        self.add_mode("destinations", lambda: DestinationsScreen(context))
        self.add_mode("log", lambda: LogScreen(context))

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._inert]

    async def on_mount(self) -> None:
        await self.switch_mode("alerts")
        self.set_interval(_CHANGES_EVERY_S, self._look_for_changes)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            try:
                loop.add_signal_handler(number, partial(self.exit, return_code=128 + number))
            except (RuntimeError, ValueError):
                return  # not in the main thread: a test drives the app

    def _look_for_changes(self) -> None:
        if self._notice.changed():
            for screen in self.screen_stack:  # what lies under a dialog goes on living
                if isinstance(screen, LiveScreen):
                    screen.reload()

    # --- actions

    async def action_show_mode(self, mode: str) -> None:
        if isinstance(self.screen, LiveScreen) and len(self.screen_stack) > 1:
            self.pop_screen()
        if isinstance(self.screen, LiveScreen):
            await self.switch_mode(mode)

    def action_help(self) -> None:
        self.push_screen(Help(self.screen))

    async def action_show_destination(self, destination_id: int) -> None:
        """The destinations, with this one under the cursor."""
        await self.switch_mode("destinations")
        cast("DestinationsScreen", self.screen).select(destination_id)

    async def action_show_alerts(self, filter: str) -> None:
        """The alerts under this filter."""
        await self.switch_mode("alerts")
        cast("AlertsScreen", self.screen).filter_by(filter)

    async def action_leave(self) -> None:
        self.run_worker(self._leave, group="leave", exclusive=True)

    async def _leave(self) -> None:
        dispatcher = self.context.dispatcher
        if dispatcher is not None and dispatcher.in_flight:
            count = dispatcher.in_flight
            what = "1 delivery is" if count == 1 else f"{count} deliveries are"
            question = f"{what} in flight; quitting finishes that first. Quit?"
            if not await self.push_screen_wait(Confirm(question, yes="Quit", no="Stay")):
                return
        self.exit()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette holds every action of the screen, under the words of its key."""
        seen: set[str] = {"app.palette"}
        for active in screen.active_bindings.values():
            binding, id = active.binding, active.binding.id or "move."
            if active.enabled and binding.tooltip and id not in seen and not id.startswith("move."):
                seen.add(id)
                title = f"{binding.description.capitalize()}: {binding.tooltip}"
                yield SystemCommand(
                    title,
                    self.get_key_display(binding),
                    partial(self.run_action, binding.action, active.node),
                )
        yield SystemCommand("Change the theme", "Colours, light or dark", self.action_change_theme)

    # --- crashes

    def _fatal_error(self) -> None:
        """Textual prints the local variables of every frame, secrets included; we print none."""
        from rich.traceback import Traceback

        self.bell()
        traceback = Traceback(show_locals=False, width=None)
        self._exit_renderables.append(traceback)
        self._close_messages_no_wait()
