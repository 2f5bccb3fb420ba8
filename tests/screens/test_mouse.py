"""The mouse: whatever shows that it can be pressed, and what is longer than the screen."""

from collections.abc import Callable

import pytest
from textual import events
from textual.widgets import Input

from tests.conftest import NOW
from tests.screens.conftest import Opens, Receiver
from tests.screens.history import deliver
from tests.screens.user import NARROW, WIDE, User
from tests.store.bench import Bench
from tui.screens.destinations.list import DestinationList
from tui.screens.setup.toggle import Toggle
from tui.store.destinations import all_destinations


def place_of(user: User, text: str) -> tuple[int, int]:
    y, line = next((y, line) for y, line in enumerate(user.screen.splitlines()) if text in line)
    return line.index(text) + 1, y


async def click(user: User, text: str, times: int = 1) -> None:
    """On the first place where the screen says so."""
    await user.sees(text)
    await user.settles()
    await user.pilot.click(offset=place_of(user, text), times=times)


async def turn(user: User, wheel: type[events.MouseEvent], until: Callable[[str], bool]) -> None:
    """The wheel, with the pointer about the middle of the screen, until that shows what is looked for."""
    x, y, held = 40, 8, False
    for _ in range(60):
        if until(user.screen):
            break
        user.app.post_message(wheel(None, x, y, 0, 0, 0, held, held, held, x, y))
        await user.pilot.pause()
    await user.until(lambda: until(user.screen))


async def test_a_destination_is_set_up_and_tested_without_a_key_but_its_name_and_url(
    tocsin: Opens, bench: Bench, receive: Callable[..., Receiver]
) -> None:
    got = receive()
    async with tocsin(WIDE) as user:
        await user.press("n")
        await user.is_at("name")
        await user.paste("soc")
        await user.pilot.click("#url")
        await user.is_at("url")
        await user.paste(got.url)
        await click(user, "INFO")
        await user.until(lambda: not user.app.screen.query_one("#severity-INFO", Toggle).value)
        await click(user, "Advanced")
        for number in (1, 2):
            await click(user, "Add a header")
            await user.until(lambda: user.app.focused.has_class("header-name"))
            await user.paste(f"X-Number-{number}: {number}")
        await click(user, "Remove")
        await user.misses("X-Number-1")
        await click(user, "none     ")
        await click(user, "bearer token")
        await user.sees("token, env:NAME or file:PATH")
        await user.settles()
        assert "give the token" not in user.screen  # nobody has had a chance to
        await user.pilot.click("#credential")
        await user.paste("s3cret")
        await click(user, "Generate")
        await user.until(lambda: user.app.screen.query_one("#secret", Input).value)
        await click(user, "Add Destination")
        await user.is_at("send-test")
        await click(user, "Request")
        await user.sees("X-Number-2")
        await click(user, "Send Test Alert")
        await click(user, "Finish Setup")
        await user.sees("Destinations · 1", "╭─ soc ─")
    [stored] = bench.store.read(all_destinations).result()
    assert [header.name for header in stored.headers] == ["X-Number-2", "Authorization"]
    assert len(got.got) == 1


async def test_the_keys_in_the_footer_are_buttons_and_so_are_answers_to_a_question(
    viewer: Opens, bench: Bench
) -> None:
    bench.add()
    async with viewer(NARROW) as user:
        await user.press("2")
        await click(user, "p pause")
        await user.sees("‖ paused")
        await click(user, "d delete")
        await click(user, "Cancel")
        await click(user, "e edit")
        await user.is_at("name")
        await click(user, "esc close")
        await click(user, "d delete")
        await click(user, " Delete  ")
        await user.sees("Destinations · 0")
        await click(user, "^p commands")
        await user.sees("Search for commands")
        await user.paste("screen log")
        await click(user, "Screen: Log")
        await user.sees("Log · ")


async def test_an_attempt_opens_its_alert(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit(title="Root login")
    deliver(bench, ended_at=NOW)
    async with viewer(NARROW) as user:
        await user.press("2")
        await click(user, "soc", times=2)
        await user.is_at("attempts")
        await click(user, "Root login")
        await user.sees("DELIVERY STATUS")
        await click(user, "esc back")
        await user.is_at("attempts")


async def test_what_to_copy_is_chosen(viewer: Opens, bench: Bench, clipboard: list[str]) -> None:
    bench.submit(title="Root login")
    async with viewer(NARROW) as user:
        await user.sees("Root login")
        await click(user, "y copy")
        await click(user, "alert id")
        await user.hears("alert id")
        assert len(clipboard) == 1


@pytest.mark.parametrize(
    ("keys", "top", "end"),
    [
        (("2",), "receiver 00", "receiver 39"),
        (("2", "question_mark"), "THIS SCREEN", "app.theme"),
        (("2", "n", "tab", *["tab"] * 9, "tab", "enter"), "Display name", "an alert sent now is retried"),
    ],
    ids=["the list", "the help", "the form"],
)
async def test_the_wheel_scrolls(
    viewer: Opens, bench: Bench, keys: tuple[str, ...], top: str, end: str
) -> None:
    for number in range(40):
        bench.add(name=f"receiver {number:02}")
    async with viewer(NARROW) as user:
        for key in keys:
            await user.press(key)
            await user.settles()
        await turn(user, events.MouseScrollDown, lambda screen: end in screen)
        await turn(user, events.MouseScrollUp, lambda screen: top in screen)


async def test_the_wheel_leaves_the_cursor_where_it_is(viewer: Opens, bench: Bench) -> None:
    for number in range(40):
        bench.add(name=f"receiver {number:02}")
    async with viewer(NARROW) as user:
        await user.press("2")
        await user.sees("receiver 00")
        await turn(user, events.MouseScrollDown, lambda screen: "receiver 01" not in screen)
        assert user.app.screen.query_one(DestinationList).cursor == 0
