"""The details pane: an alert, the state of each delivery, and one attempt in full."""

import asyncio
from dataclasses import dataclass
from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from tui.delivery.request import payload
from tui.domain.attempt import Headers
from tui.screens.alert.comparison import AttemptComparison
from tui.screens.alert.delivery_status import (
    Chosen,
    Rounds,
    attempt_lines,
    choices,
    delivery_status,
    fold_at,
    links,
    opening,
)
from tui.screens.alert.exchange import REQUEST, body_of, exchange_lines
from tui.screens.alert.overview import CONTEXT, header, not_sent, overview
from tui.screens.alert.what_next import what_next
from tui.screens.shared import bodies, key_table, pager, words
from tui.screens.shared.context import Context
from tui.screens.shared.lines import Line, LineView
from tui.screens.shared.live import LiveScreen
from tui.screens.shared.reasons import Reasons
from tui.store.reading import queries
from tui.store.reading.views import AlertDetails, AttemptRow, FoldRow

_SHORT = 12
"""Height in lines below which the deliveries get no heading."""
PRUNED = "This alert is no longer stored: it has been pruned"
_LOADING = "The alert is still loading"


class AlertPane(Reasons, Vertical):
    BINDINGS: ClassVar[list[BindingType]] = key_table.ALERT_PANE.bindings

    @dataclass
    class Followed(Message):
        """The user opened a line that leads to another alert."""

        alert_key: int

    def __init__(self, context: Context) -> None:
        super().__init__(id="pane")
        self.context = context
        self.details: AlertDetails | None = None
        self._marked: AttemptRow | None = None
        self._key: int | None = None
        self._is_read = False
        """Whether `show` has ended once."""
        self._choices: dict[str, Chosen] = {}
        self._opening = ""
        """The key of the delivery line that the cursor started on."""
        self._rounds: Rounds = {}
        self._header: list[Content] = []
        self._overview: list[Line] = []
        self._exchange: list[Line] = []
        self._document: list[Line] = []
        self._enters = False
        self._shown: tuple[int | None, bool] | None = None
        """The ID of the attempt whose exchange is shown, and whether it had ended."""

    def compose(self) -> ComposeResult:
        yield Static(Content.styled("Loading alert…", words.MUTED), id="overview")
        yield Static(Content.styled("DELIVERY STATUS", "bold $text-primary"), id="status-heading")
        yield LineView(id="deliveries", wraps=False)
        yield LineView(id="exchange", wraps=True)

    # --- for the screens

    @property
    def chosen(self) -> Chosen | None:
        """The delivery and attempt under the cursor."""
        return self._choose(self._choices, self._opening)

    @property
    def is_cursor_visible(self) -> bool:
        """Whether the delivery under the cursor is on the screen."""
        return self._deliveries.is_cursor_visible

    @property
    def is_pruned(self) -> bool:
        """Whether the alert was missing when it was read."""
        return self._key is not None and self.details is None

    @property
    def chosen_fold(self) -> FoldRow | None:
        """The fold under the cursor: a destination where the alert was folded into another one."""
        line = self._deliveries.current
        return fold_at(self.details, line.key) if self.details and line else None

    def enter(self) -> None:
        """Focus the deliveries, or the text below if the alert has none."""
        self._enters = self.details is None  # the key was faster than the first read
        if not self._enters:
            (self._deliveries if self._deliveries.display else self._exchange_view).focus()

    def drop_mark(self) -> bool:
        """Remove the mark. Return whether an attempt was marked."""
        was = self._marked
        self._mark(None)
        return was is not None

    async def show(self, key: int | None) -> None:
        """Read this alert and show it. None shows no alert."""
        details = await self.context.read(queries.alert_details, key) if key is not None else None
        found = choices(details.deliveries if details else ())
        is_other = key != self._key
        begins_on = opening(details.deliveries if details else ()) if is_other else self._opening
        if details is not None:  # read everything before drawing anything
            if is_other:
                self._overview = await asyncio.to_thread(overview, details)  # never changes, may be long
                self._shown = None
            await self._read_exchange(details, self._choose(found, begins_on, anew=is_other))
        if is_other:
            self._marked = None
            self._deliveries.forget_folds()
            self._exchange_view.forget_folds()
        is_changed = self.details is None or details is None or self.details.deliveries != details.deliveries
        self._key, self.details, self._choices, self._opening = key, details, found, begins_on
        self._is_read = True
        if is_changed or is_other:
            self._make_rounds()
        with self.app.batch_update():  # paint once
            self._draw_header()
            self._draw_deliveries(from_top=is_other)
            self._draw_document(from_top=is_other)
        self.tell_reasons()
        if self._enters:
            self.enter()

    def tick(self) -> None:
        """Update countdowns and ages."""
        if self.details is not None:
            self._draw_header()
            self._draw_deliveries()
            self._draw_document()

    # --- drawing

    @property
    def _deliveries(self) -> LineView:
        return self.query_one("#deliveries", LineView)

    @property
    def _exchange_view(self) -> LineView:
        return self.query_one("#exchange", LineView)

    def _draw_header(self) -> None:
        if self.details is None:
            why = f"{PRUNED}." if self.is_pruned else "Select an alert to see its deliveries."
            lines = [Content.styled(why, words.MUTED)]
        else:
            lines = header(self.details, self.context.clock())
        same = [new.is_same(old) for new, old in zip(lines, self._header, strict=False)]
        if not all(same) or len(lines) != len(self._header):
            layout = len(lines) != len(self._header)
            self.query_one("#overview", Static).update(Content("\n").join(lines), layout=layout)
            self._header = lines

    def _make_rounds(self) -> None:
        deliveries = self.details.deliveries if self.details else ()
        marked = self._marked.id if self._marked else None
        self._rounds = attempt_lines(deliveries, now=self.context.clock(), marked=marked)

    def _draw_deliveries(self, *, from_top: bool = False) -> None:
        lines: list[Line] = []
        if self.details is not None:
            lines = delivery_status(
                self.details,
                self._rounds,
                policy=self.context.policy,
                now=self.context.clock(),
            )
        self._deliveries.display = self.query_one("#status-heading").display = bool(lines)
        self._deliveries.show(lines, from_top=from_top, cursor_on=self._opening)

    async def _draw_attempt(self) -> None:
        """Show the exchange of the attempt under the cursor, unless it is shown already."""
        before = self._shown
        if self.details is not None:
            await self._read_exchange(self.details, self.chosen)
        self._draw_document(from_top=before is None or self._shown is None or before[0] != self._shown[0])

    def _choose(self, found: dict[str, Chosen], opening: str, *, anew: bool = False) -> Chosen | None:
        """Return the entry of `found` under the cursor; if the alert is shown `anew`, at `opening`."""
        first, line = found.get(opening), self._deliveries.current
        if self.chosen_fold is not None and not anew:
            return None
        return first if line is None or anew else found.get(line.key, first)

    async def _read_exchange(self, details: AlertDetails, chosen: Chosen | None) -> None:
        """Make the lines of the chosen attempt, unless they are current."""
        attempt = chosen.attempt if chosen else None
        shown = (attempt.id if attempt else None, attempt is not None and attempt.outcome is not None)
        if shown == self._shown:
            return
        lines: list[Line] = []
        if attempt is not None:
            exchange = await self.context.read(queries.exchange, attempt.id)
            now = self.context.clock()
            lines = await asyncio.to_thread(exchange_lines, details.alert, attempt, exchange, now)
        self._exchange, self._shown = lines, shown

    def _draw_document(self, *, from_top: bool = False) -> None:
        lines: list[Line] = []
        if self.details is not None:
            lines = [*not_sent(self.details), *self._what_next(), *self._exchange, *self._overview]
        self._exchange_view.show(lines, from_top=from_top)

    def _what_next(self) -> list[Line]:
        if self.details is None or self.chosen is None:
            return []
        return what_next(
            self.chosen.delivery,
            self.context.policy,
            self.context.clock(),
            test=self.details.alert.test,
        )

    # --- keys

    def on_resize(self) -> None:
        self.set_class(self.size.height < _SHORT, "-short")

    def on_line_view_moved(self, event: LineView.Moved) -> None:
        if event.view is self._deliveries:
            cast("LiveScreen", self.screen).begin(self._draw_attempt, "attempt")
        self.tell_reasons()

    def on_line_view_opened(self, event: LineView.Opened) -> None:
        key = links(self.details).get(event.line.key) if self.details else None
        if key is not None:
            self.post_message(self.Followed(key))

    def why_not(self, action: str) -> str | None:
        chosen = self.chosen
        attempt = chosen.attempt if chosen else None
        match action:
            case "compare" | "mark" | "page" if not self._is_read:
                return _LOADING
            case "compare" | "mark" | "page" if self.is_pruned:
                return PRUNED
            case "compare" | "mark" if chosen is None or attempt is None:
                return "Nothing to compare: no attempt has been made yet"
            case "compare" if chosen is not None and self._other(chosen) is None:
                return "Nothing to compare with: this is the first attempt. Mark another one with m"
            case "page" if self.details is None:
                return "No alert is selected"
            case _:
                return None

    def _other(self, chosen: Chosen) -> AttemptRow | None:
        """The attempt that the chosen one is compared with: the marked one, else the previous one."""
        if self._marked is not None and self._marked.id != (chosen.attempt.id if chosen.attempt else None):
            return self._marked
        return chosen.previous

    def action_mark(self) -> None:
        chosen = self.chosen
        if chosen is None or chosen.attempt is None:
            return
        is_marked = self._marked is not None and self._marked.id == chosen.attempt.id
        self._mark(None if is_marked else chosen.attempt)

    def _mark(self, attempt: AttemptRow | None) -> None:
        if attempt is not self._marked:
            self._marked = attempt
            self._make_rounds()
            self._draw_deliveries()
            self.tell_reasons()
            # A message, because the mark itself is hidden if its round is collapsed.
            marked = (
                f"Attempt {attempt.number} marked. Press = on another attempt to compare" if attempt else ""
            )
            self.notify(marked or "Mark removed", markup=False)

    def action_compare(self) -> None:
        chosen = self.chosen
        other = self._other(chosen) if chosen else None
        if self.details is None or chosen is None or chosen.attempt is None or other is None:
            return
        of = {attempt.id: delivery for delivery in self.details.deliveries for attempt in delivery.attempts}
        first, second = sorted((other, chosen.attempt), key=lambda attempt: (attempt.started_at, attempt.id))
        pair = [(of[attempt.id].row, attempt) for attempt in (first, second)]
        self.app.push_screen(AttemptComparison(self.context, self.details.alert, pair))

    def action_page(self) -> None:
        cast("LiveScreen", self.screen).begin(self._page, "action")

    async def _page(self) -> None:
        if self.details is None:
            return
        raw, headers = await self._body_under_cursor(self.details)
        pager.show(self.app, bodies.whole_text(raw, headers))

    async def _body_under_cursor(self, details: AlertDetails) -> tuple[bytes, Headers]:
        """Return the body in the section under the cursor; elsewhere the response, else the payload."""
        section, chosen = self._exchange_view.section, self.chosen
        attempt = chosen.attempt if chosen else None
        if self._exchange_view.has_focus and section == CONTEXT:
            return details.alert.context.encode(), ()
        is_payload = self._exchange_view.has_focus and section == REQUEST
        exchange = await self.context.read(queries.exchange, attempt.id) if attempt else None
        if exchange is None or not exchange.response_body or is_payload:
            return body_of(details.alert, attempt, exchange) if attempt else payload(details.alert, 1), ()
        return exchange.response_body, exchange.response_headers
