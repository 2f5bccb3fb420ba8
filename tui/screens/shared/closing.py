"""A screen that is closed once, however quick the keys that close it are.

It is named after the other bases: Textual takes a class's style sheet from the first of them.
"""

from typing import Any

from textual.await_complete import AwaitComplete
from textual.screen import Screen, ScreenResultType


class ClosesOnce(Screen[ScreenResultType]):
    """Textual's (8.2.8) closes what is on top by then: after a second, quicker key the screen below."""

    def dismiss(self, result: Any = None) -> AwaitComplete:
        return super().dismiss(result) if self.app.screen is self else AwaitComplete.nothing()
