"""Text typed while the form opens, before its first field has the focus."""

from textual.widget import Widget
from textual.widgets import Input

from tui.domain.destination import Destination


def type_early(form: Widget, original: Destination | None, text: str) -> None:
    """Insert text typed before the first field had the focus. After a tab, fill the second.

    Later fields are not supported: nobody types that far ahead.
    """
    name, *more = text.split("\t")
    _put_in_front(form, original, "name", name)
    if more:
        url = form.query_one("#url", Input)
        form.screen.set_focus(url)
        url.call_later(_put_in_front, form, original, "url", more[0])  # after the focus selected its value
        if more[1:]:
            url.call_later(form.screen.focus_next)


def _put_in_front(form: Widget, original: Destination | None, id: str, text: str) -> None:
    """Insert text before what was typed since. The original value was selected, so typing replaced it."""
    field = form.query_one(f"#{id}", Input)
    before = getattr(original, id, "")
    since = field.value if field.value != before else ""
    if text:
        field.value = text + since
        field.cursor_position = len(field.value)
