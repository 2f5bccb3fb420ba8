"""A list with a cursor: how the cursor moves, stays visible and looks, for any kind of row."""

from textual import events
from textual.content import Content
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.widget import Widget


def under_cursor(content: Content, view: Widget) -> Content:
    """Tint the line's background and keep its colours, which carry meaning.

    ANSI themes cannot be tinted, and the terminal's red on blue is unreadable: there the line is reversed in
    a single colour.
    """
    if view.app.native_ansi_color:
        return Content.styled(content.plain, "reverse") if view.has_focus else content.stylize("underline")
    return content.stylize_before("on $cursor-row" if view.has_focus else "on $cursor-row-blurred")


class CursorList(ScrollView, can_focus=True):
    """Subclasses bind the keys, count and draw the rows, and open one."""

    cursor: reactive[int] = reactive(0, repaint=False)
    """The place of the row under the cursor."""

    @property
    def row_count(self) -> int:
        raise NotImplementedError

    @property
    def row_height(self) -> int:
        """Height of a row in lines."""
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
        """Move the cursor to the row at `place`, or to the nearest one."""
        self.cursor = max(0, min(place, self.row_count - 1))
        self.keep_in_sight()

    @property
    def is_cursor_visible(self) -> bool:
        """Whether the row under the cursor is on the screen: the mouse wheel scrolls it away."""
        first, last = self.cursor * self.row_height, (self.cursor + 1) * self.row_height - 1
        top = self.scroll_offset.y
        return top <= first and last < top + self.size.height

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
