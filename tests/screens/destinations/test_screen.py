"""The list of destinations, their health, and the actions on one."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from textual.widgets import OptionList

from tests.conftest import write
from tests.screens.conftest import Opens, Receiver
from tests.screens.history import deliver, fail, reject
from tests.screens.user import NARROW, VAST, WIDE, User
from tests.store.bench import Bench
from tui.domain.alert import Severity
from tui.domain.destination import Destination
from tui.domain.headers import Header
from tui.domain.lifecycle import Outcome
from tui.domain.secret import Secret
from tui.screens.destinations.list import DestinationList
from tui.screens.shared.live import LiveScreen
from tui.store.engine.database import Store


@asynccontextmanager
async def at_destinations(opens: Opens, count: int) -> AsyncIterator[User]:
    async with opens(VAST) as user:
        await user.press("2")
        await user.sees(f"Destinations · {count}")
        yield user


async def test_an_empty_list_says_which_key_to_press(viewer: Opens) -> None:
    async with at_destinations(viewer, 0) as user:
        await user.sees("No destinations yet. Press n to add one")
        await user.press("e", "t", "p", "d", "a", "enter")
        await user.sees("No destinations yet.")
        await user.press("n")
        await user.sees("Display name")


async def test_a_lost_database_is_reported_with_the_key_to_quit(viewer: Opens, store: Store) -> None:
    async with viewer(NARROW) as user:
        await user.sees("Welcome to Tocsin")
        write(store, lambda tx: tx.db.execute_sql("ALTER TABLE destination RENAME TO gone"))
        await user.press("2")
        await user.sees("no such table: destination. Retrying. Press q to quit.")
        write(store, lambda tx: tx.db.execute_sql("ALTER TABLE gone RENAME TO destination"))
        await user.sees("No destinations yet. Press n to add one")


async def test_an_outage_of_the_database_is_reported_once_for_all_screens(
    viewer: Opens, bench: Bench
) -> None:
    bench.add(name="pager")
    async with viewer(WIDE) as user:
        seen: list[LiveScreen] = []
        for key, sight in (("2", "pager"), ("1", "Alerts · 0")):
            await user.press(key)
            await user.sees(sight)
            assert isinstance(user.app.screen, LiveScreen)
            seen.append(user.app.screen)
        destinations, alerts = seen
        write(bench.store, lambda tx: tx.db.execute_sql("ALTER TABLE destination RENAME TO gone"))
        await user.until(lambda: alerts.was_lost)
        await user.press("2")
        await user.until(lambda: destinations.was_lost)
        await user.settles()
        assert len([toast for toast in user.toasts if "retrying" in toast]) == 1
        write(bench.store, lambda tx: tx.db.execute_sql("ALTER TABLE gone RENAME TO destination"))
        await user.until(lambda: not alerts.was_lost and not destinations.was_lost)
        await user.hears("is available again")
        await user.settles()
        assert len([toast for toast in user.toasts if "available again" in toast]) == 1


async def test_the_cursor_works_with_two_lines_per_destination(viewer: Opens, bench: Bench) -> None:
    for number in range(30):
        bench.add(name=f"pager-{number:02d}")
    async with viewer(NARROW) as user:
        await user.press("2")
        await user.sees("pager-00")
        await user.settles()  # the list gets its height after the pane
        listed = user.app.screen.query_one(DestinationList)
        await user.press("pagedown")
        await user.until(lambda: listed.cursor == listed.size.height // 2 - 1)
        await user.press("G")
        await user.sees("pager-29")
        await user.settles()
        lines = user.screen.splitlines()
        await user.pilot.click(offset=(10, next(y for y, line in enumerate(lines) if "pager-27" in line)))
        await user.until(lambda: listed.cursor == 27)


async def test_each_destination_shows_filters_health_and_pending_deliveries(
    viewer: Opens, bench: Bench
) -> None:
    bench.add(name="pager", severities=frozenset({Severity.HIGH, Severity.CRITICAL}))
    bench.submit()
    deliver(bench)
    bench.submit()
    fail(bench)
    bench.clock.advance(120_000)
    bench.submit()
    bench.add(name="quiet", severities=frozenset(), url="https://hooks.example.com/services/s3cret-token")
    async with at_destinations(viewer, 2) as user:
        line = user.line_with("✗ last failed   pager").split("│")[1].split()
        assert line[:4] == ["✗", "last", "failed", "pager"]
        assert line[8:15] == ["█✗", "50%", "84", "ms", "1", "1", "✗"]
        await user.sees("✗ 503 Service Unavailable  1m ago")
        await user.sees("only by name", "https://hooks.example.com/…oken", "never used")
        await user.sees(
            "24 h     50% of 2 attempts delivered, p95 84 ms",
            "The receiver is overloaded or temporarily down.",
        )


async def test_p_pauses_and_resumes_deliveries(
    tocsin: Opens, bench: Bench, receive: Callable[..., Receiver]
) -> None:
    bench.add(url=receive().url)
    async with at_destinations(tocsin, 1) as user:
        await user.press("p")
        await user.hears("soc is paused. Its deliveries stay pending")
        await user.sees("‖ paused", "no pending deliveries; press p to resume")
        bench.submit()
        await user.sees("1 pending delivery; press p to resume")
        assert "t sends it a test alert" not in user.screen  # it would wait, too
        await user.press("t")
        await user.hears("This destination is paused. Press p to resume it, then test")
        await user.press("p")
        await user.hears("soc is active again")
        await user.sees("● active", "✓ 200 OK")


async def test_the_next_key_acts_on_the_reported_state(
    tocsin: Opens, bench: Bench, receive: Callable[..., Receiver]
) -> None:
    bench.add(url=receive().url)
    async with at_destinations(tocsin, 1) as user:
        await user.press("p")
        await user.hears("soc is paused. Its deliveries stay pending")
        await user.press("p")
        await user.hears("soc is active again")
        await user.press("t")
        await user.sees("✓ Delivered")


async def test_d_asks_with_the_number_of_pending_deliveries_and_cancels_them(
    viewer: Opens, bench: Bench
) -> None:
    bench.add()
    for _ in range(2):
        bench.submit()
    async with at_destinations(viewer, 1) as user:
        await user.press("d")
        await user.sees("Delete soc? 2 pending deliveries will be cancelled.")
        await user.press("enter")
        await user.misses("Delete soc?")
        assert "Destinations · 1" in user.screen, "enter alone must not delete"
        await user.press("d")
        await user.sees("Delete soc?")
        await user.press("y")
        await user.hears("soc deleted; 2 deliveries cancelled")
        await user.sees("No destinations yet.")
        await user.press("1")
        await user.sees("⊘ soc")


async def test_t_sends_a_test_alert_and_shows_the_result(
    tocsin: Opens, bench: Bench, receive: Callable[..., Receiver]
) -> None:
    receiver = receive()
    bench.add(url=receiver.url)
    async with at_destinations(tocsin, 1) as user:
        await user.press("t")
        await user.sees("test     ✓ Delivered   200 OK")
        await user.misses("sending a test alert")
        await user.is_at("destinations")
    assert len(receiver.got) == 1


async def test_a_test_says_that_it_is_being_sent(viewer: Opens, bench: Bench) -> None:
    bench.add()
    async with at_destinations(viewer, 1) as user:
        await user.press("t")
        await user.sees("→ sending a test alert", "test     → sending…")
        deliver(bench)
        await user.sees("test     ✓ Delivered   200 OK")


async def test_a_failed_test_is_explained(tocsin: Opens, bench: Bench, nobody: str) -> None:
    bench.add(url=f"http://{nobody}/alerts")
    async with at_destinations(tocsin, 1) as user:
        await user.press("t")
        await user.sees("test     ✗ Not delivered   no response")
        await user.sees(
            f"Nothing is listening on {nobody}. Check that the receiver is running "
            "and that the port is right."
        )


async def test_a_test_continues_while_the_cursor_is_elsewhere(viewer: Opens, bench: Bench) -> None:
    bench.add(name="first")
    bench.add(name="second")
    async with at_destinations(viewer, 2) as user:
        await user.press("t")
        await user.sees("→ sending a test alert")
        await user.press("t")
        await user.hears("A test is already in progress")
        await user.press("j")
        deliver(bench)
        await user.hears("first received the test alert.")
        assert "✓ Delivered" not in user.screen
        await user.press("k")
        await user.sees("test     ✓ Delivered")


async def test_a_test_opens_the_details_in_a_small_terminal(viewer: Opens, bench: Bench) -> None:
    bench.add()
    async with viewer((60, 15)) as user:
        await user.press("2")
        await user.sees("Destinations · 1")
        assert "24 h" not in user.screen
        await user.press("t")
        await user.sees("test     → sending…")
        deliver(bench)
        await user.sees("✓ Delivered")
        await user.press("escape")
        await user.sees("Destinations · 1")


async def test_e_edits_and_the_list_shows_the_change(viewer: Opens, bench: Bench) -> None:
    bench.add(name="soc")
    async with at_destinations(viewer, 1) as user:
        await user.press("e")
        await user.is_at("name")
        await user.press("end", *"-2", "ctrl+s")
        await user.is_at("send-test")
        await user.press("escape")
        await user.sees("Destinations · 1", "soc-2")


@pytest.mark.parametrize("name", ["soc", "Ops team", "a,b", "it's [bold]", "team:1", "-x"])
async def test_a_lists_the_alerts_sent_to_it(viewer: Opens, bench: Bench, name: str) -> None:
    bench.add(name=name, severities=frozenset({Severity.LOW}))
    bench.add(name="zzz", severities=frozenset({Severity.HIGH}))
    bench.submit(title="To this one", severity=Severity.LOW)
    bench.submit(title="To the other", severity=Severity.HIGH)
    async with at_destinations(viewer, 2) as user:
        await user.press("a")
        await user.sees("Alerts · 1", "To this one")
        await user.misses("To the other")


async def test_enter_opens_the_details_and_then_the_alert_of_an_attempt(viewer: Opens, bench: Bench) -> None:
    bench.add(rate=5.0, headers=(Header("X-Team", Secret("s3cret")),))
    bench.submit(title="Root login")
    deliver(bench)
    bench.clock.advance(1000)
    bench.submit(title="Port scan", severity=Severity.LOW)
    reject(bench)
    async with at_destinations(viewer, 1) as user:
        await user.press("enter")
        await user.is_at("attempts")
        await user.misses("Destinations · 1")
        await user.sees("timeout 30 s · max 5/s · not signed · headers X-Team")
        first, second = (user.line_with(title).split("│")[1].split() for title in ("Port scan", "Root login"))
        assert " ".join(first) == "09:30:01 ✗ 503 Service Unavailable 84 ms LOW Port scan"
        assert " ".join(second) == "09:30:00 ✓ 200 OK 84 ms HIGH Root login"
        assert "s3cret" not in user.screen
        await user.press("j", "G", "k", "g", "j", "enter")
        await user.sees("DELIVERY STATUS", "Root login")
        await user.press("escape")
        await user.is_at("attempts")
        await user.press("escape")
        await user.sees("Destinations · 1")
        await user.is_at("destinations")


async def test_enter_opens_the_alert_that_was_under_the_cursor_when_it_was_pressed(
    viewer: Opens, bench: Bench
) -> None:
    """A newer attempt may be read before the list has handled the key."""
    bench.add(name="soc")
    bench.submit(title="Older")
    deliver(bench)
    async with at_destinations(viewer, 1) as user:
        await user.press("enter")
        await user.sees("Older")
        attempts = user.app.screen.query_one("#attempts", OptionList)
        selected = OptionList.OptionSelected(attempts, attempts.get_option_at_index(0), 0)
        bench.submit(title="Newer")
        bench.clock.advance(1000)
        deliver(bench)
        await user.sees("Newer")
        attempts.post_message(selected)
        await user.sees("DELIVERY STATUS", "Older")


async def test_a_click_selects_and_opens_a_destination(viewer: Opens, bench: Bench) -> None:
    for name in ("a", "b", "c"):
        bench.add(name=name, url=f"https://{name}.example/hook")
    async with at_destinations(viewer, 3) as user:
        await user.pilot.click("#destinations", offset=(20, 1))
        await user.sees("╭─ b ─")
        await user.pilot.click("#destinations", offset=(20, 2), times=2)
        await user.is_at("attempts")
        await user.sees("url      https://c.example/hook")


async def test_two_hundred_scroll_and_the_cursor_stays_in_sight(viewer: Opens, bench: Bench) -> None:
    for number in range(200):
        bench.add(name=f"receiver {number:03}")
    async with viewer(NARROW) as user:
        await user.press("2")
        await user.sees("Destinations · 200", "receiver 000")
        await user.settles()
        await user.press("pagedown", "pagedown")
        await user.misses("receiver 000")
        await user.press("G")
        await user.sees("╭─ receiver 199")
        await user.press("k", "pageup", "g")
        await user.sees("╭─ receiver 000")


async def test_the_cursor_moves_and_stays_while_the_list_changes(viewer: Opens, bench: Bench) -> None:
    for name in ("b", "c", "d"):
        bench.add(name=name)

    def current(user: User) -> str:
        row = user.app.screen.query_one(DestinationList).current
        return row.destination.name if row else ""

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


async def test_destinations_in_trouble_come_first_and_none_of_them_is_called_active(
    viewer: Opens, bench: Bench
) -> None:
    ends = {"a-healthy": deliver, "b-recovering": fail, "c-last-failed": fail, "d-gone": reject}
    made = {name: bench.add(name=name) for name in (*ends, "e-paused")}
    for name, end in ends.items():
        bench.submit(destinations=(name,))
        end(bench, **({"status_code": 410, "reason": "Gone"} if end is reject else {}))
    bench.submit(destinations=("b-recovering",))
    deliver(bench)
    bench.pause(made["d-gone"])
    bench.pause(made["e-paused"])
    async with at_destinations(viewer, 5) as user:
        await user.sees("Destinations · 5 · 1 failing · 2 paused", "‖ 2 destinations paused")
        rows = [
            user.line_with(f"  {name} ")
            for name in ("d-gone", "b-recovering", "c-last-failed", "e-paused", "a-healthy")
        ]
        lines = user.screen.splitlines()
        assert sorted(rows, key=lines.index) == rows
        assert [row.split("│")[1].split("  ")[0].strip() for row in rows] == [
            "‖ paused ▲ 0s",
            "◐ recovering",
            "✗ last failed",
            "‖ paused",
            "● active",
        ]


async def test_a_failing_destination_shows_since_when(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit()
    reject(bench, status_code=410, reason="Gone")
    bench.clock.advance(7_200_000)
    async with at_destinations(viewer, 1) as user:
        await user.sees("▲ failing 2h", "✗ 410 Gone  1h ago")
        await user.sees(
            "failing  since 09:30:00. Retries continue", "Create a new one there and set it here."
        )


async def test_a_held_destination_shows_until_when_and_how_fast_it_goes_then(
    viewer: Opens, bench: Bench
) -> None:
    bench.add()
    for _ in range(21):
        bench.submit()
    claims = bench.claim().claims
    bench.clock.advance(84)
    for claim in claims[:20]:
        bench.finish(claim)
    bench.finish(claims[20], Outcome.REJECTED, status_code=429, retry_after_ms=60_000)
    async with at_destinations(viewer, 1) as user:
        await user.sees("◷ held 1m 00s", "held     until 09:31:00: the receiver asked Tocsin to wait.")
        await user.sees("slowed   to 18/s, because the receiver answered 429.")


async def test_long_values_wrap_between_label_and_scrollbar(viewer: Opens, bench: Bench) -> None:
    for number in range(9):
        bench.add(name=f"{number}", filter=" ".join(["-title"] * 12), fold_ms=600_000)
    bench.submit()
    for claim in bench.claim().claims:
        bench.finish(claim, Outcome.UNREACHABLE, error="the name hooks.example.com does not resolve at all")
    async with viewer(NARROW) as user:
        await user.press("2")
        await user.sees("Destinations · 9", "24 h     0%")
        await user.settles()
        lines = user.screen.splitlines()
        takes = next(y for y, line in enumerate(lines) if "takes " in line)
        assert lines[takes + 1].startswith("│          -title")
        assert "…" in user.screen.split("the name hooks.example", 1)[1].splitlines()[0]


async def test_a_message_is_no_larger_than_its_text(viewer: Opens, bench: Bench) -> None:
    bench.add()
    async with viewer(NARROW) as user:
        await user.press("2")
        await user.sees("Destinations · 1")
        await user.press("p")
        await user.hears("soc is paused. Its deliveries stay pending")
        [toast] = user.app.screen.query("Toast")
        assert toast.region.height == 1


async def test_a_new_destination_is_selected_however_its_test_was_left(viewer: Opens, bench: Bench) -> None:
    for name in ("a", "z"):
        bench.add(name=name)
    async with viewer() as user:
        await user.press("2")
        await user.sees("╭─ a ─")
        await user.press("n")
        await user.is_at("name")
        await user.paste("m")
        await user.press("tab")
        await user.paste("http://localhost:8081")
        await user.press("ctrl+s")
        await user.is_at("send-test")
        await user.press("escape")
        await user.sees("Destinations · 3", "╭─ m ─")
        await user.press("n")
        await user.is_at("name")
        await user.press("escape")
        await user.sees("╭─ m ─")
