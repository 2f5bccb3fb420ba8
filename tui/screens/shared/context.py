"""What every screen is given by the app: the store, and the little it may ask of the dispatcher."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from textual.screen import Screen

from tui.domain.network import NetworkPolicy
from tui.domain.retry import RetryPolicy
from tui.screens.shared.kept import Kept
from tui.store.engine.database import Store, Transaction

Work = ParamSpec("Work")
Result = TypeVar("Result")


class DispatcherView(Protocol):
    """A dispatcher in this process, as a screen sees it."""

    @property
    def trouble(self) -> str | None: ...

    @property
    def in_flight(self) -> int: ...

    def nudge(self) -> None: ...


@dataclass(frozen=True)
class Context:
    store: Store
    clock: Callable[[], int]
    policy: RetryPolicy
    link_template: str
    log: Path
    dispatcher: DispatcherView | None
    """None for a viewer: another process delivers."""
    note: str = ""
    """A word for the status line, such as `demo`."""
    kept: Kept = field(default_factory=Kept)
    """What is remembered until the next start; whoever changes it need not write it."""
    filters: tuple[tuple[str, str], ...] = ()
    """Names and texts of the person's own filters."""
    network: NetworkPolicy = field(default_factory=NetworkPolicy)
    lost: dict[Screen[Any], str] = field(default_factory=dict[Screen[Any], str])
    """The screens that the database did not answer when they last asked, and why."""

    def read(
        self,
        work: Callable[Concatenate[Any, Work], Result],
        *args: Work.args,
        **kwargs: Work.kwargs,
    ) -> Awaitable[Result]:
        """Run a query without holding the screen up; raises StoreUnavailable."""
        return asyncio.wrap_future(self.store.read(work, *args, **kwargs))

    def read_aside(
        self,
        work: Callable[Concatenate[Any, Work], Result],
        *args: Work.args,
        **kwargs: Work.kwargs,
    ) -> Awaitable[Result]:
        """Like `read`, for what may take long: no other reading waits for it."""
        return asyncio.wrap_future(self.store.read_aside(work, *args, **kwargs))

    async def write(
        self,
        work: Callable[Concatenate[Transaction, Work], Result],
        *args: Work.args,
        **kwargs: Work.kwargs,
    ) -> Result:
        """Run work of the outbox and tell the dispatcher; raises StoreUnavailable, and what the work raises.

        Shielded: closing the screen must not leave it unknown whether the work was done.
        """
        result = await asyncio.shield(asyncio.wrap_future(self.store.write(work, *args, **kwargs)))
        if self.dispatcher is not None:
            self.dispatcher.nudge()
        return result
