"""`v`: the request that an alert would make in any shape, secrets masked."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.content import Content
from textual.screen import Screen

from tui.delivery.request import Request, masked_request
from tui.delivery.shapes import library
from tui.domain.alert import Alert
from tui.domain.destination import PANTHER, Destination
from tui.domain.errors import Invalid
from tui.domain.headers import Header
from tui.domain.secret import Secret
from tui.domain.text import visible
from tui.screens.alert.overview import heading
from tui.screens.alert.pane import PRUNED, AlertPane
from tui.screens.shared import bodies, key_table, words
from tui.screens.shared.clipboard import copy
from tui.screens.shared.context import Context
from tui.screens.shared.dialogs import Choose, ShowText
from tui.screens.shared.keys import Keys
from tui.screens.shared.lines import Line, LineView
from tui.screens.shared.live import ReadingScreen
from tui.store.destinations import all_destinations

_NOBODY = Destination(name="", url="https://receiver.example/topic")
"""Stands in where no destination sends in the shape."""
_KEYS = "123456789abcdefghilmnopqrstuvwxyz"
"""Of the choices; without those that move in a menu."""


@dataclass(frozen=True, slots=True)
class Previewed:
    """The alert, and what it depends on where it goes."""

    alert: Alert
    destination: Destination | None
    """That of the delivery under the cursor."""
    webhook_id: str
    round: int


async def show_preview(screen: Screen[Any], context: Context, pane: AlertPane) -> None:
    """Show the alert of the details pane in the shape of its delivery's destination."""
    if pane.details is None:
        screen.notify(PRUNED if pane.is_pruned else "No alert is selected", severity="warning")
        return
    delivery = pane.chosen.delivery if pane.chosen else None
    previewed = Previewed(
        pane.details.alert,
        delivery.destination if delivery else None,
        delivery.row.webhook_id if delivery else "…",
        delivery.row.round if delivery else 1,
    )
    screen.app.push_screen(PreviewScreen(context, previewed, await context.read(all_destinations)))


class PreviewScreen(ReadingScreen):
    AUTO_FOCUS = "#preview-lines"
    BINDINGS: ClassVar[list[BindingType]] = key_table.PREVIEW.bindings

    def __init__(self, context: Context, previewed: Previewed, known: Sequence[Destination]) -> None:
        super().__init__()
        self.context, self._previewed, self._known = context, previewed, known
        self._shape = previewed.destination.shape if previewed.destination else PANTHER
        self._shown: tuple[str, Request] | None = None
        """The shape and the request that are on the screen: while another is rendered, these are copied."""

    def compose(self) -> ComposeResult:
        with Container(id="body"):
            yield LineView(id="preview-lines", wraps=True)
        yield Keys()

    def on_mount(self) -> None:
        self._draw()

    def action_choose(self) -> None:
        self.run_worker(self._choose, group="action", exclusive=True)

    async def _choose(self) -> None:
        names = library.names()
        keys = (*_KEYS, *" " * len(names))
        choices = [(name, key, name) for name, key in zip(names, keys, strict=False)]
        if chosen := await self.app.push_screen_wait(Choose("Preview as", choices)):
            self._shape = chosen
            self._draw()

    def action_copy(self) -> None:
        self.run_worker(self._copy, group="action", exclusive=True)

    async def _copy(self) -> None:
        if self._shown is None:
            return
        shape, request = self._shown
        text, what = request.body.decode(), f"the body as {shape}"
        if not await copy(self.app, text, what):
            await self.app.push_screen_wait(ShowText(what, text))

    # --- drawing

    def _draw(self) -> None:
        self.run_worker(self._load, group="load", exclusive=True)

    async def _load(self) -> None:
        shape, to = self._shape, self._target()
        # In a thread: a shape of your own may take half a second.
        request = await asyncio.to_thread(
            _request, self._previewed, to, timestamp=self.context.clock() // 1000
        )
        self._shown = shape, request
        self.query_one("#body").border_title = Content(f"Preview as {visible(shape)}")
        first = Content.assemble((f"{request.method} ", "bold"), visible(request.url))
        about = (
            f"sent to {to.name}" if to.name else f"no destination sends as {shape}; this URL is an example"
        )
        lines = [Line(first), Line(Content.styled(visible(about), words.MUTED)), Line(Content(""))]
        body = [replace(line, folded=False) for line in bodies.body_lines(request.body, key="preview-body")]
        lines += heading(f"BODY  {words.size(len(request.body))}", "preview-body", body)
        lines += heading("HEADERS", "preview-headers", bodies.header_lines(request.headers))
        self.query_one(LineView).show(lines)

    def _target(self) -> Destination:
        """Return the delivery's destination if it sends in the shape, else another one that does."""
        own = self._previewed.destination
        fits = [each for each in (*((own,) if own else ()), *self._known) if each.shape == self._shape]
        return fits[0] if fits else replace(_NOBODY, shape=self._shape)


def _request(previewed: Previewed, to: Destination, *, timestamp: int) -> Request:
    return masked_request(
        previewed.alert,
        replace(to, headers=(*to.headers, *_missing(to))),
        webhook_id=previewed.webhook_id,
        round=previewed.round,
        timestamp=timestamp,
    )


def _missing(to: Destination) -> list[Header]:
    """Return the headers that the shape puts into the body and the destination lacks. Masked."""
    try:
        needed = library.find(to.shape).secrets.values() if to.shape != PANTHER else ()
    except Invalid:  # the preview says so
        return []
    given = {header.name.lower() for header in to.headers}
    return [Header(name, Secret("…")) for name in needed if name.lower() not in given]
