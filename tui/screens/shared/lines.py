"""Lines under a cursor, some of which fold others. Only visible lines are drawn.

Delivery Status, the document of an attempt and a comparison all use it. Showing lines again repaints only
those that changed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style
from textual.visual import Visual

from tui.screens.shared import key_table
from tui.screens.shared.cursor import under_cursor

_DEEPEST = 24
"""Levels beyond this are not indented further."""


@dataclass(frozen=True, slots=True)
class Line:
    content: Content
    key: str = ""
    """Identifies the line: the cursor stays with it, and its fold is remembered under it."""
    depth: int = 0
    holds: int = 0
    """The number of following lines that fold under it."""
    folded: bool = False
    """Whether it starts folded."""
    brief: Content | None = None
    """The content while folded."""
    heading: bool = False

    def is_same(self, other: "Line") -> bool:
        return (self.key, self.depth, bool(self.holds)) == (
            other.key,
            other.depth,
            bool(other.holds),
        ) and self.content.is_same(other.content)


@dataclass(frozen=True, slots=True)
class _Row:
    """A line, or the part of a wrapped line that fits into the width."""

    line: Line
    content: Content
    margin: str
    """Indentation and fold sign, before the content."""

    def is_same(self, other: "_Row") -> bool:
        return self.margin == other.margin and self.content.is_same(other.content)


class LineView(ScrollView, can_focus=True):
    ALLOW_SELECT = True
    BINDINGS: ClassVar[list[BindingType]] = key_table.LINES.bindings

    @dataclass
    class Moved(Message):
        """The cursor is on another line."""

        view: "LineView"
        line: Line | None

        @property
        def control(self) -> "LineView":
            return self.view

    @dataclass
    class Opened(Message):
        """Enter was pressed on a line without a fold."""

        view: "LineView"
        line: Line

        @property
        def control(self) -> "LineView":
            return self.view

    def __init__(self, *, id: str, wraps: bool) -> None:
        super().__init__(id=id)
        self._wraps = wraps
        self._lines: Sequence[Line] = ()
        self._rows: list[_Row] = []
        self._folds: dict[str, bool] = {}
        self._cursor = 0
        self._width = 0

    # --- for screens and panes

    @property
    def current(self) -> Line | None:
        """The line under the cursor."""
        return self._rows[self._cursor].line if self._rows else None

    @property
    def is_cursor_visible(self) -> bool:
        """Whether the line under the cursor is on the screen: the mouse wheel scrolls it away."""
        return self.scroll_offset.y <= self._cursor < self.scroll_offset.y + self.size.height

    @property
    def section(self) -> str:
        """The key of the heading above the cursor."""
        above = (row.line.key for row in reversed(self._rows[: self._cursor + 1]) if row.line.heading)
        return next(above, "")

    def show(self, lines: Sequence[Line], *, from_top: bool = False, cursor_on: str = "") -> None:
        """Replace all lines. The cursor stays with its line.

        With `from_top` the view starts over: scrolled to the top, the cursor on the line with the key
        `cursor_on`, else on the first.
        """
        self._lines = lines
        self._lay_out(from_top=from_top, cursor_on=cursor_on)

    def forget_folds(self) -> None:
        self._folds.clear()

    # --- laying out

    def _lay_out(self, *, from_top: bool = False, cursor_on: str = "") -> None:
        before, rows = self._rows, list(self._make_rows())
        while rows and not rows[-1].content:
            rows.pop()  # the blank line after the last section
        if from_top:
            place = next((y for y, row in enumerate(rows) if row.line.key == cursor_on), 0)
        else:
            place = self._place_of_cursor(rows)
        was, self._rows, self._cursor = self.current, rows, place
        if len(rows) != len(before) or self.virtual_size.width != self._width:
            self.virtual_size = Size(self._width, len(rows))
            self.refresh()
        else:
            for y, (old, new) in enumerate(zip(before, rows, strict=True)):
                if not old.is_same(new):
                    self.refresh_line(y)
        if from_top:
            self.scroll_to(y=0, animate=False, force=True)
            self._bring_into_sight(self._held)
            self.refresh()
        if (was.key if was else None) != (self.current.key if self.current else None):
            self.post_message(self.Moved(self, self.current))

    def _make_rows(self) -> Iterator[_Row]:
        index = 0
        while index < len(self._lines):
            line = self._lines[index]
            folded = self._is_folded(line)
            content = line.brief if folded and line.brief is not None else line.content
            sign = ("▸ " if folded else "▾ ") if line.holds else "  "
            margin = "  " * min(line.depth, _DEEPEST) + sign
            index += 1 + (line.holds if folded else 0)
            yield from self._wrap(line, content, margin)

    def _wrap(self, line: Line, content: Content, margin: str) -> Iterator[_Row]:
        width = self._width - len(margin)
        # No character is wider than two cells, so short lines need no measuring.
        if not self._wraps or 2 * len(content) <= width or width < 8 or content.cell_length <= width:
            yield _Row(line, content, margin)
            return
        for piece in content.wrap(width):
            yield _Row(line, piece, margin)
            margin = " " * len(margin)

    def _place_of_cursor(self, rows: list[_Row]) -> int:
        """Return the new place of the cursor's line, or a place near the old one if it is gone."""
        last = max(0, len(rows) - 1)
        if not self._rows:
            return 0
        line = self._rows[self._cursor].line
        near = min(self._cursor, last)
        if rows and rows[near].line.key == line.key:
            return near
        if line.key:
            return next((y for y, row in enumerate(rows) if row.line.key == line.key), near)
        return near

    def _is_folded(self, line: Line) -> bool:
        return bool(line.holds) and self._folds.get(line.key, line.folded)

    def on_resize(self) -> None:
        # Always leave room for the scrollbar, so that nothing moves when it appears.
        width = max(0, self.size.width - self.styles.scrollbar_size_vertical)
        if self._width != width:
            self._width = width
            self._lay_out()
        self._bring_into_sight(self._held)

    # --- drawing

    def render_line(self, y: int) -> Strip:
        place, width = y + self.scroll_offset.y, self.size.width
        if place >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        row = self._rows[place]
        content = Content.assemble((row.margin, "$foreground-muted"), row.content)
        content = content.truncate(self._width, ellipsis=True)
        content = content.extend_right(max(0, width - content.cell_length))
        if place == self._cursor and (self.has_focus or not self._wraps):
            content = under_cursor(content, self)
        content = self._with_selection(content, place)
        strips = Visual.to_strips(self, content, width, 1, self.visual_style, apply_selection=False)
        return strips[0].apply_offsets(0, place)

    def _with_selection(self, content: Content, place: int) -> Content:
        span = self.text_selection.get_span(place) if self.text_selection else None
        if span is None:
            return content
        start, end = span
        style = Style.from_styles(self.screen.get_component_styles("screen--selection"))
        return content.stylize(style, start, len(content) if end == -1 else end)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        return selection.extract("\n".join(row.margin + row.content.plain for row in self._rows)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002
        self.refresh()

    def watch_has_focus(self, value: bool) -> None:
        super().watch_has_focus(value)
        self.refresh_line(self._cursor)

    # --- keys and mouse

    def action_move(self, rows: int) -> None:
        self._go_to(self._cursor + rows)

    def action_page(self, pages: int) -> None:
        self._go_to(self._cursor + pages * max(1, self.size.height - 1))

    def action_go_to(self, row: int) -> None:
        self._go_to(row if row >= 0 else len(self._rows) - 1)

    def action_section(self, way: int) -> None:
        """Move to the next heading and scroll it to the top, so that its section is visible."""
        places = range(self._cursor + way, len(self._rows) if way > 0 else -1, way)
        place = next((y for y in places if self._rows[y].line.heading), None)
        if place is not None:
            self._go_to(place)
            self.scroll_to(y=place, animate=False, force=True)

    def action_open(self) -> None:
        line = self.current
        if line is not None and line.holds:
            self._folds[line.key] = not self._is_folded(line)
            self._lay_out()
            self.refresh_line(self._cursor)
        elif line is not None:
            self.post_message(self.Opened(self, line))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        place = offset.y + self.scroll_offset.y if offset is not None else len(self._rows)
        if place < len(self._rows):
            self._go_to(place)
            self.action_open()

    def _go_to(self, row: int) -> None:
        before, was = self._cursor, self.current
        self._cursor = max(0, min(row, len(self._rows) - 1))
        self.refresh_line(before)
        self.refresh_line(self._cursor)
        self._bring_into_sight()
        if was is not self.current:
            self.post_message(self.Moved(self, self.current))

    @property
    def _held(self) -> int:
        """The number of rows below the cursor that fold under its line."""
        line = self.current
        if line is None or not line.holds:
            return 0
        index = next(index for index, each in enumerate(self._lines) if each is line)
        after = next(iter(self._lines[index + line.holds + 1 :]), None)
        below = range(self._cursor + 1, len(self._rows))
        end = next((y for y in below if self._rows[y].line is after), len(self._rows))
        return end - self._cursor - 1

    def _bring_into_sight(self, held: int = 0) -> None:
        """Scroll until the cursor is visible, and as many of the `held` rows below it as fit."""
        top, height = self.scroll_offset.y, self.size.height
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, force=True)
        elif self._cursor + held >= top + height > top:
            self.scroll_to(y=min(self._cursor, self._cursor + held - height + 1), animate=False, force=True)
