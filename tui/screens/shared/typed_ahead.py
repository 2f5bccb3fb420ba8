"""Queue keys typed ahead: handle each only after the previous one has taken effect.

Textual (8.2.8) sends all keys that arrive together to the widget that has the focus at that moment, and looks
up their bindings on the way up. Over a slow connection or on a busy screen, `/` and a word typed after it all
went to the list: an `n` added a destination, a `q` quit.
"""

from collections import deque
from collections.abc import Sequence
from functools import partial

from textual import events
from textual.app import App
from textual.dom import DOMNode

_AT_MOST_S = 1.0
"""Time limit for a key: a widget that was removed never finishes it."""
_LOOK_S = 0.005


class TypedAhead(App[None]):
    _under_way = 0
    """The number of the key being handled, or 0."""
    _last_number = 0
    _waiting: "deque[events.Key | events.Paste]"

    def __init__(self, ansi_color: bool | None = None) -> None:
        super().__init__(ansi_color=ansi_color)
        self._waiting = deque()

    @property
    def is_opening(self) -> bool:
        """Whether the screen is about to show what the next key acts on."""
        return False

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
        self.set_timer(_AT_MOST_S, partial(self._take_next, number))
        await super().on_event(event)
        # Follow the key up to where its binding is looked up. Then once more, behind any message that the
        # binding sent (a field was submitted, a button pressed).
        self._follow([*target.ancestors_with_self, *target.ancestors_with_self], number)

    def _follow(self, way: Sequence[DOMNode], number: int) -> None:
        if not way:
            # After everything requested so far: the focus, too, changes by a message.
            self.call_later(self._take_next_when_open, number)
        elif not way[0].call_later(self._follow, way[1:], number):
            self._follow(way[1:], number)  # the widget has been removed

    async def _take_next_when_open(self, number: int) -> None:
        if number == self._under_way and self.is_opening:
            self.set_timer(_LOOK_S, partial(self._take_next_when_open, number))
        else:
            await self._take_next(number)

    async def _take_next(self, number: int) -> None:
        if number == self._under_way:
            self._under_way = 0
            if self._waiting:
                await self._take(self._waiting.popleft())
