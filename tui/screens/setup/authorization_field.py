"""The Authorization field: none, a token, or user and password. Stored secrets are never shown."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Select

from tui.domain import authorization
from tui.domain.authorization import Scheme
from tui.domain.errors import Invalid
from tui.domain.headers import Header
from tui.domain.secret import Secret

_CHOICES = (("none", ""), ("bearer token", Scheme.BEARER), ("user, password", Scheme.BASIC))


class AuthorizationField(Horizontal):
    """Empty fields keep the stored secret. A stored reference (`env:`, `file:`) is shown."""

    def __init__(self, stored: Header | None) -> None:
        super().__init__(id="authorization-set")
        self._stored = stored
        self._typed = authorization.as_typed(stored) if stored else None

    def compose(self) -> ComposeResult:
        typed = self._typed
        yield Select(
            _CHOICES,
            value=typed.scheme if typed else "",
            allow_blank=False,
            compact=True,
            id="authorization",
        )
        yield Input(typed.user if typed else "", id="user")
        yield Input(typed.secret if typed else "", id="credential", password=True)

    def on_mount(self) -> None:
        self._draw()

    def read(self) -> Header | None:
        """Raises Invalid (`authorization`)."""
        user, secret = self._user.value, self._credential.value
        if self._is_kept and not user and not secret:
            return self._stored
        match self._scheme:
            case Scheme.BEARER:
                if not secret:
                    raise Invalid("authorization", "enter the token: a value, env:NAME or file:PATH")
                return authorization.bearer(secret)
            case Scheme.BASIC:
                return authorization.basic(user, secret)
            case _:
                return None

    def state(self) -> tuple[str, str, str]:
        """The contents, for detecting changes."""
        return self._scheme, self._user.value, self._credential.value

    def mask(self) -> None:
        """Mask the secret unless its field has the focus. References stay readable."""
        credential = self._credential
        credential.password = not credential.has_focus and not Secret(credential.value).is_reference

    @property
    def _scheme(self) -> str:
        return str(self.query_one("#authorization", Select).value)

    @property
    def _user(self) -> Input:
        return self.query_one("#user", Input)

    @property
    def _credential(self) -> Input:
        return self.query_one("#credential", Input)

    @property
    def _is_kept(self) -> bool:
        """Whether a secret of the selected scheme is stored and not shown."""
        return self._typed is not None and not self._typed.secret and self._typed.scheme == self._scheme

    def on_select_changed(self) -> None:
        self._draw()

    def on_input_changed(self) -> None:
        self._draw()

    def _draw(self) -> None:
        self._user.display = self._scheme == Scheme.BASIC
        self._credential.display = bool(self._scheme)
        kept = self._is_kept and not self._user.value and not self._credential.value
        what = "password" if self._scheme == Scheme.BASIC else "token"
        self._user.placeholder = "kept" if kept else "user"
        self._credential.placeholder = "kept; type to replace" if kept else f"{what}, env:NAME or file:PATH"
        self.mask()
