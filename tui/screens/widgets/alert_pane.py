"""Everything about one alert: what it is, how each delivery stands, and one attempt in full."""

from dataclasses import dataclass
from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.delivery.request import payload
from tui.domain.alert import format_time
from tui.domain.lifecycle import Standing
from tui.domain.text import visible, visible_lines
from tui.screens import bodies, words
from tui.screens.context import Context
from tui.screens.live import LiveScreen
from tui.store import queries
from tui.store.views import AlertDetails, AttemptRow, DeliveryDetails, Exchange

_LONGEST_TITLE = 120


@dataclass(frozen=True, slots=True)
class Chosen:
    """The delivery under the pane's cursor and, where there is one, its attempt."""

    delivery: DeliveryDetails
    attempt: AttemptRow | None


class AlertPane(Vertical):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "move('cursor_down')", "down", show=False, id="move.down", tooltip="Next line"),
        Binding("k", "move('cursor_up')", "up", show=False, id="move.up", tooltip="Previous line"),
        Binding("g", "move('first')", "first", show=False, id="move.first", tooltip="First line"),
        Binding("G", "move('last')", "last", show=False, id="move.last", tooltip="Last line"),
    ]

    def __init__(self, context: Context) -> None:
        super().__init__(id="pane")
        self.context = context
        self.details: AlertDetails | None = None
        self._key: int | None = None
        self._folded: dict[int, bool] = {}
        self._shown: tuple[int | None, bool] | None = None
        self._overview_lines = 0

    def compose(self) -> ComposeResult:
        yield Static(id="overview")
        yield OptionList(id="deliveries", markup=False)
        with VerticalScroll(id="exchange"):
            yield Static(id="attempt")

    # --- what others ask

    @property
    def chosen(self) -> Chosen | None:
        """What the cursor is on; the first delivery before it was moved."""
        if self.details is None or not self.details.deliveries:
            return None
        deliveries = self.query_one("#deliveries", OptionList)
        option = deliveries.highlighted_option
        kind, _, number = (option.id if option and option.id else "d0").partition("-")
        for delivery in self.details.deliveries:
            for attempt in delivery.attempts:
                if kind == "a" and attempt.id == int(number):
                    return Chosen(delivery, attempt)
            if kind == "d" and delivery.row.id == int(number or 0):
                return Chosen(delivery, delivery.attempts[0] if delivery.attempts else None)
        first = self.details.deliveries[0]
        return Chosen(first, first.attempts[0] if first.attempts else None)

    def enter(self) -> None:
        """Take the focus: the deliveries, or of an alert sent nowhere what there is to read."""
        deliveries = self.query_one("#deliveries")
        (deliveries if deliveries.display else self.query_one("#exchange")).focus()

    async def show(self, key: int | None) -> None:
        """Show this alert, read anew; None for no alert at all."""
        details = await self.context.read(queries.alert_details, key) if key is not None else None
        with self.app.batch_update():  # one painting for all of it
            if key != self._key:
                self._folded, self._shown = {}, None
                self.query_one("#deliveries", OptionList).highlighted = None
            self._key, self.details = key, details
            self._draw_overview()
            self._draw_deliveries()
            await self._draw_attempt()

    def tick(self) -> None:
        """Countdowns and ages move on."""
        if self.details is not None:
            self._draw_overview()
            self._draw_deliveries()

    # --- drawing

    def _draw_overview(self) -> None:
        overview = self.query_one("#overview", Static)
        if self.details is None:
            overview.update(Content.styled("Select an alert to see its deliveries.", words.MUTED))
            return
        alert = self.details.alert
        age = words.span(self.context.clock() - alert.created_at)
        lines = [
            Content.assemble(
                words.severity(alert.severity, 0), "  ", words.plain(_shortened(alert.headline), "bold")
            ),
            Content.styled(f"{visible(alert.rule_id)} · {alert.type.label} · {age} ago", words.MUTED),
        ]
        if alert.tags:
            lines.append(Content.assemble(("tags  ", words.MUTED), visible(", ".join(alert.tags))))
        lines.append(Content(""))
        if self.details.deliveries:
            lines.append(Content.styled("DELIVERY STATUS", "bold $text-primary"))
        else:
            reason = visible(self.details.not_routed or "")
            lines.append(Content.styled(f"{words.NOT_ROUTED} Not sent anywhere: {reason}.", "$text-warning"))
        overview.update(Content("\n").join(lines), layout=len(lines) != self._overview_lines)
        self._overview_lines = len(lines)

    def _draw_deliveries(self) -> None:
        options = self.query_one("#deliveries", OptionList)
        wanted = [
            line
            for delivery in (self.details.deliveries if self.details else ())
            for line in self._lines(delivery)
        ]
        options.display = bool(wanted)
        if [option.id for option in options.options] == [key for key, _, _ in wanted]:
            for index, (_, prompt, _) in enumerate(wanted):
                if not prompt.is_same(cast("Content", options.get_option_at_index(index).prompt)):
                    options.replace_option_prompt_at_index(index, prompt)
            return
        before = options.highlighted_option.id if options.highlighted_option else None
        options.set_options([Option(prompt, id=key, disabled=disabled) for key, prompt, disabled in wanted])
        keys = [key for key, _, _ in wanted]
        if before in keys:
            options.highlighted = keys.index(before)
        elif wanted:
            options.highlighted = 0

    def _lines(self, delivery: DeliveryDetails) -> list[tuple[str, Content, bool]]:
        """The option id, prompt and whether it is disabled: the delivery, then its attempts if unfolded."""
        folded = self._is_folded(delivery)
        lines = [(f"d-{delivery.row.id}", self._delivery_line(delivery, folded=folded), False)]
        if folded:
            return lines
        rounds = {attempt.round for attempt in delivery.attempts}
        last = None
        for attempt in delivery.attempts:
            if len(rounds) > 1 and attempt.round != last:
                heading = Content.styled(f"   round {attempt.round}", words.MUTED)
                lines.append((f"r-{delivery.row.id}-{attempt.round}", heading, True))
            last = attempt.round
            lines.append((f"a-{attempt.id}", self._attempt_line(attempt), False))
        return lines

    def _is_folded(self, delivery: DeliveryDetails) -> bool:
        dull = (
            delivery.row.standing is Standing.DELIVERED
            and len(self.details.deliveries if self.details else ()) > 1
        )
        return self._folded.get(delivery.row.id, dull)

    def _delivery_line(self, delivery: DeliveryDetails, *, folded: bool) -> Content:
        row, now = delivery.row, self.context.clock()
        style = words.STANDING_STYLES[row.standing]
        last = delivery.attempts[0] if delivery.attempts else None
        parts: list[Content | str | tuple[str, str]] = [
            f"{'▸' if folded else '▾'} ",
            (words.GLYPHS[row.standing], style),
            " ",
            (visible(row.destination), "bold"),
        ]
        if row.deleted:
            parts.append((" (deleted)", words.MUTED))
        if last is not None and last.outcome is not None:
            parts.append(("  " + (str(last.status_code) if last.status_code else str(last.outcome)), style))
            parts.append(f"  {words.duration(last.duration_ms)}" if last.duration_ms is not None else "")
        if row.attempts:
            allowed = self.context.policy.limit(test=bool(self.details and self.details.alert.test))
            parts.append((f"  {row.attempts} of {allowed}", words.MUTED))
        if row.standing is not Standing.DELIVERED:
            parts.append((f"  {words.next_step(row, now)}", style))
        return Content.assemble(*parts)

    def _attempt_line(self, attempt: AttemptRow) -> Content:
        return Content.assemble(
            (f"   {attempt.number:>2}  {words.clock_time(attempt.started_at)}  ", words.MUTED),
            words.outcome_glyph(attempt.outcome),
            f" {words.attempt_brief(attempt.outcome, attempt.summary)}",
            (f"  {words.duration(attempt.duration_ms)}", words.MUTED),
        )

    async def _draw_attempt(self) -> None:
        chosen = self.chosen
        attempt = chosen.attempt if chosen else None
        shown = (attempt.id if attempt else None, attempt is not None and attempt.outcome is not None)
        if shown == self._shown or self.details is None:
            if self.details is None:
                self.query_one("#attempt", Static).update("")
            return
        moved = self._shown is None or self._shown[0] != shown[0]
        self._shown = shown  # before the read, during which the same may be asked for again
        try:
            exchange = await self.context.read(queries.exchange, attempt.id) if attempt else None
        except BaseException:
            self._shown = None  # it is not, after all
            raise
        parts: list[Content] = []
        if chosen is not None and attempt is not None:
            parts += self._attempt_sections(chosen.delivery, attempt, exchange)
        parts += self._alert_sections(self.details)
        self.query_one("#attempt", Static).update(Content("\n").join(parts)[1:])  # no blank line on top
        if moved:
            self.query_one("#exchange").scroll_home(animate=False)

    def _attempt_sections(
        self, delivery: DeliveryDetails, attempt: AttemptRow, exchange: Exchange | None
    ) -> list[Content]:
        assert self.details is not None
        outcome = str(attempt.outcome or "being sent")
        facts = [f"started {words.clock_time(attempt.started_at)}", words.duration(attempt.duration_ms)]
        facts += [visible(delivery.destination.masked_url)]
        if attempt.remote_address:
            facts.append(f"answered by {visible(attempt.remote_address)}")
        sections = [
            _heading(
                f"ATTEMPT {attempt.number}" + (f" OF ROUND {attempt.round}" if attempt.round > 1 else "")
            ),
            Content.assemble(
                words.outcome_glyph(attempt.outcome), f" {outcome}  {visible(attempt.summary)}".rstrip()
            ),
            Content.styled(" · ".join(fact for fact in facts if fact), words.MUTED),
        ]
        if attempt.error and attempt.summary not in attempt.error:
            sections.append(Content(visible(attempt.error)))
        if exchange is not None and attempt.status_code is not None:
            size = bodies.kept(
                exchange.response_length, len(exchange.response_body), truncated=exchange.response_truncated
            )
            sections += [
                _heading(f"RESPONSE  {attempt.status_code} {visible(attempt.reason or '')}  {size}"),
                bodies.body(exchange.response_body, exchange.response_headers),
                _heading("RESPONSE HEADERS"),
                bodies.headers(exchange.response_headers),
            ]
        body = payload(self.details.alert, attempt.round)
        sections += [_heading(f"REQUEST  {words.size(len(body))}"), bodies.body(body)]
        if exchange is not None and exchange.request_headers:
            sections += [_heading("REQUEST HEADERS"), bodies.headers(exchange.request_headers)]
        return sections

    def _alert_sections(self, details: AlertDetails) -> list[Content]:
        alert = details.alert
        fields = {
            "alert id": alert.alert_id,
            "created": format_time(alert.created_at),
            "name": alert.name or "",
            "link": alert.link,
            "version": alert.version or "",
        }
        lines = [
            Content.assemble((f"{name:<10}", words.MUTED), visible(value))
            for name, value in fields.items()
            if value
        ]
        sections = [_heading("ALERT"), *lines]
        for title, text in (("DESCRIPTION", alert.description), ("RUNBOOK", alert.runbook)):
            if text:
                sections += [_heading(title), Content(visible_lines(text))]
        if alert.context != "{}":
            sections += [_heading("CONTEXT"), bodies.body(alert.context.encode())]
        return sections

    # --- keys

    def on_option_list_option_highlighted(self) -> None:
        cast("LiveScreen", self.screen).begin(self._draw_attempt, "attempt")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter on a delivery folds its attempts in or out."""
        kind, _, number = (event.option.id or "").partition("-")
        delivery = next(
            (d for d in (self.details.deliveries if self.details else ()) if f"{d.row.id}" == number), None
        )
        if kind == "d" and delivery is not None:
            self._folded[delivery.row.id] = not self._is_folded(delivery)
            self._draw_deliveries()

    def action_move(self, how: str) -> None:
        options, exchange = self.query_one("#deliveries", OptionList), self.query_one("#exchange")
        if exchange.has_focus:
            scroll = {
                "cursor_down": exchange.scroll_down,
                "cursor_up": exchange.scroll_up,
                "first": exchange.scroll_home,
                "last": exchange.scroll_end,
            }
            scroll[how](animate=False)
        else:
            getattr(options, f"action_{how}")()


def _shortened(title: str) -> str:
    """What leaves room for the rest; the payload below has all of it."""
    return title if len(title) <= _LONGEST_TITLE else title[: _LONGEST_TITLE - 1] + "…"


def _heading(text: str) -> Content:
    return Content.assemble("\n", (text, "bold $text-primary"))
