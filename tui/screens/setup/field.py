"""A field of a form: its label, its input and its error message."""

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Label, Static


class Field(Horizontal):
    """A label, the input beside it, and below them the error message."""

    def __init__(
        self,
        name: str,
        label: str,
        filled_in: Widget,
        *,
        hint: str = "",
        after: str = "",
        below: Widget | None = None,
    ) -> None:
        super().__init__(id=f"{name}-field", classes="field")
        self.field = name
        self._label, self._filled_in, self._hint, self._after = label, filled_in, hint, after
        self._below = below

    def compose(self) -> ComposeResult:
        yield Label(self._label, classes="label")
        with Vertical(classes="value"):
            with Horizontal(classes="filled-in"):
                yield self._filled_in
                if self._after:
                    yield Label(self._after, classes="after")
            if self._hint:
                yield Static(self._hint, id=f"{self.field}-hint", classes="hint")
            if self._below is not None:
                yield self._below
            yield Static(id=f"{self.field}-error", classes="error")


def field_of(widget: Widget) -> str:
    """Return the name of the field that contains `widget`, or an empty string."""
    return next((each.field for each in (widget, *widget.ancestors) if isinstance(each, Field)), "")
