"""The form of a destination: its fields, and an error message under each invalid one."""

from collections.abc import Callable
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Grid, Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Select, Static

from tui.domain.alert import Severity
from tui.domain.alert_type import AlertType
from tui.domain.authorization import join, split
from tui.domain.destination import (
    ALL_SEVERITIES,
    ALL_TYPES,
    Destination,
    parse_log_types,
    parse_name,
    parse_timeout,
    parse_url,
)
from tui.domain.errors import Invalid
from tui.domain.folding import format_fold, parse_fold
from tui.domain.headers import Header
from tui.domain.pacing import parse_rate
from tui.domain.retry import parse_schedule
from tui.domain.routing import parse_destination_filter, taken_by
from tui.domain.text import visible
from tui.domain.tls import DEFAULT_TLS, check_scheme
from tui.screens.setup.advanced import Advanced
from tui.screens.setup.authorization_field import AuthorizationField
from tui.screens.setup.field import Field, field_of
from tui.screens.setup.header_rows import HeaderRows
from tui.screens.setup.schedule import retry_field
from tui.screens.setup.secret_field import SecretField
from tui.screens.setup.shape_field import ShapeField, ShapePreview
from tui.screens.setup.tls_field import TlsField
from tui.screens.setup.toggle import Toggle
from tui.screens.setup.typed_early import type_early
from tui.screens.setup.url_field import UrlField
from tui.screens.setup.would_match import WouldMatch
from tui.screens.shared.context import Context
from tui.screens.shared.filter_field import RoutingField

_ONLY_NAMED = "None selected: it receives only alerts that name it."
_MAY_STOP = "with status 410 or the header webhook-delivery: abort-message"
_DEPEND_ON = {"tls": ("url",), "authorization": ("header", "shape"), "header": ("shape",)}
_ADVANCED = ("header", "authorization", "secret", "timeout", "rate", "retry", "fold", "stop", "tls")


class DestinationForm(Vertical):
    """Empty for a new destination. For an existing one, stored secrets stay unless you type new ones."""

    def __init__(self, context: Context, destination: Destination | None) -> None:
        super().__init__(id="form")
        self.context = context
        self._original = destination
        self._left: set[str] = set()
        self._untouched: tuple[Any, ...] = ()

    def compose(self) -> ComposeResult:
        given = self._original
        name, url = (given.name, given.url) if given else ("", "")
        yield Field("name", "Display name", Input(name, id="name", placeholder="SOC on-call"))
        yield Field("url", "URL", UrlField(url))
        shape = ShapeField(given.shape if given else None)
        yield Field("shape", "Sends as", shape, below=ShapePreview(self.context))
        severities = given.severities if given else ALL_SEVERITIES
        toggles = [Toggle(s, s in severities, id=f"severity-{s}") for s in reversed(Severity)]
        yield Field("severity", "Severities", Horizontal(*toggles, classes="toggles"), hint=_ONLY_NAMED)
        types = given.alert_types if given else ALL_TYPES
        toggles = [Toggle(kind.label, kind in types, id=f"type-{kind}") for kind in AlertType]
        yield Field("type", "Alert types", Grid(*toggles, classes="toggles"), hint=_ONLY_NAMED)
        log_types = ", ".join(given.log_types) if given else ""
        field = Input(log_types, id="log-types", placeholder="AWS.CloudTrail, Okta.*; empty: all")
        yield Field("log-types", "Log types", field)
        takes = RoutingField(given.filter if given else "", self.context)
        yield Field("filter", "Filter", takes, below=WouldMatch(self.context))
        with Advanced():
            headers, stored = split(given.headers if given else ())
            yield Field("header", "Headers", HeaderRows(headers))
            yield Field("authorization", "Authorization", AuthorizationField(stored))
            yield Field("secret", "Signing secret", self._secret_field(given))
            timeout = f"{given.timeout_ms / 1000:g}" if given else "30"
            yield Field("timeout", "Timeout", Input(timeout, id="timeout"), after="seconds, 1 to 120")
            rate = f"{given.rate:g}" if given and given.rate else ""
            yield Field(
                "rate", "Rate limit", Input(rate, id="rate"), after="requests per second; empty: no limit"
            )
            yield retry_field(given.retries if given else None)
            fold = Input(format_fold(given.fold_ms) if given else "", id="fold", placeholder="10m")
            yield Field("fold", "Fold window", fold, after="combine alerts with same rule and title")
            stops = Toggle("Receiver may stop retries", bool(given and given.allow_stop), id="stop")
            yield Field("stop", "Stop", stops, hint=_MAY_STOP)
            yield Field("tls", "TLS", TlsField(given.tls if given else DEFAULT_TLS))

    def on_mount(self) -> None:
        for error in self.query(".error"):
            error.display = False
        self._mask()
        self._hint_at_none()
        self._warn()
        self._preview()
        self._untouched = self._state()
        self._count_matching()

    def _secret_field(self, given: Destination | None) -> SecretField:
        return SecretField(given and given.secret, given and given.old_secret, self.context.clock())

    # --- for the screen

    @property
    def is_changed(self) -> bool:
        """Whether anything was typed or chosen since the form was opened."""
        return self._state() != self._untouched

    @property
    def overlap_ms(self) -> int | None:
        """How long the replaced signing secret keeps signing; None if it is not rotated."""
        return self.query_one(SecretField).overlap_ms

    def begin(self) -> None:
        self.query_one("#name", Input).focus()

    def type_early(self, text: str) -> None:
        """Insert text typed before the first field had the focus."""
        type_early(self, self._original, text)

    def toggle_reveal(self) -> None:
        self.query_one(UrlField).toggle_reveal()

    def read(self) -> Destination | None:
        """Return what was typed. If a field is invalid, return None, show its error and focus it."""
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
            **self._chosen,
            log_types=values["log-types"],
            filter=values["filter"],
            headers=values["header"],
            secret=values["secret"],
            old_secret=self.query_one(SecretField).old,
            timeout_ms=values["timeout"],
            rate=values["rate"],
            retries=values["retry"],
            fold_ms=values["fold"],
            tls=values["tls"],
            shape=values["shape"],
            allow_stop=self.query_one("#stop", Toggle).value,
        )

    def show_error(self, field: str, message: str) -> None:
        """Show a message under a field, and focus the field."""
        self._put_error(field, message)
        self._focus(field)

    # --- reading the fields

    @property
    def _chosen(self) -> dict[str, Any]:
        return {
            "severities": frozenset(s for s in Severity if self.query_one(f"#severity-{s}", Toggle).value),
            "alert_types": frozenset(t for t in AlertType if self.query_one(f"#type-{t}", Toggle).value),
        }

    def _parsers(self) -> dict[str, Callable[[], Any]]:
        return {
            "name": lambda: parse_name(self.query_one("#name", Input).value),
            "url": self._url,
            "shape": self._shape,
            "log-types": lambda: parse_log_types(self.query_one("#log-types", Input).value.split(",")),
            "filter": lambda: parse_destination_filter(self.query_one("#filter", Input).value),
            "header": self._headers,
            "authorization": lambda: self.query_one(AuthorizationField).read(),
            "secret": lambda: self.query_one(SecretField).read(),
            "timeout": lambda: parse_timeout(self.query_one("#timeout", Input).value),
            "rate": lambda: parse_rate(self.query_one("#rate", Input).value),
            "retry": lambda: parse_schedule(self.query_one("#retry", Input).value),
            "fold": lambda: parse_fold(self.query_one("#fold", Input).value),
            "tls": lambda: self.query_one(TlsField).read(),
        }

    def _url(self) -> str:
        url = self.context.network.check_url(parse_url(self.query_one("#url", Input).value))
        try:
            settings = self.query_one(TlsField).typed()
        except Invalid:  # shown under the TLS field
            return url
        check_scheme(url, settings)
        return url

    def _shape(self) -> str:
        try:
            headers = self._headers()
        except Invalid:  # shown under its own field
            headers = ()
        return self.query_one(ShapeField).read(headers)

    def _headers(self) -> tuple[Header, ...]:
        others = self.query_one(HeaderRows).read()
        try:
            own = self.query_one(AuthorizationField).read()
        except Invalid:  # shown under its own field
            own = None
        return join(others, own, self._original.headers if self._original else ())

    def _state(self) -> tuple[Any, ...]:
        typed = tuple(
            self.query_one(f"#{id}", Input).value
            for id in ("name", "url", "log-types", "filter", "timeout", "rate", "retry", "fold")
        )
        parts = (HeaderRows, AuthorizationField, SecretField, TlsField)
        written = (self.query_one(part).state() for part in parts)
        chosen = (self.query_one(ShapeField).chosen, self.query_one("#stop", Toggle).value)
        return (*typed, *chosen, *self._chosen.values(), *written)

    # --- while typing

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        field = field_of(event.widget)
        chooses = field == "authorization" and self.query_one(AuthorizationField).has_focus_within
        if field in self._parsers() and not chooses:  # the token is typed after the kind is chosen
            self._left.add(field)
            self._check(field)
        self._mask()

    def on_descendant_focus(self) -> None:
        self._mask()

    def on_input_changed(self, event: Input.Changed) -> None:
        field = field_of(event.input)
        self._check_what_depends_on(field)
        if field in ("filter", "log-types"):
            self._count_matching()
        if field == "url":
            self._preview()

    def on_input_submitted(self) -> None:
        self.screen.focus_next()

    def on_checkbox_changed(self) -> None:
        self._hint_at_none()
        self._count_matching()
        self._warn()
        self._check_what_depends_on("tls")

    def _count_matching(self) -> None:
        """Count recent alerts that the form's choices and filter would have matched."""
        try:
            filter, log_types = self._parsers()["filter"](), self._parsers()["log-types"]()
        except Invalid:
            self.query_one(WouldMatch).count(None)
            return
        takes = Destination(name="", url="", log_types=log_types, filter=filter, **self._chosen)
        self.query_one(WouldMatch).count(taken_by(takes))

    def on_select_changed(self, event: Select.Changed) -> None:
        self._check_what_depends_on(field_of(event.select))
        self._preview()

    def _preview(self) -> None:
        field = self.query_one(ShapeField)
        hint = field.propose(self.query_one("#url", Input).value)
        self.query_one(ShapePreview).show(field.chosen, hint)

    def _check_what_depends_on(self, field: str) -> None:
        for each in (field, *_DEPEND_ON.get(field, ())):
            if each in self._left:
                self._check(each)

    def _check(self, field: str) -> None:
        try:
            self._parsers()[field]()
        except Invalid as error:
            # A header is complete only when the focus leaves its row.
            if field != "header" or not self.query_one(HeaderRows).has_focus_within:
                self._put_error(field, error.message)
        else:
            self._hide_error(field)

    def _put_error(self, field: str, message: str) -> None:
        error = self.query_one(f"#{field}-error", Static)
        error.update(Content(f"✗ {visible(message)}"))
        error.display = True

    def _hide_error(self, field: str) -> None:
        self.query_one(f"#{field}-error").display = False

    def _focus(self, field: str) -> None:
        if field in _ADVANCED:
            self.query_one(Advanced).collapsed = False
        if field == "header":
            self.query_one(HeaderRows).focus_wrong()
        elif field == "tls":
            self.query_one(TlsField).focus_wrong()
        elif field in self._parsers():
            self.query_one(f"#{field}").focus()

    def _hint_at_none(self) -> None:
        self.query_one("#severity-hint").display = not self._chosen["severities"]
        self.query_one("#type-hint").display = not self._chosen["alert_types"]

    def _warn(self) -> None:
        self.query_one(Advanced).warn(unverified=not self.query_one("#verify", Toggle).value)

    def _mask(self) -> None:
        self.query_one(UrlField).mask()
        self.query_one(SecretField).mask()
        self.query_one(AuthorizationField).mask()
