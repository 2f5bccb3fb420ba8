"""Group commit: alerts of many requests share a transaction. While one is written, the next gathers."""

import asyncio
from collections.abc import Callable

from tui.store import outbox
from tui.store.engine.database import Store
from tui.store.errors import StoreUnavailable
from tui.store.outbox import Group, Receipt, Rejected

_MOST_ALERTS = 2_000
"""Limit per transaction, so that a dispatcher in this process never waits long for the writer.

A larger group has a transaction of its own.
"""


class GroupCommit:
    """Runs in one event loop. Needs no timer: requests gather for as long as the current commit takes."""

    def __init__(self, store: Store, nudge: Callable[[], object], revive_after_ms: int | None) -> None:
        self._store = store
        self._revive_after_ms = revive_after_ms
        self._nudge = nudge
        self._waiting: list[tuple[Group, asyncio.Future[list[Receipt] | Rejected]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._large = asyncio.Lock()

    async def submit(self, group: Group) -> list[Receipt] | Rejected:
        """Store the group, all of it or nothing, and return after the commit. Raises StoreUnavailable."""
        if len(group.alerts) <= _MOST_ALERTS:
            return await self._submit(group)
        # One at a time: whoever arrives meanwhile is stored before the next, and waits for one of them only.
        async with self._large:
            return await self._submit(group)

    async def _submit(self, group: Group) -> list[Receipt] | Rejected:
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append((group, answer))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return await answer

    async def _write(self) -> None:
        while self._waiting:
            part = self._next()
            try:
                await self._store_part(part)
            except Exception as error:  # a bug: fail these requests, then serve the next ones
                for _, answer in part:
                    if not answer.done():
                        answer.set_exception(error)
        self._writing = None

    def _next(self) -> "list[tuple[Group, asyncio.Future[list[Receipt] | Rejected]]]":
        count = alerts = 0
        for group, _ in self._waiting:
            alerts += len(group.alerts)
            if count and alerts > _MOST_ALERTS:
                break
            count += 1
        part, self._waiting = self._waiting[:count], self._waiting[count:]
        return part

    async def _store_part(self, part: "list[tuple[Group, asyncio.Future[list[Receipt] | Rejected]]]") -> None:
        try:
            groups = [group for group, _ in part]
            results = await asyncio.wrap_future(
                self._store.write(outbox.submit_groups, groups, revive_after_ms=self._revive_after_ms)
            )
        except StoreUnavailable as error:
            for _, answer in part:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_, answer), result in zip(part, results, strict=True):
            if not answer.done():  # the client may be gone; its alerts are stored anyway
                answer.set_result(result)
        self._nudge()
