"""The shape of a destination: a choice, the proposal for a vendor's URL, and a preview of the body."""

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Collapsible, Select, Static

from tui.delivery.request import masked_request
from tui.delivery.shapes import library
from tui.domain.alert import make_test_alert
from tui.domain.destination import PANTHER, Destination
from tui.domain.headers import Header
from tui.screens.shared import bodies
from tui.screens.shared.context import Context


class ShapeField(Select[str]):
    """For a new destination, a vendor's URL sets the shape until the user chooses one."""

    def __init__(self, stored: str | None) -> None:
        names = library.names()
        if stored and stored not in names:
            names.append(stored)  # the file of an own shape is gone; saving says so
        super().__init__(
            [(name, name) for name in names],
            value=stored or PANTHER,
            allow_blank=False,
            compact=True,
            id="shape",
        )
        self._set_by_us = None if stored else PANTHER

    @property
    def chosen(self) -> str:
        return str(self.value)

    def propose(self, url: str) -> str:
        """Set the shape for a vendor's URL. Return a hint if another one is chosen, else an empty string."""
        proposed = library.proposal(url.strip())
        if self._set_by_us is not None and self.chosen == self._set_by_us:
            self.value = self._set_by_us = proposed or PANTHER
        return f"This URL expects {proposed}." if proposed and proposed != self.chosen else ""

    def read(self, headers: Iterable[Header]) -> str:
        """Return the shape. Raises Invalid if it cannot be used, or if it needs a header that is missing."""
        name = library.check(self.chosen)
        library.check_headers(name, (header.name for header in headers))
        return name


class ShapePreview(Vertical):
    """A hint, and the body that a test alert would have."""

    def __init__(self, context: Context) -> None:
        super().__init__(id="shape-below")
        self.context = context

    def compose(self) -> ComposeResult:
        yield Static(id="shape-note", classes="hint")
        with Collapsible(title="Preview", collapsed=True, id="preview"):
            yield Static(id="shape-preview")

    def show(self, shape: str, hint: str) -> None:
        note = self.query_one("#shape-note", Static)
        note.update(hint)
        note.display = bool(hint)
        now = self.context.clock()
        alert = make_test_alert("sample", now=now, alert_id="…", link_template=self.context.link_template)
        to = Destination(name="", url="https://receiver.example/topic", shape=shape)
        request = masked_request(alert, to, webhook_id="…", round=1, timestamp=now // 1000)
        self.query_one("#shape-preview", Static).update(
            Content.assemble((f"{request.method} ", "bold"), bodies.body(request.body))
        )
