"""The part of the form that few need: collapsed at first."""

from typing import Any

from textual.widgets import Collapsible

from tui.domain.tls import UNVERIFIED

_TITLE = "Advanced: headers, authorization, secret, timeout, rate, folding, TLS"


class Advanced(Collapsible):
    """Opening scrolls it to the top once its fields are laid out, and then to the field with the focus.

    Textual scrolls after the next refresh. The fields may not have a place by then, so where the form stood
    afterwards depended on the speed of the machine.
    """

    def __init__(self) -> None:
        super().__init__(title=_TITLE, collapsed=True, id="advanced")

    def warn(self, *, unverified: bool) -> None:
        """Say that certificates are not verified, also while it is collapsed."""
        self.title = f"{UNVERIFIED} · {_TITLE}" if unverified else _TITLE

    def scroll_visible(self, *args: Any, **how: Any) -> None:
        if self.collapsed:
            super().scroll_visible(*args, **how)
        elif not self.query_one(Collapsible.Contents).size:
            self.call_after_refresh(self.scroll_visible)
        else:
            super().scroll_visible(animate=False, top=True, immediate=True)
            focused = self.screen.focused
            if focused is not None and self in focused.ancestors:
                focused.scroll_visible(animate=False, immediate=True)
