"""Jump mode: a letter over each part of the screen that can have the focus; pressing it goes there."""

from typing import Any, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Static

_LETTERS = "asdfghjklqwertyuiopzxcvbnm"


class Letter(Static):
    """Stands over the part it leads to."""

    def __init__(self, letter: str, target: Widget) -> None:
        super().__init__(Content(f" {letter} "))
        self.letter, self.target = letter, target

    def on_click(self, event: events.Click) -> None:
        event.stop()
        cast("Jump", self.screen).go_to(self)


class Jump(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,semicolon,ctrl+j", "dismiss", "stay", id="jump.close", tooltip="Stay where you are"),
    ]

    def __init__(self, over: Screen[Any]) -> None:
        super().__init__()
        self._over = over

    def compose(self) -> ComposeResult:
        in_sight = self._over.region
        targets = [widget for widget in self._over.focus_chain if widget.region.overlaps(in_sight)]
        for letter, target in zip(_LETTERS, targets, strict=False):
            label = Letter(letter, target)
            label.offset = target.region.offset
            yield label

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
