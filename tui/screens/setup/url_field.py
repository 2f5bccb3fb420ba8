"""The URL of a destination, masked while it contains a token."""

from textual.widgets import Input

from tui.domain.destination import parse_url
from tui.domain.errors import Invalid
from tui.domain.secret import mask_url


class UrlField(Input):
    """Masks a URL that contains a token, unless the field has the focus or the user revealed it."""

    def __init__(self, url: str) -> None:
        super().__init__(url, id="url", placeholder="https://hooks.example.com/alerts")
        self._revealed = False

    def toggle_reveal(self) -> None:
        self._revealed = not self._revealed
        self.mask()

    def mask(self) -> None:
        """Mask or show the URL. Call it when the focus has moved."""
        holds_token = bool(self.value) and _masked(self.value) != self.value
        self.password = holds_token and not self.has_focus and not self._revealed


def _masked(url: str) -> str:
    try:
        return mask_url(parse_url(url))
    except Invalid:
        return url  # not a URL yet: the user must see the mistake
