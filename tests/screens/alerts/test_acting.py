"""`r` and `c` act on what is on the screen. Whatever reaches further asks first, and says where it goes."""

import math

import pytest
from textual import events

from tests.screens.conftest import Opens
from tests.screens.history import deliver, fail
from tests.screens.user import NARROW, WIDE, User
from tests.store.bench import Bench
from tui.domain.alert import Severity
from tui.domain.filter_language import parse_filter
from tui.screens.alerts import filter_bar, screen
from tui.screens.alerts.list import AlertList


def pending(bench: Bench) -> list[tuple[str, str]]:
    """The title and destination of each delivery that is to be sent, in the order of the alerts."""
    query = (
        "SELECT alert.title, destination.name FROM delivery JOIN alert ON alert.id = delivery.alert_id"
        " JOIN destination ON destination.id = delivery.destination_id WHERE delivery.state = 'scheduled'"
        " ORDER BY alert.id, destination.name"
    )
    return bench.rows(query)


@pytest.fixture
def failed(bench: Bench) -> Bench:
    """Three alerts that failed at soc, tickets and pager; the first is low."""
    for name in ("pager", "soc", "tickets"):
        bench.add(name=name)
    for title, severity in (("Low", Severity.LOW), ("High", Severity.HIGH), ("Last", Severity.HIGH)):
        bench.submit(title=title, severity=severity)
        fail(bench)
    return bench


async def filter_by(user: User, text: str) -> None:
    """Enter a filter, and wait until the list shows what it matches: a key typed ahead of that asks first."""
    await user.filter(text)
    await user.press("enter")
    await user.until(lambda: user.app.screen.query_one(AlertList).filter == parse_filter(text))


async def scroll_away(user: User) -> None:
    """Scroll with the mouse wheel until the cursor has left the screen."""
    alerts = user.app.screen.query_one(AlertList)
    while alerts.is_cursor_visible:
        region = alerts.content_region
        place = {"x": region.x, "y": region.y, "screen_x": region.x, "screen_y": region.y}
        user.app.post_message(
            events.MouseScrollDown(
                None, delta_x=0, delta_y=1, button=0, shift=False, meta=False, ctrl=False, **place
            )
        )
        await user.settles()


async def test_a_filter_deselects_what_it_hides(viewer: Opens, failed: Bench) -> None:
    async with viewer() as user:
        await user.is_on("Last")
        await user.press("space", "space", "space")
        await user.sees("3 selected")
        await user.filter("severity:high")
        await user.press("enter")
        await user.sees("2 selected")
        await user.press("r")
        await user.sees(
            "Send 6 failed deliveries of 2 selected alerts to pager (2), soc (2)", "tickets (2) again?"
        )
        await user.press("y")
        await user.hears("Resending 6 deliveries")
        await user.press("escape")
        await user.sees("Low")
        assert "selected" not in user.screen
    assert {title for title, _ in pending(failed)} == {"High", "Last"}


async def test_an_alert_that_leaves_the_filter_is_no_longer_selected(viewer: Opens, failed: Bench) -> None:
    async with viewer() as user:
        await user.filter("state:failed")
        await user.press("enter")
        await user.sees("Alerts · 3")
        await user.press("space", "space")
        await user.sees("2 selected")
        for delivery, *_ in failed.rows(
            "SELECT delivery.id FROM delivery JOIN alert ON alert.id = delivery.alert_id WHERE title = 'Last'"
        ):
            failed.resend(delivery)
        await user.sees("Alerts · 2", "1 selected")
        await user.press("r")
        await user.sees("Send 3 failed deliveries of 1 selected alert to pager, soc")


async def test_r_asks_for_a_selection_even_of_one_alert(viewer: Opens, failed: Bench) -> None:
    async with viewer() as user:
        await user.is_on("Last")
        await user.press("space")
        await user.sees("1 selected")
        await user.press("r")
        await user.sees("Send 3 failed deliveries of 1 selected alert to pager, soc, tickets")
        await user.press("n")
    assert pending(failed) == []


@pytest.mark.parametrize(("key", "question"), [("r", "Send 1 failed"), ("c", "Cancel 1 pending")])
async def test_an_action_on_a_row_that_is_not_on_the_screen_asks(
    viewer: Opens, bench: Bench, key: str, question: str
) -> None:
    bench.add()
    for number in range(60):
        bench.submit(title=f"Number {number}")
        deliver(bench)
    bench.submit(title="The one")
    if key == "r":
        fail(bench)
    before = pending(bench)
    async with viewer(NARROW) as user:
        await user.is_on("The one")
        await scroll_away(user)
        await user.press(key)
        await user.sees(question, "“The one”", "to soc")
        await user.press("n")
        await user.misses(question)
        assert pending(bench) == before


async def test_a_key_typed_ahead_of_the_filter_asks_what_it_has_found(
    viewer: Opens, failed: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filter_bar, "_TYPING_S", 3_600)  # the list waits for the next key
    async with viewer() as user:
        await user.is_on("Last")
        await user.press_at_once("slash", *"low", "enter", "r")
        await user.sees("Send 3 failed deliveries of “Low” to pager, soc, tickets again?")
        await user.press("y")
        await user.hears("Resending to pager, soc, tickets")
    assert {title for title, _ in pending(failed)} == {"Low"}


async def test_r_under_a_destination_sends_to_it_alone_or_asks_for_the_others(
    viewer: Opens, failed: Bench
) -> None:
    async with viewer(WIDE) as user:
        await filter_by(user, "to:tickets")
        await user.is_on("Last")
        await user.press("r")
        await user.sees("Send 3 failed deliveries again to:", "tickets only", "all: pager, soc, tickets")
        await user.press("escape")
        await user.misses("tickets only")
        assert pending(failed) == []
        await user.press("r")
        await user.sees("tickets only")
        await user.press("enter")
        await user.hears("Resending to tickets")
        assert pending(failed) == [("Last", "tickets")]
        await user.press("r")
        await user.sees("No failed delivery matches the filter", "pager, soc (failed)", "tickets (waiting)")
        await user.press("1")
        await user.hears("Resending to pager, soc")
    assert [name for _, name in pending(failed)] == ["pager", "soc", "tickets"]


async def test_r_under_a_destination_needs_no_question_where_only_that_failed(
    viewer: Opens, bench: Bench
) -> None:
    bench.add(name="tickets")
    bench.submit(title="Once")
    fail(bench)
    async with viewer() as user:
        await filter_by(user, "to:tickets state:failed")
        await user.is_on("Once")
        await user.press("r")
        await user.hears("Resending to tickets")


async def test_a_second_r_does_not_act_unasked_on_the_alert_that_took_the_place_of_the_first(
    viewer: Opens, failed: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "_AT_ONCE_S", math.inf)  # the machine may be slow
    async with viewer() as user:
        await filter_by(user, "state:failed")
        await user.is_on("Last")
        await user.press("r")
        await user.is_on("High")
        await user.press("r")
        await user.sees("of “High” to pager, soc, tickets again?")
        await user.press("n")
    assert {title for title, _ in pending(failed)} == {"Last"}


async def test_c_under_a_destination_cancels_there_alone(viewer: Opens, bench: Bench) -> None:
    for name in ("soc", "tickets"):
        bench.add(name=name)
    bench.submit(title="Once")
    async with viewer() as user:
        await filter_by(user, "to:tickets")
        await user.is_on("Once")
        await user.press("c")
        await user.sees("Cancel 2 pending deliveries to:", "tickets only", "all: soc, tickets")
        await user.press("enter")
        await user.hears("Cancelled 1 pending delivery to tickets")
    assert pending(bench) == [("Once", "soc")]


async def test_capital_r_counts_for_each_destination(viewer: Opens, failed: Bench) -> None:
    gone = failed.add(name="gone", severities=frozenset({Severity.INFO}))
    failed.submit(title="Info", severity=Severity.INFO)
    fail(failed)
    failed.delete(gone)
    async with viewer() as user:
        await user.sees("Alerts · 4")
        await user.press("R")
        await user.sees("Send 12 failed deliveries to pager (4), soc (4), tickets (4) again?")
        await user.press("n")
        await user.filter("to:soc severity:high")
        await user.press("enter", "R")
        await user.sees("Send 2 failed deliveries matching this filter to soc again?")
