"""The Log screen."""

import re
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from tui.domain.errors import Refused
from tui.domain.text import visible
from tui.screens.log.lines import Line, LogLines
from tui.screens.log.tail import LogTail
from tui.screens.shared import key_table, words
from tui.screens.shared.context import Context
from tui.screens.shared.live import LiveScreen
from tui.store.reading import queries

_KEPT_LINES = 20_000
_LONGEST = 400
"""Characters of a line drawn in its row. No terminal is wider."""
_LINE = re.compile(r"(?P<time>\d\S*) (?P<level>[A-Z]+) (?P<text>.*)")
_ALERT = re.compile(r"\balert=(?P<id>\S+)")
_ABOUT = re.compile(
    r"(?P<what>.*?)(?P<alert>\balert=\S+) (?P<destination>destination=(?:\"(?:[^\"\\]|\\.)*\"|\S+)) ?"
    r"(?P<number>round=\d+ number=\d+ ?)?(?P<rest>.*)"
)
_STYLES = {
    "CRITICAL": "bold $text-error",
    "ERROR": "bold $text-error",
    "WARNING": "$text-warning",
    "INFO": words.MUTED,
}
_LEVELS = (
    ("", ()),
    ("warnings and errors", ("WARNING", "ERROR", "CRITICAL")),
    ("errors only", ("ERROR", "CRITICAL")),
)
"""The choices that `f` cycles through: label and levels shown. No levels means all."""


class LogScreen(LiveScreen):
    AUTO_FOCUS = "#log"
    BINDINGS: ClassVar[list[BindingType]] = key_table.LOG.bindings

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._tail = LogTail(context.log)
        self._lines: list[Line] = []
        self._level = 0

    def compose_body(self) -> ComposeResult:
        with Vertical(id="list"):
            yield Input(id="log-filter", placeholder="text to search for")
            yield Static(id="empty")
            yield LogLines(_drawn)
            yield Static(id="line")

    def on_mount(self) -> None:
        self.query_one("#list").border_title = Content(f"Log · {visible(str(self.context.log))}")
        self.query_one("#log-filter").display = False
        self._show_emptiness()

    def on_unmount(self) -> None:
        self._tail.close()

    async def load(self) -> None:
        self._read_on()

    def tick(self) -> None:
        self._read_on()

    def _read_on(self) -> None:
        added = [_parsed(line) for line in self._tail.read()]
        if added:
            self._lines = (self._lines + added)[-_KEPT_LINES:]
            self.query_one(LogLines).add(self._wanted(added))
            self._show_emptiness()

    # --- what is shown

    def _wanted(self, lines: Sequence[Line]) -> list[Line]:
        levels, text = _LEVELS[self._level][1], self.query_one("#log-filter", Input).value.casefold()
        return [
            line
            for line in lines
            if (not levels or line.level in levels) and text in f"{line.level} {line.text}".casefold()
        ]

    def _show_wanted(self) -> None:
        self.query_one(LogLines).show(self._wanted(self._lines))
        self._show_emptiness()

    def _show_emptiness(self) -> None:
        log, empty = self.query_one(LogLines), self.query_one("#empty", Static)
        log.display = log.current is not None
        empty.display = not log.display
        if self._lines:
            empty.update(Content("No lines match this filter. Press / to change it, f for other levels."))
        else:
            empty.update(Content("Nothing has been logged yet."))
        if log.display and self.focused is None:
            log.focus()

    def on_log_lines_moved(self, event: LogLines.Moved) -> None:
        """Show the line under the cursor in full below the list, and what enter does."""
        below, line = self.query_one("#line", Static), event.line
        below.display = line is not None
        if line is not None:
            hint = "\nPress enter to open the alert" if _alert_of(line) else ""
            below.update(Content.assemble(words.plain(line.text), (hint, words.MUTED)))
        self._tell_state()

    def _tell_state(self) -> None:
        following = "following" if self.query_one(LogLines).following else "paused, G to follow"
        said = [_LEVELS[self._level][0], following if self._lines else ""]
        self.query_one("#list").border_subtitle = Content(" · ".join(word for word in said if word))

    # --- keys

    def action_level(self) -> None:
        self._level = (self._level + 1) % len(_LEVELS)
        self._show_wanted()
        self._tell_state()

    def action_filter(self) -> None:
        field = self.query_one("#log-filter", Input)
        field.display = True
        self.set_focus(field)  # at once: the next keys are for the field, not for the list

    def on_input_changed(self) -> None:
        self._show_wanted()

    def on_input_submitted(self) -> None:
        field = self.query_one("#log-filter", Input)
        field.display = bool(field.value)
        self.set_focus(self.query_one(LogLines))

    def action_leave(self) -> None:
        field = self.query_one("#log-filter", Input)
        field.value = ""
        field.display = False
        self.set_focus(self.query_one(LogLines))

    def on_log_lines_opened(self, event: LogLines.Opened) -> None:
        alert_id = _alert_of(event.line)
        if alert_id is None:
            self.notify("This line does not mention an alert", severity="warning")
        else:
            self.begin(lambda: self._open(alert_id), "open")

    async def _open(self, alert_id: str) -> None:
        try:
            key = await self.context.read(queries.find_alert, alert_id)
        except Refused:
            self.notify(
                f"Alert {visible(alert_id)} is not in this database", severity="warning", markup=False
            )
            return
        await self.app.run_action(f"show_alert({key})")


def _parsed(line: str) -> Line:
    match = _LINE.fullmatch(line)
    return Line(match["time"], match["level"], match["text"]) if match else Line("", "", line)


def _alert_of(line: Line) -> str | None:
    match = _ALERT.search(line.text)
    return match["id"] if match else None


def _what_matters_first(text: str) -> str:
    """Put destination and outcome before the IDs: a narrow screen cuts the end."""
    match = _ABOUT.fullmatch(text)
    if match is None:
        return text
    parts = [match["what"] + match["destination"], match["rest"], match["number"] or "", match["alert"]]
    return " ".join(part.strip() for part in parts if part)


def _drawn(line: Line) -> Content:
    text = visible(_what_matters_first(line.text)[:_LONGEST])
    if not line.level:
        return Content(f" {text}")
    stamp = f" {visible(line.time)[11:19]} "
    return Content.assemble((stamp, words.MUTED), (f"{line.level:<7} ", _STYLES.get(line.level, "")), text)
