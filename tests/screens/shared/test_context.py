"""What screens get from the app: reads and writes of the store."""

import asyncio
import threading

from tests.screens.conftest import Opens
from tests.store.bench import Bench
from tui.screens.shared.context import Context
from tui.store.engine.database import Transaction


async def test_a_write_is_done_although_its_worker_is_cancelled(context: Context) -> None:
    """A screen that is closed cancels its workers; what the user asked for must happen all the same."""
    may_write, written = threading.Event(), threading.Event()

    def busy(_: Transaction) -> None:
        assert may_write.wait(20)

    def work(_: Transaction) -> None:
        written.set()

    before = context.store.write(busy)  # the one writer is taken: `work` waits in its queue
    worker = asyncio.create_task(context.write(work))
    await asyncio.sleep(0)
    worker.cancel()
    await asyncio.wait([worker])
    may_write.set()
    before.result(20)
    assert worker.cancelled()
    assert await asyncio.to_thread(written.wait, 20)


async def test_a_delivery_is_cancelled_although_its_screen_closes(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit(title="Root login")
    may_write = threading.Event()

    def busy(_: Transaction) -> None:
        assert may_write.wait(20)

    async with viewer((80, 24)) as user:
        await user.press("enter")
        await user.is_at("deliveries")
        await user.sees("waiting to be sent")
        before = bench.store.write(busy)
        await user.press("c", "escape")
        await user.is_at("alerts")
        may_write.set()
        before.result(20)
        await user.sees("⊘ soc")
