"""The lines of a log under a cursor, one row each. Follows new lines while the cursor is on the last one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.visual import Visual

from tui.screens.shared import key_table
from tui.screens.shared.cursor import CursorList, under_cursor

_MOST_LINES = 20_000


@dataclass(frozen=True, slots=True)
class Line:
    time: str
    level: str
    text: str


class LogLines(CursorList):
    BINDINGS: ClassVar[list[BindingType]] = key_table.LOG_LINES.bindings

    @dataclass
    class Moved(Message):
        """The cursor is on another line, or there is no line."""

        line: Line | None

    @dataclass
    class Opened(Message):
        line: Line

    def __init__(self, draw: Callable[[Line], Content]) -> None:
        super().__init__(id="log")
        self._draw = draw
        self._lines: list[Line] = []

    @property
    def current(self) -> Line | None:
        return self._lines[self.cursor] if 0 <= self.cursor < len(self._lines) else None

    @property
    def row_count(self) -> int:
        return len(self._lines)

    @property
    def following(self) -> bool:
        return self.cursor >= len(self._lines) - 1

    def show(self, lines: Iterable[Line]) -> None:
        """Replace all lines and put the cursor on the last one."""
        self._lines = []
        self.cursor = 0
        self.add(lines)
        self.action_last()

    def add(self, lines: Iterable[Line]) -> None:
        followed, before = self.following, self.current
        self._lines.extend(lines)
        over = len(self._lines) - _MOST_LINES
        if over > 0:
            del self._lines[:over]
            self.cursor = max(0, self.cursor - over)
            self.scroll_to(y=max(0, self.scroll_offset.y - over), animate=False)
        self._measure()
        if followed:
            self.go_to(len(self._lines) - 1)
        if self.current is not before:
            self.post_message(self.Moved(self.current))
        self.refresh()

    def _measure(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._lines))

    def render_line(self, y: int) -> Strip:
        index, width = y + self.scroll_offset.y, self.scrollable_content_region.width
        if index >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        content = self._draw(self._lines[index])
        content = content.truncate(min(width, content.cell_length), ellipsis=True)
        content = content.extend_right(max(0, width - content.cell_length))
        if index == self.cursor:
            content = under_cursor(content, self).stylize("bold")
        return Visual.to_strips(self, content, width, 1, self.visual_style)[0]

    # --- keys and mouse

    def watch_cursor(self) -> None:
        self.refresh()
        self.post_message(self.Moved(self.current))

    def action_open(self) -> None:
        if self.current is not None:
            self.post_message(self.Opened(self.current))

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_resize(self) -> None:
        self._measure()
        if self.following:
            self.go_to(self.cursor)
