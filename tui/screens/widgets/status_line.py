"""The line on top of every screen: who delivers, how fast, how much is in flight, waiting, failed."""

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from tui.screens.context import Context
from tui.store import queries
from tui.store.views import Summary

_SPAN_S = 60
_BARS = "▁▂▃▄▅▆▇█"
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
        # The last two seconds are counted again: an attempt is recorded a little after it ended.
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
            self.update(line, layout=False)  # one line it stays: the rest of the screen need not move

    def on_resize(self) -> None:
        self.tick()

    def _render_line(self) -> Content:
        """Everything if there is room; in a narrow terminal first the gaps shrink, then the sparkline."""
        hint = Content.styled("? help ", "$foreground-muted")
        for gap, bars in (("   ", 12), ("  ", 12), ("  ", 6), (" ", 0)):
            line = Content(gap).join(self._parts(bars))
            if line.cell_length <= self.size.width:
                break
        room = self.size.width - line.cell_length - hint.cell_length
        return line + Content(" " * room) + hint if room > 0 else line

    def _parts(self, bars: int) -> list[Content]:
        name = Content.styled(" tocsin ", "bold $text-primary")
        if self.context.note:
            name += Content.styled(f"{self.context.note} ", "$text-accent")
        if self._summary is None:
            return [name + self._dispatcher()]
        rates = self._per_bar()
        rate = rates[-1] / _BAR_SECONDS
        speed = f"{rate:.1f}/s" if 0 < rate < 10 else f"{rate:,.0f}/s"
        failed = self._summary.failed
        return [
            name + self._dispatcher(),
            Content.styled(
                f"{speed} {_sparkline(rates[-bars:])}" if bars else speed,
                "$text-primary" if any(rates) else "$foreground-muted",
            ),
            Content(f"{self._summary.in_flight:,} in flight"),
            Content(f"{self._summary.waiting:,} waiting"),
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
        """Deliveries in each bar's seconds, oldest first; the last bar is the last whole seconds."""
        now = self.context.clock() // 1000
        start = now - _SPAN_S
        bars = [0] * (_SPAN_S // _BAR_SECONDS)
        for second, count in self._delivered.items():
            if 0 <= second - start < _SPAN_S:
                bars[(second - start) // _BAR_SECONDS] += count
        return bars


def _sparkline(values: Sequence[int]) -> str:
    top = max(values) or 1
    return "".join(_BARS[min(len(_BARS) - 1, value * len(_BARS) // (top + 1))] for value in values)
