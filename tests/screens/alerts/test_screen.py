"""The list of alerts: live, as long as the database, and all of it at hand by the keyboard."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Clock, alert, write
from tests.screens.conftest import Opens, Receiver
from tests.screens.history import deliver, fail, reject
from tests.screens.user import NARROW, VAST, WIDE, User
from tests.store.bench import Bench
from tui.domain.alert import AlertType, Severity
from tui.domain.lifecycle import Outcome
from tui.screens.alert.pane import AlertPane
from tui.screens.alert.screen import AlertDetailsScreen
from tui.screens.alerts import screen as alerts
from tui.screens.alerts.list import AlertList
from tui.screens.shared.status_line import StatusLine
from tui.store import outbox
from tui.store.engine.database import Store
from tui.store.engine.sqlite import Sqlite
from tui.store.reading import listing, queries


def fill(bench: Bench, count: int) -> None:
    """Alerts "Number 0001" to `count`, sent nowhere; the last is the newest."""
    alerts = [alert(title=f"Number {number:04}", destinations=()) for number in range(1, count + 1)]
    write(bench.store, outbox.submit, alerts)


@pytest.fixture
def two_failed(bench: Bench) -> None:
    """Of three alerts, from the newest: one failed, one delivered, one failed."""
    bench.add()
    for title, end in (("First", fail), ("Second", deliver), ("Third", fail)):
        bench.submit(title=title, severity=Severity.HIGH if title == "First" else Severity.LOW)
        end(bench)


# --- nothing to show


async def test_an_empty_database_greets_with_one_sentence_and_the_key_to_press(viewer: Opens) -> None:
    async with viewer() as user:
        await user.sees("Welcome to Tocsin. It delivers alerts to webhooks. Press n")
        await user.press("n")
        await user.sees("Display name")


async def test_with_a_destination_but_no_alert_it_shows_how_to_send_one(viewer: Opens, bench: Bench) -> None:
    bench.add()
    async with viewer() as user:
        await user.sees("No alerts yet. Send one: tocsin send --title")


async def test_the_first_alert_to_arrive_is_under_the_cursor(viewer: Opens, bench: Bench) -> None:
    async with viewer() as user:
        await user.sees("Welcome to Tocsin")
        bench.submit(title="The first")
        await user.is_at("alerts")
        await user.is_on("The first")


async def test_without_destinations_an_alert_says_why_it_was_sent_nowhere(
    viewer: Opens, bench: Bench
) -> None:
    bench.submit()
    async with viewer() as user:
        await user.sees("– not routed", "Not sent anywhere: there was no destination")


async def test_a_filter_that_matches_nothing_says_so_and_esc_drops_it(viewer: Opens, bench: Bench) -> None:
    fill(bench, 3)
    async with viewer(VAST) as user:
        await user.filter("nowhere to be found")
        await user.sees("No alerts match this filter. Press / to change it, esc to clear it.")
        await user.press("enter", "escape")
        await user.sees("Number 0001")
        await user.is_at("alerts")


# --- live


async def test_an_alert_of_another_process_appears_by_itself(
    viewer: Opens, tmp_path: Path, clock: Clock
) -> None:
    async with viewer() as user:
        with Store(Sqlite(tmp_path / "tocsin.db", clock)) as other_process:
            write(other_process, outbox.submit, [alert(title="Sent from elsewhere")])
        await user.sees("Sent from elsewhere", "Alerts · 1")


async def test_the_cursor_stays_on_its_alert_when_new_ones_arrive(viewer: Opens, bench: Bench) -> None:
    fill(bench, 3)
    async with viewer() as user:
        await user.press("j")
        await user.is_on("Number 0002")
        bench.submit(title="Newer")
        await user.sees("Newer")
        assert user.current == "Number 0002"


async def test_new_alerts_that_would_push_it_out_of_sight_wait_behind_a_tag(
    viewer: Opens, bench: Bench
) -> None:
    fill(bench, 200)
    async with viewer() as user:
        await user.press("pagedown", "pagedown")
        await user.is_on("Number 0138")
        bench.submit(title="Newer")
        await user.sees("1 new ↑")
        bench.submit(title="Newest")
        await user.sees("2 new ↑")
        assert "Alerts · 200" in user.screen
        assert user.current == "Number 0138"
        await user.press("g")
        await user.is_on("Newest")
        await user.misses("new ↑")


async def test_after_g_the_cursor_follows_the_newest(viewer: Opens, bench: Bench) -> None:
    fill(bench, 3)
    async with viewer() as user:
        await user.press("j", "g")
        await user.sees("live")
        bench.submit(title="Newer")
        await user.is_on("Newer")


async def test_two_reads_at_once_count_a_new_alert_once(viewer: Opens, bench: Bench) -> None:
    fill(bench, 3)
    async with viewer() as user:
        bench.submit(title="Newer")
        await user.press("g", "g", "g")
        await user.sees("Newer", "Alerts · 4")
        assert "…" not in user.screen


async def test_ages_move_on_by_themselves(viewer: Opens, bench: Bench, clock: Clock) -> None:
    fill(bench, 1)
    async with viewer() as user:
        await user.until(lambda: " 0s " in user.screen.splitlines()[2])
        clock.advance(90_000)
        await user.until(lambda: " 1m " in user.screen.splitlines()[2])


async def test_a_retry_is_counted_down(viewer: Opens, bench: Bench, clock: Clock) -> None:
    bench.add()
    bench.submit()
    reject(bench)
    async with viewer(VAST) as user:
        await user.sees("↻ soc 5s", "1 of 2  retry in 5s")
        clock.advance(2_000)
        await user.sees("↻ soc 3s", "retry in 3s")
        clock.advance(3_000)
        await user.sees("↻ soc now", "retry is due now")


# --- moving


async def test_the_keys_of_every_such_list_move_the_cursor(viewer: Opens, bench: Bench) -> None:
    fill(bench, 200)
    async with viewer() as user:
        for key, number in (
            ("j", 199),
            ("down", 198),
            ("k", 199),
            ("up", 200),
            ("k", 200),
            ("G", 1),
            ("j", 1),
            ("g", 200),
            ("end", 1),
            ("home", 200),
            ("pagedown", 169),
            ("pagedown", 138),
            ("pageup", 169),
        ):
            await user.press(key)
            await user.is_on(f"Number {number:04}")


async def test_ten_thousand_alerts_are_read_a_window_at_a_time(
    viewer: Opens, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(bench, 10_000)
    read, sizes = listing.page_of_alerts, []

    def watched(*args: object, **kwargs: object) -> list[object]:
        rows = read(*args, **kwargs)
        sizes.append(len(rows))
        return rows

    monkeypatch.setattr(listing, "page_of_alerts", watched)
    async with viewer() as user:
        await user.sees("Alerts · 10,000", "Number 10000")
        await user.press("G")
        await user.is_on("Number 0001")
        await user.press("pageup")
        await user.is_on("Number 0032")
    assert max(sizes) < 200


# --- what comes first


async def test_the_first_rows_do_not_wait_for_the_sums_of_the_status_line(
    viewer: Opens, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.submit(title="Root login")
    summed = asyncio.Event()
    monkeypatch.setattr(StatusLine, "load", lambda _: summed.wait())
    async with viewer() as user:
        await user.sees("Root login", "loading…")
        summed.set()


@pytest.fixture
def two_told_apart(bench: Bench) -> None:
    for number in range(2):
        bench.submit(title=f"Number {number}", description=f"What happened {number} times")


@pytest.mark.usefixtures("two_told_apart")
async def test_details_come_though_the_cursor_never_rests(
    viewer: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a burst that is followed: the newest alert is another one each time."""
    monkeypatch.setattr(alerts, "DETAILS_AFTER_S", 3_600)
    monkeypatch.setattr(alerts, "DETAILS_AT_LATEST_S", 0.2)
    async with viewer(WIDE) as user:
        await user.sees("What happened 1 times")
        await user.press("j")
        await user.sees("What happened 0 times")


@pytest.mark.usefixtures("two_told_apart")
async def test_details_wait_until_the_cursor_rests(viewer: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    async with viewer(WIDE) as user:
        await user.sees("What happened 1 times")
        monkeypatch.setattr(alerts, "DETAILS_AFTER_S", 3_600)
        monkeypatch.setattr(alerts, "DETAILS_AT_LATEST_S", 3_600)
        await user.press("j")
        await user.is_on("Number 0")
        await user.settles()
        assert "What happened 1 times" in user.screen


@pytest.mark.usefixtures("two_told_apart")
async def test_details_that_take_long_do_not_take_the_place_of_those_asked_for_later(
    viewer: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    show, asked, read = AlertPane.show, asyncio.Event(), asyncio.Event()

    async def show_the_first_late(pane: AlertPane, key: int | None) -> None:
        if not asked.is_set():
            asked.set()
            await read.wait()
        await show(pane, key)

    async with viewer(WIDE) as user:
        await user.sees("What happened 1 times")
        monkeypatch.setattr(AlertPane, "show", show_the_first_late)
        await user.press("j")
        await user.until(asked.is_set)
        await user.press("k", "enter")
        await user.settles()
        read.set()
        await user.is_at("exchange")
        await user.settles()
        assert "What happened 1 times" in user.screen


async def test_details_follow_to_the_alert_on_which_the_cursor_came_to_rest(
    viewer: Opens, bench: Bench
) -> None:
    for number in range(5):
        bench.submit(title=f"Number {number}", description=f"What happened {number} times")
    async with viewer(WIDE) as user:
        await user.press("j", "j", "j", "j")
        await user.sees("What happened 0 times")


async def test_in_the_terminals_own_colours_the_cursor_is_turned_round(viewer: Opens, bench: Bench) -> None:
    bench.submit(title="Root login", severity=Severity.CRITICAL)
    async with viewer() as user:
        for theme, is_turned in (("tocsin", False), ("ansi-dark", True)):
            user.app.theme = theme
            line = user.app.screen.query_one(AlertList).render_line(0)
            assert any(segment.style and segment.style.reverse for segment in line) is is_turned


async def test_the_cursor_stays_in_sight_in_a_terminal_that_gets_lower(viewer: Opens, bench: Bench) -> None:
    fill(bench, 9)
    async with viewer(VAST) as user:
        await user.sees("Number 0001")
        await user.press("G")
        await user.is_on("Number 0001")
        await user.pilot.resize_terminal(80, 10)
        await user.misses("Number 0009")
        await user.sees("Number 0001")


# --- opening


async def test_beside_the_list_enter_goes_to_the_details_and_esc_back(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit(description="What stands beside the list")
    async with viewer(WIDE) as user:
        await user.sees("What stands beside the list")
        await user.press("enter")
        await user.is_at("deliveries")
        await user.press("escape")
        await user.is_at("alerts")


async def test_in_a_narrow_terminal_enter_opens_a_page_and_esc_closes_it(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit(description="What only the page says")
    async with viewer(NARROW) as user:
        assert "What only the page says" not in user.screen
        await user.press("enter")
        await user.sees("What only the page says")
        await user.is_at("deliveries")
        await user.press("escape")
        await user.misses("What only the page says")


async def test_alerts_that_stream_in_meanwhile_disturb_neither_opening_nor_closing(
    viewer: Opens, bench: Bench
) -> None:
    bench.submit(title="Opened again and again")
    async with viewer(NARROW) as user:
        await user.press("enter")  # before that the cursor goes along with what is new
        await user.sees("Opened again and again", "Not sent anywhere")
        await user.press("escape")
        for number in range(10):
            await user.until(lambda: len(user.app.screen_stack) == 1)
            bench.submit(title=f"Number {number}")
            await user.press("enter")
            await user.sees("Opened again and again", "Not sent anywhere")
            bench.submit(title=f"Number {number} too")
            user.app.screen.reload()
            await user.press("escape")
        await user.until(lambda: len(user.app.screen_stack) == 1)


async def test_a_change_that_comes_before_a_page_has_its_widgets_ends_nothing(
    viewer: Opens, bench: Bench
) -> None:
    bench.submit(alert_id="to-be-opened")
    key = bench.store.read(queries.find_alert, "to-be-opened").result()
    async with viewer(NARROW) as user:
        await user.is_at("alerts")
        page = AlertDetailsScreen(user.app.context, key)
        user.app.push_screen(page)
        page.reload()
        await user.sees("Not sent anywhere")


async def test_a_terminal_made_wider_shows_the_details_beside_the_list(viewer: Opens, bench: Bench) -> None:
    bench.submit(description="What stands beside the list")
    async with viewer(NARROW) as user:
        assert "What stands beside the list" not in user.screen
        await user.pilot.resize_terminal(*WIDE)
        await user.sees("What stands beside the list")


# --- filtering

SAMPLES = {
    "Root login": {"severity": Severity.CRITICAL, "tags": ("aws", "identity"), "destinations": ("soc",)},
    "Brute force": {"severity": Severity.HIGH, "name": "Many failed logins", "destinations": ("pager",)},
    "Public bucket": {"severity": Severity.MEDIUM, "type": AlertType.POLICY, "destinations": ()},
    "Port scan": {"severity": Severity.LOW, "destinations": ("soc", "pager")},
}
FILTERS = {
    "login": ["Brute force", "Root login"],
    "login root": ["Root login"],
    "severity:>=high": ["Brute force", "Root login"],
    "severity:low,medium": ["Port scan", "Public bucket"],
    "state:failed": ["Brute force"],
    "state:delivered": ["Root login"],
    "state:waiting": ["Port scan"],
    "state:unrouted": ["Public bucket"],
    "to:pager": ["Port scan", "Brute force"],
    "to:pager -state:failed": ["Port scan"],
    "-severity:>=high -type:policy": ["Port scan"],
    "tag:aws": ["Root login"],
}


async def test_the_filter_takes_words_and_terms_and_the_list_follows_as_one_types(
    viewer: Opens, bench: Bench
) -> None:
    bench.add(name="soc")
    bench.add(name="pager")
    for title, fields in SAMPLES.items():
        bench.submit(title=title, rule_id="Rule", **fields)
        if title != "Port scan":
            (fail if title == "Brute force" else deliver)(bench)

    def listed(user: User) -> list[str]:
        lines = user.screen.splitlines()
        return [title for line in lines for title in SAMPLES if title in line.partition("││")[0]]

    async with viewer() as user:
        for text, titles in FILTERS.items():
            await user.filter(text)
            await user.until(lambda titles=titles: listed(user) == titles)
        await user.press("escape")
        await user.until(lambda: listed(user) == list(reversed(SAMPLES)))


async def test_a_bad_term_is_named_under_the_field_and_the_last_good_list_stays(
    viewer: Opens, bench: Bench
) -> None:
    bench.submit(title="Low", severity=Severity.LOW)
    bench.submit(title="High", severity=Severity.HIGH)
    async with viewer() as user:
        await user.filter("severity:high")
        await user.sees("Alerts · 1")
        await user.paste("ish")
        await user.sees("unknown severity 'highish'; use one of INFO, LOW, MEDIUM", "Alerts · 1")
        await user.press("backspace", "backspace", "backspace")
        await user.misses("unknown severity")
        await user.press("enter")
        await user.is_at("alerts")
        assert "severity:high" in user.screen


async def test_a_delivery_that_no_longer_matches_leaves_the_list(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit()
    async with viewer() as user:
        await user.filter("state:waiting")
        await user.sees("Alerts · 1")
        deliver(bench)
        await user.sees("No alerts match this filter", "Alerts · 0")


# --- sending again


async def test_r_sends_what_failed_again_in_a_new_round(
    tocsin: Opens, bench: Bench, receive: Callable[..., Receiver]
) -> None:
    receiver = receive()
    bench.add(url=receiver.url)
    bench.submit()
    fail(bench)
    async with tocsin() as user:
        await user.sees("✗ soc", "1 failed")
        await user.press("r")
        await user.hears("Resending to soc")
        await user.sees("✓ soc", "0 failed", "round 2", "round 1")
    assert json.loads(receiver.got[0].body)["title"] == "[Re-sent]: Root login from 203.0.113.9"


async def test_r_where_nothing_failed_asks_first(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit()
    deliver(bench)
    async with viewer() as user:
        for answer, standing in (("n", "✓ soc"), ("escape", "✓ soc"), ("y", "○ soc")):
            await user.press("r")
            await user.sees("Already delivered to soc. Send it again?")
            await user.press(answer)
            await user.misses("Already delivered")
            await user.sees(standing)


async def test_r_counts_those_that_it_does_not_name(viewer: Opens, bench: Bench) -> None:
    for number in range(10):
        bench.add(name=f"soc-{number}")
    bench.submit()
    deliver(bench)
    async with viewer() as user:
        await user.sees("✓ soc-0")
        await user.press("r")
        await user.sees("soc-7 and 2 more")


async def test_a_pane_that_is_not_to_be_seen_has_no_keys(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit()
    async with viewer(WIDE) as user:
        await user.sees("DELIVERY STATUS")
        await user.press("enter")
        await user.is_at("deliveries")
        await user.pilot.resize_terminal(*NARROW)
        await user.is_at("alerts")


async def test_r_where_one_is_being_retried_leaves_alone_what_was_delivered(
    viewer: Opens, bench: Bench
) -> None:
    bench.add()
    bench.submit()
    deliver(bench)
    bench.add(name="pager")
    bench.submit(title="to both")
    soc, pager = sorted(bench.claim().claims, key=lambda claim: claim.destination.name, reverse=True)
    bench.finish(soc)
    bench.finish(pager, Outcome.REJECTED)
    async with viewer() as user:
        await user.is_on("to both")
        await user.press("r")
        await user.sees("No delivery has failed. Send it again to pager (retrying)?")
        await user.press("y")
        await user.sees("○ pager", "✓ soc")


async def test_r_says_when_there_is_nothing_to_send_again(viewer: Opens, bench: Bench) -> None:
    bench.submit(title="Sent nowhere")
    bench.add()
    bench.submit(title="On its way")
    bench.claim()
    async with viewer() as user:
        await user.press("r")
        await user.hears("Being sent right now: wait for the answer, then try again")


async def test_r_asks_where_to_send_what_went_nowhere(viewer: Opens, bench: Bench) -> None:
    for title in ("One", "Two"):
        bench.submit(title=title)
    bench.add()
    async with viewer() as user:
        await user.sees("Alerts · 2")
        await user.press("space", "space", "r")
        await user.sees("2 alerts have no deliveries. Send them to:", "1  soc")
        await user.press("escape")
        await user.misses("Send them to")
        assert bench.claim().claims == []
        await user.press("r")
        await user.sees("Send them to")
        await user.press("enter")
        await user.hears("Sending to soc")
    assert {claim.alert.title for claim in bench.claim().claims} == {"One", "Two"}


@pytest.mark.usefixtures("two_failed")
async def test_r_with_a_selection_counts_what_it_is_about_to_send_again(viewer: Opens) -> None:
    async with viewer() as user:
        await user.press("space", "space", "space")
        await user.sees("3 selected")
        await user.press("r")
        await user.sees("Send 2 failed deliveries of 3 selected alerts to soc again?")
        await user.press("n")
        await user.misses("Send 2")
        assert "2 failed " in user.screen
        await user.press("r")
        await user.sees("Send 2")
        await user.press("y")
        await user.sees("0 failed", "2 waiting")
        await user.misses("selected")


@pytest.mark.usefixtures("two_failed")
async def test_space_selects_and_deselects_and_esc_drops_the_selection(viewer: Opens) -> None:
    async with viewer() as user:
        await user.press("space", "space")
        await user.sees("2 selected")
        await user.press("k", "space")
        await user.sees("1 selected")
        await user.press("escape")
        await user.misses("selected")


async def test_a_selection_without_a_failure_says_so(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit()
    bench.submit()
    async with viewer() as user:
        await user.press("space", "space", "r")
        await user.hears("None of the 2 selected alerts has a failed delivery")


@pytest.mark.usefixtures("two_failed")
async def test_capital_r_sends_all_that_failed_under_the_filter_again(viewer: Opens) -> None:
    async with viewer() as user:
        await user.filter("severity:high")
        await user.press("enter")
        await user.is_at("alerts")
        await user.press("R")
        await user.sees("Send 1 failed delivery matching this filter to soc again?")
        await user.press("y")
        await user.sees("1 failed", "1 waiting")
        await user.press("R")
        await user.hears("No failed deliveries match this filter")
        await user.press("escape", "R")
        await user.sees("Send 1 failed delivery to soc again?")


async def test_a_test_that_failed_is_no_failure_to_count_or_to_send_again(
    viewer: Opens, bench: Bench
) -> None:
    bench.add()
    bench.submit()
    bench.submit(test=True)
    fail(bench)
    async with viewer() as user:
        await user.sees("Alerts · 2", "1 failed")
        await user.press("R")
        await user.sees("Send 1 failed delivery to soc again?")
        await user.press("n")
        await user.filter("test:yes")
        await user.press("enter", "R")
        await user.sees("Send 1 failed delivery matching this filter to soc again?")
