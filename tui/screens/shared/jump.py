"""Jump mode: shows a letter over each focusable part of the screen; pressing it moves the focus there."""

from typing import Any, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.errors import NoWidget
from textual.geometry import Region
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Static

from tui.screens.shared import key_table
from tui.screens.shared.closing import ClosesOnce

_LETTERS = "asdfghjklqwertyuiopzxcvbnm"


class Letter(Static):
    """The letter over a part of the screen."""

    def __init__(self, letter: str, target: Widget) -> None:
        super().__init__(Content(f"[{letter}]"))
        self.letter, self.target = letter, target

    def on_click(self, event: events.Click) -> None:
        event.stop()
        cast("Jump", self.screen).go_to(self)


class Jump(ModalScreen[None], ClosesOnce[None]):
    BINDINGS: ClassVar[list[BindingType]] = key_table.JUMP.bindings

    def __init__(self, over: Screen[Any]) -> None:
        super().__init__()
        self._over = over

    def compose(self) -> ComposeResult:
        places = ((widget, self._in_sight(widget)) for widget in self._over.focus_chain)
        seen = ((widget, place) for widget, place in places if place)
        for letter, (target, place) in zip(_LETTERS, seen, strict=False):
            label = Letter(letter, target)
            label.offset = place.offset
            yield label

    def _in_sight(self, widget: Widget) -> Region:
        """Return the visible region of a widget, without what is scrolled away or clipped."""
        try:
            return self._over.find_widget(widget).visible_region
        except NoWidget:
            return Region()

    def on_key(self, event: events.Key) -> None:
        for label in self.query(Letter):
            if label.letter == event.character:
                event.stop()
                self.go_to(label)

    def on_click(self) -> None:
        self.dismiss()

    def go_to(self, label: Letter) -> None:
        self.dismiss()
        self._over.set_focus(label.target)
