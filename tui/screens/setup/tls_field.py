"""The TLS settings of a destination: verification, trusted CAs, client certificate."""

from collections.abc import Iterator
from contextlib import contextmanager

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Label, Static

from tui.delivery.tls import check
from tui.domain.errors import Invalid
from tui.domain.tls import UNVERIFIED, UNVERIFIED_MEANS, TlsSettings, parse_tls
from tui.screens.setup.toggle import Toggle

_ROWS = {
    # Arguments of `parse_tls`: label, and the default as placeholder.
    "ca_file": ("CA file", "default CAs, or an absolute path"),
    "certificate": ("Client cert", "none, or an absolute path to a PEM file"),
    "key": ("Client key", "in the same file, or an absolute path"),
    "key_password": ("Key password", "none, or env:NAME or file:PATH"),
}


class TlsField(Vertical):
    def __init__(self, stored: TlsSettings) -> None:
        super().__init__(id="tls")
        self._stored = stored

    def compose(self) -> ComposeResult:
        yield Toggle("Verify the TLS certificate", self._stored.verify, id="verify")
        yield Static(Content(f"{UNVERIFIED}: {UNVERIFIED_MEANS}"), id="verify-hint", classes="hint")
        stored = self._stored
        password = stored.key_password.value if stored.key_password else ""
        values = (stored.ca_file, stored.certificate, stored.key, password)
        for (name, (label, placeholder)), value in zip(_ROWS.items(), values, strict=True):
            with Horizontal(classes="labelled"):
                yield Label(label)
                yield Input(value, placeholder=placeholder, id=name.replace("_", "-"))

    def on_mount(self) -> None:
        self._warn()

    def read(self) -> TlsSettings:
        """Return the settings. Reads the files if a setting was changed.

        Raises Invalid, whose field is the invalid argument of `parse_tls`.
        """
        settings = self.typed()
        if settings != self._stored:
            with _telling_the_row():
                check(settings)
        return settings

    def focus_wrong(self) -> None:
        try:
            self.read()
        except Invalid as error:
            self._input(error.field if error.field in _ROWS else "ca_file").focus()

    def state(self) -> tuple[object, ...]:
        """The contents, for detecting changes."""
        return self._verify, *(self._input(name).value for name in _ROWS)

    @property
    def _verify(self) -> bool:
        return self.query_one("#verify", Toggle).value

    def _input(self, name: str) -> Input:
        return self.query_one(f"#{name.replace('_', '-')}", Input)

    def typed(self) -> TlsSettings:
        """Return the settings like `read`, without reading the files."""
        with _telling_the_row():
            return parse_tls(**{name: self._input(name).value for name in _ROWS}, verify=self._verify)

    def on_checkbox_changed(self) -> None:
        self._warn()

    def _warn(self) -> None:
        self.query_one("#verify-hint").display = not self._verify


@contextmanager
def _telling_the_row() -> Iterator[None]:
    """Prefix an error with its row's label: all rows share one error line."""
    try:
        yield
    except Invalid as error:
        label, _ = _ROWS.get(error.field, ("", ""))
        raise Invalid(error.field, f"{label}: {error.message}" if label else error.message) from None
