"""The filter of the alerts: typed, completed, remembered, chosen; and what it says of a mistake."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.conftest import Clock, alert, write
from tests.screens.conftest import Opens
from tests.screens.history import deliver, fail, reject
from tests.screens.user import NARROW, VAST, WIDE, PaintedApp, User, user_at
from tests.store.bench import Bench
from tui.domain.alert import Severity
from tui.domain.filter_language import parse_filter
from tui.screens.alerts.list import AlertList
from tui.screens.shared import live
from tui.screens.shared.context import Context
from tui.screens.shared.filter_field import FilterField
from tui.screens.shared.kept import Kept
from tui.store import outbox
from tui.store.destinations import every_destination
from tui.store.engine.database import Store
from tui.store.reading import listing

FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"


@pytest.fixture
def three(bench: Bench) -> None:
    """From the newest: one delivered, one being retried, one failed."""
    bench.add(name="soc")
    bench.add(name="Ops team", severities=frozenset())
    for title, severity, end in (
        ("Failed", Severity.LOW, fail),
        ("Retried", Severity.HIGH, reject),
        ("Delivered", Severity.HIGH, deliver),
    ):
        bench.submit(title=title, severity=severity, alert_id=title.lower())
        end(bench)


Settle = Callable[[User], Awaitable[None]]


def filter_text(user: User) -> str:
    return user.app.screen.query_one(FilterField).value


# --- failures only


@pytest.mark.usefixtures("three")
async def test_f_shows_only_what_is_in_trouble_and_f_again_all(viewer: Opens) -> None:
    async with viewer() as user:
        await user.press("f")
        await user.sees("state:failed,retrying", "Alerts · 2")
        await user.is_at("alerts")
        await user.misses("Delivered ")
        await user.press("f")
        await user.sees("Alerts · 3")
        await user.misses("state:failed,retrying")


@pytest.mark.usefixtures("three")
async def test_f_leaves_the_rest_of_the_filter_alone(viewer: Opens) -> None:
    async with viewer() as user:
        await user.filter("severity:high")
        await user.press("enter")
        await user.sees("Alerts · 2")
        await user.press("f")
        await user.sees("severity:high state:failed,retrying", "Alerts · 1")
        await user.press("f")
        await user.sees("Alerts · 2")
        assert filter_text(user) == "severity:high"


# --- completion


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("key", ["tab", "right"])
async def test_what_is_suggested_is_taken_with_tab_or_right(viewer: Opens, key: str) -> None:
    async with viewer() as user:
        await user.press("slash", *"st")
        await user.sees("tab state:", "│ state: ")
        await user.press(key)
        await user.sees("tab failed  retrying  unrouted  waiting  sending  delivered …")
        await user.press(*"fa")
        await user.sees("│ state:failed ")
        await user.press(key)
        await user.sees("Alerts · 1")
        assert filter_text(user) == "state:failed"
        await user.is_at("filter")


async def test_paths_in_the_contexts_of_alerts_are_completed(viewer: Opens, bench: Bench) -> None:
    bench.submit(context='{"src":{"ip":"203.0.113.9"}}', title="Login")
    bench.submit(context='{"src":{"ip":"203.0.113.10"}}', title="Logout")
    async with viewer() as user:
        await user.filter("context.s")
        await user.sees("tab context.src.ip:")
        await user.press("tab")
        await user.paste("203.0.113.9")
        await user.sees("Alerts · 1", "Login")


async def test_what_was_typed_before_the_paths_were_read_is_completed(
    viewer: Opens, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.submit(context='{"src":{"ip":"203.0.113.9"}}')
    read, may_read = Context.read_aside, asyncio.Event()

    async def read_late(*work: Any) -> Any:
        await may_read.wait()
        return await read(*work)

    monkeypatch.setattr(Context, "read_aside", read_late)
    async with viewer() as user:
        await user.filter("context.s")
        await user.sees("context.s", "enter apply")
        may_read.set()
        await user.sees("tab context.src.ip:", "│ context.src.ip:")


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(("kept", "is_unknown"), [("to:soc", False), ("to:nobody", True)])
async def test_a_name_is_unknown_only_once_the_names_have_been_read(
    context: Context, monkeypatch: pytest.MonkeyPatch, kept: str, is_unknown: bool
) -> None:
    read, may_read = Context.read, asyncio.Event()

    async def read_names_late(context: Context, work: Any, *args: Any, **kwargs: Any) -> Any:
        if work is every_destination:
            await may_read.wait()
        return await read(context, work, *args, **kwargs)

    monkeypatch.setattr(Context, "read", read_names_late)
    async with user_at(replace(context, kept=Kept(filter=kept)), first="Loading alerts…") as user:
        await user.sees(kept)
        assert "There is no destination" not in user.screen
        may_read.set()
        await user.sees("waiting")  # the status line is read after the list
        await user.until(lambda: ("There is no destination named nobody" in user.screen) == is_unknown)


@pytest.mark.usefixtures("three")
async def test_destinations_are_completed_by_name(viewer: Opens) -> None:
    async with viewer() as user:
        await user.press("slash")
        await user.paste("to:")
        await user.sees("tab Ops team  soc")
        await user.press("o", "tab")
        await user.sees('to:o"ps team"', "No alerts match this filter")


async def test_an_empty_field_offers_what_there_is_to_ask_for(viewer: Opens, bench: Bench) -> None:
    bench.submit()
    async with viewer() as user:
        await user.press("slash")
        await user.sees("tab severity:  state:  to:  type:  tag:  since:  test:  cidr: …")
        await user.press("tab")
        assert filter_text(user) == ""
        await user.press("escape")
        await user.misses("tab severity:")


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("settle", [lambda user: user.paste(" "), lambda user: user.press("enter")])
async def test_a_key_half_typed_is_no_word_yet(viewer: Opens, settle: Settle) -> None:
    async with viewer() as user:
        await user.filter("sev")
        await user.sees("tab severity:", "Alerts · 3")
        assert user.current is not None
        await settle(user)
        await user.sees("No alerts match this filter")


@pytest.mark.usefixtures("three")
async def test_a_value_half_typed_is_no_mistake_yet(viewer: Opens) -> None:
    async with viewer() as user:
        await user.filter("severity:hi")
        await user.sees("tab high", "Alerts · 3")
        await user.paste("x")
        await user.sees("✗ unknown severity 'hix'", "Alerts · 3")
        await user.press("backspace", "tab")
        await user.sees("Alerts · 2")
        await user.misses("unknown severity")


# --- nobody of that name


@pytest.mark.usefixtures("three")
async def test_a_destination_nobody_knows_is_named_under_the_field_and_the_list_is_empty(
    viewer: Opens,
) -> None:
    async with viewer() as user:
        await user.filter("to:nobody")
        await user.sees("✗ There is no destination named nobody", "Alerts · 0")
        await user.sees("There is no destination named nobody. Press / to change")
        await user.press("enter", "escape")
        await user.sees("Alerts · 3")


# --- history


@pytest.mark.usefixtures("three")
async def test_earlier_filters_come_back_with_up_and_go_with_down(viewer: Opens) -> None:
    async with viewer() as user:
        for text in ("state:failed", "severity:high", "state:failed"):
            await user.filter(text)
            await user.press("enter")
        await user.filter("logi")
        for key, text in (
            ("up", "state:failed"),
            ("up", "severity:high"),
            ("up", "severity:high"),
            ("down", "state:failed"),
            ("down", "logi"),
            ("down", "logi"),
        ):
            await user.press(key)
            assert filter_text(user) == text


# --- by name, in the palette


@pytest.mark.usefixtures("three")
async def test_the_useful_filters_are_commands(viewer: Opens) -> None:
    async with viewer() as user:
        await user.press("ctrl+p")
        await user.paste("filter failed")
        await user.sees("Filter: failed")
        await user.press("down", "enter")
        await user.sees("Alerts · 1")
        assert filter_text(user) == "state:failed"


@pytest.mark.usefixtures("three")
async def test_ones_own_filters_are_commands_and_no_markup(context: Context) -> None:
    own = replace(context, filters=(("[bold]night[/] shift", "severity:high -state:delivered"),))
    async with user_at(own) as user:
        await user.press("ctrl+p")
        await user.paste("night")
        await user.sees("Filter: [bold]night[/] shift  severity:high -state:delivered")
        await user.press("enter")
        await user.sees("Alerts · 1")
        await user.is_on("Retried")


# --- long lists


@pytest.fixture
def uncounted(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Counting takes until it is let go."""
    go_on, count = threading.Event(), listing.count_alerts

    def patient(*args: Any, **kwargs: Any) -> int:
        if not kwargs.get("after"):
            assert go_on.wait(60)
        return count(*args, **kwargs)

    monkeypatch.setattr(listing, "count_alerts", patient)
    yield go_on
    go_on.set()


def fill(bench: Bench, count: int) -> None:
    alerts = [alert(title=f"Number {number:04}", destinations=()) for number in range(1, count + 1)]
    write(bench.store, outbox.submit, alerts)


async def test_nothing_waits_for_the_count(viewer: Opens, bench: Bench, uncounted: threading.Event) -> None:
    fill(bench, 1_000)
    async with viewer() as user:
        await user.sees("+ ─")
        await user.is_on("Number 1000")
        await user.press("G")
        await user.is_on("Number 0001")
        await user.press("k", "k")
        await user.is_on("Number 0003")
        uncounted.set()
        await user.sees("Alerts · 1,000")
        assert user.current == "Number 0003"
        assert "Number 0003" in user.screen
        await user.press("pageup", "pageup", "pageup")
        await user.is_on("Number 0096")
        assert user.app.screen.query_one(AlertList).cursor == 1_000 - 96
        await user.press("g")
        await user.is_on("Number 1000")


async def test_a_word_among_many_is_found_and_counted(viewer: Opens, bench: Bench) -> None:
    fill(bench, 1_000)
    async with viewer() as user:
        await user.filter("number -0001")
        await user.sees("Alerts · 999")
        await user.press("enter", "G")
        await user.is_on("Number 0002")
        await user.filter("042")
        await user.sees("Alerts · 10", "Number 0420")


# --- live


async def test_a_second_that_changes_no_text_paints_no_line(
    viewer: Opens, bench: Bench, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for age, title in ((30 * 60_000, "Old"), (0, "Young")):
        bench.submit(title=title, created_at=clock.now - age)
    painted: list[int] = []
    render_line = AlertList.render_line

    def watched(self: AlertList, y: int) -> Any:
        painted.append(y)
        return render_line(self, y)

    async with viewer(NARROW) as user:
        await user.settles()
        monkeypatch.setattr(AlertList, "render_line", watched)
        alerts = user.app.screen.query_one(AlertList)
        alerts.tick()
        await user.pilot.pause()
        assert painted == []
        clock.advance(5_000)
        await user.until(lambda: " 5s " in user.line_with("Young"))
        assert set(painted) == {0}


async def test_a_burst_is_read_now_and_then_and_shown_to_its_end(
    viewer: Opens, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "RELOAD_EVERY_S", 0.2)
    reads: list[int] = []
    newest_key = listing.newest_key

    def watched(db: Any) -> int:
        reads.append(1)
        return newest_key(db)

    monkeypatch.setattr(listing, "newest_key", watched)
    async with viewer(NARROW) as user:
        for number in range(60):
            bench.submit(title=f"Number {number}")
            user.app.screen.reload()
        await user.sees("Alerts · 60")
        await user.is_on("Number 59")
        assert len(reads) < 20


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
async def test_a_lost_database_is_said_in_place_and_the_rows_stay(
    viewer: Opens, bench: Bench, store: Store, size: tuple[int, int]
) -> None:
    bench.submit(title="Still here")
    async with viewer(size) as user:
        await user.sees("Still here")
        write(store, lambda tx: tx.db.execute_sql("ALTER TABLE alert RENAME TO gone"))
        user.app.screen.reload()
        await user.sees("Still here", "no such table: ")
        await user.until(lambda: "retrying ─" in user.screen)
        write(store, lambda tx: tx.db.execute_sql("ALTER TABLE gone RENAME TO alert"))
        user.app.screen.reload()
        await user.until(lambda: "retrying ─" not in user.screen)
        assert "Still here" in user.screen


async def test_a_database_lost_before_the_first_page_says_so_and_which_key_leaves(
    context: Context, bench: Bench, store: Store
) -> None:
    bench.submit(title="There after all")
    write(store, lambda tx: tx.db.execute_sql("ALTER TABLE alert RENAME TO gone"))
    with contextlib.closing(store.watch()) as notice:
        app = PaintedApp(context, notice)
        async with app.run_test(size=NARROW, notifications=True) as pilot:
            user = User(app, pilot)
            await user.sees("no such table: ", "retrying. Press q to quit.")
            write(store, lambda tx: tx.db.execute_sql("ALTER TABLE gone RENAME TO alert"))
            await user.sees("There after all")
            await user.is_at("alerts")


# --- what it looks like


async def looks(user: User, snapshot: SnapshotAssertion) -> None:
    """The list's half of the screen."""
    for width, height in (NARROW, WIDE, VAST):
        await user.pilot.resize_terminal(width, height)
        await user.settles()
        lines = user.screen.splitlines()[1:-1]
        shown = "\n".join(line.partition("││")[0].partition("╮╭")[0].partition("╯╰")[0] for line in lines)
        assert shown == snapshot(name=f"{width}x{height}")


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("text", "sight"),
    [
        ("state:", "tab failed"),
        ("severity:urgent", "unknown severity"),
        ("to:nobody", "There is no destination named nobody"),
        ("nothing like it", "No alerts match"),
    ],
    ids=["values", "mistake", "nobody", "nothing"],
)
async def test_the_filter_looks(viewer: Opens, snapshot: SnapshotAssertion, text: str, sight: str) -> None:
    async with viewer() as user:
        await user.filter(text)
        await user.sees(sight)
        await looks(user, snapshot)


async def test_wide_characters_and_long_titles_look_aligned(
    viewer: Opens, bench: Bench, snapshot: SnapshotAssertion
) -> None:
    bench.add(name="soc")
    bench.add(name="ページャー")
    titles = ("日本語のとても長いタイトル" * 4, FAMILY * 30, "e\u0301" * 90, "[bold]\x1b[31m", "x" * 999)
    for number, title in enumerate(titles):
        bench.submit(title=title, alert_id=f"wide-{number}")
        (deliver, fail, reject)[number % 3](bench)
    async with viewer() as user:
        await user.sees("Alerts · 5")
        await looks(user, snapshot)


async def test_a_filter_set_while_the_list_is_first_read_is_the_one_that_counts(
    viewer: Opens, bench: Bench
) -> None:
    """As at a start with the filter that was left."""
    bench.submit(title="the one")
    bench.submit(title="another")
    async with viewer(NARROW) as user:
        await user.settles()
        alerts = user.app.screen.query_one(AlertList)
        alerts._loaded = False
        await asyncio.gather(alerts.show(parse_filter("the one")), alerts.load())
        await user.sees("Alerts · 1")
        await user.misses("another")
