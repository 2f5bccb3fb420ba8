"""A checkbox that is readable without colors."""

from textual.widgets import Checkbox


class Toggle(Checkbox):
    """Shows a mark only when on. Textual's own checkbox changes only its color."""

    def __init__(self, label: str, value: bool, *, id: str) -> None:
        super().__init__(label, value, id=id, compact=True)
        self._mark()

    def watch_value(self) -> None:
        self._mark()
        super().watch_value()

    def _mark(self) -> None:
        self.BUTTON_INNER = "✓" if self.value else " "
