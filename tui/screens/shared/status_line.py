"""The status line on top of every screen: database, dispatcher, rate, and counts of deliveries."""

from collections.abc import Iterator

from textual.content import Content
from textual.widgets import Static

from tui.domain.text import visible
from tui.screens.shared import words
from tui.screens.shared.bars import sparkline
from tui.screens.shared.context import Context
from tui.store.reading import queries
from tui.store.reading.views import Summary

_SPAN_S = 60
# Markup is safe here: these texts are constants. They make the names clickable.
_HELP = Content.from_markup("[$foreground-muted @click=app.help]? help [/]")
_BRIEF_HELP = Content.from_markup("[$foreground-muted @click=app.help]? [/]")
_SCREENS = Content.from_markup(
    "[$foreground-muted]"
    "[@click=app.show_mode('alerts')]1 alerts[/]  [@click=app.show_mode('destinations')]2 destinations[/]  "
    "[@click=app.show_mode('log')]3 log[/]  [@click=app.show_mode('activity')]4 activity[/]  [/]"
)
_BAR_SECONDS = 5
_MOST_OF_NAME = 20
"""Characters of the database's name."""
_WAYS: tuple[tuple[Content, str, tuple[str, ...]], ...] = (
    (_SCREENS + _HELP, "  ", ("paused briefly",)),
    (_HELP, "  ", ("paused briefly",)),
    (_HELP, "  ", ("paused briefly", "rate")),
    (_HELP, "  ", ("paused briefly", "rate", "sending")),
    (_BRIEF_HELP, "  ", ("paused", "rate", "sending")),
    (_BRIEF_HELP, "  ", ("paused", "rate", "sending", "label")),
    (_BRIEF_HELP, " ", ("paused", "rate", "sending", "label")),
    (_BRIEF_HELP, " ", ("paused", "rate", "sending", "label", "database")),
    (_BRIEF_HELP, " ", ("paused", "rate", "sending", "label", "database", "waiting")),
    (_BRIEF_HELP, " ", ("paused", "rate", "sending", "label", "database", "waiting", "name", "dispatcher")),
)
"""The key at the end, the gap, and the parts left out: the first of these for which there is room."""


class StatusLine(Static):
    def __init__(self, context: Context) -> None:
        super().__init__(Content(""), id="status")
        self.context = context
        self._summary: Summary | None = None
        self._delivered: dict[int, int] = {}
        self._counted_until = 0
        self._drawn = Content("")

    async def load(self) -> None:
        now = self.context.clock()
        self._summary = await self.context.read(queries.summary)
        # Count the last two seconds again: an attempt is recorded a little after it ended.
        since = max(self._counted_until - 2000, now - _SPAN_S * 1000) // 1000 * 1000
        counted = await self.context.read(queries.delivered_by_second, since, now)
        kept = {s: n for s, n in self._delivered.items() if now // 1000 - _SPAN_S <= s < since // 1000}
        self._delivered = kept | counted
        self._counted_until = now
        self.tick()

    def tick(self) -> None:
        line = self._render_line()
        if not line.is_same(self._drawn):
            self._drawn = line
            self.update(line, layout=False)  # always one line: no new layout needed

    def on_resize(self) -> None:
        self.tick()

    def _render_line(self) -> Content:
        """Show all if there is room. Else leave out what matters least, and at last cut the end.

        The key of the help is always there.
        """
        line, hint = Content(""), _BRIEF_HELP
        for hint, gap, left_out in _WAYS:
            line = Content(gap).join(part for name, part in self._parts() if name not in left_out)
            if line.cell_length + hint.cell_length + 1 <= self.size.width:
                break
        room = max(0, self.size.width - hint.cell_length)
        if line.cell_length > room:
            line = line.truncate(room, ellipsis=True)
        return line + Content(" " * (room - line.cell_length)) + hint

    def _parts(self) -> Iterator[tuple[str, Content]]:
        """Yield the parts with their names, those that are left out last first."""
        yield "name", Content.styled(" tocsin", "bold $text-primary")
        if self.context.note:
            yield "note", Content.styled(self.context.note, "$text-accent")
        for reason in self.context.lost.values():
            yield "lost", Content.styled(f"✗ {reason}; retrying", "$text-error bold")
            return
        yield "database", Content.styled(visible(self._database), words.MUTED)
        yield "dispatcher", self._dispatcher()
        if self._summary is None:
            yield "loading", Content.styled("loading…", words.MUTED)
            return
        rates = self._per_bar()
        rate = rates[-1] / _BAR_SECONDS
        speed = f"{rate:.1f}/s" if 0 < rate < 10 else f"{rate:,.0f}/s"
        style = "$text-primary" if any(rates) else words.MUTED
        yield "rate", Content.styled(f"{speed} {sparkline(rates)}", style)
        yield "label", Content.styled("deliveries:", words.MUTED)
        yield from self._counts(self._summary)

    def _counts(self, summary: Summary) -> Iterator[tuple[str, Content]]:
        # Markup is safe here: these are constants and numbers.
        for state, count, style in (
            ("failed", summary.failed, "$text-error bold"),
            ("retrying", summary.retrying, "$text-warning"),
            ("waiting", summary.waiting, "$foreground"),
            ("sending", summary.in_flight, "$foreground"),
        ):
            said = "in flight" if state == "sending" else state
            link = f"[{style if count else words.MUTED} @click=app.show_alerts('state:{state}')]"
            yield state, Content.from_markup(f"{link}{count:,} {said}[/]")
        if summary.paused:
            what = words.counted(summary.paused, "destination")
            yield "paused", Content.styled(f"{words.PAUSED} {what} paused", "$text-warning")
            yield (
                "paused briefly",
                Content.styled(f"{words.PAUSED} {summary.paused:,} paused", "$text-warning"),
            )

    @property
    def _database(self) -> str:
        name = self.context.store.strategy.shown.rpartition("/")[2]
        return name if len(name) <= _MOST_OF_NAME else f"{name[: _MOST_OF_NAME - 1]}…"

    def _dispatcher(self) -> Content:
        dispatcher = self.context.dispatcher
        if dispatcher is None:
            what = "read-only" if self.context.read_only else "not delivering here"
            return Content.styled(f"○ {what}", "$foreground-muted")
        if dispatcher.trouble:
            return Content.styled(f"✗ {dispatcher.trouble}", "$text-error bold")
        return Content.styled("● delivering", "$text-success")

    def _per_bar(self) -> list[int]:
        """Return the deliveries of each bar, oldest first. The last bar ends with the last full second."""
        now = self.context.clock() // 1000
        start = now - _SPAN_S
        bars = [0] * (_SPAN_S // _BAR_SECONDS)
        for second, count in self._delivered.items():
            if 0 <= second - start < _SPAN_S:
                bars[(second - start) // _BAR_SECONDS] += count
        return bars
