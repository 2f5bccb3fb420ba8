"""Keys typed ahead: each is taken once the one before has done what it does.

Textual (8.2.8) hands all keys that come in one piece to the widget that has the focus at that moment, and
asks for each on its way back up what it is bound to. Over a slow line, or where the screen is busy, `/` and
a word were so many keys of the list: an `n` made a destination, a `q` quit.
"""

from collections import deque
from collections.abc import Sequence

from textual import events
from textual.app import App
from textual.dom import DOMNode

_AT_MOST_S = 1.0
"""After which a key is given up that a widget has taken with it when it was removed."""


class TypedAhead(App[None]):
    _under_way = 0
    """The number of the key that is on its way; none is with 0."""
    _last_number = 0
    _waiting: "deque[events.Key | events.Paste]"

    def __init__(self, ansi_color: bool | None = None) -> None:
        super().__init__(ansi_color=ansi_color)
        self._waiting = deque()

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
        elif self._under_way:
            self._waiting.append(event)
        else:
            await self._take(event)

    async def _take(self, event: events.Key | events.Paste) -> None:
        self._last_number += 1
        number = self._under_way = self._last_number
        target = self.focused or self.screen
        self.set_timer(_AT_MOST_S, lambda: self._take_next(number))
        await super().on_event(event)
        # Up the way that the key takes, to where it is asked for what it is bound to; then once more, behind
        # the message that this may have sent (a field was entered, a button pressed).
        self._follow([*target.ancestors_with_self, *target.ancestors_with_self], number)

    def _follow(self, way: Sequence[DOMNode], number: int) -> None:
        if not way:
            # Behind what has been asked for last, too: a focus is given by a message.
            self.call_later(self._take_next, number)
        elif not way[0].call_later(self._follow, way[1:], number):
            self._follow(way[1:], number)  # it has been removed

    async def _take_next(self, number: int) -> None:
        if number == self._under_way:
            self._under_way = 0
            if self._waiting:
                await self._take(self._waiting.popleft())
