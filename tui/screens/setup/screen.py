"""Add or edit a destination in three steps: configure, test, done."""

from dataclasses import replace
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from tui.domain.destination import SETTINGS, Destination, changed_settings
from tui.domain.errors import Invalid, Refused
from tui.screens.setup.form import DestinationForm
from tui.screens.setup.schedule import Schedule
from tui.screens.setup.test_result import TestResult
from tui.screens.shared import key_table
from tui.screens.shared.context import Context
from tui.screens.shared.dialogs import Confirm
from tui.screens.shared.keys import Keys
from tui.screens.shared.live import ReadingScreen
from tui.screens.shared.scrolling import scroll
from tui.store import destinations
from tui.store.errors import StoreUnavailable

_STEPS = ("Configure", "Test", "Done")
_NARROW, _SHORT = 72, 20


class DestinationSetup(ReadingScreen):
    """Returns the ID of the saved destination, or None if nothing was saved."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = key_table.SETUP.bindings

    def __init__(self, context: Context, destination: Destination | None = None) -> None:
        super().__init__()
        self.context = context
        self._destination = destination
        """As last read or saved; None for a new one."""
        self._step = 0
        self._told: frozenset[str] = frozenset()
        """Settings changed by someone else, as last shown to the user."""
        self._typed_early: str | None = ""
        """Text typed before a field had the focus; None after that."""
        self._sends = False
        """Whether a test is in progress."""

    def compose(self) -> ComposeResult:
        yield Static(id="steps")
        with VerticalScroll(id="setup-body", can_focus=False):
            yield Static(id="elsewhere")
            yield DestinationForm(self.context, self._destination)
            yield Schedule(self.context)
            yield TestResult(self.context)
        with Horizontal(id="setup-buttons", classes="buttons"):
            yield Button(self._saves, id="save", variant="primary")
            yield Button("Cancel", id="cancel")
            yield Button("Send Test Alert", id="send-test", variant="primary")
            yield Button("Finish Setup", id="finish", variant="success")
            yield Button("Add Another", id="another")
            yield Button("Back to Configuration", id="back")
            yield Button("Skip Testing", id="skip")
        yield Keys()

    def on_mount(self) -> None:
        self._show_form()
        self.set_interval(1.0, self._on_second)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < _NARROW, "-narrow")
        self.set_class(event.size.height < _SHORT, "-short")

    # --- the steps

    @property
    def _form(self) -> DestinationForm:
        return self.query_one(DestinationForm)

    @property
    def _saves(self) -> str:
        return "Add Destination" if self._destination is None else "Save Changes"

    @property
    def _configures(self) -> bool:
        return self._step == 0

    def _show_form(self) -> None:
        self._show_step(0, "save", "cancel")
        self.query_one("#save", Button).label = self._saves
        self._form.begin()
        self.query_one(Schedule).tick()

    async def _back_to_form(self) -> None:
        """Mount a new form, which cannot show the secrets just saved."""
        await self._form.remove()
        await self.query_one("#setup-body").mount(
            DestinationForm(self.context, self._destination), after="#elsewhere"
        )
        self._show_form()

    def _show_test(self) -> None:
        assert self._destination is not None
        self.query_one(TestResult).introduce(self._destination)
        paused = self._destination.paused
        self._show_step(1, *(("skip", "back") if paused else ("send-test", "skip", "back")))
        self.query_one("#skip" if paused else "#send-test").focus()

    def _show_step(self, step: int, *buttons: str) -> None:
        self._step = step
        self._form.display = self.query_one("#schedule").display = step == 0
        self.query_one(TestResult).display = step == 1
        self.query_one("#elsewhere").display = False
        parts: list[Content | str | tuple[str, str]] = []
        for index, name in enumerate(_STEPS):
            mark = "●" if index == step else "✓" if index < step else "○"
            style = (
                "bold $text-primary"
                if index == step
                else "$text-success"
                if index < step
                else "$foreground-muted"
            )
            parts += [
                (f" {mark} {index + 1} {name} ", style),
                ("──" if index < len(_STEPS) - 1 else "", "$foreground-muted"),
            ]
        self.query_one("#steps", Static).update(Content.assemble(*parts))
        for button in self.query("#setup-buttons Button").results(Button):
            button.display = button.id in buttons

    # --- keys and buttons

    def on_key(self, event: events.Key) -> None:
        """Keep keys typed before the form has the focus, for its first field."""
        if self._typed_early is not None and (event.is_printable or event.key == "tab"):
            self._typed_early += event.character or "\t"
            event.stop()

    def on_paste(self, event: events.Paste) -> None:
        if self._typed_early is not None:
            self._typed_early += event.text
            event.stop()

    def on_descendant_focus(self) -> None:
        if self._typed_early:
            self._form.type_early(self._typed_early)
        self._typed_early = None

    def on_button_pressed(self, event: Button.Pressed) -> None:
        match event.button.id:
            case "save":
                self.action_save()
            case "send-test":
                self.run_worker(self._send_test, group="test", exclusive=True)
            case "back":
                self.workers.cancel_group(self, "test")
                self.set_focus(None)  # or a second enter would remove the form being mounted
                event.button.display = False
                self.run_worker(self._back_to_form, group="back", exclusive=True)
            case "another":
                self.app.switch_screen(DestinationSetup(self.context))
            case "finish" | "skip":
                self._finish()
            case "cancel":
                self.action_close()
            case _:
                return

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        if action == "move_on":
            return self._sends or self.focused is not None  # else `on_key` keeps it with the text typed early
        return self.is_mounted and self._configures if action in ("save", "reveal") else True

    def action_move_on(self, way: int) -> None:
        self.focus_next() if way > 0 else self.focus_previous()

    def action_reveal(self) -> None:
        self._form.toggle_reveal()

    def action_close(self) -> None:
        self.run_worker(self._close, group="close", exclusive=True)

    async def _close(self) -> None:
        if self._configures and self._form.is_changed:
            question = "Discard unsaved changes?"
            discard = Confirm(question, yes="Discard", no="Keep editing", dangerous=True)
            if not await self.app.push_screen_wait(discard):
                return
        self.dismiss(self._destination.id if self._destination else None)

    def action_scroll(self, how: str) -> None:
        scroll(self.query_one("#setup-body"), how)

    # --- saving

    def action_save(self) -> None:
        self.run_worker(self._save, group="save", exclusive=True)

    async def _save(self) -> None:
        wanted = self._form.read()
        if wanted is None:
            return
        try:
            await self._store(wanted)
        except Invalid as error:
            self._form.show_error(error.field, error.message)
        except destinations.Deleted:
            self._say_deleted()
        except destinations.Clash as clash:
            self._see(clash)
            told = f"{clash}. Save again to overwrite it, or press esc to leave."
            self._say_elsewhere(told[:1].upper() + told[1:])
        except (StoreUnavailable, Refused) as error:
            self.notify(f"Not saved: {error}. Try again.", severity="error", markup=False)
        else:
            self._show_test()

    def _see(self, clash: destinations.Clash) -> None:
        """The user has now seen the clash: saving again overwrites these settings and no others."""
        assert self._destination is not None
        theirs = {name: getattr(clash.stored, name) for name in clash.settings}
        self._destination = replace(self._destination, **theirs)
        self._told = changed_settings(self._destination, clash.stored)

    async def _store(self, wanted: Destination) -> None:
        seen = self._destination
        if seen is None:
            self._destination = await self.context.write(destinations.add, wanted)
        else:
            wanted = replace(wanted, id=seen.id, paused=seen.paused)
            overlap_ms = self._form.overlap_ms
            self._destination = await self.context.write(
                destinations.edit, wanted, seen=seen, overlap_ms=overlap_ms
            )

    def _on_second(self) -> None:
        if self._configures:
            self.query_one(Schedule).tick()
            if self._destination is not None:
                self.run_worker(self._look_elsewhere, group="elsewhere", exclusive=True)

    async def _look_elsewhere(self) -> None:
        """Tell the user if someone else changed or deleted this destination."""
        seen = self._destination
        if seen is None:
            return
        try:
            stored = await self.context.read(destinations.find, seen.id)
        except StoreUnavailable:
            return  # saving reports the error
        if stored is None:
            self._say_deleted()
        elif (changed := changed_settings(seen, stored)) != self._told:
            self._told = changed
            names = ", ".join(shown for name, shown in SETTINGS.items() if name in changed)
            self._say_elsewhere(
                f"Someone else changed this destination in the meantime: {names}. "
                "Settings you do not edit keep their values."
            )

    def _say_deleted(self) -> None:
        self._destination = None
        self.query_one("#save", Button).label = self._saves
        told = "Someone else deleted this destination in the meantime. Add Destination creates it again."
        self._say_elsewhere(told)

    def _say_elsewhere(self, told: str) -> None:
        elsewhere = self.query_one("#elsewhere", Static)
        elsewhere.update(Content(told))
        elsewhere.display = True
        self.query_one("#setup-body").scroll_home(animate=False)

    # --- testing

    async def _send_test(self) -> None:
        assert self._destination is not None
        button = self.query_one("#send-test", Button)
        self.set_focus(None)  # or the focus would move on, and a second enter would press the next button
        button.disabled = self._sends = True
        try:
            delivered = await self.query_one(TestResult).run(self._destination)
        except (StoreUnavailable, Invalid) as error:
            self.notify(f"The test alert was not sent: {error}", severity="error", markup=False)
            delivered = False
        finally:
            button.disabled = self._sends = False
        if delivered:
            self._show_step(1, "finish", "another", "back")
            button = self.query_one("#finish", Button)
        else:
            self._show_step(1, "send-test", "back", "skip")
            button.label = "Send Again"
        if self.focused is None or not self.focused.display:
            button.focus()  # else the user moved the focus, and the next enter is meant for that widget

    def _finish(self) -> None:
        destination = self._destination
        self.dismiss()
        if destination is not None:
            self.app.call_later(self.app.run_action, f"show_destination({destination.id})")
