"""The form of a destination: its fields, and the message under the one that is wrong."""

from collections.abc import Callable
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Checkbox, Collapsible, Input, Label, Static, TextArea

from tui.domain.alert import AlertType, Severity
from tui.domain.destination import (
    ALL_SEVERITIES,
    ALL_TYPES,
    Destination,
    Header,
    parse_headers,
    parse_name,
    parse_timeout,
    parse_url,
)
from tui.domain.errors import Invalid
from tui.domain.pacing import parse_rate
from tui.domain.secret import MASK, Secret, format_secret, mask_url, parse_secret
from tui.domain.text import visible

_KEY_BYTES = 32


class Toggle(Checkbox):
    """A checkbox whose mark is there or not: the stock one differs by colour alone."""

    def __init__(self, label: str, value: bool, *, id: str) -> None:
        super().__init__(label, value, id=id, compact=True)
        self._mark()

    def watch_value(self) -> None:
        self._mark()
        super().watch_value()

    def _mark(self) -> None:
        self.BUTTON_INNER = "✓" if self.value else " "


class DestinationForm(Vertical):
    """Empty for a new destination. Of one to be edited, secrets are kept unless typed anew."""

    def __init__(self, destination: Destination | None) -> None:
        super().__init__(id="form")
        self._original = destination
        self._revealed = False
        self._left: set[str] = set()

    def compose(self) -> ComposeResult:
        given = self._original
        severities = given.severities if given else ALL_SEVERITIES
        types = given.alert_types if given else ALL_TYPES
        yield Label("Display name")
        yield Input(given.name if given else "", id="name", placeholder="SOC on-call")
        yield Static(id="name-error", classes="error")
        yield Label("URL")
        yield Input(given.url if given else "", id="url", placeholder="https://hooks.example.com/alerts")
        yield Static(id="url-error", classes="error")
        yield Label("Severities")
        with Horizontal(classes="toggles"):
            for severity in reversed(Severity):
                yield Toggle(severity, severity in severities, id=f"severity-{severity}")
        yield Static("None chosen: it gets only alerts that name it.", id="severity-hint", classes="hint")
        yield Label("Alert types")
        with Horizontal(classes="toggles"):
            for kind in AlertType:
                yield Toggle(kind.label, kind in types, id=f"type-{kind}")
        yield Static("None chosen: it gets only alerts that name it.", id="type-hint", classes="hint")
        with Collapsible(
            title="Advanced: headers, signing secret, timeout, rate", collapsed=True, id="advanced"
        ):
            yield Label("Headers, one a line: Name: value")
            yield TextArea(
                "\n".join(f"{h.name}: {h.value.shown}" for h in given.headers) if given else "", id="header"
            )
            yield Static(id="header-error", classes="error")
            yield Label("Signing secret (Standard Webhooks), env:NAME or file:PATH")
            with Horizontal(classes="with-button"):
                kept = "kept; type to replace" if given and given.secret else "none; whsec_…"
                yield Input(id="secret", placeholder=kept, password=True)
                yield Button("Generate", id="generate")
            yield Static(id="secret-error", classes="error")
            yield Label("Timeout in seconds, 1 to 120")
            yield Input(f"{given.timeout_ms / 1000:g}" if given else "30", id="timeout")
            yield Static(id="timeout-error", classes="error")
            yield Label("Requests a second at most; empty for no limit")
            yield Input(f"{given.rate:g}" if given and given.rate else "", id="rate")
            yield Static(id="rate-error", classes="error")

    def on_mount(self) -> None:
        for error in self.query(".error"):
            error.display = False
        self._mask_url()
        self._hint_at_none()

    # --- what the screen asks

    def focus_first(self) -> None:
        self.query_one("#name").focus()

    def toggle_reveal(self) -> None:
        self._revealed = not self._revealed
        self._mask_url()

    def read(self) -> Destination | None:
        """What was typed; None when a field is wrong, which then says so and has the focus."""
        values: dict[str, Any] = {}
        wrong: list[str] = []
        for field, parse in self._parsers().items():
            self._left.add(field)
            try:
                values[field] = parse()
                self._hide_error(field)
            except Invalid as error:
                self.show_error(field, error.message)
                wrong.append(field)
        if wrong:
            self._focus(wrong[0])
            return None
        return Destination(
            name=values["name"],
            url=values["url"],
            severities=self._severities,
            alert_types=self._alert_types,
            headers=values["header"],
            secret=values["secret"],
            timeout_ms=values["timeout"],
            rate=values["rate"],
        )

    def show_error(self, field: str, message: str) -> None:
        """Put a message under a field."""
        error = self.query_one(f"#{field}-error", Static)
        error.update(Content(visible(message)))
        error.display = True
        self._focus(field)

    # --- reading the fields

    @property
    def _severities(self) -> frozenset[Severity]:
        return frozenset(s for s in Severity if self.query_one(f"#severity-{s}", Toggle).value)

    @property
    def _alert_types(self) -> frozenset[AlertType]:
        return frozenset(t for t in AlertType if self.query_one(f"#type-{t}", Toggle).value)

    def _parsers(self) -> dict[str, Callable[[], Any]]:
        return {
            "name": lambda: parse_name(self.query_one("#name", Input).value),
            "url": lambda: parse_url(self.query_one("#url", Input).value),
            "header": self._read_headers,
            "secret": self._read_secret,
            "timeout": lambda: parse_timeout(self.query_one("#timeout", Input).value),
            "rate": lambda: parse_rate(self.query_one("#rate", Input).value),
        }

    def _read_headers(self) -> tuple[Header, ...]:
        """A value that still shows its mask is the one that was stored."""
        lines = [line for line in self.query_one("#header", TextArea).text.splitlines() if line.strip()]
        stored = {header.name.lower(): header for header in self._original.headers} if self._original else {}
        masked = [line.partition(":")[0].strip().lower() for line in lines if line.rstrip().endswith(MASK)]
        for name in masked:
            if name not in stored:
                raise Invalid("header", f"type the value of {name!r}")
        headers = parse_headers(line.replace(MASK, "kept") for line in lines)
        return tuple(stored[h.name.lower()] if h.name.lower() in masked else h for h in headers)

    def _read_secret(self) -> Secret | None:
        typed = self.query_one("#secret", Input).value
        if not typed and self._original is not None:
            return self._original.secret
        return parse_secret(typed)

    # --- as one types

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        field = event.widget.id or ""
        if field in self._parsers():
            self._left.add(field)
            self._check(field)
        self._mask_url()

    def on_descendant_focus(self) -> None:
        self._mask_url()

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id in self._left:
            self._check(event.input.id or "")

    def on_input_submitted(self) -> None:
        self.screen.focus_next()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        if event.text_area.id in self._left:
            self._check(event.text_area.id or "")

    def on_checkbox_changed(self) -> None:
        self._hint_at_none()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "generate":
            event.stop()
            import secrets

            field = self.query_one("#secret", Input)
            field.value = format_secret(secrets.token_bytes(_KEY_BYTES))
            field.password = False
            field.focus()
            self.app.notify("Copy the secret into the receiver now: it is shown only here", timeout=10)

    def _check(self, field: str) -> None:
        try:
            self._parsers()[field]()
        except Invalid as error:
            message = self.query_one(f"#{field}-error", Static)
            message.update(Content(visible(error.message)))
            message.display = True
        else:
            self._hide_error(field)

    def _hide_error(self, field: str) -> None:
        self.query_one(f"#{field}-error").display = False

    def _focus(self, field: str) -> None:
        target = self.query_one(f"#{field}") if field in self._parsers() else None
        if target is not None:
            if field in ("header", "secret", "timeout", "rate"):
                self.query_one(Collapsible).collapsed = False
            target.focus()

    def _hint_at_none(self) -> None:
        self.query_one("#severity-hint").display = not self._severities
        self.query_one("#type-hint").display = not self._alert_types

    def _mask_url(self) -> None:
        """A URL that holds a token is not readable over a shoulder, unless one is at it."""
        url = self.query_one("#url", Input)
        holds_token = bool(url.value) and _masked(url.value) != url.value
        url.password = holds_token and not url.has_focus and not self._revealed


def _masked(url: str) -> str:
    try:
        return mask_url(parse_url(url))
    except Invalid:
        return url  # not a URL yet: what is wrong with it must be readable
