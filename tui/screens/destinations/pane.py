"""The details of a destination: settings, health, last test and recent attempts."""

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.delivery.shapes import library
from tui.domain.activity import percent
from tui.domain.destination import ALL_SEVERITIES, PANTHER, Destination
from tui.domain.explain import advise
from tui.domain.folding import format_fold
from tui.domain.text import visible
from tui.domain.tls import UNVERIFIED, UNVERIFIED_MEANS
from tui.screens.destinations import words as destination_words
from tui.screens.shared import key_table, words
from tui.screens.shared.context import Context
from tui.store.reading import health, queries
from tui.store.reading.views import DestinationRow, Exchange, PastAttempt, Record

_SETTLED_S = 0.15
"""How long the cursor must rest on a destination before its record is loaded."""
_RECORD_EVERY_MS = 10_000
_FEW = 10_000
"""Up to this many attempts a day, counting takes a few milliseconds: count at every change."""
_ATTEMPTS = 100
_LABEL = 9


class DestinationPane(Vertical):
    BINDINGS: ClassVar[list[BindingType]] = key_table.DESTINATION_PANE.bindings

    @dataclass
    class AlertChosen(Message):
        alert_key: int

    def __init__(self, context: Context) -> None:
        super().__init__(id="pane")
        self.context = context
        self.opened = False
        """Whether the recent attempts are listed too."""
        self._row: DestinationRow | None = None
        self._test: tuple[Content, str] | None = None
        self._record: Record | None = None
        self._record_read_at = 0
        self._answer: Exchange | None = None
        self._answer_of: int | None = None
        self._attempts: list[PastAttempt] = []
        self._drawn: tuple[list[str], int] = ([], 0)
        """The IDs of the listed attempts, and the width they were drawn for."""

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="about", can_focus=False):
            yield Static(id="facts")
        yield OptionList(id="attempts", markup=False)

    # --- what others ask

    def show(self, row: DestinationRow | None, test: tuple[Content, str] | None) -> None:
        """Show what is already loaded. `test` is the state of the last test and its explanation."""
        if row is None or self._row is None or row.destination.id != self._row.destination.id:
            self._record, self._record_read_at, self._attempts = None, 0, []
            self._answer, self._answer_of = None, None
        self._row, self._test = row, test
        self.tick()

    async def load(self) -> None:
        """Load what the list does not hold."""
        row = self._row
        if row is None:
            return
        now = self.context.clock()
        if row.last is not None and row.last.id != self._answer_of:
            answer = await self.context.read(queries.exchange, row.last.id)
            self._answer, self._answer_of = answer, row.last.id
        if self.opened:
            self._attempts = await self.context.read(health.latest_attempts, row.destination.id, _ATTEMPTS)
        self.tick()
        if self._record_is_stale(now):
            # This counts all attempts of a day: skip destinations the cursor only passes.
            await asyncio.sleep(_SETTLED_S)
            day_ago = now - health.DAY_MS
            self._record = await self.context.read(health.record, row.destination.id, since=day_ago)
            self._record_read_at = now
            self.tick()

    def _record_is_stale(self, now: int) -> bool:
        if self._record is None or self._record.attempts < _FEW:
            return True
        return now - self._record_read_at >= _RECORD_EVERY_MS

    def tick(self) -> None:
        """Redraw the ages."""
        row, facts = self._row, self.query_one("#facts", Static)
        self.query_one("#attempts").display = self.opened and row is not None
        if row is None:
            return
        now = self.context.clock()
        self.border_title = Content(visible(row.destination.name))
        self.border_subtitle = destination_words.state(row, now)
        facts.update(Content("\n").join(self._facts(row, now)))
        if self.opened:
            self._draw_attempts(now)

    def on_resize(self) -> None:
        self.call_after_refresh(self.tick)

    def enter(self) -> None:
        self.query_one("#attempts").focus()

    def action_move(self, action: str) -> None:
        attempts = self.query_one("#attempts", OptionList)
        getattr(attempts, f"action_{action}")()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        # By its ID: the attempts may have been read again since the key was pressed.
        chosen = next((past for past in self._attempts if str(past.attempt.id) == event.option.id), None)
        if chosen is not None:
            self.post_message(self.AlertChosen(chosen.alert_key))

    # --- drawing

    def _facts(self, row: DestinationRow, now: int) -> list[Content]:
        return [*self._test_lines(), *self._lines(row, now)]

    def _test_lines(self) -> list[Content]:
        if self._test is None:
            return []
        told, explanation = self._test
        return [*self._fact("test", told), *self._fact("", Content(explanation))]

    def _lines(self, row: DestinationRow, now: int) -> list[Content]:
        destination = row.destination
        takes = Content.assemble(
            destination_words.severities(destination),
            (" severities" if destination.severities == ALL_SEVERITIES else "", words.MUTED),
            (f" · {destination_words.alert_types(destination)}", words.MUTED),
            (f" · log types {visible(', '.join(destination.log_types))}" if destination.log_types else ""),
            (f" · {visible(destination.filter)}" if destination.filter else ""),
        )
        lines = [
            *self._fact("url", Content(visible(destination.masked_url))),
            *self._tls(destination),
            *self._fact("takes", takes),
            *self._fact("sends", Content.styled(_settings(row, now), words.MUTED)),
            *self._fact("24 h", self._day(row)),
            *self._last(row, now),
        ]
        if row.health.failing_since is not None:
            since = words.wall_time(row.health.failing_since, now)
            told = f"since {since}. Retries continue; one success clears this."
            lines += self._fact("failing", Content.styled(told, "$text-error"))
        lines += self._hold(row, now)
        if destination.paused:
            lines += self._fact("paused", Content.styled(_waits(row.waiting), "$text-warning"))
        return lines

    def _hold(self, row: DestinationRow, now: int) -> list[Content]:
        held, slowed = row.hold.held_until(now), row.hold.rate_at(now)
        lines: list[Content] = []
        if held is not None:
            end = words.wall_time(held, now)
            told = f"until {end}: the receiver asked Tocsin to wait. Press t to send a test alert now."
            lines += self._fact("held", Content.styled(told, "$text-warning"))
        if slowed is not None:
            told = f"to {slowed:.3g}/s, because the receiver answered 429. The limit will rise again."
            lines += self._fact("slowed", Content.styled(told, "$text-warning"))
        return lines

    def _tls(self, destination: Destination) -> list[Content]:
        if destination.tls.verify:
            return []
        return self._fact("tls", Content.styled(f"{UNVERIFIED}: {UNVERIFIED_MEANS}", "$text-warning"))

    def _day(self, row: DestinationRow) -> Content:
        if self._record is None:
            return Content.styled("…", words.MUTED)
        if self._record.success is None:
            return Content.styled("no attempts", words.MUTED)
        told = (
            f"{percent(self._record.success)} of {words.counted(self._record.attempts, 'attempt')} delivered"
        )
        failures = row.health.failures
        return Content.assemble(
            told,
            (f", p95 {words.duration(self._record.p95_ms)}", words.MUTED),
            (f" · {failures:,} failed in a row" if failures > 1 else "", "$text-error"),
        )

    def _last(self, row: DestinationRow, now: int) -> list[Content]:
        if row.last is None:
            return self._fact("last", destination_words.never_used(row))
        took = Content.styled(f"  {words.duration(row.last.duration_ms)}", words.MUTED)
        lines = self._fact("last", destination_words.answer(row.last, now) + took)
        if self._answer is not None and self._answer_of == row.last.id and self._test is None:
            answer = self._answer
            advice = advise(
                row.last,
                answer.response_headers,
                answer.response_body,
                answer.request_headers,
                expected=library.proposal(row.last.url),
            )
            lines += self._fact("", Content(visible(advice)))
        return lines

    def _fact(self, name: str, value: Content) -> list[Content]:
        """Return the value wrapped beside its label."""
        width = max(20, self.query_one("#about").scrollable_content_region.width - _LABEL)
        lines = value.wrap(width) if value else []
        labels = (name, *[""] * len(lines))
        return [
            Content.assemble((f"{label:<{_LABEL}}", words.MUTED), line)
            for label, line in zip(labels, lines, strict=False)
        ]

    def _draw_attempts(self, now: int) -> None:
        options = self.query_one("#attempts", OptionList)
        ids = [str(past.attempt.id) for past in self._attempts]
        drawn = (ids, self.size.width)
        if drawn == self._drawn:
            return
        self._drawn = drawn
        before = options.highlighted_option
        options.set_options(
            [
                Option(_attempt_line(past, now, self.size.width), id=str(past.attempt.id))
                for past in self._attempts
            ]
        )
        place = ids.index(before.id) if before is not None and before.id in ids else 0
        options.highlighted = place if ids else None


def _waits(waiting: int) -> str:
    if waiting == 0:
        return "no pending deliveries; press p to resume"
    return f"{words.counted(waiting, 'pending delivery')}; press p to resume"


def _settings(row: DestinationRow, now: int) -> str:
    destination = row.destination
    parts = [f"timeout {destination.timeout_ms / 1000:g} s"]
    if destination.rate:
        parts.append(f"max {destination.rate:g}/s")
    if destination.shape != PANTHER:
        parts.append(f"sends as {destination.shape}")
    if destination.allow_stop:
        parts.append("receiver may stop retries")
    if destination.fold_ms:
        parts.append(f"fold window {format_fold(destination.fold_ms)}")
    parts.append("signed" if destination.secret else "not signed")
    old = destination.old_secret
    if old is not None and old.signs_at(now):
        parts.append(f"old secret also signs until {words.wall_time(old.until, now)}")
    if destination.headers:
        parts.append("headers " + ", ".join(visible(header.name) for header in destination.headers))
    return " · ".join(parts)


def _attempt_line(past: PastAttempt, now: int, width: int) -> Content:
    attempt = past.attempt
    return Content.assemble(
        (f"{words.wall_time(attempt.started_at, now):>12}  ", words.MUTED),
        words.outcome_glyph(attempt.outcome),
        " ",
        destination_words.cell(Content(visible(attempt.summary)), max(12, min(28, width - 50))),
        (f" {words.duration(attempt.duration_ms):>8}  ", words.MUTED),
        words.severity(past.severity),
        "  ",
        ("test  " if past.test else "", "$text-accent"),
        visible(past.headline),
    )
