"""The signing secret: type, generate, rotate, keep or remove it. A stored secret is never shown."""

import secrets

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Static

from tui.domain.rotation import DEFAULT_OVERLAP_MS, OldSecret
from tui.domain.secret import Secret, format_secret, parse_secret
from tui.screens.shared import words
from tui.screens.shared.clipboard import copy

_KEY_BYTES = 32


class SecretField(Vertical):
    def __init__(self, stored: Secret | None, old: OldSecret | None, now: int) -> None:
        super().__init__(id="signing-secret")
        self._stored = stored
        self._old = old
        self._now = now
        self._removed = False
        self._rotates = False
        """Whether the stored secret keeps signing beside its replacement for a while."""
        self._ends = False
        """Whether the old secret stops signing on save."""
        self._generated = ""

    def compose(self) -> ComposeResult:
        with Horizontal(classes="with-button"):
            yield Input(id="secret", password=True)
            yield Button("Generate", id="generate", compact=True)
            yield Button("Rotate", id="rotate", compact=True)
            yield Button("End overlap", id="end-overlap", compact=True)
            yield Button("Copy", id="copy-secret", compact=True)
            yield Button("Remove", id="remove-secret", compact=True)
        yield Static(id="secret-hint", classes="hint")

    def on_mount(self) -> None:
        self._draw()

    def read(self) -> Secret | None:
        """Raises Invalid (`secret`)."""
        typed = self._input.value
        if not typed:
            return None if self._removed else self._stored
        return parse_secret(typed)

    @property
    def old(self) -> OldSecret | None:
        """The secret before the stored one, if it keeps signing."""
        return None if self._removed or self._ends else self._old

    @property
    def overlap_ms(self) -> int | None:
        """How long the stored secret keeps signing beside the new one; None if it is replaced at once."""
        return DEFAULT_OVERLAP_MS if self._rotates and self._input.value else None

    def state(self) -> tuple[str, bool, bool]:
        """The contents, for detecting changes."""
        return self._input.value, self._removed, self._ends

    def mask(self) -> None:
        """Mask the secret, unless the field has the focus, it was just generated, or it is a reference."""
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
                self._generate()
            case "rotate":
                self._rotates = True
                if not self._input.value:
                    self._generate()
                self._draw()
            case "end-overlap":
                self._ends = not self._ends
                self._draw()
            case "copy-secret":
                await copy(self.app, self._input.value, "the signing secret")
            case _:
                self._removed = not self._removed
                self._input.value = ""
                self._draw()

    def _generate(self) -> None:
        self._generated = format_secret(secrets.token_bytes(_KEY_BYTES))
        self._input.value = self._generated
        self._draw()
        self.query_one("#copy-secret").focus()

    def _draw(self) -> None:
        self._rotates = self._rotates and bool(self._input.value)
        kept = self._stored is not None and not self._removed
        shown = self._stored.shown if self._stored else ""
        self._input.placeholder = (
            f"{shown}  kept; type to replace" if kept else "none; whsec_…, env:NAME or file:PATH"
        )
        is_new = bool(self._generated) and self._input.value == self._generated
        self.query_one("#copy-secret").display = is_new
        overlaps = kept and self._old is not None and self._old.signs_at(self._now)
        self.query_one("#generate").display = not kept and not is_new  # which gives its room to all of it
        self.query_one("#rotate").display = kept and not overlaps and not self._rotates
        end = self.query_one("#end-overlap", Button)
        end.display = overlaps
        end.label = "Keep both" if self._ends else "End overlap"
        self._hint(is_new, overlaps)
        remove = self.query_one("#remove-secret", Button)
        remove.display = self._stored is not None and not self._input.value
        remove.label = "Keep" if self._removed else "Remove"
        self.mask()

    def _hint(self, is_new: bool, overlaps: bool) -> None:
        told: list[str] = []
        if is_new:
            told.append("Copy it to the receiver now. After you save, it is never shown again.")
        if self._rotates:
            told.append(f"The old secret also signs until {self._time(self._now + DEFAULT_OVERLAP_MS)}.")
        elif overlaps and self._old is not None:
            until = self._time(self._old.until)
            told.append(
                f"After you save, the old secret stops signing (otherwise at {until})."
                if self._ends
                else f"The old secret also signs until {until}."
            )
        elif self._stored is not None and not self._removed and self._input.value:
            told.append("It replaces the old secret at once. Rotate lets both sign for 24 h.")
        hint = self.query_one("#secret-hint", Static)
        hint.update(Content("\n".join(told)))
        hint.display = bool(told)

    def _time(self, moment: int) -> str:
        return words.wall_time(moment, self._now)
