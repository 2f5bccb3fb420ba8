"""Two attempts side by side, or one below the other in a narrow terminal."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.content import Content

from tui.domain.alert import Alert
from tui.screens.alert.differences import ADDED, CHANGED, GONE, SAME, Pair, Section, Side, differences
from tui.screens.alert.overview import heading
from tui.screens.shared import key_table, words
from tui.screens.shared.context import Context
from tui.screens.shared.keys import Keys
from tui.screens.shared.lines import Line, LineView
from tui.screens.shared.live import ReadingScreen
from tui.store.errors import StoreUnavailable
from tui.store.reading import queries
from tui.store.reading.views import AttemptRow, DeliveryRow

_WIDE = 110
"""Terminal width in columns from which the attempts are side by side."""
_STYLES = {SAME: "", CHANGED: "$text-warning", ADDED: "$text-success", GONE: "$text-error"}


class AttemptComparison(ReadingScreen):
    AUTO_FOCUS = "#comparison"
    BINDINGS: ClassVar[list[BindingType]] = key_table.COMPARISON.bindings

    def __init__(
        self, context: Context, alert: Alert, pair: Sequence[tuple[DeliveryRow, AttemptRow]]
    ) -> None:
        """Compare the attempts of `pair`, the earlier one first, each with its delivery."""
        super().__init__()
        self.context, self._alert, self._pair = context, alert, pair
        self._titles: list[str] = []
        self._sections: list[Section] = []
        self._hides_same = False

    def compose(self) -> ComposeResult:
        with Container(id="body"):
            yield LineView(id="comparison", wraps=True)
        yield Keys()

    def on_mount(self) -> None:
        self.query_one("#body").border_title = "Two attempts"
        self.run_worker(self._load, group="load")

    async def _load(self) -> None:
        try:
            sides = [
                Side(delivery, attempt, await self.context.read(queries.exchange, attempt.id))
                for delivery, attempt in self._pair
            ]
        except StoreUnavailable as error:
            self.notify(f"Cannot read the attempts: {error}", severity="error", markup=False)
            return
        self._titles = [side.title for side in sides]
        now = self.context.clock()
        self._sections = await asyncio.to_thread(differences, self._alert, sides[0], sides[1], now)
        self._draw()

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)  # once the view has its new width

    def action_toggle_same(self) -> None:
        self._hides_same = not self._hides_same
        self._draw()

    def _draw(self) -> None:
        if not self._sections:
            return
        width = self.query_one(LineView).size.width - 3
        is_wide = self.size.width >= _WIDE
        earlier, later = self._titles
        if is_wide:
            titles = list(_beside([Pair(SAME, earlier, later)], width))
        else:
            titles = list(_below([Pair(GONE, earlier, ""), Pair(ADDED, "", later)]))
        lines = [Line(title.stylize("bold")) for title in titles] + [Line(Content(""))]
        for section in self._sections:
            if section.pairs:
                pairs = [pair for pair in section.pairs if pair.sign != SAME or not self._hides_same]
                drawn = _beside(pairs, width) if is_wide else _below(pairs)
                title = f"{section.title}  (identical)" if section.is_same else section.title
                held = [Line(content) for content in drawn]
                lines += heading(title, section.title, held, folded=section.is_same)
        self.query_one(LineView).show(lines)


def _beside(pairs: Sequence[Pair], width: int) -> Iterator[Content]:
    """The earlier attempt on the left, the later one on the right, the sign between them."""
    column = (width - 5) // 2
    for pair in pairs:
        style = _STYLES[pair.sign]
        left, right = (Content(text).wrap(column) if text else [] for text in (pair.left, pair.right))
        sign = pair.sign
        for before, after in zip_longest(left, right, fillvalue=Content("")):
            yield Content.assemble(
                before.stylize(style) if style else before,
                " " * (column - before.cell_length),
                (f"  {sign}  ", f"{style} bold" if style else words.MUTED),
                after.stylize(style) if style else after,
            )
            sign = " "


def _below(pairs: Sequence[Pair]) -> Iterator[Content]:
    """The earlier attempt above the later one."""
    for pair in pairs:
        if pair.sign == SAME:
            texts = [pair.left] if pair.left == pair.right else [pair.left, pair.right]
            yield from (Content(f"   {text}") for text in texts)
            continue
        for sign, text in ((GONE, pair.left), (ADDED, pair.right)):
            if text:
                shown = f"{CHANGED}{sign}" if pair.sign == CHANGED else f"{sign} "
                yield Content.styled(f"{shown} {text}", _STYLES[sign])
