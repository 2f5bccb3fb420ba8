"""The keys of a screen, made from its bindings."""

from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from tui.screens.shared import key_table, words
from tui.screens.shared.dialogs import Dialog
from tui.screens.shared.scrolling import scroll

_KEYS_CELLS = 8
_GROUPS = (("THIS SCREEN", ""), ("MOVING", "move."), ("EVERYWHERE", "app."))
"""What each is called, and how the ids in it begin; the first takes the rest."""
_HINT = "esc closes · ctrl+p: by name · set [keys] in the configuration"


class Help(Dialog[None]):
    """What can be done on the screen below, with which key, and the id to put it on another one by."""

    AUTO_FOCUS = "#keys"
    BINDINGS: ClassVar[list[BindingType]] = key_table.HELP.bindings

    def __init__(self, of: Screen[Any]) -> None:
        super().__init__()
        self._lines = _lines(of)

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="keys", classes="dialog help"):
            yield Static(Content("\n").join(self._lines))

    def on_mount(self) -> None:
        dialog = self.query_one("#keys")
        dialog.border_title, dialog.border_subtitle = "Keys of this screen", Content(_HINT)

    def action_scroll(self, how: str) -> None:
        scroll(self.query_one("#keys"), how)


def _lines(screen: Screen[Any]) -> list[Content]:
    told = [
        active for active in screen.active_bindings.values() if active.binding.id and active.binding.tooltip
    ]
    words_cells = max((len(active.binding.tooltip) for active in told), default=0)
    lines: list[Content] = []
    for title, prefix in _GROUPS:
        group = [active for active in told if _prefix(active.binding.id or "") == prefix]
        if group:
            heading = Content.styled(title, "bold $text-primary")
            lines += [Content(""), heading, *_group_lines(screen, group, words_cells)]
    return lines[1:]


def _prefix(id: str) -> str:
    return next((prefix for _, prefix in _GROUPS if prefix and id.startswith(prefix)), "")


def _group_lines(screen: Screen[Any], group: Sequence[ActiveBinding], words_cells: int) -> list[Content]:
    """A line for each id, those in the footer first."""
    keys: dict[str, list[str]] = {}
    for active in sorted(group, key=lambda active: not active.binding.show):
        keys.setdefault(active.binding.id or "", []).append(screen.app.get_key_display(active.binding))
    words_of = {active.binding.id: active.binding.tooltip for active in group}
    return [
        Content.assemble(
            (f"{' '.join(shown):>{_KEYS_CELLS}}  ", "$text-accent bold"),
            f"{words_of[id]:<{words_cells}}  ",
            (id, words.MUTED),
        )
        for id, shown in keys.items()
    ]
