"""What the screens look like, as text; `pytest --snapshot-update` takes them anew."""

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.conftest import NOW
from tests.screens.conftest import Opens
from tests.screens.history import deliver, fail, reject
from tests.screens.user import NARROW, VAST, WIDE, User
from tests.store.bench import Bench
from tui.domain.alert import AlertType, Severity
from tui.domain.destination import Destination

MINUTE = 60_000
REQUEST_HEADERS = (("Content-Type", "application/json"), ("webhook-id", "dlv_1"), ("Authorization", "••••••"))


# A dialog is opened at each size: the screen below it follows a new size when it likes.
at_each_size = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])


async def looks(user: User, snapshot: SnapshotAssertion, *sizes: tuple[int, int]) -> None:
    """Compare the screen with what it looked like in terminals of these sizes."""
    for width, height in sizes or (NARROW, WIDE):
        await user.pilot.resize_terminal(width, height)
        await user.settles()
        assert user.screen == snapshot(name=f"{width}x{height}")


@pytest.fixture
def soc(bench: Bench) -> Destination:
    return bench.add(name="soc")


@pytest.fixture
def every_standing(bench: Bench, soc: Destination) -> None:
    """Deliveries of every kind, the newest alert with a history of two rounds."""
    pager = bench.add(name="pager", url="https://hooks.example.com/services/T0/a1b2c3d4")
    bench.add(name="vault", paused=True, severities=frozenset({Severity.HIGH, Severity.CRITICAL}))

    def submit(title: str, severity: Severity, age: int, *to: str, **fields: object) -> list[int]:
        created = {"created_at": NOW - age, "alert_id": title.replace(" ", "-").lower()}
        return bench.submit(title=title, severity=severity, destinations=to, **created, **fields)

    submit("Brute force on vpn-3", Severity.HIGH, 90 * MINUTE, "soc")
    fail(bench)
    submit("This is a Test Alert", Severity.INFO, 50 * MINUTE, "pager", test=True)
    deliver(bench)
    bench.cancel(*submit("No backup of db-1 for 26 hours", Severity.MEDIUM, 9 * MINUTE, "pager"))
    submit("Asset inventory refreshed", Severity.INFO, 5 * MINUTE)
    submit("Port scan from 198.51.100.23", Severity.LOW, 2 * MINUTE, "vault")
    submit("S3 bucket made public", Severity.MEDIUM, MINUTE, "soc", type=AlertType.POLICY)
    bench.claim()
    [again, _] = submit(
        "Root login from 203.0.113.9",
        Severity.CRITICAL,
        3_000,
        "soc",
        "pager",
        name="Root account used",
        tags=("aws", "identity"),
        description="The root user signed in.",
        context='{"sourceIp":"203.0.113.9","mfa":false}',
    )
    fail(bench)
    bench.resend(again)
    body = b'{"error":"overloaded"}'
    reject(bench, request_headers=REQUEST_HEADERS, response_body=body, response_length=len(body))
    bench.pause(pager, paused=False)


# --- nothing there


async def test_an_empty_database(viewer: Opens, snapshot: SnapshotAssertion) -> None:
    async with viewer() as user:
        await user.sees("Welcome to Tocsin")
        await looks(user, snapshot, NARROW, WIDE, VAST)


@pytest.mark.usefixtures("soc")
async def test_no_alert_that_matches(viewer: Opens, bench: Bench, snapshot: SnapshotAssertion) -> None:
    bench.submit(alert_id="one")
    async with viewer() as user:
        await user.filter("severity:critical")
        await user.sees("No alerts match")
        await looks(user, snapshot)


# --- alerts


@pytest.mark.usefixtures("every_standing")
async def test_alerts_of_every_standing(viewer: Opens, snapshot: SnapshotAssertion) -> None:
    async with viewer(WIDE) as user:
        await user.sees("Alerts · 7", "Permanently failed after 1 attempt")
        await looks(user, snapshot, NARROW, WIDE, VAST)


@pytest.mark.usefixtures("every_standing")
async def test_where_the_status_line_is_cut_what_failed_is_left(viewer: Opens) -> None:
    async with viewer((40, 10)) as user:
        await user.sees("2 failed 1 retrying")
        assert user.screen.splitlines()[0].endswith("?")


@pytest.mark.usefixtures("every_standing")
async def test_the_details_of_an_alert(viewer: Opens, snapshot: SnapshotAssertion) -> None:
    async with viewer(NARROW) as user:
        await user.press("enter")
        await user.sees("Permanently failed after 1 attempt")
        await looks(user, snapshot, NARROW, VAST)


@pytest.mark.usefixtures("every_standing")
@at_each_size
async def test_a_question_before_a_selection_is_sent_again(
    viewer: Opens, size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    async with viewer(size) as user:
        await user.sees("Alerts · 7")
        await user.press("G", "space", "k", "k", "space", "r")
        await user.sees("Send 1 failed delivery of 2 selected alerts to")
        await user.settles()
        assert user.screen == snapshot


@pytest.mark.parametrize("size", [(60, 15), (40, 10)], ids=["60x15", "40x10"])
async def test_a_question_where_there_is_little_room(
    viewer: Opens, bench: Bench, size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    bench.submit(title="nowhere")
    bench.add(name="the pager of whoever is on call")
    bench.submit(title="sent")
    deliver(bench)
    async with viewer(size) as user:
        await user.is_on("sent")
        await user.press("r")
        await user.sees("y send again · n cancel")
        await user.settles()
        assert user.screen == snapshot(name="yes or no")
        await user.press("n", "j")
        await user.is_on("nowhere")
        await user.press("r")
        await user.sees("has no deliveries")
        await user.settles()
        assert user.screen == snapshot(name="one of several")


@pytest.mark.parametrize("size", [NARROW, (40, 10)], ids=["80x24", "40x10"])
async def test_the_cursor_is_seen_at_the_end_of_many_choices(
    viewer: Opens, bench: Bench, size: tuple[int, int]
) -> None:
    bench.submit(title="nowhere")
    for number in range(30):
        bench.add(name=f"number {number:02}")
    async with viewer(size) as user:
        await user.is_on("nowhere")
        await user.press("r")
        await user.sees("This alert has no deliveries")
        await user.settles()
        await user.press("k")
        await user.sees("number 29")


# --- log and help


LOG = """\
2026-01-31T09:30:00.000Z INFO dispatcher: attempt alert=a1 destination="soc" state=delivered
2026-01-31T09:30:05.000Z WARNING dispatcher: cannot record or claim, retrying: the disk is full
2026-01-31T09:30:09.000Z ERROR dispatcher: delivery permanently failed alert=a2 attempts=11
"""


@pytest.fixture
def written(log: Path) -> None:
    log.write_text(LOG)


@pytest.mark.usefixtures("written")
async def test_the_log(viewer: Opens, snapshot: SnapshotAssertion) -> None:
    async with viewer() as user:
        await user.press("3")
        await user.sees("permanently failed")
        await looks(user, snapshot)


@pytest.mark.usefixtures("every_standing")
@at_each_size
@pytest.mark.parametrize("mode", ["alerts", "destinations", "log"])
async def test_the_help(viewer: Opens, mode: str, size: tuple[int, int], snapshot: SnapshotAssertion) -> None:
    async with viewer(size) as user:
        await user.app.run_action(f"show_mode({mode!r})")
        await user.settles()
        await user.press("question_mark")
        await user.sees("Keys of this screen")
        await user.settles()
        assert user.screen == snapshot
