"""An action that makes no sense now is dimmed, and its key says why."""

from textual import events
from textual.binding import Binding
from textual.widget import Widget


class Reasons(Widget):
    """To be mixed into a widget or screen that knows why one of its actions cannot be done now.

    It is named after the other bases, from the first of which Textual takes a class's style sheet and parts.
    """

    _told: tuple[str, ...] = ()

    def why_not(self, action: str) -> str | None:
        """A sentence, or None for an action that can be done."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if self.is_mounted and self.why_not(action):
            return None
        return super().check_action(action, parameters)

    def tell_reasons(self) -> None:
        """What can be done may have changed: the footer follows."""
        actions = [binding.action for binding in self.BINDINGS if isinstance(binding, Binding)]
        barred = tuple(action for action in actions if self.why_not(action))
        if barred != self._told:
            self._told = barred
            self.refresh_bindings()

    def on_key(self, event: events.Key) -> None:
        """A key reaches this place only when no action took it."""
        active = self.screen.active_bindings.get(event.key)
        if active is not None and active.node is self and not active.enabled:
            reason = self.why_not(active.binding.action)
            if reason:
                event.stop()
                self.notify(f"{reason}.", severity="warning", markup=False)
