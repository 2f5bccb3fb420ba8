"""Every key of the app, in one table.

The table serves the bindings of the screens and widgets, and through them the footer, the help (`?`) and
the command palette. It also serves the check of `[keys]` in the configuration, and `docs/keys.md`: after a
change, run `uv run python docs/keys.py`.
"""

from functools import partial

from tui.screens.shared.bindings import Key, Place

_hidden = partial(Key, footer=False)

_PAGES = (
    Key("move.page-up", "pageup", "page(-1)", "page up", "One page up", footer=False),
    Key("move.page-down", "pagedown", "page(1)", "page down", "One page down", footer=False),
)

APP = Place(
    "Everywhere",
    (
        Key("app.alerts", "1", "show_mode('alerts')", "screen", "Alerts", footer=False),
        Key("app.destinations", "2", "show_mode('destinations')", "screen", "Destinations", footer=False),
        Key("app.log", "3", "show_mode('log')", "screen", "Log", footer=False),
        Key("app.activity", "4", "show_mode('activity')", "screen", "Activity", footer=False),
        Key("app.jump", "semicolon,ctrl+j", "jump", "jump", "Jump to a part of the screen", footer=False),
        Key("app.help", "question_mark", "help", "help", "Show the keys of this screen", footer=False),
        Key("app.palette", "ctrl+p", "command_palette", "commands", "Find an action by name", priority=True),
        Key("app.theme", "f10", "change_theme", "theme", "Choose a light or dark theme", footer=False),
        Key("app.quit", "q", "leave", "quit", "Quit after deliveries in flight finish"),
        Key("app.quit-anywhere", "ctrl+q,ctrl+c", "leave", "quit", "Quit", footer=False, priority=True),
    ),
)

ALERTS = Place(
    "Alerts",
    (
        Key("alerts.resend", "r", "resend", "resend", "Resend the alert's failed deliveries"),
        Key("alerts.filter", "slash", "filter", "filter", "Filter the list"),
        Key("alerts.trouble", "f", "trouble", "failed", "Show only failed or retrying, or all"),
        Key("alerts.copy", "y", "copy", "copy", "Copy payload, response, curl or ID"),
        Key("alerts.route", "w", "route", "where to", "Show where the alert would go", footer=False),
        Key("alerts.preview", "v", "preview", "preview", "Preview the alert in any shape", footer=False),
        Key("alerts.cancel", "c", "cancel", "cancel", "Cancel pending deliveries", footer=False),
        Key("alerts.new", "n", "new_destination", "new", "Add a destination", footer=False),
        Key(
            "alerts.resend-all",
            "R",
            "resend_all",
            "resend all failed",
            "Resend all failed that match the filter",
            footer=False,
        ),
        _hidden("alerts.details-wider", "less_than_sign", "split(1)", "wider details", "Widen the details"),
        _hidden("alerts.list-wider", "greater_than_sign", "split(-1)", "wider list", "Widen the list"),
        Key("alerts.leave", "escape", "leave", "leave", "Back; clear the filter or selection", footer=False),
    ),
)

ALERT_LIST = Place(
    "The list of alerts",
    (
        Key("list.select", "space", "select", "select", "Select for an action on several"),
        Key("list.open", "enter", "open", "open", "Open the details"),
        Key("move.down", "j,down", "move(1)", "down", "Next alert", footer=False),
        Key("move.up", "k,up", "move(-1)", "up", "Previous alert", footer=False),
        Key("move.top", "g,home", "top", "top", "Newest alert; follow new ones", footer=False),
        Key("move.bottom", "G,end", "bottom", "bottom", "Oldest alert", footer=False),
        *_PAGES,
    ),
)

FILTER = Place(
    "The filter field",
    (
        Key("filter.complete", "tab", "complete", "complete", "Accept the suggestion"),
        Key("filter.earlier", "up", "earlier(1)", "earlier", "Previous filter in the history"),
        Key("filter.later", "down", "earlier(-1)", "later", "Next filter in the history", footer=False),
    ),
)

ALERT_DETAILS = Place(
    "The details of an alert",
    (
        Key("details.back", "escape", "back", "back", "Clear the mark; back to the list"),
        Key("details.resend", "r", "resend", "resend", "Resend this delivery"),
        Key("details.cancel", "c", "cancel", "cancel", "Cancel this delivery if pending", footer=False),
        Key("details.copy", "y", "copy", "copy", "Copy payload, response, curl, error or ID"),
        Key("details.route", "w", "route", "where to", "Show where the alert would go", footer=False),
        Key("details.preview", "v", "preview", "preview", "Preview the alert in any shape", footer=False),
        Key("details.tab", "tab", "app.focus_next", "response", "To the response and back", footer=False),
    ),
)

ALERT_PANE = Place(
    "The deliveries and attempts of an alert",
    (
        Key("pane.compare", "equals_sign", "compare", "compare", "Compare with the marked or last attempt"),
        Key("pane.mark", "m", "mark", "mark", "Mark an attempt for comparison", footer=False),
        Key("pane.open", "o", "page", "open", "Open the body under the cursor in $PAGER"),
    ),
)

LINES = Place(
    "Text that folds: payloads, attempts, responses",
    (
        Key("lines.fold", "enter", "open", "fold", "Fold or unfold at the cursor"),
        Key("lines.next", "right_square_bracket", "section(1)", "section", "Next heading", footer=False),
        _hidden("lines.previous", "left_square_bracket", "section(-1)", "section", "Previous heading"),
        Key("move.down", "j,down", "move(1)", "down", "Next line", footer=False),
        Key("move.up", "k,up", "move(-1)", "up", "Previous line", footer=False),
        Key("move.first", "g,home", "go_to(0)", "first", "First line", footer=False),
        Key("move.last", "G,end", "go_to(-1)", "last", "Last line", footer=False),
        *_PAGES,
    ),
)

COMPARISON = Place(
    "The comparison of two attempts",
    (
        Key("comparison.back", "escape", "dismiss", "back", "Back to the details"),
        Key("comparison.same", "d", "toggle_same", "differences only", "Hide or show equal lines"),
    ),
)

PREVIEW = Place(
    "The preview of an alert",
    (
        Key("preview.back", "escape,v", "dismiss", "back", "Back to the alert"),
        Key("preview.shape", "s", "choose", "shape", "Choose another shape"),
        Key("preview.copy", "y", "copy", "copy body", "Copy the body"),
    ),
)

BATCHES = Place(
    "A resend or cancellation in progress",
    (Key("batches.stop", "escape", "stop", "stop", "Stop after the current batch"),),
)

DESTINATIONS = Place(
    "Destinations",
    (
        Key("destinations.new", "n", "new", "new", "Add a destination"),
        Key("destinations.edit", "e", "edit", "edit", "Edit this destination"),
        Key("destinations.test", "t", "test", "test", "Send a test alert"),
        Key("destinations.pause", "p", "pause", "pause", "Pause or resume its deliveries"),
        Key("destinations.delete", "d", "delete", "delete", "Delete this destination"),
        Key("destinations.alerts", "a", "alerts", "alerts", "List the alerts sent to it"),
        Key("destinations.close", "escape", "close", "back", "Close the details"),
    ),
)

DESTINATION_LIST = Place(
    "The list of destinations",
    (
        Key("destinations.open", "enter", "open", "open", "Open the details and recent attempts"),
        Key("move.down", "j,down", "move(1)", "down", "Next destination", footer=False),
        Key("move.up", "k,up", "move(-1)", "up", "Previous destination", footer=False),
        Key("move.first", "g,home", "first", "first", "First destination", footer=False),
        Key("move.last", "G,end", "last", "last", "Last destination", footer=False),
        *_PAGES,
    ),
)

DESTINATION_PANE = Place(
    "The details of a destination",
    (
        Key("move.down", "j", "move('cursor_down')", "down", "Next attempt", footer=False),
        Key("move.up", "k", "move('cursor_up')", "up", "Previous attempt", footer=False),
        Key("move.first", "g", "move('first')", "first", "Newest attempt", footer=False),
        Key("move.last", "G", "move('last')", "last", "Oldest attempt", footer=False),
    ),
)

SETUP = Place(
    "The form of a destination",
    (
        Key("setup.save", "ctrl+s", "save", "save", "Save the destination"),
        Key("setup.reveal", "ctrl+r", "reveal", "reveal URL", "Show or mask the URL"),
        Key("setup.close", "escape,q", "close", "close", "Close; saved settings stay saved"),
        # With priority: a tab must leave its field before the characters typed after it reach one.
        Key("setup.next", "tab", "move_on(1)", "next", "Next field", footer=False, priority=True),
        Key(
            "setup.previous",
            "shift+tab",
            "move_on(-1)",
            "previous",
            "Previous field",
            footer=False,
            priority=True,
        ),
        Key("move.down", "j,down", "scroll('scroll_down')", "down", "One line down", footer=False),
        Key("move.up", "k,up", "scroll('scroll_up')", "up", "One line up", footer=False),
        _hidden("move.page-down", "pagedown", "scroll('scroll_page_down')", "page down", "One page down"),
        Key("move.page-up", "pageup", "scroll('scroll_page_up')", "page up", "One page up", footer=False),
        Key("move.first", "g,home", "scroll('scroll_home')", "top", "To the top", footer=False),
        Key("move.last", "G,end", "scroll('scroll_end')", "end", "To the end", footer=False),
    ),
)

FORM_FILTER = Place(
    "The filter in the form of a destination",
    (Key("form.complete", "right", "cursor_right", "complete", "Accept the suggestion"),),
)

LOG = Place(
    "Log",
    (
        Key("log.level", "f", "level", "level", "Warnings and errors, errors only, or all"),
        Key("log.filter", "slash", "filter", "filter", "Show only lines that contain a text"),
        Key("log.leave", "escape", "leave", "leave", "Back to the lines; clear the filter", footer=False),
    ),
)

LOG_LINES = Place(
    "The lines of the log",
    (
        Key("log.open", "enter", "open", "alert", "Open the alert of this line"),
        Key("move.down", "j,down", "move(1)", "down", "One line down", footer=False),
        Key("move.up", "k,up", "move(-1)", "up", "One line up", footer=False),
        Key("move.top", "g,home", "first", "top", "First line", footer=False),
        Key("move.bottom", "G,end", "last", "end", "Last line; follow new ones", footer=False),
        *_PAGES,
    ),
)

ACTIVITY = Place(
    "Activity",
    (
        Key("move.down", "j", "cursor('cursor_down')", "down", "Next destination", footer=False),
        Key("move.up", "k", "cursor('cursor_up')", "up", "Previous destination", footer=False),
        Key("move.first", "g", "cursor('first')", "first", "First destination", footer=False),
        Key("move.last", "G", "cursor('last')", "last", "Last destination", footer=False),
    ),
)

ACTIVITY_FIGURES = Place(
    "The figures of a destination in Activity",
    (Key("activity.open", "enter", "select", "destination", "Show it in the list of destinations"),),
)

CONFIRM = Place(
    "A question",
    (
        Key("confirm.yes", "y", "answer(True)", "yes", "Yes"),
        Key("confirm.no", "n,escape", "answer(False)", "no", "No"),
        Key("confirm.other", "left,right", "app.focus_next", "other", "Other button", footer=False),
    ),
)

CHOOSE = Place(
    "A menu",
    (
        Key("choose.close", "escape", "dismiss(None)", "close", "Close without choosing"),
        Key("choose.down", "j", "move(1)", "down", "Next", footer=False),
        Key("choose.up", "k", "move(-1)", "up", "Previous", footer=False),
    ),
)

SHOW_TEXT = Place(
    "A text to copy",
    (Key("text.close", "escape,q", "dismiss", "close", "Close the text"),),
)

HELP = Place(
    "The help",
    (
        Key("help.close", "escape,question_mark,q", "dismiss", "close", "Close the help"),
        Key("move.down", "j", "scroll('scroll_down')", "down", "One line down", footer=False),
        Key("move.up", "k", "scroll('scroll_up')", "up", "One line up", footer=False),
        Key("move.top", "g", "scroll('scroll_home')", "top", "To the top", footer=False),
        Key("move.bottom", "G", "scroll('scroll_end')", "bottom", "To the end", footer=False),
    ),
)

JUMP = Place(
    "Jump mode",
    (Key("jump.close", "escape,semicolon,ctrl+j", "dismiss", "stay", "Close without jumping"),),
)

PLACES = (
    APP,
    ALERTS,
    ALERT_LIST,
    FILTER,
    ALERT_DETAILS,
    ALERT_PANE,
    LINES,
    COMPARISON,
    PREVIEW,
    BATCHES,
    DESTINATIONS,
    DESTINATION_LIST,
    DESTINATION_PANE,
    SETUP,
    FORM_FILTER,
    LOG,
    LOG_LINES,
    ACTIVITY,
    ACTIVITY_FIGURES,
    CONFIRM,
    CHOOSE,
    SHOW_TEXT,
    HELP,
    JUMP,
)
"""In the order of `docs/keys.md`."""
