"""A storm on screen: the first tells how many there were, and each leads to the other."""

import pytest

from tests.screens.conftest import Opens
from tests.screens.history import deliver
from tests.screens.user import NARROW, VAST
from tests.store.bench import Bench


@pytest.fixture
def storm(bench: Bench) -> Bench:
    """One delivered to the pager, into which two folded."""
    bench.add(name="pager", fold_ms=600_000)
    bench.submit(alert_id="the-first")
    deliver(bench)
    for name in ("the-second", "the-third"):
        bench.clock.advance(12_000)
        bench.submit(alert_id=name)
    return bench


def states(bench: Bench) -> list[str]:
    return [row[0] for row in bench.rows("SELECT state FROM delivery ORDER BY id")]


@pytest.mark.parametrize("size", [NARROW, VAST], ids=["narrow", "wide"])
async def test_enter_leads_from_the_first_to_what_folded_and_back(
    viewer: Opens, storm: Bench, size: tuple[int, int]
) -> None:
    async with viewer(size) as user:
        await user.sees("✓ pager ×3", "⊂ pager folded")
        await user.press("G", "enter")
        await user.is_at("deliveries")
        await user.sees("×3  2 more folded, last 0s ago")
        await user.press("G", "enter")
        await user.sees("the-second", "the-third")
        await user.press("j", "enter")
        await user.sees("Not sent to pager: folded into Root login from 203.0.113.9")
        await user.sees("alert id  the-third")
        await user.press("enter")
        await user.sees("×3  2 more folded")
        await user.press("escape")
        await user.sees("Not sent to pager")


@pytest.mark.parametrize("size", [NARROW, VAST], ids=["narrow", "wide"])
async def test_r_in_the_details_sends_what_folded_after_a_question(
    viewer: Opens, storm: Bench, size: tuple[int, int]
) -> None:
    async with viewer(size) as user:
        await user.press("enter")
        await user.sees("folded into Root login from 203.0.113.9, delivered")
        await user.press("r")
        await user.sees("This alert was folded into another one. Send it separately to pager?")
        assert states(storm) == ["delivered"]
        await user.press("y")
        await user.hears("Sending to pager")
        await user.sees("waiting to be sent")
    assert states(storm) == ["delivered", "scheduled"]


async def test_r_on_selected_alerts_that_folded_sends_them(viewer: Opens, storm: Bench) -> None:
    async with viewer() as user:
        await user.sees("⊂ pager folded")
        await user.press("space", "space", "r")
        await user.sees("2 alerts were folded into others. Send them separately to pager?")
        await user.press("y")
        await user.hears("Sending to pager")
    assert states(storm) == ["delivered", "scheduled", "scheduled"]


async def test_what_folded_is_found_by_its_state(viewer: Opens, storm: Bench) -> None:
    async with viewer() as user:
        await user.filter("state:folded")
        await user.sees("Alerts · 2")
        await user.misses("✓ pager")
