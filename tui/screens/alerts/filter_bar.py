"""The filter above the list of alerts: the field, the hint below it, and the filter they stand for."""

import contextlib
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
from tui.domain.filter import Filter, unknown_names
from tui.domain.filter_language import parse_filter
from tui.domain.text import visible
from tui.screens.shared.filter_field import FilterField, FilterHint
from tui.screens.shared.kept import Kept

_FROM_LAST_TIME = "filter from last time · {}esc shows all"
_TYPING_S = 0.08
"""Seconds. While keys follow each other faster than this, the list waits for the next one."""


class FilterBar(Vertical):
    """Hidden while there is no filter. An invalid filter leaves the last valid one in effect."""

    @dataclass
    class Changed(Message):
        filter: Filter
        after_s: float
        """Seconds that the list may wait for the next key."""

    def __init__(self, kept: Kept) -> None:
        super().__init__(id="filter-bar")
        self._kept = kept
        self._typed_at = 0.0
        self._knows_names = False
        self.filter = Filter()
        with contextlib.suppress(Invalid):  # one that an older version understood
            self.filter = parse_filter(kept.filter)
        self._last_time = kept.filter
        self._note = _FROM_LAST_TIME.format("") if self.filter else ""

    def compose(self) -> ComposeResult:
        field = FilterField(self._kept)
        if self.filter:
            field.value = self._last_time
        yield field
        yield FilterHint()

    def on_mount(self) -> None:
        self.display = bool(self.filter)
        self._show_hint("")

    @property
    def field(self) -> FilterField:
        return self.query_one(FilterField)

    @property
    def names(self) -> Sequence[str]:
        """The names of all destinations, deleted ones included."""
        return self.field.names

    @property
    def unknown(self) -> str:
        """An error if the filter names a destination that does not exist, else ""."""
        return _unknown(self._unknown_names(self.filter))

    def _unknown_names(self, filter: Filter) -> Sequence[str]:
        """Return the names in `filter` that do not exist: none, until the names have been read."""
        return unknown_names(filter, self.names) if self._knows_names else ()

    # --- for the screen

    @property
    def is_from_last_time(self) -> bool:
        """Whether the filter is the one that was kept, and nothing has been typed yet."""
        return bool(self._note)

    def say_kept(self, matching: int, all: int) -> None:
        """Say, until something is typed, that the filter was kept and how much it hides."""
        self._note = _FROM_LAST_TIME.format(f"{matching:,} of {all:,} · ")
        self._show_hint("")

    def put(self, text: str) -> None:
        """Set the filter, as if `text` had been typed and entered."""
        self.field.keep()
        self.display = bool(text)
        self.field.value = text

    def enter(self) -> None:
        self.display = True
        self.screen.set_focus(self.field)  # at once: the next keys are for the field, not for the list

    def learn_names(self, names: Sequence[str]) -> None:
        self.field.names, self._knows_names = names, True
        self._suggest_again()

    def learn_paths(self, paths: Sequence[str]) -> None:
        self.field.paths = paths
        self._suggest_again()

    def _suggest_again(self) -> None:
        """Check and complete what was typed before the names and paths were read."""
        self._show_hint(self._understand(self.field.value)[1])
        if self.field.has_focus:
            self.field.suggest()

    # --- typing

    @on(Input.Changed, "#filter")
    def _on_typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value != self._last_time:
            self._note = ""
        now = time.monotonic()
        soon, self._typed_at = now - self._typed_at < _TYPING_S, now
        self._take(event.value, _TYPING_S if soon else 0.0, typing=self.field.has_focus)

    def _take(self, text: str, after_s: float, *, typing: bool) -> None:
        filter, wrong = self._understand(text)
        self._show_hint(wrong)
        if not wrong:
            self._kept.filter = text
        is_begun = typing and (
            begins_a_key(text) or bool(self.field.completions and self._unknown_names(filter))
        )
        if not is_begun and filter != self.filter:
            self.filter = filter
            self.post_message(self.Changed(filter, after_s))

    def _understand(self, text: str) -> tuple[Filter, str]:
        """Return the filter, or the last valid one, and an error unless `text` may be incomplete."""
        goes_on = self.field.completions
        try:
            filter = parse_filter(text)
        except Invalid as problem:
            return self.filter, "" if goes_on else problem.message
        return filter, "" if goes_on else _unknown(self._unknown_names(filter))

    def _show_hint(self, wrong: str) -> None:
        field, hint = self.field, self.query_one(FilterHint)
        if wrong:
            hint.say_wrong(wrong)
        elif self._note and not field.has_focus:
            hint.say(self._note)
        else:
            hint.suggest(field.completions)
        hint.display = bool(wrong or self._note) or field.has_focus

    @on(Input.Submitted, "#filter")
    def _on_entered(self) -> None:
        self.field.keep()
        self.display = bool(self.field.value.strip())

    def on_descendant_focus(self) -> None:
        self._show_hint(self._understand(self.field.value)[1])

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """Typing has ended: what might have become a key is a plain word."""
        if event.widget is self.field:
            self._take(self.field.value, 0.0, typing=False)


def _unknown(names: Sequence[str]) -> str:
    return f"There is no destination named {' or '.join(map(visible, names))}" if names else ""
