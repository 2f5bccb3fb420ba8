"""`--read-only`: everything is shown, every key that would change something is refused with a sentence."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.screens.history import fail
from tests.screens.user import NARROW, WIDE, user_at
from tests.store.bench import Bench
from tui.screens.shared.context import Context
from tui.store.engine.database import Store
from tui.store.engine.sqlite import Sqlite

REFUSED = "Nothing can be changed here: the app was opened with --read-only"


@pytest.fixture
def looking(context: Context, bench: Bench) -> Iterator[Context]:
    """The store, opened a second time for reading only, with a failed and a pending delivery."""
    bench.add()
    bench.submit(title="failed")
    fail(bench)
    bench.submit(title="pending")
    path = Path(context.store.strategy.shown)
    with Store(Sqlite(path, bench.clock, read_only=True)) as store:
        yield replace(context, store=store, read_only=True)


@pytest.mark.parametrize(
    ("before", "keys", "size"),
    [
        ((), ("r", "R", "c", "n"), WIDE),
        (("enter",), ("r", "c"), NARROW),
        (("2",), ("n", "e", "t", "p", "d"), WIDE),
    ],
    ids=["alerts", "details", "destinations"],
)
async def test_a_key_that_changes_something_is_refused(
    looking: Context, bench: Bench, before: tuple[str, ...], keys: tuple[str, ...], size: tuple[int, int]
) -> None:
    books = bench.books()
    async with user_at(looking, size) as user:
        await user.sees("○ read-only", "1 failed", "1 waiting")
        for key in before:
            await user.press(key)
            await user.settles()
        for key in keys:
            await user.press(key)
            await user.hears(REFUSED)
            user.app.clear_notifications()
            await user.misses(REFUSED)
    assert bench.books() == books
