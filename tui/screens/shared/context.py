"""What the app gives to every screen: the store, the settings, and a view of the dispatcher."""

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
    """The part of a dispatcher in this process that screens use."""

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
    """None in a viewer (`--no-dispatch`), where another process delivers."""
    read_only: bool = False
    """Whether nothing can be changed (`--read-only`). Then nobody delivers here, either."""
    note: str = ""
    """A note in the status line, such as `demo`."""
    kept: Kept = field(default_factory=Kept)
    """Settings kept until the next start. Screens change them; the app writes them on exit."""
    filters: tuple[tuple[str, str], ...] = ()
    """The filters of the configuration, as (name, text)."""
    network: NetworkPolicy = field(default_factory=NetworkPolicy)
    lost: dict[Screen[Any], str] = field(default_factory=dict[Screen[Any], str])
    """The screens whose last read failed, and why."""

    def read(
        self,
        work: Callable[Concatenate[Any, Work], Result],
        *args: Work.args,
        **kwargs: Work.kwargs,
    ) -> Awaitable[Result]:
        """Run a query without blocking the screen. Raises StoreUnavailable."""
        return asyncio.wrap_future(self.store.read(work, *args, **kwargs))

    def read_aside(
        self,
        work: Callable[Concatenate[Any, Work], Result],
        *args: Work.args,
        **kwargs: Work.kwargs,
    ) -> Awaitable[Result]:
        """Like `read`, for a query that may take long: no other read waits for it."""
        return asyncio.wrap_future(self.store.read_aside(work, *args, **kwargs))

    async def write(
        self,
        work: Callable[Concatenate[Transaction, Work], Result],
        *args: Work.args,
        **kwargs: Work.kwargs,
    ) -> Result:
        """Run `work` in a transaction, then wake the dispatcher. Raises StoreUnavailable, or from `work`.

        Shielded: closing the screen cancels its workers, but must not cancel a write that was requested.
        """
        result = await asyncio.shield(asyncio.wrap_future(self.store.write(work, *args, **kwargs)))
        if self.dispatcher is not None:
            self.dispatcher.nudge()
        return result
