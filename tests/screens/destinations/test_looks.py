"""Snapshots of the destinations and their form, as text. `pytest --snapshot-update` updates them."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.conftest import NOW
from tests.screens.conftest import Opens
from tests.screens.history import REFUSED, deliver, fail, reject
from tests.screens.setup.test_screen import add_header, begin, open_advanced
from tests.screens.test_snapshots import looks
from tests.screens.user import NARROW, VAST, WIDE, User, user_at
from tests.store.bench import Bench
from tui.domain.alert import Severity
from tui.domain.alert_type import AlertType
from tui.domain.headers import Header
from tui.domain.lifecycle import Outcome
from tui.domain.retry import RetryPolicy
from tui.domain.secret import Secret
from tui.screens.shared.context import Context

TINY = (60, 15)
EVERY_SIZE = (NARROW, WIDE, VAST)
TOKEN_URL = "https://hooks.example.com/services/T000/s3cret-t0ken"


@pytest.fixture
def in_all_states(bench: Bench) -> None:
    """Add a failing, a paused (with a pending delivery), an unused and a healthy destination."""
    bench.add(name="pager", url=TOKEN_URL, severities=frozenset({Severity.CRITICAL, Severity.LOW}))
    bench.submit(title="Root login", destinations=("pager",))
    reject(bench, status_code=410, reason="Gone", ended_at=NOW - 3_600_000, duration_ms=231)
    bench.add(name="vault", severities=frozenset({Severity.HIGH, Severity.CRITICAL}), paused=True)
    bench.submit(title="Port scan", destinations=("vault",))
    bench.add(name="unused", severities=frozenset(), alert_types=frozenset({AlertType.POLICY}), rate=5.0)
    bench.add(
        name="soc",
        url="http://127.0.0.1:8081/alerts",
        headers=(Header("X-Team", Secret("s3cret")),),
        secret=Secret("env:TOCSIN_SECRET"),
    )
    for number in range(34):
        bench.submit(title=f"Alert {number}", destinations=("soc",), severity=Severity.MEDIUM)
        (fail if number in (12, 31) else deliver)(bench, ended_at=NOW - 60_000 + number)


async def to_destinations(user: User, count: int) -> None:
    await user.press("2")
    await user.sees(f"Destinations · {count}")


# --- the list


async def test_no_destinations(viewer: Opens, snapshot: SnapshotAssertion) -> None:
    async with viewer() as user:
        await to_destinations(user, 0)
        await looks(user, snapshot, TINY, *EVERY_SIZE)


@pytest.mark.usefixtures("in_all_states")
async def test_destinations_in_all_states(viewer: Opens, snapshot: SnapshotAssertion) -> None:
    async with viewer() as user:
        await to_destinations(user, 4)
        await user.sees("set it here.")
        await looks(user, snapshot, TINY, *EVERY_SIZE)


@pytest.mark.usefixtures("in_all_states")
async def test_the_details_of_a_destination(viewer: Opens, snapshot: SnapshotAssertion) -> None:
    async with viewer() as user:
        await to_destinations(user, 4)
        await user.press("j", "enter")
        await user.sees("24 h     94% of 34 attempts delivered", "Alert 33")
        await looks(user, snapshot, TINY, *EVERY_SIZE)


async def test_two_hundred_destinations(viewer: Opens, bench: Bench, snapshot: SnapshotAssertion) -> None:
    for number in range(200):
        bench.add(
            name=f"receiver {number:03}", url=f"https://r{number}.example.com/services/t0ken{number:04}"
        )
    async with viewer() as user:
        await to_destinations(user, 200)
        await user.press("G", "k")
        await looks(user, snapshot, *EVERY_SIZE)


async def test_long_and_wide_names(viewer: Opens, bench: Bench, snapshot: SnapshotAssertion) -> None:
    for name in ("日本語の長い名前の宛先です" * 4, "🚨 on-call 🔥", "e" * 80, "x"):
        bench.add(name=name, url=TOKEN_URL)
    async with viewer() as user:
        await to_destinations(user, 4)
        await looks(user, snapshot, *EVERY_SIZE)


@pytest.mark.usefixtures("in_all_states")
@pytest.mark.parametrize("size", EVERY_SIZE, ids=["narrow", "wide", "vast"])
async def test_the_question_before_a_deletion(
    viewer: Opens, size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    async with viewer(size) as user:
        await to_destinations(user, 4)
        await user.press("j", "j", "d")
        # The list below is painted anew, too, and may come later.
        await user.sees("Delete vault? 1 pending delivery will be cancelled.", "never used")
        await user.settles()
        assert user.screen == snapshot


async def test_a_test_from_the_list(viewer: Opens, bench: Bench, snapshot: SnapshotAssertion) -> None:
    bench.add()
    async with viewer() as user:
        await to_destinations(user, 1)
        await user.press("t")
        await user.sees("sending a test alert")
        asked = {"response_headers": (("Retry-After", "30"),), "error": "the receiver answered 429 Slow Down"}
        reject(bench, status_code=429, reason="Slow Down", **asked)
        await user.sees("wait 30 s.", "0% of 1 attempt")
        await looks(user, snapshot, TINY, *EVERY_SIZE)


# --- setting one up


async def test_the_empty_form(context: Context, snapshot: SnapshotAssertion) -> None:
    async with user_at(replace(context, policy=RetryPolicy())) as user:
        await begin(user)
        await looks(user, snapshot, TINY, *EVERY_SIZE)


async def test_advanced_open_and_filled(viewer: Opens, snapshot: SnapshotAssertion) -> None:
    async with viewer() as user:
        await begin(user)
        await user.paste("SOC on-call")
        await user.press("tab")
        await user.paste(TOKEN_URL)
        await open_advanced(user)
        await add_header(user, "Authorization: Bearer abc")
        await add_header(user, "X-Team: env:TEAM")
        await user.go_to("timeout")
        await looks(user, snapshot, TINY, *EVERY_SIZE)


async def test_every_field_invalid(viewer: Opens, snapshot: SnapshotAssertion) -> None:
    async with viewer() as user:
        await begin(user)
        await user.press("tab")
        await user.paste("hooks.example.com")
        for severity in Severity:
            await user.go_to(f"severity-{severity}")
            await user.press("space")
        await open_advanced(user)
        await add_header(user, "Host: elsewhere")
        await user.go_to("secret")
        await user.paste("v1,whsec_abc")
        await user.go_to("timeout")
        await user.paste("0")
        await user.go_to("rate")
        await user.paste("many")
        await user.press("ctrl+s")
        await user.is_at("name")
        await looks(user, snapshot, *EVERY_SIZE)


async def test_the_form_of_an_existing_destination(
    viewer: Opens, bench: Bench, snapshot: SnapshotAssertion
) -> None:
    bench.add(
        url=TOKEN_URL,
        headers=(Header("Authorization", Secret("s3cret")), Header("X-Key", Secret("env:TOCSIN_KEY"))),
        secret=Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    )
    async with viewer() as user:
        await to_destinations(user, 1)
        await user.press("e")
        await user.is_at("name")
        await open_advanced(user)
        await looks(user, snapshot, NARROW, WIDE)


async def test_the_question_before_discarding_changes(viewer: Opens, snapshot: SnapshotAssertion) -> None:
    async with viewer(NARROW) as user:
        await begin(user)
        await user.press("x", "escape")
        await user.sees("Discard unsaved changes?")
        await user.settles()
        assert user.screen == snapshot


async def to_test(user: User) -> None:
    """Open the test step of the only destination."""
    await to_destinations(user, 1)
    await user.press("e")
    await user.is_at("name")
    await user.press("ctrl+s")
    await user.is_at("send-test")


async def test_the_test_step_before_the_test(
    viewer: Opens, bench: Bench, snapshot: SnapshotAssertion
) -> None:
    bench.add(secret=Secret("env:TOCSIN_SECRET"))
    async with viewer() as user:
        await to_test(user)
        await looks(user, snapshot, TINY, NARROW)
        await user.press("shift+tab", "enter")
        await user.sees("webhook-signature: ••••••")
        await looks(user, snapshot, WIDE, VAST)


async def test_the_test_step_of_a_paused_destination(
    viewer: Opens, bench: Bench, snapshot: SnapshotAssertion
) -> None:
    bench.add(paused=True)
    async with viewer(NARROW) as user:
        await to_destinations(user, 1)
        await user.press("e")
        await user.is_at("name")
        await user.press("ctrl+s")
        await user.is_at("skip")
        await user.settles()
        assert user.screen == snapshot


Ends = Callable[[Bench], None]


def unreachable(bench: Bench) -> None:
    for claim in bench.claim().claims:
        bench.finish(claim, Outcome.UNREACHABLE, **REFUSED)


ENDS: dict[str, tuple[Ends, str]] = {
    "delivered": (lambda bench: deliver(bench, response_body=b'{"taken":true}'), '"taken": true'),
    "a web page": (
        lambda bench: deliver(
            bench, response_headers=(("Content-Type", "text/html"),), response_body=b"<h1>Log in</h1>"
        ),
        "Log in",
    ),
    "refused": (fail, "overloaded"),
    "nobody there": (unreachable, "Nothing is listening"),
    "a redirect": (
        lambda bench: fail(
            bench,
            status_code=301,
            reason="Moved Permanently",
            response_headers=(("Location", "https://hooks.example.com/alerts/"),),
        ),
        "Add a slash",
    ),
}


@pytest.mark.parametrize("end", ENDS)
async def test_the_result_of_a_test(
    viewer: Opens, bench: Bench, end: str, snapshot: SnapshotAssertion
) -> None:
    happens, seen = ENDS[end]
    bench.add()
    async with viewer() as user:
        await to_test(user)
        await user.press("enter")
        await user.sees("sending…")
        happens(bench)
        await user.sees(seen)
        await looks(user, snapshot, *((TINY, *EVERY_SIZE) if end == "refused" else (NARROW, WIDE)))
