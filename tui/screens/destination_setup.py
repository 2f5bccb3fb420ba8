"""Setting a destination up in three steps: configure it, test it, done."""

from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Footer, Static

from tui.domain.destination import Destination
from tui.domain.errors import Invalid, Refused
from tui.screens.context import Context
from tui.screens.live import ReadingScreen
from tui.screens.widgets.destination_form import DestinationForm
from tui.screens.widgets.test_result import TestResult
from tui.store import destinations
from tui.store.errors import StoreUnavailable

_STEPS = ("Configure", "Test", "Done")


class DestinationSetup(ReadingScreen):
    """For a new destination, or one to be edited; with `testing`, it begins at the test."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "save", id="setup.save", tooltip="Save the destination"),
        Binding(
            "ctrl+r", "reveal", "reveal URL", id="setup.reveal", tooltip="Show the URL, or mask it again"
        ),
        Binding("escape,q", "close", "close", id="setup.close", tooltip="Leave; what was saved stays saved"),
    ]

    def __init__(
        self, context: Context, destination: Destination | None = None, *, testing: bool = False
    ) -> None:
        super().__init__()
        self.context = context
        self._destination = destination
        self._testing = testing and destination is not None

    def compose(self) -> ComposeResult:
        yield Static(id="steps")
        with VerticalScroll(id="setup-body"):
            yield DestinationForm(self._destination)
            yield TestResult(self.context)
        with Horizontal(id="setup-buttons", classes="buttons"):
            saves = "Add Destination" if self._destination is None else "Save Changes"
            yield Button(saves, id="save", variant="primary")
            yield Button("Cancel", id="cancel")
            yield Button("Send Test Alert", id="send-test", variant="primary")
            yield Button("Finish Setup", id="finish", variant="success")
            yield Button("Add Another", id="another")
            yield Button("Back to Configuration", id="back")
            yield Button("Skip Testing", id="skip")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        if self._testing:
            self._show_test()
        else:
            self._show_form()

    # --- the steps

    def _show_form(self) -> None:
        self._show_step(0, "save", "cancel")
        form = self.query_one(DestinationForm)
        form.display, self.query_one(TestResult).display = True, False
        form.focus_first()

    def _show_test(self) -> None:
        assert self._destination is not None
        self.query_one(DestinationForm).display = False
        result = self.query_one(TestResult)
        result.display = True
        result.introduce(self._destination, saved=not self._testing)
        self._show_step(1, "send-test", "skip", "back")
        self.query_one("#send-test").focus()

    def _show_step(self, step: int, *buttons: str) -> None:
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

    def on_button_pressed(self, event: Button.Pressed) -> None:
        match event.button.id:
            case "save":
                self.action_save()
            case "send-test":
                self.run_worker(self._send_test, group="test", exclusive=True)
            case "back":
                self._back_to_form()
            case "another":
                self.app.switch_screen(DestinationSetup(self.context))
            case "finish" | "skip":
                self._finish()
            case "cancel":
                self.action_close()
            case _:
                return

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        forms = self.is_mounted and self.query_one(DestinationForm).display
        return forms if action in ("save", "reveal") else True

    def action_reveal(self) -> None:
        self.query_one(DestinationForm).toggle_reveal()

    def action_close(self) -> None:
        self.dismiss()

    def action_save(self) -> None:
        self.run_worker(self._save, group="save", exclusive=True)

    async def _save(self) -> None:
        form = self.query_one(DestinationForm)
        destination = form.read()
        if destination is None:
            return
        try:
            if self._destination is None:
                self._destination = await self.context.write(destinations.add, destination)
            else:
                kept = replace(destination, id=self._destination.id, paused=self._destination.paused)
                self._destination = await self.context.write(destinations.edit, kept)
        except Invalid as error:
            form.show_error(error.field, error.message)
            return
        except (StoreUnavailable, Refused) as error:
            self.notify(f"Not saved: {error}. Try again.", severity="error", markup=False)
            return
        self._show_test()

    def _back_to_form(self) -> None:
        self.workers.cancel_group(self, "test")
        self.query_one("#save", Button).label = "Save Changes"
        self._show_form()

    async def _send_test(self) -> None:
        assert self._destination is not None
        button = self.query_one("#send-test", Button)
        self.set_focus(None)  # or it would move on, and a second enter with it
        button.disabled = True
        try:
            delivered = await self.query_one(TestResult).run(self._destination)
        except (StoreUnavailable, Invalid) as error:
            self.notify(f"The test alert was not sent: {error}", severity="error", markup=False)
            delivered = False
        finally:
            button.disabled = False
        if delivered:
            self._show_step(1, "finish", "another")
            self.query_one("#finish").focus()
        else:
            self._show_step(1, "send-test", "back", "skip")
            button.label = "Send Again"
            button.focus()

    def _finish(self) -> None:
        destination = self._destination
        self.dismiss()
        if destination is not None:
            self.app.call_later(self.app.run_action, f"show_destination({destination.id})")
