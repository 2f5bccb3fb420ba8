"""The filter over the list of alerts: the field, the hint below it, and what they make of what is typed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from tui.domain.completion import begins_a_key
from tui.domain.errors import Invalid
from tui.domain.filter import Filter, parse_filter, unknown_names
from tui.domain.text import visible
from tui.screens.shared.filter_field import FilterField, FilterHint
from tui.screens.shared.kept import Kept

_TYPING_S = 0.08
"""A letter that comes so soon after another waits for the next: the list follows when the fingers rest."""


class FilterBar(Vertical):
    """Hidden while there is no filter. What makes no sense, or not yet, leaves the last good filter."""

    @dataclass
    class Changed(Message):
        filter: Filter
        after_s: float
        """How long the list may wait for the next letter."""

    def __init__(self, kept: Kept) -> None:
        super().__init__(id="filter-bar")
        self._kept = kept
        self._names: Sequence[str] = ()
        self._typed_at = 0.0
        self.filter = Filter()

    def compose(self) -> ComposeResult:
        yield FilterField(self._kept)
        yield FilterHint()

    def on_mount(self) -> None:
        self.display = False

    @property
    def field(self) -> FilterField:
        return self.query_one(FilterField)

    @property
    def names(self) -> Sequence[str]:
        """What destinations are or were called."""
        return self._names

    @names.setter
    def names(self, names: Sequence[str]) -> None:
        self._names = self.field.names = names

    @property
    def nobody(self) -> str:
        """Whom the filter asks for though no destination is called so."""
        return _nobody(unknown_names(self.filter, self._names))

    # --- what the screen does with it

    def put(self, text: str) -> None:
        """`text`, as if it had been typed and entered."""
        self.field.keep()
        self.display = bool(text)
        self.field.value = text

    def enter(self) -> None:
        self.display = True
        self.screen.set_focus(self.field)  # at once: what is typed next is for it, and not for the list

    # --- typing

    @on(Input.Changed, "#filter")
    def _on_typed(self, event: Input.Changed) -> None:
        event.stop()
        now = time.monotonic()
        soon, self._typed_at = now - self._typed_at < _TYPING_S, now
        self._take(event.value, _TYPING_S if soon else 0.0, typing=self.field.has_focus)

    def _take(self, text: str, after_s: float, *, typing: bool) -> None:
        filter, wrong = self._understand(text)
        self._show_hint(wrong)
        if not wrong:
            self._kept.filter = text
        is_begun = typing and (
            begins_a_key(text) or bool(self.field.completions and unknown_names(filter, self._names))
        )
        if not is_begun and filter != self.filter:
            self.filter = filter
            self.post_message(self.Changed(filter, after_s))

    def _understand(self, text: str) -> tuple[Filter, str]:
        """The filter in `text`, or the last good one; and what is wrong, unless it may yet become right."""
        goes_on = self.field.completions
        try:
            filter = parse_filter(text)
        except Invalid as problem:
            return self.filter, "" if goes_on else problem.message
        return filter, "" if goes_on else _nobody(unknown_names(filter, self._names))

    def _show_hint(self, wrong: str) -> None:
        field, hint = self.field, self.query_one(FilterHint)
        if wrong:
            hint.say_wrong(wrong)
        else:
            hint.suggest(field.completions)
        hint.display = bool(wrong) or field.has_focus

    @on(Input.Submitted, "#filter")
    def _on_entered(self) -> None:
        self.field.keep()
        self.display = bool(self.field.value.strip())

    def on_descendant_focus(self) -> None:
        self._show_hint(self._understand(self.field.value)[1])

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """Nobody types any more: what might have become a key is a word."""
        if event.widget is self.field:
            self._take(self.field.value, 0.0, typing=False)


def _nobody(names: Sequence[str]) -> str:
    return f"No destination is called {' or '.join(map(visible, names))}" if names else ""
