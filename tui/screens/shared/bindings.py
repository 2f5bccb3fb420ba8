"""An entry of the key table, and the entries of one screen or widget."""

from dataclasses import dataclass

from textual.binding import Binding, BindingType


@dataclass(frozen=True, slots=True)
class Key:
    """An action, the keys that start it, and what people read about it."""

    id: str
    """The name in `[keys]`. The same id may stand in several places: it then has one key everywhere."""
    keys: str
    """Textual's key names, separated by commas."""
    action: str
    """The action of the screen or widget, as in Textual: `move(1)` calls `action_move(1)`."""
    label: str
    """One or two words for the footer, and the start of the palette's entry."""
    tooltip: str
    """What the action does, in at most 44 characters: the help shows it on 80 columns."""
    footer: bool = True
    priority: bool = False
    """Whether it works before the widget that has the focus sees the key."""

    @property
    def binding(self) -> Binding:
        return Binding(
            self.keys,
            self.action,
            self.label,
            show=self.footer,
            priority=self.priority,
            tooltip=self.tooltip,
            id=self.id,
        )


@dataclass(frozen=True, slots=True)
class Place:
    """The keys of one screen or widget."""

    title: str
    """The heading in `docs/keys.md`."""
    keys: tuple[Key, ...]

    @property
    def bindings(self) -> list[BindingType]:
        return [key.binding for key in self.keys]
