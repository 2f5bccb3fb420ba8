"""The details of an alert: deliveries, attempts, requests and answers."""

import gc
import json
from dataclasses import replace

import pytest
from textual.selection import Selection
from textual.widget import Widget

from tests.conftest import NOW, alert, write
from tests.screens.conftest import Opens
from tests.screens.history import BUSY, OK, deliver, fail, reject
from tests.screens.user import NARROW, VAST, WIDE, User
from tests.store.bench import Bench
from tui.domain.lifecycle import Outcome
from tui.domain.retry import RetryPolicy
from tui.domain.text import is_control
from tui.screens.alert.pane import PRUNED, AlertPane
from tui.screens.shared.lines import LineView
from tui.store import prune

TALL = (200, 90)


async def test_every_field_of_the_alert_is_shown(viewer: Opens, bench: Bench) -> None:
    bench.submit(
        alert_id="alert-of-a-kind",
        rule_id="AWS.Root.Login",
        name="Root account used",
        tags=("aws", "identity"),
        link="https://siem.example.com/alert-of-a-kind",
        version="7",
        description="The root user signed in.\nFrom abroad.",
        runbook="Ask the owner.",
        context='{"sourceIp":"203.0.113.9","mfa":false}',
    )
    async with viewer(TALL) as user:
        await user.sees("HIGH  Root login from 203.0.113.9", "AWS.Root.Login · Rule match · 0s ago")
        await user.sees("tags  aws, identity", "created   2026-01-31T09:30:00.000Z", "version   7")
        await user.sees("alert id  alert-of-a-kind", "link      https://siem.example.com/alert-of-a-kind")
        await user.sees("The root user signed in.", "From abroad.", "Ask the owner.")
        await user.sees('"sourceIp": "203.0.113.9",', '"mfa": false')


async def test_a_repeat_that_queued_the_alert_again_is_shown(viewer: Opens, bench: Bench) -> None:
    bench.add()
    sent = alert()
    bench.receive(sent)
    bench.fail_until_exhausted()
    bench.clock.now = NOW + 60_000
    assert bench.receive(sent).revived
    async with viewer(VAST) as user:
        await user.sees("Reported again at 09:31:00")
        await user.press("enter")
        await user.is_at("deliveries")
        await user.press("j")
        await user.sees("ATTEMPT 2", "rejected")


async def test_the_attempts_of_every_round_are_shown(viewer: Opens, bench: Bench) -> None:
    bench.add()
    [delivery] = bench.submit()
    reject(bench)
    bench.clock.advance(5_000)
    reject(bench)
    bench.resend(delivery)
    bench.clock.advance(60_000)
    deliver(bench)
    async with viewer(VAST) as user:
        await user.sees("✓ soc  200", "round 2", "1  09:31:05  ✓ 200 OK", "round 1")
        await user.press("enter")
        await user.is_at("deliveries")
        await user.press("j", "j")
        await user.sees("ATTEMPT 1 OF ROUND 2", "success", "[Re-sent]: Root login from 203.0.113.9")
        await user.press("j", "enter")
        await user.sees("2  09:30:05  ✗ 503 Service Unavailable", "1  09:30:00  ✗ 503 Service Unavailable")
        await user.sees("ATTEMPT 2", "overloaded", "New Alert: Root login from 203.0.113.9")


async def test_the_cursor_starts_on_the_delivery_that_the_list_shows(viewer: Opens, bench: Bench) -> None:
    bench.add(name="archive")
    bench.add(name="soc")
    bench.submit()
    archive, soc = sorted(bench.claim().claims, key=lambda claim: claim.destination.name)
    bench.finish(archive, **OK)
    bench.finish(soc, Outcome.REJECTED, **BUSY)
    async with viewer(NARROW) as user:
        await user.press("enter")
        await user.sees("✓ archive  200", "↻ soc  503")
        pane = user.app.screen.query_one(AlertPane)
        assert pane.chosen is not None
        assert pane.chosen.delivery.row.destination == "soc"
        await user.sees("overloaded")
        await user.press("k", "k", "k")
        await user.sees("success")


@pytest.mark.parametrize(
    ("seen", "shown"),
    [
        ({"response_body": b'{"error":{"code":17}}'}, ['"error": {', '"code": 17']),
        ({"response_body": "zu spät\nzweite Zeile".encode()}, ["zu spät", "zweite Zeile"]),
        (
            {
                "response_headers": (("Content-Type", "text/plain; charset=latin-1"),),
                "response_body": "zu spät".encode("latin-1"),
            },
            ["zu spät"],
        ),
        (
            {"response_body": b"\x7fELF\x00\x01\xff"},
            ["000000  7f 45 4c 46 00 01 ff", ".ELF..."],
        ),
        ({"response_body": b""}, ["(empty)"]),
        (
            {"response_body": b"x" * 65536, "response_length": 3_200_000, "response_truncated": True},
            ["kept 64 KiB of 3.2 MB"],
        ),
    ],
    ids=["json", "text", "in its charset", "hex", "nothing", "cut at the limit"],
)
async def test_the_answer_is_formatted_by_its_content(
    viewer: Opens, bench: Bench, seen: dict[str, object], shown: list[str]
) -> None:
    bench.add()
    bench.submit()
    reject(bench, **{"response_length": None, **seen})
    async with viewer(VAST) as user:
        await user.sees("RESPONSE  503 Service Unavailable", *shown)


async def test_a_proxy_is_distinguished_from_the_receiver(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit()
    reject(bench, remote_address="through proxy 127.0.0.1:3128")
    async with viewer(VAST) as user:
        await user.sees("answered through proxy 127.0.0.1:3128")


async def test_a_silent_receiver_is_distinguished_from_a_rejecting_one(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit()
    nothing = dict.fromkeys(("status_code", "reason", "remote_address"))
    reject(bench, **nothing, error="nothing is listening on hooks.example.com:443", response_body=b"")
    async with viewer(VAST) as user:
        await user.sees("✗ nothing is listening on hooks.example.com:443", "ATTEMPT 1")
        assert "RESPONSE" not in user.screen


async def test_the_number_of_attempts_is_never_below_those_made(viewer: Opens, bench: Bench) -> None:
    """Another dispatcher may be configured with more retries than this app."""
    bench.add()
    bench.submit()
    often = replace(bench, policy=RetryPolicy((5_000, 5_000)))
    for _ in range(3):
        reject(often, duration_ms=8_001)
        bench.clock.advance(5_000)
    async with viewer() as user:
        await user.sees("✗ soc  503  8.0 s  3 of 3")


@pytest.mark.parametrize("size", [NARROW, (100, 30), WIDE])
async def test_the_last_failure_of_many_is_visible_with_its_attempts(
    viewer: Opens, bench: Bench, size: tuple[int, int]
) -> None:
    last_of_many_fails(bench)
    async with viewer(size) as user:
        await user.press("enter")
        await user.sees("↻ d30  503  84 ms  1 of 2", "1  09:30:00  ✗ 503 Service Unavailable")


async def test_the_cursor_stays_visible_when_the_terminal_shrinks(viewer: Opens, bench: Bench) -> None:
    last_of_many_fails(bench)
    async with viewer(NARROW) as user:
        await user.press("enter")
        await user.sees("↻ d30  503")
        for size in ((80, 12), (40, 10), (40, 8)):
            await user.pilot.resize_terminal(*size)
            await user.settles()
            assert "↻ d30" in user.screen


def last_of_many_fails(bench: Bench) -> None:
    for number in range(1, 31):
        bench.add(name=f"d{number:02}")
    bench.submit()
    for claim in bench.claim().claims:
        if claim.destination.name == "d30":
            bench.finish(claim, Outcome.REJECTED, **BUSY)
        else:
            bench.finish(claim, **OK)


async def test_deliveries_in_flight_and_pending_are_marked(viewer: Opens, bench: Bench) -> None:
    bench.add(name="soc")
    bench.add(name="pager", paused=True)
    bench.submit()
    bench.claim()
    async with viewer(VAST) as user:
        await user.sees("→ soc  1 of 2  being sent", "1  09:30:00  → being sent")
        await user.sees("○ pager  waiting: the destination is paused")


async def test_enter_folds_and_unfolds_the_attempts_of_a_delivery(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit()
    reject(bench)
    async with viewer(VAST) as user:
        await user.sees("1  09:30:00  ✗")
        await user.press("enter")
        await user.is_at("deliveries")
        await user.press("enter")
        await user.sees("▸ ↻ soc")
        assert "1  09:30:00  ✗" not in user.screen
        await user.press("enter")
        await user.sees("▾ ↻ soc", "1  09:30:00  ✗")


async def test_r_in_the_details_resends_the_delivery_under_the_cursor(viewer: Opens, bench: Bench) -> None:
    for name in ("soc", "pager"):
        bench.add(name=name)
    bench.submit()
    fail(bench)
    for size in (NARROW, VAST):
        async with viewer(size) as user:
            await user.press("enter")
            await user.is_at("deliveries")
            await user.sees("DELIVERY STATUS", "ATTEMPT 1")
            await user.press("G", "r")
            if size is NARROW:
                await user.hears("Resending to soc")
            else:
                await user.sees("No delivery has failed. Send it again to soc (waiting)?")
    assert [row[0] for row in bench.rows("SELECT round FROM delivery ORDER BY id")] == [1, 2]


async def test_an_alert_that_was_not_routed_can_be_scrolled_to_its_end(viewer: Opens, bench: Bench) -> None:
    bench.submit(description="\n".join(f"line {number}" for number in range(100)))
    for size in (NARROW, VAST):
        async with viewer(size) as user:
            await user.press("enter")
            await user.is_at("exchange")
            await user.press("G")
            await user.sees("line 99")


async def test_secrets_of_the_destination_are_masked_in_the_request(viewer: Opens, bench: Bench) -> None:
    bench.add(url="https://hooks.example.com/services/T0/s3cret-path")
    bench.submit()
    deliver(bench, request_headers=(("Authorization", "••••••"), ("webhook-id", "dlv_1")))
    async with viewer(TALL) as user:
        await user.sees("REQUEST HEADERS", "Authorization: ••••••", "https://hooks.example.com/…path")
        assert "s3cret" not in user.screen


# --- lines that fold


LONG_CONTEXT = json.dumps({"sourceIp": "203.0.113.9", "events": [{"at": number} for number in range(30)]})


async def test_large_parts_of_the_context_are_folded_until_enter_or_a_click(
    viewer: Opens, bench: Bench
) -> None:
    bench.submit(context=LONG_CONTEXT)
    async with viewer(VAST) as user:
        await user.press("enter")
        await user.is_at("exchange")
        await user.sees('▸ "events": [ … 30 items ]', '"sourceIp": "203.0.113.9"')
        await user.press("G", "k", "enter")
        await user.sees('▾ "events": [', '"at": 0')
        await user.press("enter")
        await user.sees('▸ "events": [ … 30 items ]')
        y = next(y for y, line in enumerate(user.screen.splitlines()) if "▸ " in line)
        await user.pilot.click(offset=(user.screen.splitlines()[y].index("▸"), y))
        await user.sees('▾ "events": [')


async def test_brackets_move_between_headings_which_fold(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit(description="somebody signed in")
    reject(bench, response_body=b"no disk left")
    async with viewer(TALL) as user:
        await user.press("enter")
        await user.is_at("deliveries")
        await user.press("tab")
        await user.is_at("exchange")
        await user.sees("▾ RESPONSE  503", "no disk left", "▾ DESCRIPTION")
        await user.press("right_square_bracket", "right_square_bracket", "enter")
        await user.sees("▸ RESPONSE  503")
        assert "no disk left" not in user.screen
        await user.press("left_square_bracket", "enter")
        await user.sees("▸ ATTEMPT 1")


async def test_earlier_rounds_are_one_line_each_until_unfolded(viewer: Opens, bench: Bench) -> None:
    bench.add()
    [delivery] = bench.submit()
    for _ in range(50):
        for _ in range(10):
            bench.finish(bench.claim_one(), Outcome.INTERRUPTED, error="shut down")
        bench.resend(delivery)
    bench.finish(bench.claim_one(), Outcome.INTERRUPTED, error="shut down")
    async with viewer(NARROW) as user:
        await user.press("enter")
        await user.sees("▾ round 51  ? 1 attempt ", "▸ round 50  ? 10 attempts")
        view = user.app.screen.query_one("#deliveries", LineView)
        assert len(view.get_selection(Selection(None, None))[0].splitlines()) == 53  # type: ignore[index]
        await user.press("j", "j", "j", "enter")
        await user.sees("▾ round 50", "10  09:30:00  ? interrupted: shut down")


async def test_tab_moves_to_the_response_and_back_and_esc_leaves(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit()
    reject(bench)
    async with viewer(VAST) as user:
        await user.press("enter")
        await user.is_at("deliveries")
        await user.press("tab")
        await user.is_at("exchange")
        await user.press("shift+tab")
        await user.is_at("deliveries")
        await user.press("escape")
        await user.is_at("alerts")


async def test_paging_keeps_the_cursor_visible(viewer: Opens, bench: Bench) -> None:
    bench.submit(description="\n".join(f"line {number}" for number in range(200)))
    async with viewer(NARROW) as user:
        await user.press("enter")
        await user.is_at("exchange")
        await user.sees("NOT SENT")
        await user.press("G")
        await user.sees("line 199")
        await user.press("pageup", "pageup")
        await user.misses("line 199")
        await user.press("pagedown", "pagedown", "pagedown")
        await user.sees("line 199")
        await user.press("g")
        await user.sees("NOT SENT")


async def test_a_line_of_64_kib_is_clipped_and_the_rest_counted(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit()
    reject(bench, response_body=b"x" * 65_536, response_length=3_200_000, response_truncated=True)
    async with viewer(VAST) as user:
        await user.sees("kept 64 KiB of 3.2 MB", "xxxx", "… 63,536 characters more")
        assert sum("xxxx" in line for line in user.screen.splitlines()) < 30


# --- what can be done


async def test_an_unavailable_action_is_dim_and_its_key_says_why(viewer: Opens, bench: Bench) -> None:
    bench.submit()
    async with viewer(NARROW) as user:
        await user.press("enter")
        await user.sees("NOT SENT")
        for key, reason in (
            ("c", "Nothing to cancel: this alert has no deliveries."),
            ("equals_sign", "Nothing to compare: no attempt has been made yet."),
            ("m", "Nothing to compare: no attempt has been made yet."),
        ):
            await user.press(key)
            await user.hears(reason)
        enabled = {key: active.enabled for key, active in user.app.screen.active_bindings.items()}
        assert not any(enabled[key] for key in ("c", "equals_sign", "m"))
        assert enabled["r"]
        assert enabled["y"]


async def test_r_sends_an_alert_that_was_not_routed_to_a_chosen_destination(
    viewer: Opens, bench: Bench
) -> None:
    bench.submit()
    async with viewer(NARROW) as user:
        await user.press("enter")
        await user.sees("NOT SENT", "Press r to send this one to a destination")
        await user.press("r")
        await user.hears("There are no destinations. Add one first.")
        for name in ("pager", "soc"):
            bench.add(name=name)
        await user.press("r")
        await user.sees("This alert has no deliveries. Send it to:", "1  pager", "2  soc")
        await user.press("2")
        await user.hears("Sending to soc")
        await user.misses("NOT SENT")
        await user.sees("soc", "waiting to be sent")
    assert [claim.destination.name for claim in bench.claim().claims] == ["soc"]


async def test_sending_to_a_paused_destination_says_that_it_stays_pending(
    viewer: Opens, bench: Bench
) -> None:
    bench.submit()
    bench.add(name="pager")
    bench.add(name="vault", paused=True)
    async with viewer(NARROW) as user:
        await user.press("enter")
        await user.sees("NOT SENT")
        await user.press("r")
        await user.sees("1  pager ", "2  vault  ‖ paused", "esc close · ⏎ select")
        await user.press("2")
        await user.hears("Pending until vault is resumed")
        await user.sees("waiting: the destination is paused")


async def test_r_and_c_explain_that_a_delivery_is_in_flight(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit()
    bench.claim()
    async with viewer(NARROW) as user:
        await user.press("enter")
        await user.sees("being sent")
        await user.press("r")
        await user.hears("Being sent right now: wait for the answer, then try again.")
        await user.press("c")
        await user.hears("Nothing to cancel: it is being sent right now.")


# --- hostile text


HOSTILE = (
    "[bold]x[/] [@click=app.quit]y[/] [/nope] \x1b[2J\x1b]52;c;eA==\x07 \x9b31m \r \x00 \u202e \u200b \u2028"
)


async def test_hostile_text_is_inert_in_every_strip(viewer: Opens, bench: Bench) -> None:
    """Checks every strip of both columns before the app's last filter."""
    bench.add()
    bench.submit(
        title=HOSTILE,
        rule_id=HOSTILE,
        name=HOSTILE,
        tags=(HOSTILE,),
        link=HOSTILE,
        version=HOSTILE,
        description=HOSTILE,
        runbook=HOSTILE,
        context=json.dumps({HOSTILE: HOSTILE}),
    )
    reject(
        bench,
        reason=HOSTILE,
        error=HOSTILE,
        remote_address=HOSTILE,
        response_headers=((HOSTILE, HOSTILE),),
        request_headers=((HOSTILE, HOSTILE),),
        response_body=HOSTILE.encode().replace(b"\x00", b""),
    )
    async with viewer((200, 140)) as user:
        await user.sees("[bold]x[/]", "RESPONSE HEADERS", "RUNBOOK", "CONTEXT")
        for id in ("deliveries", "exchange"):
            view = user.app.screen.query_one(f"#{id}", LineView)
            await user.until(lambda view=view: view.size.height)
            strips = [view.render_line(y) for y in range(view.size.height)]
            text = "".join(segment.text for strip in strips for segment in strip)
            assert "[@click=app.quit]y[/]" in text
            assert not any(is_control(character) for character in text)
            meta = [segment.style.meta for strip in strips for segment in strip if segment.style]
            assert not any("@click" in found for found in meta)
        overview = user.app.screen.query_one("#overview")
        text = "".join(segment.text for y in range(3) for segment in overview.render_line(y))
        assert "[@click=app.quit]y[/]" in text
        assert not any(is_control(character) for character in text)


# --- only what changed


async def test_each_second_repaints_only_the_changed_lines(
    viewer: Opens, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("soc", "pager"):
        bench.add(name=name)
    bench.submit()
    reject(bench)
    async with viewer(VAST) as user:
        await user.sees("retry in 5s", "Next attempt in 5s")
        await user.settles()
        layouts: list[object] = []
        painted: list[int] = []
        monkeypatch.setattr(user.app.screen, "_refresh_layout", lambda *args, **_: layouts.append(args))
        monkeypatch.setattr(LineView, "refresh_line", lambda view, y: painted.append(y))
        bench.clock.advance(1_000)
        user.app.screen.query_one(AlertPane).tick()
        await user.settles()
        assert (layouts, sorted(painted)) == ([], [0, 1, 2])


async def test_opening_the_details_leaks_no_memory(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit()
    reject(bench)

    def widgets() -> int:
        gc.collect()
        return sum(isinstance(found, Widget) for found in gc.get_objects())

    async def visit(user: User) -> None:
        await user.press("enter")
        await user.is_at("deliveries")
        await user.sees("ATTEMPT 1")
        await user.press("escape")
        await user.is_at("alerts")
        await user.settles()

    async with viewer(NARROW) as user:
        await visit(user)
        before = widgets()
        for _ in range(3):
            await visit(user)
        await user.until(lambda: widgets() <= before)


async def test_the_filtered_strip_of_a_line_is_cached(viewer: Opens) -> None:
    """Textual caches by the identity of the filter. A new filter per frame would fill the cache."""
    async with viewer() as user:
        assert user.app.get_line_filters()[-1] is user.app.get_line_filters()[-1]


# --- no longer stored


async def test_a_pruned_alert_is_reported_on_its_page(viewer: Opens, bench: Bench) -> None:
    bench.submit(title="Old", created_at=NOW - 90 * 86_400_000)
    bench.submit(title="New")  # the newest is never pruned
    async with viewer(NARROW) as user:
        await user.press("j", "enter")
        await user.sees("Not sent anywhere", "Old")
        write(bench.store, prune.step, NOW - 86_400_000, prune.ENDS, after=0, limit=10)
        user.app.screen.reload()
        await user.sees("This alert is no longer stored: it has been pruned.")
        await user.press("r")
        await user.hears("no longer stored")
        await user.press("y")
        await user.until(lambda: len(user.toasts) == 2)
        assert user.app.screen.query_one(AlertPane).why_not("compare") == PRUNED
        await user.press("escape")
        await user.sees("Alerts · 1")


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
async def test_text_can_be_selected_with_the_mouse(
    viewer: Opens, bench: Bench, size: tuple[int, int]
) -> None:
    bench.add()
    bench.submit(title="Root login")
    async with viewer(size) as user:
        await user.press("enter")
        await user.is_at("deliveries")
        await user.sees("WHAT COMES NEXT")
        await user.settles()
        line = next(y for y, line in enumerate(user.screen.splitlines()) if "WHAT COMES NEXT" in line)
        start = user.screen.splitlines()[line].index("WHAT")
        await user.pilot.mouse_down(offset=(start, line))
        await user.pilot.hover(offset=(start + 8, line))
        await user.pilot.mouse_up(offset=(start + 8, line))
        assert user.app.screen.get_selected_text() == "WHAT COME"
