"""The form of a destination: its fields, and the message under the one that is wrong."""

from collections.abc import Callable
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Checkbox, Collapsible, Input, Label, Static

from tui.domain.alert import AlertType, Severity
from tui.domain.destination import (
    ALL_SEVERITIES,
    ALL_TYPES,
    Destination,
    parse_name,
    parse_timeout,
    parse_url,
)
from tui.domain.errors import Invalid
from tui.domain.pacing import parse_rate
from tui.domain.secret import mask_url
from tui.domain.text import visible
from tui.screens.widgets.header_rows import HeaderRows
from tui.screens.widgets.secret_field import SecretField

_ONLY_NAMED = "None chosen: it gets only alerts that name it."
_ADVANCED = ("header", "secret", "timeout", "rate")


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


class Field(Horizontal):
    """A label, what is filled in beside it, and below that the message when it is wrong."""

    def __init__(self, name: str, label: str, filled_in: Widget, *, hint: str = "", after: str = "") -> None:
        super().__init__(id=f"{name}-field", classes="field")
        self.field = name
        self._label, self._filled_in, self._hint, self._after = label, filled_in, hint, after

    def compose(self) -> ComposeResult:
        yield Label(self._label, classes="label")
        with Vertical(classes="value"):
            with Horizontal(classes="filled-in"):
                yield self._filled_in
                if self._after:
                    yield Label(self._after, classes="after")
            if self._hint:
                yield Static(self._hint, id=f"{self.field}-hint", classes="hint")
            yield Static(id=f"{self.field}-error", classes="error")


class DestinationForm(Vertical):
    """Empty for a new destination. Of one to be edited, secrets are kept unless typed anew."""

    def __init__(self, destination: Destination | None) -> None:
        super().__init__(id="form")
        self._original = destination
        self._revealed = False
        self._left: set[str] = set()
        self._untouched: tuple[Any, ...] = ()

    def compose(self) -> ComposeResult:
        given = self._original
        name, url = (given.name, given.url) if given else ("", "")
        yield Field("name", "Display name", Input(name, id="name", placeholder="SOC on-call"))
        yield Field("url", "URL", Input(url, id="url", placeholder="https://hooks.example.com/alerts"))
        severities = given.severities if given else ALL_SEVERITIES
        toggles = [Toggle(s, s in severities, id=f"severity-{s}") for s in reversed(Severity)]
        yield Field("severity", "Severities", Horizontal(*toggles, classes="toggles"), hint=_ONLY_NAMED)
        types = given.alert_types if given else ALL_TYPES
        toggles = [Toggle(kind.label, kind in types, id=f"type-{kind}") for kind in AlertType]
        yield Field("type", "Alert types", Horizontal(*toggles, classes="toggles"), hint=_ONLY_NAMED)
        with Collapsible(
            title="Advanced: headers, signing secret, timeout, rate", collapsed=True, id="advanced"
        ):
            yield Field("header", "Headers", HeaderRows(given.headers if given else ()))
            yield Field("secret", "Signing secret", SecretField(given.secret if given else None))
            timeout = f"{given.timeout_ms / 1000:g}" if given else "30"
            yield Field("timeout", "Timeout", Input(timeout, id="timeout"), after="seconds, 1 to 120")
            rate = f"{given.rate:g}" if given and given.rate else ""
            yield Field(
                "rate", "At most", Input(rate, id="rate"), after="requests a second; empty for no limit"
            )

    def on_mount(self) -> None:
        for error in self.query(".error"):
            error.display = False
        self._mask_url()
        self._hint_at_none()
        self._untouched = self._state()

    # --- what the screen asks

    @property
    def is_changed(self) -> bool:
        """Whether anything was typed or chosen since the form was opened."""
        return self._state() != self._untouched

    def begin(self) -> None:
        self.query_one("#name", Input).focus()

    def type_early(self, text: str) -> None:
        """Put in front what was typed before the first field had the focus; all of it was selected then."""
        name = self.query_one("#name", Input)
        since = name.value if name.value != self._untouched[0] else ""
        name.value = text + since
        name.cursor_position = len(name.value)

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
                self._put_error(field, error.message)
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
        """Put a message under a field, and the focus into it."""
        self._put_error(field, message)
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
            "header": lambda: self.query_one(HeaderRows).read(),
            "secret": lambda: self.query_one(SecretField).read(),
            "timeout": lambda: parse_timeout(self.query_one("#timeout", Input).value),
            "rate": lambda: parse_rate(self.query_one("#rate", Input).value),
        }

    def _state(self) -> tuple[Any, ...]:
        typed = tuple(self.query_one(f"#{id}", Input).value for id in ("name", "url", "timeout", "rate"))
        written = self.query_one(HeaderRows).state(), self.query_one(SecretField).state()
        return (*typed, self._severities, self._alert_types, *written)

    # --- as one types

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        field = _field_of(event.widget)
        if field in self._parsers():
            self._left.add(field)
            self._check(field)
        self._mask_url()
        self.query_one(SecretField).mask()

    def on_descendant_focus(self) -> None:
        self._mask_url()
        self.query_one(SecretField).mask()

    def on_input_changed(self, event: Input.Changed) -> None:
        field = _field_of(event.input)
        if field in self._left:
            self._check(field)

    def on_input_submitted(self) -> None:
        self.screen.focus_next()

    def on_checkbox_changed(self) -> None:
        self._hint_at_none()

    def _check(self, field: str) -> None:
        try:
            self._parsers()[field]()
        except Invalid as error:
            # A header that is being typed is not finished before its row is left.
            if field != "header" or not self.query_one(HeaderRows).has_focus_within:
                self._put_error(field, error.message)
        else:
            self._hide_error(field)

    def _put_error(self, field: str, message: str) -> None:
        error = self.query_one(f"#{field}-error", Static)
        error.update(Content(visible(message)))
        error.display = True

    def _hide_error(self, field: str) -> None:
        self.query_one(f"#{field}-error").display = False

    def _focus(self, field: str) -> None:
        if field in _ADVANCED:
            self.query_one(Collapsible).collapsed = False
        if field == "header":
            self.query_one(HeaderRows).focus_wrong()
        elif field in self._parsers():
            self.query_one(f"#{field}").focus()

    def _hint_at_none(self) -> None:
        self.query_one("#severity-hint").display = not self._severities
        self.query_one("#type-hint").display = not self._alert_types

    def _mask_url(self) -> None:
        """A URL that holds a token is not readable over a shoulder, unless one is at it."""
        url = self.query_one("#url", Input)
        holds_token = bool(url.value) and _masked(url.value) != url.value
        url.password = holds_token and not url.has_focus and not self._revealed


def _field_of(widget: Widget) -> str:
    """The name of the field that `widget` is in."""
    return next((each.field for each in (widget, *widget.ancestors) if isinstance(each, Field)), "")


def _masked(url: str) -> str:
    try:
        return mask_url(parse_url(url))
    except Invalid:
        return url  # not a URL yet: what is wrong with it must be readable
