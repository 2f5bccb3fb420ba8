"""Scrolling a view that has no cursor, such as the help."""

from textual.widget import Widget


def scroll(view: Widget, how: str) -> None:
    """Scroll `view` vertically. `how` is the name of a method of Textual's: `scroll_down`, `scroll_end` …

    Those methods (8.2.8) wait for the next refresh before they move, so several keys pressed between two
    refreshes would all start from the same line and count as one.
    """
    page = view.scrollable_content_region.height
    target = {
        "scroll_up": view.scroll_target_y - 1,
        "scroll_down": view.scroll_target_y + 1,
        "scroll_page_up": view.scroll_target_y - page,
        "scroll_page_down": view.scroll_target_y + page,
        "scroll_home": 0,
        "scroll_end": view.max_scroll_y,
    }[how]
    view.scroll_to(y=target, animate=False, immediate=True)
