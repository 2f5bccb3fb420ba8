"""The field for a filter, with completion and history, and the hint below it."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import ClassVar

from rich.cells import cell_len
from textual.binding import BindingType
from textual.content import Content
from textual.suggester import Suggester, SuggestionReady
from textual.widgets import Input, Static

from tui.domain.completion import Completion, completions
from tui.domain.routing import KEYS_THAT_ROUTE
from tui.domain.text import visible
from tui.screens.shared import key_table
from tui.screens.shared.context import Context
from tui.screens.shared.kept import Kept
from tui.store.errors import StoreUnavailable
from tui.store.reading import listing


class FilterField(Input):
    BINDINGS: ClassVar[list[BindingType]] = key_table.FILTER.bindings

    def __init__(self, kept: Kept) -> None:
        super().__init__(
            id="filter",
            placeholder="severity:>=high state:failed to:soc root login",
            suggester=_Completing(lambda value: completions(value, self.names, paths=self.paths)),
        )
        self.names: Sequence[str] = ()
        """The names of the destinations."""
        self.paths: Sequence[str] = ()
        """The paths in the contexts of recent alerts."""
        self._kept = kept
        self._back = 0
        """How many steps back in the history the filter shown is. 0: the text being typed."""
        self._typed = ""

    @property
    def completions(self) -> list[Completion]:
        return completions(self.value, self.names, paths=self.paths)

    def suggest(self) -> None:
        """Show the completion behind the cursor; the field itself asks only when its text changes."""
        if suggestion := _behind_cursor(self.value, self.completions):
            self.post_message(SuggestionReady(self.value, suggestion))

    def keep(self) -> None:
        """Add the current filter to the history."""
        self._kept.remember(self.value.strip())
        self._back = 0

    def action_complete(self) -> None:
        found = self.completions
        if found and self.value:
            self.value = found[0].text
            self.cursor_position = len(self.value)

    def action_earlier(self, steps: int) -> None:
        back = max(0, min(self._back + steps, len(self._kept.history)))
        if back == self._back:
            return
        if self._back == 0:
            self._typed = self.value
        self._back = back
        self.value = self._kept.history[-back] if back else self._typed
        self.cursor_position = len(self.value)


class RoutingField(Input):
    """The filter of a destination. Tab moves to the next field in the form, so another key completes."""

    BINDINGS: ClassVar[list[BindingType]] = key_table.FORM_FILTER.bindings

    def __init__(self, value: str, context: Context) -> None:
        super().__init__(
            value,
            id="filter",
            placeholder='tag:aws -bucket "root login"',
            suggester=_Completing(self._complete),
        )
        self.context = context
        self._paths: Sequence[str] = ()

    def on_mount(self) -> None:
        self.run_worker(self._learn_paths())

    async def _learn_paths(self) -> None:
        """Read the paths in the contexts of recent alerts, and complete what was typed meanwhile."""
        with suppress(StoreUnavailable):  # completes only keys
            self._paths = await self.context.read_aside(listing.latest_paths)
        if self.has_focus and (suggestion := _behind_cursor(self.value, self._complete(self.value))):
            self.post_message(SuggestionReady(self.value, suggestion))

    def _complete(self, value: str) -> list[Completion]:
        return completions(value, (), KEYS_THAT_ROUTE, self._paths)


class _Completing(Suggester):
    """Shows the completion of the text behind the cursor."""

    def __init__(self, complete: Callable[[str], list[Completion]]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._complete = complete

    async def get_suggestion(self, value: str) -> str | None:
        return _behind_cursor(value, self._complete(value))


def _behind_cursor(value: str, found: Sequence[Completion]) -> str | None:
    return found[0].text if found and value[-1:].strip() else None


class FilterHint(Static):
    """A line below the field: the error, or else the completions."""

    def __init__(self) -> None:
        super().__init__(id="filter-hint")
        self._found: Sequence[Completion] = ()

    def say(self, note: str) -> None:
        self._found = ()
        self.remove_class("wrong")
        self.add_class("note")
        self.update(Content(note))

    def say_wrong(self, problem: str) -> None:
        self.add_class("wrong")
        self.update(Content(f"✗ {visible(problem)}"))

    def suggest(self, found: Sequence[Completion]) -> None:
        """Show as many completions as fit or, without any, the keys of the field."""
        self._found = found
        self.remove_class("wrong", "note")
        labels, room = [visible(completion.label) for completion in found], self.size.width or 200
        while len(labels) > 1 and cell_len("  ".join(labels)) + 8 > room:
            labels.pop()
        if not labels:
            self.update(Content("enter apply   esc clear   ↑ history"))
            return
        more = " …" if len(labels) < len(found) else ""
        others = "".join(f"  {label}" for label in labels[1:])
        self.update(Content.assemble("tab ", (labels[0], "bold $text-accent"), others, more))

    def on_resize(self) -> None:
        if not (self.has_class("wrong") or self.has_class("note")):
            self.suggest(self._found)
