"""The destinations, each with its health, and what can be done to one."""

from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.domain.alert import Severity
from tui.domain.destination import ALL_SEVERITIES, Destination
from tui.domain.errors import Refused
from tui.domain.lifecycle import Outcome
from tui.domain.text import visible
from tui.screens import words
from tui.screens.context import Context
from tui.screens.destination_setup import DestinationSetup
from tui.screens.dialogs import Confirm
from tui.screens.live import LiveScreen
from tui.store import destinations, queries
from tui.store.errors import StoreUnavailable
from tui.store.views import DestinationRow, Record


class DestinationsScreen(LiveScreen):
    AUTO_FOCUS = "#destinations"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "new", id="destinations.new", tooltip="Set a destination up"),
        Binding("e", "edit", "edit", id="destinations.edit", tooltip="Edit this destination"),
        Binding("t", "test", "test", id="destinations.test", tooltip="Send it a test alert"),
        Binding(
            "p",
            "pause",
            "pause/resume",
            id="destinations.pause",
            tooltip="Hold its deliveries, or let them go",
        ),
        Binding("d", "delete", "delete", id="destinations.delete", tooltip="Delete this destination"),
        Binding(
            "enter", "alerts", "its alerts", id="destinations.alerts", tooltip="List the alerts sent to it"
        ),
        Binding("j", "cursor('down')", "down", show=False, id="move.down", tooltip="Next destination"),
        Binding("k", "cursor('up')", "up", show=False, id="move.up", tooltip="Previous destination"),
        Binding("g", "cursor('first')", "first", show=False, id="move.first", tooltip="First destination"),
        Binding("G", "cursor('last')", "last", show=False, id="move.last", tooltip="Last destination"),
    ]

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._rows: list[DestinationRow] = []
        self._wanted: int | None = None

    def compose_body(self) -> ComposeResult:
        with Vertical(id="list"):
            yield Static(
                Content("No destinations yet. Press n to set one up: a name and a URL that takes a POST."),
                id="empty",
            )
            yield OptionList(id="destinations", markup=False)

    async def load(self) -> None:
        self._rows = await self.context.read(queries.destination_rows, self.context.clock())
        self._draw()

    def tick(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        if self._rows:  # not before the first load: an empty list is hidden, and loses the focus
            self.call_after_refresh(self._draw)

    def select(self, destination_id: int) -> None:
        """Put the cursor on this destination when the list is next drawn."""
        self._wanted = destination_id
        self.reload()

    # --- drawing

    def _draw(self) -> None:
        options = self.query_one("#destinations", OptionList)
        self.query_one("#list").border_title = Content(f"Destinations · {len(self._rows)}")
        self.query_one("#empty").display = not self._rows
        options.display = bool(self._rows)
        ids = [str(row.destination.id) for row in self._rows]
        lines = [
            self._lines(row, options.scrollable_content_region.width or self.size.width - 4)
            for row in self._rows
        ]
        if [option.id for option in options.options] == ids:
            for index, line in enumerate(lines):
                if not line.is_same(cast("Content", options.get_option_at_index(index).prompt)):
                    options.replace_option_prompt_at_index(index, line)
        else:
            place, before = options.highlighted or 0, options.highlighted_option
            options.set_options([Option(line, id=id) for line, id in zip(lines, ids, strict=True)])
            if before is not None and before.id in ids:
                place = ids.index(before.id)
            options.highlighted = min(place, len(ids) - 1) if ids else None
        if self._wanted is not None and str(self._wanted) in ids:
            options.highlighted = ids.index(str(self._wanted))
            options.focus()
            self._wanted = None

    def _lines(self, row: DestinationRow, width: int) -> Content:
        """Two lines: what it is, and how it fares."""
        destination = row.destination
        state = self._state(row)
        left = Content.assemble(
            (words.padded(visible(destination.name), 16), "bold"),
            "  ",
            (visible(destination.masked_url), words.MUTED),
        )
        right = Content.assemble(_filters(destination), "  ", state, " ")
        room = max(width - right.cell_length - 2, 10)
        left = left.truncate(min(room, left.cell_length), ellipsis=True)
        gap = max(width - left.cell_length - right.cell_length - 1, 1)
        health = self._health(row)
        return Content.assemble(
            left, " " * gap, right, "\n", health.truncate(min(health.cell_length, width - 1), ellipsis=True)
        )

    def _state(self, row: DestinationRow) -> tuple[str, str]:
        if row.destination.paused:
            return f"{words.PAUSED} paused", "$text-warning"
        if row.health.failing_since is not None:
            return f"▲ failing {words.span(self.context.clock() - row.health.failing_since)}", "$text-error"
        return "● active", "$text-success"

    def _health(self, row: DestinationRow) -> Content:
        """What matters most first: a narrow screen cuts the end."""
        waiting = (f"  {row.waiting:,} waiting" if row.waiting else "", "$text-warning")
        if row.success is None or row.last is None:
            return Content.assemble(("  never used; t sends it a test alert", words.MUTED), waiting)
        failed = row.last.outcome is not Outcome.DELIVERED
        ago = words.span(self.context.clock() - (row.last.ended_at or 0))
        return Content.assemble(
            "  ",
            _bar(row.recent),
            f"  {row.success:>4.0%} ok",
            (f"  p95 {words.duration(row.p95_ms)}", words.MUTED),
            waiting,
            (_in_a_row(row.health.failures), "$text-error"),
            ("  last ", words.MUTED),
            (visible(row.last.summary)[:48], "$text-error" if failed else "$text-success"),
            (f"  {ago} ago", words.MUTED),
            (_of_the_day(row.day), words.MUTED),
        )

    # --- actions

    @property
    def _current(self) -> Destination | None:
        highlighted = self.query_one("#destinations", OptionList).highlighted
        return self._rows[highlighted].destination if highlighted is not None and self._rows else None

    def action_cursor(self, where: str) -> None:
        options = self.query_one("#destinations", OptionList)
        {
            "down": options.action_cursor_down,
            "up": options.action_cursor_up,
            "first": options.action_first,
            "last": options.action_last,
        }[where]()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        needs_one = action in ("edit", "test", "pause", "delete", "alerts")
        return None if needs_one and self.is_mounted and not self._rows else True

    def action_new(self) -> None:
        self.app.push_screen(DestinationSetup(self.context))

    def action_edit(self) -> None:
        if self._current is not None:
            self.app.push_screen(DestinationSetup(self.context, self._current))

    def action_test(self) -> None:
        current = self._current
        if current is not None and current.paused:
            self.notify("It is paused; press p to resume it, then test", severity="warning")
        elif current is not None:
            self.app.push_screen(DestinationSetup(self.context, current, testing=True))

    def action_alerts(self) -> None:
        if self._current is not None:
            self.app.call_later(self.app.run_action, f"show_alerts({f'to:{_quoted(self._current.name)}'!r})")

    def on_option_list_option_selected(self) -> None:
        self.action_alerts()

    def action_pause(self) -> None:
        if self._current is not None:
            self.run_worker(self._pause(self._current), group="action", exclusive=True)

    async def _pause(self, destination: Destination) -> None:
        paused = not destination.paused
        try:
            await self.context.write(destinations.set_paused, destination.id, paused=paused)
        except (StoreUnavailable, Refused) as error:
            self.notify(f"Nothing changed: {error}", severity="error", markup=False)
            return
        name = visible(destination.name)
        self.notify(
            f"{name} is paused: its deliveries wait" if paused else f"{name} is active again", markup=False
        )

    def action_delete(self) -> None:
        if self._current is not None:
            self.run_worker(self._delete(self._current), group="action", exclusive=True)

    async def _delete(self, destination: Destination) -> None:
        waiting = next((row.waiting for row in self._rows if row.destination.id == destination.id), 0)
        lost = (
            f" {words.counted(waiting, 'waiting delivery')} will be cancelled."
            if waiting
            else " Nothing waits for it."
        )
        question = f"Delete {visible(destination.name)}?{lost} Its history stays readable."
        if not await self.app.push_screen_wait(Confirm(question, yes="Delete", dangerous=True)):
            return
        try:
            await self.context.write(destinations.delete, destination.id)
        except (StoreUnavailable, Refused) as error:
            self.notify(f"Not deleted: {error}", severity="error", markup=False)
            return
        self.notify(f"{visible(destination.name)} is deleted", markup=False)


def _filters(destination: Destination) -> Content:
    if destination.severities == ALL_SEVERITIES:
        return Content.styled("all severities", words.MUTED)
    if not destination.severities:
        return Content.styled("only when named", words.MUTED)
    chosen = sorted(destination.severities, key=lambda severity: -severity.rank)
    if len(chosen) == 1:
        return words.severity(chosen[0], 0)
    if chosen[0] is Severity.CRITICAL and len(chosen) == chosen[0].rank - chosen[-1].rank + 1:
        return Content.assemble(words.severity(chosen[-1], 0), (" and up", words.MUTED))
    return Content(" ").join([Content.styled(s[:4], words.SEVERITY_STYLES[s]) for s in chosen])


def _bar(recent: tuple[Outcome, ...]) -> Content:
    """A mark for each of the last attempts; tall for delivered, low for failed: not by colour alone."""
    marks = [
        Content.styled("█", "$text-success")
        if outcome is Outcome.DELIVERED
        else Content.styled("▁", "$text-error")
        for outcome in recent
    ]
    return Content.assemble(" " * (queries.HEALTH_SPAN - len(marks)), *marks)


def _in_a_row(failures: int) -> str:
    return f"  {failures:,} failed in a row" if failures > 1 else ""


def _of_the_day(day: Record) -> str:
    if day.success is None:
        return ""
    return f"  24 h {day.success:.0%} of {day.attempts:,}, p95 {words.duration(day.p95_ms)}"


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name or "," in name else name
