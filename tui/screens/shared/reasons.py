"""Actions that are not available are dimmed, and their keys say why."""

from textual import events
from textual.binding import Binding
from textual.widget import Widget

from tui.screens.shared.context import Context

_CHANGING = frozenset(
    ("resend", "resend_all", "cancel", "new_destination", "new", "edit", "test", "pause", "delete")
)
"""The actions that change the database or send something: not available with `--read-only`."""


class Reasons(Widget):
    """Mix-in for a widget or screen that knows why one of its actions is not available.

    List it after the other base classes: Textual takes the style sheet of a class from its first base.
    """

    context: Context
    _told: tuple[str, ...] = ()

    def why_not(self, action: str) -> str | None:
        """Return why the action is not available, without a full stop, or None if it is available."""
        raise NotImplementedError

    def _why_not(self, action: str) -> str | None:
        if self.context.read_only and action in _CHANGING:
            return "Nothing can be changed here: the app was opened with --read-only"
        return self.why_not(action)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if self.is_mounted and self._why_not(action):
            return None
        return super().check_action(action, parameters)

    def tell_reasons(self) -> None:
        """Update the footer if the available actions changed."""
        actions = [binding.action for binding in self.BINDINGS if isinstance(binding, Binding)]
        barred = tuple(action for action in actions if self._why_not(action))
        if barred != self._told:
            self._told = barred
            self.refresh_bindings()

    def on_key(self, event: events.Key) -> None:
        """Say why a key did nothing. A key gets here only if no action handled it."""
        active = self.screen.active_bindings.get(event.key)
        if active is not None and active.node is self and not active.enabled:
            reason = self._why_not(active.binding.action)
            if reason:
                event.stop()
                self.notify(f"{reason}.", severity="warning", markup=False)
