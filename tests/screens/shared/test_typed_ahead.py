"""Keys typed ahead, over a slow line or while the screen is busy, mean what they mean one by one."""

import asyncio

import pytest
from textual import events
from textual.widgets import Input

from tests.screens.conftest import Opens
from tests.screens.history import fail, reject
from tests.screens.user import NARROW, WIDE
from tests.store.bench import Bench
from tui.domain.lifecycle import State

BOTH = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])


@BOTH
@pytest.mark.parametrize("inside", [False, True], ids=["in the list", "in the details"])
async def test_y_c_copies_a_command_and_cancels_nothing(
    viewer: Opens, bench: Bench, size: tuple[int, int], *, inside: bool
) -> None:
    bench.add()
    [delivery] = bench.submit()
    reject(bench)
    async with viewer(size) as user:
        await user.sees("Root login")
        if inside:
            await user.press("enter")
            await user.is_at("deliveries")
        await user.press_at_once("y", "c")
        await user.hears("Copied a curl command")
        assert bench.progress(delivery).state is State.SCHEDULED


@BOTH
async def test_y_r_copies_the_response_and_sends_nothing_again(
    viewer: Opens, bench: Bench, size: tuple[int, int]
) -> None:
    bench.add()
    [delivery] = bench.submit()
    fail(bench)
    async with viewer(size) as user:
        await user.sees("Root login")
        await user.press_at_once("y", "r")
        await user.hears("Copied the response")
        assert bench.progress(delivery).state is State.FAILED


async def test_the_answer_may_come_with_the_key_that_asks(viewer: Opens, bench: Bench) -> None:
    bench.add()
    deliveries = bench.submit() + bench.submit()
    fail(bench)
    async with viewer() as user:
        await user.sees("Alerts · 2")
        await user.press_at_once("R", "n")
        await user.settles()
        assert {bench.progress(delivery).state for delivery in deliveries} == {State.FAILED}
        await user.press_at_once("R", "y")
        await user.hears("Resending 2 deliveries")
        assert {bench.progress(delivery).state for delivery in deliveries} == {State.SCHEDULED}


async def test_d_n_deletes_no_destination_and_makes_none(viewer: Opens, bench: Bench) -> None:
    bench.add()
    async with viewer() as user:
        await user.press("2")
        await user.sees("Destinations · 1")
        await user.press_at_once("d", "n")
        await user.settles()
        await user.sees("Destinations · 1")
        await user.misses("Delete soc?", "Display name")
        await user.press_at_once("d", "y")
        await user.hears("soc deleted")


async def test_y_q_quits_nothing(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit()
    async with viewer() as user:
        await user.sees("Alerts · 1")
        await user.press_at_once("y", "q", "i")
        await user.hears("Copied the alert id")
        assert user.app.is_running


async def test_a_word_behind_a_slash_is_a_filter_and_no_keys_of_the_list(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit(title="ranq finds nothing")
    bench.submit(title="Root login")
    async with viewer() as user:
        await user.sees("Alerts · 2")
        await user.press_at_once("slash", *"ranq", "enter", "y", "i")
        await user.sees("Alerts · 1")
        await user.hears("Copied the alert id")
        assert user.app.is_running


async def test_a_name_behind_n_is_typed_into_the_form(viewer: Opens) -> None:
    async with viewer() as user:
        await user.settles()
        await user.press_at_once("n", *"quick", "tab", *"http")
        await user.until(
            lambda: (
                [field.value for field in user.app.screen.query("#name,#url").results(Input)]
                == ["quick", "http"]
            )
        )


async def test_pasted_behind_a_key_it_goes_where_that_has_led(viewer: Opens, bench: Bench) -> None:
    bench.submit(title="Root login")
    bench.submit(title="Port scan")
    async with viewer() as user:
        await user.sees("Alerts · 2")
        await user.press_at_once("slash")
        user.app.post_message(events.Paste("scan"))
        await user.sees("Alerts · 1", "Port scan")


async def test_what_is_under_a_dialog_gets_no_key_meant_for_it(viewer: Opens, bench: Bench) -> None:
    bench.add()
    async with viewer() as user:
        await user.press_at_once("2")
        await user.sees("Destinations · 1")
        await user.press_at_once("d", "n", "p", "p")
        await user.hears("soc is active again")
        await user.press_at_once("question_mark", "escape", "d", "escape", "p")
        await user.sees("‖ paused")


async def test_what_takes_long_holds_no_keys_for_ever(
    viewer: Opens, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.add()
    bench.submit()
    never = asyncio.Event()
    async with viewer() as user:
        await user.sees("Alerts · 1")
        screen = user.app.screen
        monkeypatch.setattr(screen, "_copy", never.wait)
        await user.press_at_once("y", "2")
        await user.sees("Destinations · 1")
