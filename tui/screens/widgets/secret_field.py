"""The signing secret of a destination: typed, generated, kept or removed. What is stored is never shown."""

import secrets

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from tui.domain.secret import Secret, format_secret, parse_secret
from tui.screens.widgets.clipboard import copy

_KEY_BYTES = 32


class SecretField(Vertical):
    def __init__(self, stored: Secret | None) -> None:
        super().__init__(id="signing-secret")
        self._stored = stored
        self._removed = False
        self._generated = ""

    def compose(self) -> ComposeResult:
        with Horizontal(classes="with-button"):
            yield Input(id="secret", password=True)
            yield Button("Generate", id="generate", compact=True)
            yield Button("Copy", id="copy-secret", compact=True)
            yield Button("Remove", id="remove-secret", compact=True)
        yield Static(
            "Copy it into the receiver now: once it is saved, it is shown nowhere.",
            id="secret-hint",
            classes="hint",
        )

    def on_mount(self) -> None:
        self._draw()

    def read(self) -> Secret | None:
        """Raises Invalid (`secret`)."""
        typed = self._input.value
        if not typed:
            return None if self._removed else self._stored
        return parse_secret(typed)

    def state(self) -> tuple[str, bool]:
        """All that is in it, to tell whether anything was changed."""
        return self._input.value, self._removed

    def mask(self) -> None:
        """Readable while one types it, and one just generated until it is saved."""
        value = self._input.value
        readable = self._input.has_focus or value == self._generated or Secret(value).is_reference
        self._input.password = not readable

    @property
    def _input(self) -> Input:
        return self.query_one("#secret", Input)

    def on_input_changed(self) -> None:
        self._draw()

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        match event.button.id:
            case "generate":
                self._generated = format_secret(secrets.token_bytes(_KEY_BYTES))
                self._input.value = self._generated
                self._draw()
                self.query_one("#copy-secret").focus()
            case "copy-secret":
                await copy(self.app, self._input.value, "the signing secret")
            case _:
                self._removed = not self._removed
                self._input.value = ""
                self._draw()

    def _draw(self) -> None:
        kept = self._stored is not None and not self._removed
        shown = self._stored.shown if self._stored else ""
        self._input.placeholder = (
            f"{shown}  kept; type to replace" if kept else "none; whsec_…, env:NAME or file:PATH"
        )
        is_new = bool(self._generated) and self._input.value == self._generated
        self.query_one("#copy-secret").display = is_new
        self.query_one("#secret-hint").display = is_new
        remove = self.query_one("#remove-secret", Button)
        remove.display = self._stored is not None and not self._input.value
        remove.label = "Keep" if self._removed else "Remove"
        self.mask()
