"""A screen that closes only once, however fast its keys are pressed.

List it after the other base classes: Textual takes the style sheet of a class from its first base.
"""

from typing import Any

from textual.await_complete import AwaitComplete
from textual.screen import Screen, ScreenResultType


class ClosesOnce(Screen[ScreenResultType]):
    """Textual's `dismiss` (8.2.8) closes whatever is on top: a second, faster key closes the screen below."""

    def dismiss(self, result: Any = None) -> AwaitComplete:
        return super().dismiss(result) if self.app.screen is self else AwaitComplete.nothing()
