"""The destinations screen: health and actions."""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.domain.destination import Destination
from tui.domain.errors import Invalid, Refused
from tui.domain.text import visible
from tui.screens.alert.screen import AlertDetailsScreen
from tui.screens.destinations.list import DestinationList
from tui.screens.destinations.pane import DestinationPane
from tui.screens.setup.screen import DestinationSetup
from tui.screens.setup.sending_tests import brief, send_test
from tui.screens.shared import key_table, words
from tui.screens.shared.context import Context
from tui.screens.shared.dialogs import Confirm
from tui.screens.shared.live import LiveScreen
from tui.screens.shared.reasons import Reasons
from tui.store import destinations
from tui.store.errors import StoreUnavailable
from tui.store.reading import health
from tui.store.reading.views import DestinationRow

_ROOM_FOR_BOTH = 20
"""Minimum screen height, in lines, for a pane below the list."""
_NONE_YET = "No destinations yet. Press n to add one: you need a name and a URL that accepts POST."


class DestinationsScreen(LiveScreen, Reasons):  # pyright: ignore[reportIncompatibleMethodOverride]
    AUTO_FOCUS = "#destinations"
    BINDINGS: ClassVar[list[BindingType]] = key_table.DESTINATIONS.bindings

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._wanted: int | None = None
        self._loaded = False
        self._tests: dict[int, tuple[Content, str]] = {}
        """The state and explanation of each destination's last test, by ID."""

    def compose_body(self) -> ComposeResult:
        with Vertical(id="destination-columns"):
            with Vertical(id="list"):
                yield Static(self._none_yet, id="empty")
                yield Static(id="heading")
                yield DestinationList(self.context)
            yield DestinationPane(self.context)

    @property
    def _none_yet(self) -> Content:
        return Content("No destinations yet." if self.context.read_only else _NONE_YET)

    def on_mount(self) -> None:
        self.query_one("#list").border_title = "Destinations · loading…"

    def _lose(self, error: StoreUnavailable) -> None:
        super()._lose(error)
        if not self._loaded:
            self.query_one("#empty", Static).update(
                Content(f"{visible(str(error))}. Retrying. Press q to quit.")
            )
            self.add_class("-empty")

    async def load(self) -> None:
        rows = await self.context.read(health.destination_rows)
        rows.sort(key=lambda row: (-row.trouble, -row.failed))  # by name where that is the same
        listed = self._list
        wanted = self._wanted if any(row.destination.id == self._wanted for row in rows) else None
        listed.show(rows, wanted)
        if wanted is not None:
            self._wanted = None
            self._open(opened=False)
        with self.app.batch_update():
            self.query_one("#list").border_title = Content(_title(rows))
            self.query_one("#empty", Static).update(self._none_yet)
            self.set_class(not rows, "-empty")
            self._draw_heading()
        if not rows:
            self._open(opened=False)
        if not self._loaded or wanted is not None:
            listed.focus()
        self._loaded = True
        self.refresh_bindings()
        self._show_current()

    def tick(self) -> None:
        self._list.refresh()
        self._pane.tick()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height < _ROOM_FOR_BOTH, "-short")
        if self._loaded:
            self.call_after_refresh(self._draw_heading)

    def select(self, destination_id: int) -> None:
        """Move the cursor to this destination when the list is next loaded."""
        self._wanted = destination_id
        self.reload()

    @property
    def _list(self) -> DestinationList:
        return self.query_one(DestinationList)

    @property
    def _pane(self) -> DestinationPane:
        return self.query_one(DestinationPane)

    @property
    def _current(self) -> Destination | None:
        row = self._list.current
        return row.destination if row else None

    def _draw_heading(self) -> None:
        heading, text = self.query_one("#heading", Static), self._list.heading()
        heading.display = text is not None and bool(self._list.rows)
        heading.update(text or "")

    # --- the pane

    def on_destination_list_highlighted(self) -> None:
        self._show_current()

    def on_destination_list_opened(self) -> None:
        self._open(opened=True)

    def on_destination_pane_alert_chosen(self, event: DestinationPane.AlertChosen) -> None:
        self.app.push_screen(AlertDetailsScreen(self.context, event.alert_key))

    def _show_current(self) -> None:
        row = self._list.current
        self._pane.show(row, self._tests.get(row.destination.id) if row else None)
        self.begin(self._pane.load, "pane")

    def _open(self, *, opened: bool) -> None:
        """Open the details in place of the list, or close them."""
        if self._pane.opened != opened:
            self._pane.opened = opened
            self.set_class(opened, "-opened")
            (self._pane.enter if opened else self._list.focus)()
            self.refresh_bindings()
            self._show_current()

    # --- actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if self.is_mounted and action in ("close", "new") and self._pane.opened != (action == "close"):
            return False
        return super().check_action(action, parameters)

    def why_not(self, action: str) -> str | None:
        needs_one = action in ("edit", "test", "pause", "delete", "alerts")
        return "There are no destinations" if needs_one and not self._list.rows else None

    def action_close(self) -> None:
        self._open(opened=False)

    def action_new(self) -> None:
        self.app.push_screen(DestinationSetup(self.context), self._see_new)

    def _see_new(self, destination_id: int | None) -> None:
        if destination_id is not None:
            self.select(destination_id)

    def action_edit(self) -> None:
        if self._current is not None:
            self.app.push_screen(DestinationSetup(self.context, self._current))

    def action_alerts(self) -> None:
        if self._current is not None:
            self.app.call_later(self.app.run_action, f"show_alerts({f'to:{_quoted(self._current.name)}'!r})")

    def action_test(self) -> None:
        current = self._current
        if current is None:
            return
        if current.paused:
            self.notify("This destination is paused. Press p to resume it, then test it.", severity="warning")
        elif current.id in self._list.testing:
            self.notify("A test is already in progress", severity="warning")
        else:
            if self.has_class("-short"):  # only the details have room for the result
                self._open(opened=True)
            self.run_worker(partial(self._test, current), group=f"test-{current.id}")

    async def _test(self, destination: Destination) -> None:
        def tell(told: Content, explanation: str = "") -> None:
            self._tests[destination.id] = (told, explanation)
            if self.is_mounted and self._current is not None and self._current.id == destination.id:
                self._pane.show(self._list.current, self._tests[destination.id])

        self._list.testing.add(destination.id)
        self._list.refresh()
        try:
            end = await send_test(self.context, destination, tell)
        except (StoreUnavailable, Invalid) as error:
            tell(Content.styled(f"✗ Not sent: {error}", "$text-error"))
            return
        finally:
            self._list.testing.discard(destination.id)
            self._list.refresh()
        tell(brief(end), end.explanation)
        if self._current is None or self._current.id != destination.id or not self.is_current:
            verdict = "received the test alert" if end.delivered else "did not receive the test alert"
            told = f"{visible(destination.name)} {verdict}. {end.explanation}".rstrip()
            self.app.notify(told, severity="information" if end.delivered else "error", markup=False)

    async def action_pause(self) -> None:
        if self._current is not None:
            await self.ask(partial(self._pause, self._current))

    async def _pause(self, destination: Destination) -> None:
        paused = not destination.paused
        try:
            await self.context.write(destinations.set_paused, destination.id, paused=paused)
        except (StoreUnavailable, Refused) as error:
            self.notify(f"Not changed: {error}", severity="error", markup=False)
            return
        # Reload before the message: the next key acts on what the list shows.
        await self.load_once()
        name = visible(destination.name)
        self.notify(
            f"{name} is paused. Its deliveries stay pending." if paused else f"{name} is active again.",
            markup=False,
        )

    async def action_delete(self) -> None:
        if self._current is not None:
            await self.ask(partial(self._delete, self._current))

    async def _delete(self, destination: Destination) -> None:
        waiting = next((row.waiting for row in self._list.rows if row.destination.id == destination.id), 0)
        lost = (
            f" {words.counted(waiting, 'pending delivery')} will be cancelled."
            if waiting
            else " It has no pending deliveries."
        )
        question = f"Delete {visible(destination.name)}?{lost} Its history is kept."
        if not await self.app.push_screen_wait(Confirm(question, yes="Delete", dangerous=True)):
            return
        try:
            cancelled = await self.context.write(destinations.delete, destination.id)
        except (StoreUnavailable, Refused) as error:
            self.notify(f"Not deleted: {error}", severity="error", markup=False)
            return
        told = f"; {words.counted(cancelled, 'delivery')} cancelled" if cancelled else ""
        self.notify(f"{visible(destination.name)} deleted{told}", markup=False)


def _title(rows: Sequence[DestinationRow]) -> str:
    """Return `Destinations · 12 · 6 failing · 1 paused`."""
    failing = sum(row.health.failing_since is not None for row in rows)
    paused = sum(row.destination.paused for row in rows)
    counts = ((failing, "failing"), (paused, "paused"))
    return f"Destinations · {len(rows)}" + "".join(f" · {n} {what}" for n, what in counts if n)


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name or "," in name else name
