"""The status line on top of every screen: dispatcher, rate, and deliveries in flight, pending and failed."""

from textual.content import Content
from textual.widgets import Static

from tui.screens.shared import key_table
from tui.screens.shared.bars import sparkline
from tui.screens.shared.context import Context
from tui.store.reading import queries
from tui.store.reading.views import Summary

_SPAN_S = 60
# Markup is safe here: these texts are constants. They make the names clickable.
_HELP = Content.from_markup("[$foreground-muted @click=app.help]? help [/]")
_SCREENS = Content.from_markup(
    "[$foreground-muted]"
    + "".join(
        f"[@click=app.{key.action}]{key.keys} {key.tooltip.lower()}[/]  "
        for key in key_table.APP.keys
        if key.action.startswith("show_mode(")
    )
    + "[/]"
)
_BAR_SECONDS = 5


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
        """Show all if there is room. Else drop the screens' names, shrink the gaps, then the sparkline.

        If that is not enough, put the failed count first, because the end is cut.
        """
        for hint, gap, bars in (
            (_SCREENS + _HELP, "   ", 12),
            (_HELP, "   ", 12),
            (_HELP, "  ", 12),
            (_HELP, "  ", 6),
            (_HELP, " ", 0),
        ):
            line = Content(gap).join(self._parts(bars))
            if line.cell_length + (hint.cell_length if hint is not _HELP else 0) <= self.size.width:
                break
        else:
            first, *others = self._parts(0)
            line = Content(" ").join([first, *reversed(others)])
        room = self.size.width - line.cell_length - hint.cell_length
        return line + Content(" " * room) + hint if room > 0 else line

    def _parts(self, bars: int) -> list[Content]:
        name = Content.styled(" tocsin ", "bold $text-primary")
        if self.context.note:
            name += Content.styled(f"{self.context.note} ", "$text-accent")
        for reason in self.context.lost.values():
            return [name + Content.styled(f"✗ {reason}; retrying", "$text-error bold")]
        if self._summary is None:
            return [name + self._dispatcher(), Content.styled("loading…", "$foreground-muted")]
        rates = self._per_bar()
        rate = rates[-1] / _BAR_SECONDS
        speed = f"{rate:.1f}/s" if 0 < rate < 10 else f"{rate:,.0f}/s"
        failed = self._summary.failed
        return [
            name + self._dispatcher(),
            Content.styled(
                f"{speed} {sparkline(rates[-bars:])}" if bars else speed,
                "$text-primary" if any(rates) else "$foreground-muted",
            ),
            Content(f"{self._summary.in_flight:,} in flight"),
            Content(f"{self._summary.waiting:,} pending"),
            Content.styled(f"{failed:,} failed", "$text-error bold" if failed else "$foreground-muted"),
        ]

    def _dispatcher(self) -> Content:
        dispatcher = self.context.dispatcher
        if dispatcher is None:
            return Content.styled("○ viewing", "$foreground-muted")
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
