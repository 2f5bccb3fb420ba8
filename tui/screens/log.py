"""The log, followed as it is written."""

import re
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import RichLog, Static

from tui.domain.text import visible
from tui.screens.context import Context
from tui.screens.live import LiveScreen

_TAIL_BYTES = 128 * 1024
_LINE = re.compile(r"(?P<time>\S+) (?P<level>[A-Z]+) (?P<rest>.*)")
# RichLog takes rich's own text, which knows no theme variables.
_STYLES = {"ERROR": "bold red", "CRITICAL": "bold red", "WARNING": "yellow", "INFO": "dim"}


class LogTail:
    """What has been added to a file since it was last read; begins near its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position: int | None = None
        self._inode = 0

    def read(self) -> list[str]:
        """Whole lines only; a file that was replaced is read from its start. Missing is empty."""
        try:
            with self._path.open("rb") as file:
                status = self._path.stat()
                if self._position is None:
                    self._position = max(0, status.st_size - _TAIL_BYTES)
                elif status.st_ino != self._inode or status.st_size < self._position:
                    self._position = 0
                self._inode = status.st_ino
                file.seek(self._position)
                read = file.read()
        except OSError:
            return []
        whole = read[: read.rfind(b"\n") + 1]
        self._position += len(whole)
        return whole.decode("utf-8", "replace").splitlines()


class LogScreen(LiveScreen):
    AUTO_FOCUS = "#log"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "f",
            "failures",
            "failures only",
            id="log.failures",
            tooltip="Show only warnings and errors, or all",
        ),
        Binding("j,down", "scroll('scroll_down')", "down", show=False, id="move.down", tooltip="A line down"),
        Binding("k,up", "scroll('scroll_up')", "up", show=False, id="move.up", tooltip="A line up"),
        Binding("g,home", "scroll('scroll_home')", "top", show=False, id="move.top", tooltip="First line"),
        Binding(
            "G,end",
            "scroll('scroll_end')",
            "bottom",
            show=False,
            id="move.bottom",
            tooltip="Last line, and follow",
        ),
    ]

    _failures_only = False
    _width = 0

    def compose_body(self) -> ComposeResult:
        with Vertical(id="list"):
            yield Static(Content("Nothing has been logged yet."), id="empty")
            yield RichLog(id="log", wrap=True, markup=False, highlight=False, min_width=1, max_lines=5000)

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._lines: list[str] = []

    def on_mount(self) -> None:
        self._tail = LogTail(self.context.log)
        self.query_one("#list").border_title = Content(f"Log · {visible(str(self.context.log))}")

    async def load(self) -> None:
        added = self._tail.read()
        self._lines = (self._lines + added)[-5000:]
        self._write(added)

    def tick(self) -> None:
        self.reload()

    def action_failures(self) -> None:
        self._failures_only = not self._failures_only
        self.query_one("#list").border_subtitle = "failures only" if self._failures_only else ""
        self._write_anew()

    def on_resize(self, event: events.Resize) -> None:
        if self._width not in (0, event.size.width):
            self._write_anew()  # lines are broken to the width they were written at
        self._width = event.size.width

    def _write_anew(self) -> None:
        log = self.query_one(RichLog)
        log.clear()
        self._write(self._lines)
        log.scroll_end(animate=False)

    def action_scroll(self, how: str) -> None:
        getattr(self.query_one(RichLog), how)(animate=False)

    def _write(self, lines: list[str]) -> None:
        log = self.query_one(RichLog)
        follow = log.is_vertical_scroll_end
        for line in lines:
            match = _LINE.fullmatch(line)
            level = match["level"] if match else "INFO"
            if self._failures_only and level == "INFO":
                continue
            log.write(self._styled(line, match, level), scroll_end=follow)
        self.query_one("#empty").display = not self._lines
        log.display = bool(self._lines)

    def _styled(self, line: str, match: re.Match[str] | None, level: str) -> Text:
        if match is None:
            return Text(visible(line))
        stamp = (f"{visible(match['time'])[11:19]} ", "dim")
        return Text.assemble(stamp, (f"{level:<7} ", _STYLES.get(level, "")), visible(match["rest"]))
