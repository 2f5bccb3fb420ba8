"""Dialogs over a screen: a yes-or-no question, a choice, a text."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen, ScreenResultType
from textual.widgets import Button, OptionList, Static, TextArea
from textual.widgets.option_list import Option

from tui.domain.text import visible, visible_lines
from tui.screens.shared import key_table
from tui.screens.shared.closing import ClosesOnce

_HOW_TO_SELECT = " esc close · select with the mouse (most terminals: hold shift) "


class Dialog(ModalScreen[ScreenResultType], ClosesOnce[ScreenResultType]):
    """A modal dialog in the middle of the screen below it."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (80, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (20, "-tall")]

    def _key(self, id: str) -> str:
        """Return the key of a binding as displayed, also if it was remapped."""
        return next(
            self.app.get_key_display(active.binding)
            for active in self.active_bindings.values()
            if active.binding.id == id
        )


class Confirm(Dialog[bool]):
    """A yes-or-no question. `y`, or enter on the button, confirms; `n` and esc do not."""

    BINDINGS: ClassVar[list[BindingType]] = key_table.CONFIRM.bindings

    def __init__(self, question: str, *, yes: str, no: str = "Cancel", dangerous: bool = False) -> None:
        super().__init__()
        self._question, self._yes, self._no, self._dangerous = question, yes, no, dangerous

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content(visible(self._question)), classes="question")
            with Horizontal(classes="buttons"):
                yield Button(Content(self._yes), id="yes", variant="error" if self._dangerous else "primary")
                yield Button(Content(self._no), id="no")

    def on_mount(self) -> None:
        self.query_one("#no" if self._dangerous else "#yes").focus()
        yes, no = self._key("confirm.yes"), self._key("confirm.no")
        told = f"{yes} {self._yes.lower()} · {no} {self._no.lower()}"
        self.query_one(".dialog").border_subtitle = Content(told)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)


class Choose(Dialog[str | None]):
    """A choice of several items, each with its own key."""

    BINDINGS: ClassVar[list[BindingType]] = key_table.CHOOSE.bindings

    def __init__(self, title: str, choices: Sequence[tuple[str, str, str]]) -> None:
        """Offer `choices`, each (result, key, label). A blank key means none."""
        super().__init__()
        self._title, self._choices = title, choices
        for id, key, _ in choices:
            if key.strip():
                self._bindings.bind(key, f"dismiss({id!r})", show=False)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content.styled(self._title, "bold"), classes="question")
            yield OptionList(
                *(
                    Option(Content.assemble((f" {key} ", "$text-accent bold"), f" {text}"), id=id)
                    for id, key, text in self._choices
                )
            )

    def on_mount(self) -> None:
        told = f"{self._key('choose.close')} close · ⏎ select"
        self.query_one(".dialog").border_subtitle = Content(told)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_move(self, way: int) -> None:
        options = self.query_one(OptionList)
        options.action_cursor_down() if way > 0 else options.action_cursor_up()


class ShowText(Dialog[None]):
    """A text to select with the mouse, for when it cannot be copied."""

    BINDINGS: ClassVar[list[BindingType]] = key_table.SHOW_TEXT.bindings

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog text"):
            yield TextArea(visible_lines(self._text), read_only=True, soft_wrap=True)

    def on_mount(self) -> None:
        dialog = self.query_one(".dialog")
        dialog.border_title = Content(f" {visible(self._title)} ")
        dialog.border_subtitle = Content(_HOW_TO_SELECT)
