"""Change many deliveries in batches, so that no transaction holds the database for long."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import ProgressBar, Static

from tui.domain.errors import Refused
from tui.screens.shared import key_table, words
from tui.screens.shared.dialogs import Dialog
from tui.store.errors import StoreUnavailable

BATCH = 500

Step = Callable[[Sequence[int]], Awaitable[Mapping[int, Refused | None]]]
"""Takes the IDs of a batch; returns for each why it was refused, or None."""


@dataclass
class Result:
    """The outcome of a run over many deliveries."""

    done: int = 0
    refused: list[str] = field(default_factory=list[str])
    left: int = 0
    """How many were not processed."""
    trouble: str = ""
    """The error that stopped the run. Empty if it finished or the user stopped it."""

    def count(self, answers: Mapping[int, Refused | None]) -> None:
        refused = [str(refusal) for refusal in answers.values() if refusal is not None]
        self.refused += refused
        self.done += len(answers) - len(refused)
        self.left -= len(answers)


async def in_batches(screen: Screen[Any], step: Step, ids: Sequence[int], doing: str) -> Result:
    """Call `step` for all of `ids`. More than one batch gets a progress dialog, which esc stops."""
    if len(ids) > BATCH:
        return await screen.app.push_screen_wait(BatchesDialog(step, ids, doing))
    result = Result(left=len(ids))
    await _do(step, ids, result)
    return result


async def _do(step: Step, ids: Sequence[int], result: Result) -> None:
    try:
        result.count(await step(ids))
    except StoreUnavailable as error:
        result.trouble = str(error)


class BatchesDialog(Dialog[Result]):
    BINDINGS: ClassVar[list[BindingType]] = key_table.BATCHES.bindings

    def __init__(self, step: Step, ids: Sequence[int], doing: str) -> None:
        super().__init__()
        self._step, self._ids, self._doing = step, ids, doing
        self._stops = False
        self._result: Result | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(id="batches", classes="question")
            yield ProgressBar(len(self._ids), show_eta=False)
            yield Static(
                Content.styled("esc to stop · finished batches are not undone", words.MUTED), id="stops"
            )

    def on_mount(self) -> None:
        self._tell(0)
        self.run_worker(self._work, group="batches")

    def action_stop(self) -> None:
        self._stops = True
        self.query_one("#stops", Static).update("Stopping after this batch…")

    async def _work(self) -> None:
        result = Result(left=len(self._ids))
        for start in range(0, len(self._ids), BATCH):
            if self._stops or result.trouble:
                break
            await _do(self._step, self._ids[start : start + BATCH], result)
            self._tell(len(self._ids) - result.left)
        self._result = result
        self.dismiss(result)

    def on_screen_resume(self) -> None:
        if self._result is not None:  # the work ended while the palette was open
            self.dismiss(self._result)

    def _tell(self, processed: int) -> None:
        self.query_one("#batches", Static).update(
            Content(f"{self._doing}: {processed:,} of {len(self._ids):,}")
        )
        self.query_one(ProgressBar).update(progress=processed)
