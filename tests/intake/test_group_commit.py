"""Which groups share a transaction, and in which order they are written."""

import asyncio
from typing import Any

import pytest

from tests.conftest import alert
from tui.intake.group_commit import GroupCommit
from tui.store.engine.database import Store
from tui.store.outbox import Group


@pytest.fixture
def engine() -> str:
    return "sqlite"


async def test_a_small_group_waits_for_one_large_group_at_most(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[list[int]] = []
    write_now = store.write

    def noting(work: Any, groups: list[Group], **named: Any) -> Any:
        written.append([len(group.alerts) for group in groups])
        return write_now(work, groups, **named)

    monkeypatch.setattr(store, "write", noting)
    commits = GroupCommit(store, lambda: None, None)
    sizes = (2_001, 2_001, 1, 2_001, 2)
    groups = [Group([alert() for _ in range(size)]) for size in sizes]

    receipts = await asyncio.gather(*(commits.submit(group) for group in groups))

    assert [len(receipt) for receipt in receipts if isinstance(receipt, list)] == [*sizes]
    assert written == [[2_001], [1, 2], [2_001], [2_001]]
