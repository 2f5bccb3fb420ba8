"""The Textual app: modes, keys, themes, and the filter that keeps control characters from the terminal."""

import asyncio
import contextlib
import os
import select
import signal
import sys
import termios
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, ClassVar, cast

from rich.segment import Segment
from textual._context import active_message_pump
from textual.app import ScreenStackError, SystemCommand
from textual.await_complete import AwaitComplete
from textual.binding import BindingType
from textual.color import Color
from textual.command import CommandPalette
from textual.css.query import NoMatches
from textual.dom import DOMNode, NoScreen
from textual.filter import LineFilter
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.theme import ThemeProvider
from textual.widget import MountError
from textual.worker import WorkerFailed, get_current_worker

from tui.domain.text import replace_controls, visible
from tui.logs import first_line
from tui.screens.activity.screen import ActivityScreen
from tui.screens.alert.screen import AlertDetailsScreen
from tui.screens.alerts.screen import AlertsScreen
from tui.screens.destinations.screen import DestinationsScreen
from tui.screens.log.screen import LogScreen
from tui.screens.shared import key_table
from tui.screens.shared.context import Context
from tui.screens.shared.dialogs import Confirm
from tui.screens.shared.help import Help
from tui.screens.shared.jump import Jump
from tui.screens.shared.live import LiveScreen
from tui.screens.shared.themes import DARK, LIGHT, readable
from tui.screens.shared.typed_ahead import TypedAhead
from tui.store.engine.database import ChangeNotice

_CHANGES_EVERY_S = 0.1
_UNREAD_MS = 1000
"""How long the terminal may take no output, in milliseconds, before the output is discarded."""
_LOOK_S = 0.1
_NOT_FOUND = (NoMatches, NoScreen, ScreenStackError, MountError)
"""What Textual raises for a widget that is not mounted."""
_MODES = {
    "alerts": AlertsScreen,
    "destinations": DestinationsScreen,
    "log": LogScreen,
    "activity": ActivityScreen,
}
"""The main screens. `tui/screens/shared/key_table.py` has the key of each."""


def style_sheet() -> Path:
    """Return the path of `screens.tcss`: in the package when installed, at the top of a checkout."""
    packaged = Path(__file__).with_name("screens.tcss")
    return packaged if packaged.exists() else Path(__file__).parent.parent / "screens.tcss"


def _stop_waiting_for_terminal(terminal: int) -> None:
    """Until the process ends, notice when the terminal takes no output: after Ctrl-S, or over a stalled line.

    Resume it. If that does not help, discard the output.
    """
    writable = select.poll()
    writable.register(terminal, select.POLLOUT)
    while True:
        if writable.poll(_UNREAD_MS):
            time.sleep(_LOOK_S)
            continue
        with contextlib.suppress(termios.error):
            termios.tcflow(terminal, termios.TCOON)
        if not writable.poll(_UNREAD_MS):
            break
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for output in (1, 2):
        os.dup2(nowhere, output)
    for thread in threading.enumerate():  # interrupted, Python writes again, to what is there now
        if thread.name == "textual-output" and thread.ident is not None:
            signal.pthread_kill(thread.ident, signal.SIGTERM)


def _is_closing(node: MessagePump) -> bool:
    nodes = node.ancestors_with_self if isinstance(node, DOMNode) else []
    return any(each._pruning or each._closing for each in nodes)


class InertFilter(LineFilter):
    """The last step before the terminal: replaces control characters, whichever widget drew them.

    Screens already escape text from outside; this covers places that forget to.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        return [
            segment if segment.control else segment._replace(text=replace_controls(segment.text))
            for segment in segments
        ]


class Palette(CommandPalette):
    """Textual's palette, except that a second dismiss does nothing, as in our dialogs."""

    def dismiss(self, result: Any = None) -> AwaitComplete:
        return super().dismiss(result) if self.app.screen is self else AwaitComplete.nothing()


class TocsinApp(TypedAhead):
    TITLE = "Tocsin"
    CSS_PATH = style_sheet()
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = key_table.APP.bindings

    def __init__(
        self, context: Context, notice: ChangeNotice, keymap: Mapping[str, str] | None = None
    ) -> None:
        # With NO_COLOR, write no colours at all: without ANSI themes, Textual would still write greys.
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        self.context = context
        self._notice = notice
        self._on_interrupt: Any = None
        """The handler of SIGINT before the app."""
        self._inert = InertFilter()
        """Created once: Textual caches filtered lines by filter instance."""
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        kept = context.kept.theme
        self.theme = kept if kept in self.available_themes else DARK.name
        self.set_keymap(keymap or {})
        for name, screen in _MODES.items():
            self.add_mode(name, partial(screen, context))

    def get_css_variables(self) -> dict[str, str]:
        return readable(self.current_theme, super().get_css_variables())

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._inert]

    @property
    def is_opening(self) -> bool:
        return isinstance(self.screen, LiveScreen) and self.screen.is_opening

    def on_load(self) -> None:
        """Handle signals before the terminal is changed: every signal must restore it."""
        loop = asyncio.get_running_loop()
        if threading.current_thread() is not threading.main_thread():
            return  # a test runs the app
        signals: SimpleQueue[int] = SimpleQueue()
        self._on_interrupt = signal.getsignal(signal.SIGINT)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            # Not the loop's handler: the loop does not run while it waits for the terminal.
            signal.signal(number, lambda number, _: signals.put(number))
        threading.Thread(target=self._end_on_signals, args=(loop, signals), daemon=True).start()
        if sys.stdin.isatty():
            threading.Thread(target=self._end_with_terminal, args=(loop,), daemon=True).start()

    async def on_mount(self) -> None:
        kept = self.context.kept.screen
        await self.switch_mode(kept if kept in _MODES else "alerts")
        self.set_interval(_CHANGES_EVERY_S, self._look_for_changes)

    def on_unmount(self) -> None:
        if self._on_interrupt is not None:  # Ctrl-C now aborts the requests that finish after the app
            signal.signal(signal.SIGINT, self._on_interrupt)

    def _end_on_signals(self, loop: asyncio.AbstractEventLoop, signals: SimpleQueue[int]) -> None:
        """Exit on a signal, also while nobody reads the terminal and every write to it blocks."""
        number = signals.get()
        with contextlib.suppress(RuntimeError):  # the loop has already ended
            loop.call_soon_threadsafe(partial(self.exit, return_code=128 + number))
        if sys.__stderr__ is not None and sys.__stderr__.isatty():
            _stop_waiting_for_terminal(sys.__stderr__.fileno())

    def _end_with_terminal(self, loop: asyncio.AbstractEventLoop) -> None:
        """Exit when the terminal is gone without SIGHUP; Textual would read end of file in a loop."""
        terminal = select.poll()
        terminal.register(sys.stdin.fileno(), 0)
        terminal.poll()  # returns when it is gone
        with contextlib.suppress(RuntimeError):  # the loop has already ended
            loop.call_soon_threadsafe(partial(self.exit, return_code=128 + signal.SIGHUP))

    def _look_for_changes(self) -> None:
        if self._notice.changed():
            for screen in self.screen_stack:  # screens below a dialog stay live
                if isinstance(screen, LiveScreen):
                    screen.reload()

    # --- actions

    async def action_show_mode(self, mode: str) -> None:
        if isinstance(self.screen, LiveScreen) and len(self.screen_stack) > 1:
            self.pop_screen()
        if isinstance(self.screen, LiveScreen):
            await self._go_to(mode)

    async def _go_to(self, mode: str) -> None:
        await self.switch_mode(mode)
        self.context.kept.screen = mode

    def watch_theme(self, theme: str) -> None:
        self.context.kept.theme = theme

    def action_help(self) -> None:
        self.push_screen(Help(self.screen))

    async def action_jump(self) -> None:
        self.push_screen(Jump(self.screen))

    async def action_show_alert(self, key: int) -> None:
        """Open the details of this alert above the current screen."""
        self.push_screen(AlertDetailsScreen(self.context, key))

    async def action_show_destination(self, destination_id: int) -> None:
        """Open the destinations with this one selected."""
        await self._go_to("destinations")
        cast("DestinationsScreen", self.screen).select(destination_id)

    async def action_show_alerts(self, filter: str) -> None:
        """Open the alerts with this filter."""
        await self._go_to("alerts")
        cast("AlertsScreen", self.screen).filter_by(filter)

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(Palette(id="--command-palette"))

    def search_themes(self) -> None:
        self.push_screen(Palette(providers=[ThemeProvider], placeholder="Search for themes…"))

    async def action_leave(self) -> None:
        self.run_worker(self._leave, group="leave", exclusive=True)

    async def _leave(self) -> None:
        dispatcher = self.context.dispatcher
        if dispatcher is not None and dispatcher.in_flight:
            count = dispatcher.in_flight
            what = "1 delivery is" if count == 1 else f"{count} deliveries are"
            question = f"{what} in flight and will finish first. Quit?"
            if not await self.push_screen_wait(Confirm(question, yes="Quit", no="Cancel")):
                return
        self.exit()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """List every action of the screen in the palette, named by the tooltip of its key."""
        seen = {(cast("Any", self), "command_palette")}
        for active in screen.active_bindings.values():
            binding, id = active.binding, active.binding.id or "move."
            action = (active.node, binding.action)  # one action may have two keys
            if active.enabled and binding.tooltip and action not in seen and not id.startswith("move."):
                seen.add(action)
                title = f"{binding.description.capitalize()}: {binding.tooltip}"
                yield SystemCommand(
                    title,
                    self.get_key_display(binding),
                    partial(self.run_action, binding.action, active.node),
                )

    # --- crashes

    def _handle_exception(self, error: Exception) -> None:
        """Exit with a traceback, except if a handler of a closing screen did not find a widget.

        Textual (8.2.8) mounts no more widgets on a screen that is being removed, nor on any screen once the
        app exits, but still calls `on_mount` and the other handlers. A signal that arrives while a screen
        opens must not end in a traceback.
        """
        if isinstance(error, WorkerFailed):
            cause, node = error.error, get_current_worker().node
        else:
            cause, node = error, active_message_pump.get()
        if not (isinstance(cause, _NOT_FOUND) and (self._exit or _is_closing(node))):
            super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """Print the traceback without local variables, which may be secrets; Textual would print them."""
        from rich.traceback import Traceback

        self.bell()
        traceback = Traceback(show_locals=False, width=None)
        error = sys.exc_info()[1]
        for stack in traceback.trace.stacks:  # the last error first, then its causes
            if error is not None:
                stack.exc_value = visible(first_line(error))
                error = error.__cause__ or error.__context__
        self._exit_renderables.append(traceback)
        self._close_messages_no_wait()
