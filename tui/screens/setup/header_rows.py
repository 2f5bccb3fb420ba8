"""The headers of a destination: one row each, name and value. Stored values are never shown."""

from collections.abc import Iterator

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input

from tui.domain.errors import Invalid
from tui.domain.headers import Header, only_once, parse_headers
from tui.domain.secret import Secret


class HeaderRow(Horizontal):
    """One header. An empty value keeps the stored one. A stored reference (`env:`, `file:`) is shown."""

    def __init__(self, stored: Header | None = None) -> None:
        shown = stored.value.value if stored and stored.value.is_reference else ""
        kept = stored is not None and not shown
        # Created here, not in `compose`: `read` may be called as soon as the row exists.
        self.name_input = Input(
            stored.name if stored else "", placeholder="Authorization", classes="header-name"
        )
        self.value_input = Input(
            shown,
            placeholder="kept; type to replace" if kept else "value, env:NAME or file:PATH",
            password=True,
            classes="header-value",
        )
        remove = Button("Remove", classes="remove", compact=True)
        super().__init__(self.name_input, self.value_input, remove, classes="header-row")
        self.stored = stored

    def on_mount(self) -> None:
        self.mask()

    @property
    def is_blank(self) -> bool:
        return self.stored is None and not self.name_input.value.strip() and not self.value_input.value

    def read(self) -> Header:
        """Raises Invalid (`header`)."""
        name, value = self.name_input.value.strip(), self.value_input.value
        if not name:
            raise Invalid("header", "enter a header name, or remove the header")
        if not value and self.stored is not None:
            if self.stored.value.is_reference:
                raise Invalid("header", f"enter a value for {name}, or remove the header")
            [header] = parse_headers([f"{name}: kept"])
            return Header(header.name, self.stored.value)
        [header] = parse_headers([f"{name}: {value}"])
        if not header.value.value:
            raise Invalid("header", f"enter a value for {name}, or remove the header")
        return header

    def mask(self) -> None:
        """Mask the value unless its field has the focus. References stay readable."""
        value = self.value_input
        value.password = not value.has_focus and not Secret(value.value).is_reference

    def on_input_changed(self, event: Input.Changed) -> None:
        name, colon, value = event.value.partition(":")
        if event.input is self.name_input and colon:
            # A whole header was pasted or typed: move its value to the value field.
            event.input.value = name.strip()
            self.value_input.value = value.strip()
            self.value_input.focus()


class HeaderRows(Vertical):
    def __init__(self, headers: tuple[Header, ...]) -> None:
        super().__init__(id="headers")
        self._headers = headers

    def compose(self) -> ComposeResult:
        for header in self._headers:
            yield HeaderRow(header)
        yield Button("Add a header", id="add-header", compact=True)

    @property
    def _rows(self) -> Iterator[HeaderRow]:
        # A removed row stays in the DOM until Textual has removed it.
        return (row for row in self.query(HeaderRow) if not row.has_class("-removed"))

    def read(self) -> tuple[Header, ...]:
        """Raises Invalid (`header`) for the first invalid or duplicate header."""
        return only_once(row.read() for row in self._rows if not row.is_blank)

    def focus_wrong(self) -> None:
        """Focus the first invalid row, or the last row if each row is valid by itself."""
        target = None
        for row in self._rows:
            target = row
            try:
                if not row.is_blank:
                    row.read()
            except Invalid:
                break
        (target.name_input if target else self.query_one("#add-header")).focus()

    def mask(self) -> None:
        for row in self._rows:
            row.mask()

    def state(self) -> tuple[tuple[str, str], ...]:
        """The contents, for detecting changes."""
        return tuple((row.name_input.value, row.value_input.value) for row in self._rows)

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "add-header":
            row = HeaderRow()
            await self.mount(row, before="#add-header")
            row.name_input.focus()
            return
        row = event.button.query_ancestor(HeaderRow)
        row.add_class("-removed")
        self.query_one("#add-header").focus()
        await row.remove()

    def on_descendant_focus(self) -> None:
        self.mask()

    def on_descendant_blur(self) -> None:
        self.mask()
