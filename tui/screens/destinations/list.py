"""The list of destinations: one line each if all columns fit, else two.

Only visible rows are drawn, so hundreds scroll as smoothly as three.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.visual import Visual

from tui.domain.text import visible
from tui.screens.destinations import words as destination_words
from tui.screens.destinations.words import cell
from tui.screens.shared import key_table, words
from tui.screens.shared.context import Context
from tui.screens.shared.cursor import CursorList, under_cursor
from tui.store.reading.health import HEALTH_SPAN
from tui.store.reading.views import DestinationRow

ONE_LINE = 150
"""Minimum width, in cells, for one line per destination."""
_STATE, _SEVERITIES, _SUCCESS, _P95, _FAILED, _WAITING = 14, 19, 4, 8, 7, 8
_GAP = "  "
_WIDEST_NAME, _NARROWEST_NAME = 28, 8


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


class DestinationList(CursorList):
    BINDINGS: ClassVar[list[BindingType]] = key_table.DESTINATION_LIST.bindings

    @dataclass
    class Highlighted(Message):
        """The cursor moved to another destination, or the current one changed."""

        row: DestinationRow | None

    @dataclass
    class Opened(Message):
        row: DestinationRow

    def __init__(self, context: Context) -> None:
        super().__init__(id="destinations")
        self.context = context
        self.rows: list[DestinationRow] = []
        self.testing: set[int] = set()
        """IDs of the destinations with a test in progress."""
        self._name_width = _NARROWEST_NAME
        self._severities_width = 0

    # --- what others ask

    @property
    def current(self) -> DestinationRow | None:
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    @property
    def row_count(self) -> int:
        return len(self.rows)

    def show(self, rows: list[DestinationRow], go_to: int | None = None) -> None:
        """Show these rows. The cursor stays on its destination, or moves to the one with the ID `go_to`."""
        before = self.current
        wanted = go_to if go_to is not None else before.destination.id if before else None
        self.rows = rows
        severities = (destination_words.severities(row.destination).cell_length for row in rows)
        self._severities_width = max(severities, default=0)
        names = (cell_len(visible(row.destination.name)) for row in rows)
        self._name_width = min(max(names, default=0), _WIDEST_NAME)
        self._name_width = max(self._name_width, _NARROWEST_NAME)
        self._fit()
        place = next((i for i, row in enumerate(rows) if row.destination.id == wanted), self.cursor)
        self.cursor = max(0, min(place, len(rows) - 1))
        self.keep_in_sight()
        self.refresh()
        if self.current != before or before is None:
            self.post_message(self.Highlighted(self.current))

    def heading(self) -> Content | None:
        """Return the column titles; None if a destination takes two lines."""
        if self.row_height == 2:
            return None
        titles = (
            "STATE",
            "NAME",
            "URL",
            "TAKES",
            f"LAST {HEALTH_SPAN}",
            f"{'OK':>{_SUCCESS}}",
            f"{'P95':>{_P95}}",
            f"{'FAILED':>{_FAILED}}",
            f"{'PENDING':>{_WAITING}}",
            "LAST RESPONSE",
        )
        return self._columns([Content(title) for title in titles]).stylize(words.MUTED)

    # --- drawing

    @property
    def _width(self) -> int:
        return self.scrollable_content_region.width or self.size.width

    @property
    def row_height(self) -> int:
        return 1 if self._width >= ONE_LINE else 2

    def _fit(self) -> None:
        self.virtual_size = Size(self.size.width, len(self.rows) * self.row_height)

    def render_line(self, y: int) -> Strip:
        index, line = divmod(y + self.scroll_offset.y, self.row_height)
        width = self._width
        if index >= len(self.rows):
            return Strip.blank(width, self.visual_style.rich_style)
        content = cell(self._draw(self.rows[index], line), width)
        if index == self.cursor:
            content = under_cursor(content, self)
            content = content.stylize("bold") if line == 0 else content
        return Visual.to_strips(self, content, width, 1, self.visual_style)[0]

    def _draw(self, row: DestinationRow, line: int) -> Content:
        if self.row_height == 1:
            return self._in_columns(row)
        return self._first_line(row) if line == 0 else self._second_line(row)

    def _in_columns(self, row: DestinationRow) -> Content:
        destination = row.destination
        return self._columns(
            [
                destination_words.state(row, self.context.clock()),
                Content(visible(destination.name)),
                destination_words.url(destination, self._url_width),
                destination_words.severities(destination),
                destination_words.bar(row.recent),
                Content(f"{destination_words.success(row):>{_SUCCESS}}"),
                Content.styled(f"{words.duration(row.p95_ms):>{_P95}}", words.MUTED),
                Content.styled(f"{_count(row.failed):>{_FAILED}}", "$text-error bold"),
                Content.styled(f"{_count(row.waiting):>{_WAITING}}", "$text-warning"),
                self._last(row) or destination_words.never_used(row),
            ]
        )

    @property
    def _fixed(self) -> tuple[int, ...]:
        """Widths of all columns except URL and last response, which share the rest."""
        return (_STATE, self._name_width, _SEVERITIES, HEALTH_SPAN, _SUCCESS, _P95, _FAILED, _WAITING)

    @property
    def _rest(self) -> int:
        return self._width - 2 - sum(self._fixed) - len(_GAP) * (len(self._fixed) + 1)

    @property
    def _url_width(self) -> int:
        return min(44, self._rest // 2)

    def _columns(self, cells: Sequence[Content]) -> Content:
        widths = (*self._fixed[:2], self._url_width, *self._fixed[2:], self._rest - self._url_width)
        shown = [cell(content, size) for content, size in zip(cells, widths, strict=True)]
        return Content(" ") + Content(_GAP).join(shown)

    def _first_line(self, row: DestinationRow) -> Content:
        destination = row.destination
        right = Content.assemble(
            cell(destination_words.severities(destination), self._severities_width),
            "  ",
            cell(destination_words.state(row, self.context.clock()), _STATE),
        )
        room = self._width - right.cell_length - 3
        name = cell(Content.styled(visible(destination.name), "bold"), min(self._name_width, room // 2))
        url = destination_words.url(destination, room - name.cell_length - 2)
        left = cell(Content.assemble(name, "  ", url), room)
        return Content.assemble(" ", left, "  ", right)

    def _second_line(self, row: DestinationRow) -> Content:
        """Most important first: a narrow screen cuts the end."""
        failed = (f"  {row.failed:,} failed" if row.failed else "", "$text-error bold")
        waiting = (f"  {row.waiting:,} pending" if row.waiting else "", "$text-warning")
        last = self._last(row)
        if last is None:
            return Content.assemble("   ", destination_words.never_used(row), failed, waiting)
        return Content.assemble(
            "   ",
            destination_words.bar(row.recent),
            f"  {destination_words.success(row):>4} ok",
            failed,
            "  ",
            last,
            waiting,
            (f"  p95 {words.duration(row.p95_ms)}", words.MUTED),
        )

    def _last(self, row: DestinationRow) -> Content | None:
        if row.destination.id in self.testing:
            return Content.styled("→ sending a test alert", "$text-accent")
        return None if row.last is None else destination_words.answer(row.last, self.context.clock())

    # --- keys and mouse

    def watch_cursor(self) -> None:
        self.refresh()
        if self.rows:
            self.post_message(self.Highlighted(self.current))

    def action_open(self) -> None:
        if self.current is not None:
            self.post_message(self.Opened(self.current))

    def on_resize(self) -> None:
        self._fit()
        self.keep_in_sight()
        self.refresh()
