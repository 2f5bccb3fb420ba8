"""`=` compares an attempt with the marked one, or with the previous one."""

import pytest

from tests.screens.conftest import Opens
from tests.screens.history import deliver, reject
from tests.screens.user import NARROW, WIDE
from tests.store.bench import Bench


@pytest.fixture
def tried(bench: Bench) -> Bench:
    """Two rejected attempts of one delivery with different answers."""
    bench.add()
    bench.submit()
    reject(bench, response_body=b'{"error":"overloaded","retry":5}')
    bench.clock.advance(5_000)
    deliver(bench, response_body=b'{"ok":true}')
    return bench


async def test_an_attempt_is_compared_with_the_one_before_it(viewer: Opens, tried: Bench) -> None:
    async with viewer(WIDE) as user:
        await user.press("enter")
        await user.is_at("deliveries")
        await user.sees("ATTEMPT 2")
        await user.press("equals_sign")
        await user.sees("Two attempts", "attempt 1, round 1, soc", "attempt 2, round 1, soc")
        line = user.line_with("outcome: rejected")
        assert line.index("outcome: rejected") < line.index("~") < line.index("outcome: delivered")
        await user.sees("▸ REQUEST  (identical)")
        await user.press("escape")
        await user.is_at("deliveries")


async def test_a_narrow_terminal_shows_one_attempt_below_the_other(viewer: Opens, tried: Bench) -> None:
    async with viewer(NARROW) as user:
        await user.press("enter")
        await user.sees("ATTEMPT 2")
        await user.press("equals_sign")
        await user.sees("-  attempt 1, round 1, soc", "+  attempt 2, round 1, soc")
        await user.sees("~- outcome: rejected", "~+ outcome: delivered", '~-   "error": "overloaded",')
        await user.pilot.resize_terminal(*WIDE)
        await user.sees("~  outcome: delivered")


async def test_d_hides_and_shows_equal_lines(viewer: Opens, tried: Bench) -> None:
    async with viewer(WIDE) as user:
        await user.press("enter")
        await user.is_at("deliveries")
        await user.sees("ATTEMPT 2")
        await user.press("equals_sign")
        await user.sees("took: 84 ms")
        await user.press("d")
        await user.misses("took: 84 ms")
        await user.sees("outcome: rejected")
        await user.press("d")
        await user.sees("took: 84 ms")


async def test_a_marked_attempt_is_compared_across_deliveries_until_esc(viewer: Opens, bench: Bench) -> None:
    for name in ("soc", "pager"):
        bench.add(name=name)
    bench.submit()
    reject(bench)
    async with viewer(NARROW) as user:
        await user.press("enter")
        await user.sees("ATTEMPT 1")
        await user.press("j", "m")
        await user.sees("◆  1  09:30:00")
        await user.press("G", "equals_sign")
        await user.sees("attempt 1, round 1, soc", "attempt 1, round 1, pager")
        await user.press("escape")
        await user.sees("◆  1  09:30:00")
        await user.press("escape")
        await user.misses("◆")
        await user.sees("DELIVERY STATUS")
        await user.press("escape")
        await user.is_at("alerts")


async def test_a_comparison_of_a_single_attempt_says_what_to_do(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit()
    reject(bench)
    async with viewer(WIDE) as user:
        await user.press("enter")
        await user.is_at("deliveries")
        await user.sees("ATTEMPT 1")
        await user.press("equals_sign")
        await user.hears("Nothing to compare with: this is the first attempt. Mark another one with m.")
