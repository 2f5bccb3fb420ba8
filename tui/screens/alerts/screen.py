"""The Alerts screen: the live list, its filter, and the details of the alert under the cursor."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Input

from tui.domain.filter import Filter
from tui.domain.text import visible
from tui.screens.alert import actions as alert_actions
from tui.screens.alert.copying import copy_from
from tui.screens.alert.pane import AlertPane
from tui.screens.alert.preview import show_preview
from tui.screens.alert.questions import OnDelivery, Scope
from tui.screens.alert.routes import show_routes
from tui.screens.alert.screen import AlertDetailsScreen
from tui.screens.alerts.box import AlertBox
from tui.screens.alerts.filter_bar import FilterBar
from tui.screens.alerts.filter_commands import FilterCommands
from tui.screens.alerts.list import AlertList
from tui.screens.setup.screen import DestinationSetup
from tui.screens.shared import key_table, words
from tui.screens.shared.context import Context
from tui.screens.shared.live import LiveScreen
from tui.screens.shared.reasons import Reasons
from tui.store.destinations import every_destination
from tui.store.errors import StoreUnavailable
from tui.store.reading import listing
from tui.store.reading.views import DeliveryRow

_TROUBLE = "state:failed,retrying"
DETAILS_AFTER_S, DETAILS_AT_LATEST_S = 0.12, 0.5
"""Seconds that the cursor must rest on an alert before its details are read, and the longest wait for it."""
_AT_ONCE_S = 1.0
"""A key this soon after an action may be meant for the alert that was under the cursor then."""
_WIDE = 110
"""Terminal width in columns from which list and details are side by side."""
_MOST_QUOTED = 60
"""Characters of a headline in a question."""
_STEP, _LEAST, _MOST = 5, 20, 80
"""Width of the details, in percent."""


_OnAlerts = Callable[[Screen[Any], Context, Scope], Awaitable[bool]]


class AlertsScreen(LiveScreen, Reasons):  # pyright: ignore[reportIncompatibleMethodOverride]
    AUTO_FOCUS = "#alerts"
    COMMANDS = {FilterCommands}
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (_WIDE, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = key_table.ALERTS.bindings

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._moved_at = 0.0
        """When the cursor last moved or the alert under it changed, by the loop's clock."""
        self._acted = 0, float("-inf")
        """The alert that was last acted on, and when that ended."""
        self._details_stale = False
        self._details_coming = False
        self._showing = asyncio.Lock()
        """Held while details are shown, so that those shown last are those under the cursor."""

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="columns"):
            yield AlertBox(self.context)
            yield AlertPane(self.context)

    def on_mount(self) -> None:
        self.query_one("#pane").border_title = "Alert"
        if self.context.kept.split:
            self._split(self.context.kept.split)

    async def load(self) -> None:
        known = await self.context.read(every_destination)
        self._filter_bar.learn_names(list(dict.fromkeys(destination.name for destination in known)))
        self._offer_new(not known and not self.context.read_only)
        await self.query_one(AlertBox).load()  # posts Highlighted if the alert under the cursor changed
        if self.was_lost:
            await self._show_details()

    def _offer_new(self, offered: bool) -> None:
        """Show in the footer how to add a destination, as long as there is none."""
        for bindings in self._bindings.key_to_bindings.values():
            for place, binding in enumerate(bindings):
                if binding.id == "alerts.new" and binding.show != offered:
                    bindings[place] = replace(binding, show=offered)
                    self.refresh_bindings()

    def tick(self) -> None:
        self.query_one(AlertList).tick()
        if self._is_wide:
            self.query_one(AlertPane).tick()

    @property
    def _filter_bar(self) -> FilterBar:
        return self.query_one(FilterBar)

    @property
    def _is_wide(self) -> bool:
        return self.size.width >= _WIDE

    def on_resize(self) -> None:
        if self._is_wide:
            self.begin(self._show_details, "details")
        elif self._is_in_pane:
            self.query_one(AlertList).focus()  # the pane is hidden now and must not get the keys

    async def _show_details(self) -> None:
        async with self._showing:
            self._details_stale = False
            if self._is_wide:
                current = self.query_one(AlertList).current
                await self.query_one(AlertPane).show(current.key if current else None)
        self.tell_reasons()

    def _lose(self, error: StoreUnavailable) -> None:
        super()._lose(error)
        self.query_one(AlertBox).say_lost(str(error))

    def on_alert_list_counted(self, event: AlertList.Counted) -> None:
        if self._filter_bar.is_from_last_time and event.counts.counted:
            self.begin(partial(self._say_kept, event.counts.total), "kept")

    async def _say_kept(self, matching: int) -> None:
        """Say how many alerts the filter from last time hides."""
        newest = await self.context.read(listing.newest_key)
        now = self.context.clock()
        all = await self.context.read_aside(listing.count_alerts, Filter(), now, up_to=newest)
        if self._filter_bar.is_from_last_time:
            self._filter_bar.say_kept(matching, all)

    def on_alert_list_highlighted(self, event: AlertList.Highlighted) -> None:
        left = event.row and not self.query_one(AlertList).is_following
        self.context.kept.cursor = event.row.alert_id if event.row and left else ""
        self._moved_at = asyncio.get_running_loop().time()
        self._details_stale = True
        if not self._details_coming:
            self._details_coming = True
            self.begin(self._show_details_soon, "details soon")

    def on_alert_list_opened(self, event: AlertList.Opened) -> None:
        if self._is_wide:
            self.begin(self._enter_details, "enter")
        else:
            self.app.push_screen(AlertDetailsScreen(self.context, event.row.key))

    async def _show_details_soon(self) -> None:
        """Show the details once the cursor rests, so that a key held down does not read details on the way.

        In a burst of new alerts the cursor never rests: then they are shown every DETAILS_AT_LATEST_S.
        """
        try:
            while self._details_stale:
                await self._rest()
                await self._show_details()
        finally:
            self._details_coming = False

    async def _rest(self) -> None:
        loop = asyncio.get_running_loop()
        latest = loop.time() + DETAILS_AT_LATEST_S
        left = min(DETAILS_AFTER_S, DETAILS_AT_LATEST_S)
        while left > 0:
            await asyncio.sleep(left)
            left = min(self._moved_at + DETAILS_AFTER_S, latest) - loop.time()

    async def _enter_details(self) -> None:
        await self._show_details()  # the pane may still show the previous alert
        self.query_one(AlertPane).enter()

    def on_alert_pane_followed(self, event: AlertPane.Followed) -> None:
        self.app.push_screen(AlertDetailsScreen(self.context, event.alert_key))

    # --- the filter

    def filter_by(self, text: str) -> None:
        """Set the filter, as if `text` had been typed."""
        self._filter_bar.put(text)
        self.query_one(AlertList).focus()

    def action_filter(self) -> None:
        self._filter_bar.enter()
        self.begin(self._load_paths, "paths")

    async def _load_paths(self) -> None:
        self._filter_bar.learn_paths(await self.context.read_aside(listing.latest_paths))

    def action_trouble(self) -> None:
        """Toggle a filter term for failed and retrying; other terms stay."""
        terms = self._filter_bar.field.value.split()
        others = [term for term in terms if term != _TROUBLE]
        self.filter_by(" ".join(others if _TROUBLE in terms else [*others, _TROUBLE]))

    def on_filter_bar_changed(self, event: FilterBar.Changed) -> None:
        self.begin(partial(self._apply_filter, event), "filter")

    async def _apply_filter(self, event: FilterBar.Changed) -> None:
        await asyncio.sleep(event.after_s)
        await self.query_one(AlertBox).show(event.filter)
        await self._show_details()

    @on(Input.Submitted, "#filter")
    def _on_entered(self) -> None:
        self.query_one(AlertList).focus()

    def action_leave(self) -> None:
        """Leave one thing at a time: the mark, the pane, the selection, the filter."""
        alerts, pane = self.query_one(AlertList), self.query_one(AlertPane)
        if self._is_in_pane:
            if not pane.drop_mark():
                alerts.focus()
        elif alerts.selected and self.focused is alerts:
            alerts.clear_selection()
        elif self._filter_bar.display:
            self.filter_by("")

    # --- the split

    def action_split(self, way: int) -> None:
        if not self._is_wide:
            self.notify(
                f"The details pane needs a terminal at least {_WIDE} columns wide.", severity="warning"
            )
            return
        share = self.context.kept.split or 100 * self.query_one(AlertPane).outer_size.width // self.size.width
        self._split((share // _STEP + way) * _STEP)

    def _split(self, percent: int) -> None:
        self.context.kept.split = percent = max(_LEAST, min(percent, _MOST))
        self.query_one(AlertPane).styles.width = f"{percent}%"

    # --- actions

    def why_not(self, action: str) -> str | None:
        if action not in ("resend", "cancel"):
            return None
        alerts, chosen = self.query_one(AlertList), self._chosen
        if chosen is None and (alerts.selected or not alerts.is_loaded):
            return None  # the alerts are read when the action runs
        if chosen is None and alerts.current is None:
            return "No alert is selected"
        if action == "resend" and chosen is None and alerts.current is not None and alerts.current.folds:
            return None
        why_not = alert_actions.why_not_resend if action == "resend" else alert_actions.why_not_cancel
        return why_not([chosen] if chosen else alerts.current.deliveries if alerts.current else ())

    @property
    def _chosen(self) -> DeliveryRow | None:
        """The delivery under the cursor of the pane, if the pane has the focus."""
        pane = self.query_one(AlertPane)
        return pane.chosen.delivery.row if pane.chosen and self._is_in_pane else None

    @property
    def _is_in_pane(self) -> bool:
        return self.focused is not None and self.query_one(AlertPane) in self.focused.ancestors

    def on_line_view_moved(self) -> None:
        self.tell_reasons()

    def on_descendant_focus(self) -> None:
        self.tell_reasons()

    async def action_resend(self) -> None:
        pane = self.query_one(AlertPane)
        fold = pane.chosen_fold
        if fold is not None and self._is_in_pane:
            await self.ask(partial(alert_actions.send_folded, self, self.context, [fold]))
            return
        await self.ask(partial(self._act, alert_actions.resend_delivery, alert_actions.resend_alerts))

    async def action_cancel(self) -> None:
        await self.ask(partial(self._act, alert_actions.cancel_delivery, alert_actions.cancel_alerts))

    async def _act(self, on_delivery: OnDelivery, on_alerts: _OnAlerts) -> None:
        """Act on the delivery under the pane's cursor, else the selected alerts, else the current one."""
        alerts, chosen = self.query_one(AlertList), self._chosen
        if chosen is not None:
            seen = self.query_one(AlertPane).is_cursor_visible
            await on_delivery(self, self.context, chosen, seen=seen)
            return
        seen = alerts.is_cursor_visible
        if alerts.filter != self._filter_bar.filter:  # the key was typed ahead of the list
            await self.query_one(AlertBox).show(self._filter_bar.filter)
            seen = False
        if alerts.selected:
            rows = await alerts.read_selected()
            of = f" of {words.counted(len(rows), 'selected alert')}"
        else:
            rows = [alerts.current] if alerts.current else []
            seen = seen and not self._took_the_place(alerts)
            of = "" if seen else "".join(f" of “{visible(row.headline)[:_MOST_QUOTED]}”" for row in rows)
        if rows and await on_alerts(self, self.context, Scope(rows, alerts.filter, of)):
            alerts.clear_selection()
            self._acted = rows[0].key, time.monotonic()

    def _took_the_place(self, alerts: AlertList) -> bool:
        """Return whether the current alert has only just come under the cursor, in place of another.

        Under `state:failed` a resent alert leaves the list. A second `r` may have been meant for it.
        """
        before, ended_at = self._acted
        return not alerts.lists(before) and time.monotonic() < ended_at + _AT_ONCE_S

    async def action_resend_all(self) -> None:
        await self.ask(partial(alert_actions.resend_all_failed, self, self.context, self._filter_bar.filter))

    async def action_copy(self) -> None:
        await self.ask(self._copy)

    async def _copy(self) -> None:
        pane, current = self.query_one(AlertPane), self.query_one(AlertList).current
        await pane.show(current.key if current else None)  # the pane may be hidden or show the previous alert
        await copy_from(self, self.context, pane)

    async def action_route(self) -> None:
        await self.ask(self._show_routes)

    async def action_preview(self) -> None:
        await self.ask(self._show_preview)

    async def _show_preview(self) -> None:
        pane, current = self.query_one(AlertPane), self.query_one(AlertList).current
        await pane.show(current.key if current else None)  # as for copying
        await show_preview(self, self.context, pane)

    async def _show_routes(self) -> None:
        pane, current = self.query_one(AlertPane), self.query_one(AlertList).current
        await pane.show(current.key if current else None)  # as for copying
        await show_routes(self, self.context, pane)

    def action_new_destination(self) -> None:
        self.app.push_screen(DestinationSetup(self.context))
