"""A list with a cursor: how it moves, stays in sight and looks, whatever the rows are."""

from textual import events
from textual.content import Content
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.widget import Widget


def under_cursor(content: Content, view: Widget) -> Content:
    """A tint under the line's own colours, which say more than the cursor's would.

    The terminal's own colours take no tint, and red on its blue cannot be read: there the line is turned
    round, in one colour.
    """
    if view.app.native_ansi_color:
        return Content.styled(content.plain, "reverse") if view.has_focus else content.stylize("underline")
    return content.stylize_before("on $cursor-row" if view.has_focus else "on $cursor-row-blurred")


class CursorList(ScrollView, can_focus=True):
    """Subclasses bind the keys, say how many rows there are, draw them, and open one."""

    cursor: reactive[int] = reactive(0, repaint=False)
    """The place of the row under the cursor."""

    @property
    def row_count(self) -> int:
        raise NotImplementedError

    @property
    def row_height(self) -> int:
        """Lines that a row takes."""
        return 1

    def action_open(self) -> None:
        raise NotImplementedError

    def action_move(self, rows: int) -> None:
        self.go_to(self.cursor + rows)

    def action_page(self, pages: int) -> None:
        self.go_to(self.cursor + pages * max(1, self.size.height // self.row_height - 1))

    def action_first(self) -> None:
        self.go_to(0)

    def action_last(self) -> None:
        self.go_to(self.row_count - 1)

    def go_to(self, place: int) -> None:
        """Put the cursor on the row there, or on the nearest there is."""
        self.cursor = max(0, min(place, self.row_count - 1))
        self.keep_in_sight()

    def keep_in_sight(self) -> None:
        first, last = self.cursor * self.row_height, (self.cursor + 1) * self.row_height - 1
        if first < self.scroll_offset.y:
            self.scroll_to(y=first, animate=False)
        elif last >= self.scroll_offset.y + self.size.height:
            self.scroll_to(y=last - self.size.height + 1, animate=False)

    def on_click(self, event: events.Click) -> None:
        place = (event.y + self.scroll_offset.y) // self.row_height
        if place < self.row_count:
            self.go_to(place)
            if event.chain == 2:
                self.action_open()
