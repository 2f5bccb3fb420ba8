"""The Activity screen: attempts by minute for the last hour, by destination for the last hour and day."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.domain.activity import HOUR, MINUTE_MS, Activity, Tallies, Tally, all_of, percent
from tui.domain.lifecycle import Outcome
from tui.screens.shared import key_table, words
from tui.screens.shared.bars import chart
from tui.screens.shared.context import Context
from tui.screens.shared.live import LiveScreen
from tui.store.reading import activity

_REFRESH_S = 2
_AT_ONCE = 3
"""Spans in one read, so that other reads do not wait for all of them."""
_OFTEN = 6
"""Spans that become missing while the screen is open. They are read within a moment."""
_AXIS = 9
_SHORT, _TALL = 20, 34
"""Height in lines below which there are no charts (room for the table), and from which they are tall."""
_SHARES = (0.50, 0.95, 0.99)
_FAILED = tuple(outcome for outcome in Outcome if outcome is not Outcome.DELIVERED)


class DestinationFigures(OptionList):
    BINDINGS: ClassVar[list[BindingType]] = key_table.ACTIVITY_FIGURES.bindings

    def on_resize(self) -> None:
        self.call_after_refresh(self.scroll_to_highlight)


class ActivityScreen(LiveScreen):
    AUTO_FOCUS = "#activity"
    BINDINGS: ClassVar[list[BindingType]] = key_table.ACTIVITY.bindings

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._activity = Activity()
        self._names: dict[int, tuple[str, bool]] = {}
        self._seconds = 0
        self._reading = 0
        """How many reads are under way: a new one cancels the one before, which then still has to end."""
        self._drawn: tuple[bool, bool] | None = None
        """Whether the figures of the hour and of the day were final when they were last drawn."""

    def compose_body(self) -> ComposeResult:
        with Vertical(id="list"):
            yield Static(id="charts")
            yield DestinationFigures(id="activity", markup=False)

    def on_mount(self) -> None:
        self.query_one("#list").border_title = "Activity"
        self.query_one("#charts", Static).update(Content.styled("reading…", words.MUTED))

    # --- reading

    def on_screen_resume(self) -> None:
        self.begin(self._read, "read")

    async def load(self) -> None:
        """Called at every change. Figures by minute need fewer reads, so `tick` does them."""
        if self.was_lost:
            self._activity.forget()
            await self._read()

    def tick(self) -> None:
        self._seconds += 1
        if self._seconds % _REFRESH_S == 0 and not self._reading:
            self.begin(self._read, "read")

    async def _read(self) -> None:
        self._reading += 1
        try:
            self._names = await self.context.read(activity.destination_names)
            missing = self._activity.missing(self.context.clock())
            self._draw_if_new(len(missing))
            for start in range(0, len(missing), _AT_ONCE):
                spans = missing[start : start + _AT_ONCE]
                for span, ended in await self.context.read(activity.attempts_ended, spans):
                    self._activity.take(span, ended)
                self._draw_if_new(len(missing))
            self._draw()
            self._was_loaded = True
        finally:
            self._reading -= 1

    # --- drawing

    def _draw_if_new(self, missing: int) -> None:
        """Draw once another span is final. Drawing after every read would take longer than reading."""
        known = self._activity.knows_hour, self._activity.knows_day
        if known != self._drawn and missing > _OFTEN:
            self._draw()

    def on_resize(self) -> None:
        if self._drawn is not None:
            self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        now = self.context.clock()
        self._drawn = self._activity.knows_hour, self._activity.knows_day
        hour = self._activity.hour if self._activity.knows_hour else None
        day = self._activity.day if self._activity.knows_day else None
        whole = [None if tallies is None else all_of(tallies) for tallies in (hour, day)]
        short = self.size.height < _SHORT
        width = self.query_one("#list").content_size.width - 2  # padding
        self.query_one("#charts", Static).update(
            Content("\n").join(
                [
                    *([] if short else [*self._charts(width, now), Content("")]),
                    *_headings(width),
                    _row(Content.styled("all", "bold"), whole, width),
                ]
            )
        )
        self._draw_destinations(hour, day, width)

    def _charts(self, width: int, now: int) -> list[Content]:
        tall = self.size.height >= _TALL
        minutes = self._activity.by_minute if self._activity.knows_hour else []
        delivered, failed = [m.delivered for m in minutes], [m.failed for m in minutes]
        begin = words.clock_time(now - HOUR * MINUTE_MS)[:5]
        axis = f"{begin}{words.clock_time(now)[:5]:>{max(width - _AXIS - len(begin), 6)}}"
        return [
            _heading("DELIVERED PER MINUTE", delivered),
            *_chart(delivered, width, 7 if tall else 4, "$text-success"),
            _heading("FAILED ATTEMPTS PER MINUTE", failed),
            *_chart(failed, width, 4 if tall else 2, "$text-error"),
            Content.styled(" " * _AXIS + axis, words.MUTED),
        ]

    def _draw_destinations(self, hour: Tallies | None, day: Tallies | None, width: int) -> None:
        options = self.query_one("#activity", OptionList)
        shown = [id for id, (_, deleted) in self._names.items() if not deleted or id in (day or {})]
        prompts = [self._destination(id, hour, day, width) for id in shown]
        ids = [str(id) for id in shown]
        if [option.id for option in options.options] == ids:
            for index, prompt in enumerate(prompts):
                options.replace_option_prompt_at_index(index, prompt)
            return
        before = options.highlighted_option.id if options.highlighted_option else None
        options.set_options([Option(prompt, id=id) for prompt, id in zip(prompts, ids, strict=True)])
        options.highlighted = ids.index(before) if before in ids else 0 if ids else None

    def _destination(self, id: int, hour: Tallies | None, day: Tallies | None, width: int) -> Content:
        name, deleted = self._names[id]
        shown = words.plain(name) + Content.styled(" (deleted)" if deleted else "", words.MUTED)
        tallies = [None if all is None else all.get(id, Tally()) for all in (hour, day)]
        line = _row(shown, tallies, width)
        outcomes = (tallies[0] or Tally()).outcomes
        failures = " · ".join(f"{outcomes[o]:,} {o}" for o in _FAILED if outcomes[o])
        return line + Content.styled(f"\n   ✗ {failures}", "$text-error") if failures else line

    # --- keys

    def action_cursor(self, how: str) -> None:
        getattr(self.query_one("#activity", OptionList), f"action_{how}")()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.app.call_later(self.app.run_action, f"show_destination({event.option.id})")


def _heading(title: str, counts: Sequence[int]) -> Content:
    if not counts:
        return Content.assemble((title, "bold $text-primary"), ("  reading…", words.MUTED))
    figures = f"  {sum(counts):,} in the last hour, peak {max(counts):,}/min, now {counts[-1]:,}/min"
    return Content.assemble((title, "bold $text-primary"), (figures, words.MUTED))


def _chart(values: Sequence[int], width: int, height: int, style: str) -> list[Content]:
    lines = chart(values, width - _AXIS, height)
    labels = [f"{max(values):,}" if values else "", *[""] * (height - 2), "0"]
    return [
        Content.assemble((f"{label:>{_AXIS - 2}} ┤", words.MUTED), (line, style))
        for label, line in zip(labels, lines, strict=True)
    ]


# --- the table: a name, then the same columns for hour and day, as many as there is room for

_COLUMNS = ("attempts", "ok", "p50", "p95", "p99")
_CELLS = (9, 5, 6, 6, 6)
_SPANS = ("LAST HOUR", "LAST 24 HOURS")
_LEAST_NAME, _MOST_NAME = 12, 40
"""Cells for a name: enough to tell it from others, few enough to keep its figures close."""


def _shown(width: int) -> tuple[int, int]:
    """Return how many spans fit beside a name, and how many columns of each."""
    room = width - _LEAST_NAME
    if room >= len(_SPANS) * sum(_CELLS):
        return len(_SPANS), len(_CELLS)
    return 1, len(_CELLS) if room >= sum(_CELLS) else 2


def _name_cells(width: int) -> int:
    """The room that the figures leave."""
    spans, columns = _shown(width)
    return max(_LEAST_NAME, min(width - spans * sum(_CELLS[:columns]), _MOST_NAME))


def _headings(width: int) -> list[Content]:
    (spans, columns), name = _shown(width), _name_cells(width)
    above = "".join(f"{title:>{sum(_CELLS[:columns])}}" for title in _SPANS[:spans])
    titles = _in_columns(_COLUMNS[:columns]) * spans
    return [
        Content.styled(" " * name + above, "bold $text-primary"),
        Content.styled(f"{'destination':<{name}}{titles}", words.MUTED),
    ]


def _row(name: Content, tallies: Sequence[Tally | None], width: int) -> Content:
    """Draw the figures of each span. None stands for a span that is still being read."""
    (spans, columns), room = _shown(width), _name_cells(width)
    cut = name.truncate(min(name.cell_length, room - 1), ellipsis=True)
    figures = [
        f"{'reading…':>{sum(_CELLS[:columns])}}" if tally is None else _in_columns(_figures(tally)[:columns])
        for tally in tallies[:spans]
    ]
    return Content.assemble(cut, " " * (room - cut.cell_length), *figures)


def _figures(tally: Tally) -> Sequence[str]:
    if tally.success is None:
        return "0––––"
    taken = [words.brief_duration(ms) for ms in tally.percentiles(*_SHARES)]
    return f"{tally.attempts:,}", percent(tally.success), *taken


def _in_columns(texts: Sequence[str]) -> str:
    return "".join(f"{text:>{cells}}" for text, cells in zip(texts, _CELLS, strict=False))
