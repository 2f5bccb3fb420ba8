"""`c` cancels pending deliveries. Many are handled in batches, and esc stops after one."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from textual.widgets._progress_bar import Bar

from tests.screens.conftest import Opens
from tests.screens.history import deliver, fail
from tests.screens.user import NARROW, VAST, User
from tests.store.bench import Bench
from tui.domain.errors import Refused
from tui.screens.alert.batches import Result, in_batches
from tui.screens.shared.themes import VISIBLE, contrast


def states(bench: Bench) -> list[str]:
    return [row[0] for row in bench.rows("SELECT state FROM delivery ORDER BY id")]


@pytest.fixture
def waiting(bench: Bench) -> Bench:
    """An alert that is delivered to one destination and pending for two."""
    for name in ("pager", "soc", "vault"):
        bench.add(name=name)
    [first, *_] = bench.submit(title="Root login")
    [claim] = bench.claim(only=[first]).claims
    bench.finish(claim)
    return bench


async def test_c_on_an_alert_cancels_its_pending_deliveries_after_a_question(
    viewer: Opens, waiting: Bench
) -> None:
    async with viewer(VAST) as user:
        await user.sees("✓ pager")
        await user.press("c")
        await user.sees("Cancel 2 pending deliveries to soc, vault?")
        await user.press("n")
        await user.misses("Cancel 2")
        assert states(waiting) == ["delivered", "scheduled", "scheduled"]
        await user.press("c")
        await user.sees("Cancel 2 pending deliveries to soc, vault?")
        await user.press("y")
        await user.hears("Cancelled 2 pending deliveries to soc, vault")
        await user.sees("⊘ soc", "⊘ vault")
    assert states(waiting) == ["delivered", "cancelled", "cancelled"]


@pytest.mark.parametrize("size", [NARROW, VAST], ids=["narrow", "wide"])
async def test_c_on_a_delivery_cancels_only_that_one(
    viewer: Opens, waiting: Bench, size: tuple[int, int]
) -> None:
    async with viewer(size) as user:
        await user.press("enter")
        await user.is_at("deliveries")
        await user.sees("waiting to be sent")
        await user.press("G", "c")
        await user.hears("Cancelled 1 pending delivery to vault")
        await user.sees("⊘ vault  cancelled")
    assert states(waiting) == ["delivered", "scheduled", "cancelled"]


async def test_c_with_a_selection_cancels_all_selected(viewer: Opens, bench: Bench) -> None:
    bench.add()
    for number in range(3):
        bench.submit(title=f"Number {number}")
    async with viewer() as user:
        await user.is_on("Number 2")
        await user.press("space", "space", "c")
        await user.sees("Cancel 2 pending deliveries to soc of 2 selected alerts?")
        await user.press("y")
        await user.hears("Cancelled 2 pending deliveries")
    assert states(bench) == ["scheduled", "cancelled", "cancelled"]


async def test_c_without_pending_deliveries_says_why(viewer: Opens, bench: Bench) -> None:
    bench.submit(title="nowhere")
    bench.add()
    for title, act in (("sent", deliver), ("failed", fail), ("in flight", Bench.claim)):
        bench.submit(title=title)
        act(bench)
    async with viewer() as user:
        for title, reason in (
            ("in flight", "Nothing to cancel: it is being sent right now"),
            ("failed", "Nothing to cancel: it has already failed"),
            ("sent", "Nothing to cancel: it has already been delivered"),
            ("nowhere", "Nothing to cancel: this alert has no deliveries"),
        ):
            await user.is_on(title)
            await user.press("c")
            await user.hears(reason)
            await user.press("j")


async def test_an_action_that_came_too_late_is_explained(viewer: Opens, waiting: Bench) -> None:
    async with viewer(VAST) as user:
        await user.sees("✓ pager")
        await user.press("c")
        await user.sees("Cancel 2 pending deliveries")
        waiting.claim()
        await user.press("y")
        await user.hears("2 not cancelled: it is being sent now; wait for the answer, then try again")


# --- many


class Steps:
    """Work in batches, each of which the test lets through."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.gate = asyncio.Semaphore(0)

    async def __call__(self, some: Sequence[int]) -> Mapping[int, Refused | None]:
        await self.gate.acquire()
        self.done += some
        return {number: Refused("it is busy") if number == 7 else None for number in some}


async def begin(user: User, steps: Steps, count: int) -> list[Result]:
    """Start the work. Return a list that receives its result."""
    results: list[Result] = []

    async def work() -> None:
        results.append(await in_batches(user.app.screen, steps, range(count), "Resending"))

    user.app.screen.run_worker(work())
    return results


async def test_many_alerts_are_handled_in_batches_with_progress(viewer: Opens) -> None:
    steps = Steps()
    async with viewer(NARROW) as user:
        results = await begin(user, steps, 1_200)
        await user.sees("Resending: 0 of 1,200")
        steps.gate.release()
        await user.sees("Resending: 500 of 1,200")
        steps.gate.release()
        steps.gate.release()
        await user.until(lambda: results)
        await user.misses("Resending")
    assert results == [Result(done=1_199, refused=["it is busy"], left=0)]
    assert steps.done == list(range(1_200))


async def test_the_progress_bar_is_readable_in_every_theme(viewer: Opens) -> None:
    steps = Steps()
    async with viewer(NARROW) as user:
        results = await begin(user, steps, 1_200)
        steps.gate.release()
        await user.sees("500 of 1,200", "42%", "━", "esc to stop · finished batches are not undone")
        bar = user.app.screen.query_one(Bar)
        track = bar.get_component_styles("bar--bar").background
        assert contrast(track, bar.background_colors[1]) >= VISIBLE
        user.app.theme = "ansi-dark"
        await user.misses("━")
        await user.sees("500 of 1,200", "42%")
        steps.gate.release()
        steps.gate.release()
        await user.until(lambda: results)


async def test_esc_stops_after_the_current_batch(viewer: Opens) -> None:
    steps = Steps()
    async with viewer(NARROW) as user:
        results = await begin(user, steps, 1_200)
        await user.sees("Resending: 0 of 1,200", "esc to stop")
        await user.press("escape")
        await user.sees("Stopping after this batch…")
        await user.misses("esc to stop")
        steps.gate.release()
        await user.until(lambda: results)
    assert results == [Result(done=499, refused=["it is busy"], left=700)]
