"""Draws the list of alerts, a line for each row, and repaints only the lines that changed."""

from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.visual import Visual

from tui.screens.alerts.line import alert_line, brief_width, most_brief
from tui.screens.alerts.window import AlertWindow
from tui.screens.shared.context import Context
from tui.screens.shared.cursor import CursorList, under_cursor
from tui.store.reading.views import AlertRow


class AlertRows(CursorList):
    """Subclasses read and move the window, and set which rows are selected."""

    def __init__(self, context: Context, *, id: str) -> None:
        super().__init__(id=id)
        self.context = context
        self._window = AlertWindow()
        self._loaded = False
        self._selected: set[int] = set()
        self._brief = 0
        """Cells for the deliveries: what the widest row seen needs. Never shrinks, so columns stay put."""
        self._painted: dict[int, Content] = {}
        """The content of each visible line."""

    @property
    def current(self) -> AlertRow | None:
        """The alert under the cursor."""
        return self._window.row(self.cursor)

    @property
    def row_count(self) -> int:
        return self._window.total

    def render_line(self, y: int) -> Strip:
        content = self._painted[y] = self._line_at(y)
        return Visual.to_strips(self, content, self.size.width, 1, self.visual_style)[0]

    def _line_at(self, y: int) -> Content:
        place, width = y + self.scroll_offset.y, self.size.width
        row = self._window.row(place)
        if row is None:
            return Content(self._in_place_of_a_row(place).ljust(width))
        now, selected = self.context.clock(), row.key in self._selected
        line = alert_line(row, width, self._room_for_briefs(), now, selected=selected)
        if place == self.cursor:
            line = under_cursor(line, self).stylize("bold")
        return line

    def _in_place_of_a_row(self, place: int) -> str:
        if self._loaded:
            return "  …" if place < self._window.total else ""
        return "Loading alerts…".center(self.size.width) if place == self.size.height // 2 else ""

    def _widen_briefs(self) -> None:
        top, now = self.scroll_offset.y, self.context.clock()
        visible = (self._window.row(place) for place in range(top, top + self.size.height))
        self._brief = max(self._brief, *(brief_width(row, now) for row in visible if row is not None), 0)

    def _room_for_briefs(self) -> int:
        return min(self._brief, most_brief(self.size.width))

    def _repaint(self) -> None:
        """Repaint the lines whose content changed."""
        self._widen_briefs()
        for y in range(self.size.height):
            painted = self._painted.get(y)
            if painted is None or not painted.is_same(self._line_at(y)):
                self._refresh_line(y)

    def _refresh_line(self, y: int) -> None:
        if 0 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def _paint_anew(self) -> None:
        """Repaint every line in the current width."""
        self._brief = 0
        self._painted.clear()
        self._repaint()
