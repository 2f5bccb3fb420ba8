"""The destinations, each with its health, and what can be done to one."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.screens.conftest import Opens, Receiver
from tests.screens.history import deliver, fail, reject
from tests.screens.user import VAST, User
from tests.store.bench import Bench
from tui.domain.alert import Severity
from tui.domain.destination import Destination


@asynccontextmanager
async def at_destinations(opens: Opens, count: int) -> AsyncIterator[User]:
    async with opens(VAST) as user:
        await user.press("2")
        await user.sees(f"Destinations · {count}")
        yield user


async def test_without_any_it_says_which_key_to_press(viewer: Opens) -> None:
    async with at_destinations(viewer, 0) as user:
        await user.sees("No destinations yet. Press n to set one up")
        await user.press("e", "t", "p", "d", "enter")
        await user.sees("No destinations yet.")
        await user.press("n")
        await user.sees("Display name")


async def test_each_shows_its_filters_its_health_and_what_waits(viewer: Opens, bench: Bench) -> None:
    bench.add(name="pager", severities=frozenset({Severity.HIGH, Severity.CRITICAL}))
    bench.submit()
    deliver(bench)
    bench.submit()
    fail(bench)
    bench.clock.advance(120_000)
    bench.submit()
    bench.add(name="quiet", severities=frozenset(), url="https://hooks.example.com/services/s3cret-token")
    async with at_destinations(viewer, 2) as user:
        await user.sees(
            "HIGH and up", "█▁   50% ok  p95 84 ms  1 waiting  last 503 Service Unavailable  1m ago"
        )
        await user.sees("24 h 50% of 2, p95 84 ms")
        await user.sees("only when named", "https://hooks.example.com/…oken", "never used")


async def test_p_holds_its_deliveries_and_lets_them_go(
    tocsin: Opens, bench: Bench, receive: Callable[..., Receiver]
) -> None:
    bench.add(url=receive().url)
    async with at_destinations(tocsin, 1) as user:
        await user.press("p")
        await user.hears("soc is paused: its deliveries wait")
        await user.sees("‖ paused")
        bench.submit()
        await user.sees("1 waiting")
        await user.press("t")
        await user.hears("It is paused; press p to resume it, then test")
        await user.press("p")
        await user.hears("soc is active again")
        await user.sees("● active", "100% ok")


async def test_d_asks_with_the_number_that_wait_and_cancels_them(viewer: Opens, bench: Bench) -> None:
    bench.add()
    for _ in range(2):
        bench.submit()
    async with at_destinations(viewer, 1) as user:
        await user.press("d")
        await user.sees("Delete soc? 2 waiting deliveries will be cancelled.")
        await user.press("enter")
        await user.misses("Delete soc?")
        assert "Destinations · 1" in user.screen, "enter alone must not delete"
        await user.press("d")
        await user.sees("Delete soc?")
        await user.press("y")
        await user.hears("soc is deleted")
        await user.sees("No destinations yet.")
        await user.press("1")
        await user.sees("⊘ soc")


async def test_t_sends_a_test_alert(tocsin: Opens, bench: Bench, receive: Callable[..., Receiver]) -> None:
    bench.add(url=receive().url)
    async with at_destinations(tocsin, 1) as user:
        await user.press("t")
        await user.is_at("send-test")
        await user.press("enter")
        await user.sees("✓ Delivered")
        await user.press("enter")
        await user.sees("Destinations · 1", "100% ok")


async def test_e_edits_and_the_row_shows_the_change(viewer: Opens, bench: Bench) -> None:
    bench.add(name="soc")
    async with at_destinations(viewer, 1) as user:
        await user.press("e")
        await user.is_at("name")
        await user.press("end", *"-2", "ctrl+s")
        await user.is_at("send-test")
        await user.press("escape")
        await user.sees("Destinations · 1", "soc-2")


@pytest.mark.parametrize("name", ["soc", "Ops team", "a,b", "it's [bold]", "team:1", "-x"])
async def test_enter_lists_the_alerts_sent_to_it(viewer: Opens, bench: Bench, name: str) -> None:
    bench.add(name=name, severities=frozenset({Severity.LOW}))
    bench.add(name="zzz", severities=frozenset({Severity.HIGH}))
    bench.submit(title="To this one", severity=Severity.LOW)
    bench.submit(title="To the other", severity=Severity.HIGH)
    async with at_destinations(viewer, 2) as user:
        await user.press("enter")
        await user.sees("Alerts · 1", "To this one")
        await user.misses("To the other")


async def test_the_cursor_moves_and_stays_while_the_list_changes(viewer: Opens, bench: Bench) -> None:
    for name in ("b", "c", "d"):
        bench.add(name=name)

    def current(user: User) -> str:
        options = user.app.screen.query_one("#destinations")
        return str(options.highlighted_option.prompt).split()[0]

    async with at_destinations(viewer, 3) as user:
        keys = {"j": "c", "G": "d", "k": "c", "g": "b", "down": "c", "up": "b", "end": "d"}
        for key, name in keys.items():
            await user.press(key)
            await user.until(lambda name=name: current(user) == name)
        bench.add(name="a")
        await user.sees("Destinations · 4")
        assert current(user) == "d"


async def test_a_destination_deleted_elsewhere_is_not_paused(viewer: Opens, bench: Bench) -> None:
    gone: Destination = bench.add()
    async with at_destinations(viewer, 1) as user:
        bench.delete(gone)
        await user.press("p")
        await user.sees("Destinations · 0")


async def test_one_that_fails_says_so_and_since_when(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit()
    reject(bench, status_code=410, reason="Gone")
    bench.clock.advance(7_200_000)
    async with at_destinations(viewer, 1) as user:
        await user.sees("▲ failing 2h", "last 410 Gone")
