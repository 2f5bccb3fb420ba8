"""One alert in full: how each delivery stands, every attempt, what was sent and what came back."""

import json

import pytest

from tests.screens.conftest import Opens
from tests.screens.history import deliver, fail, reject
from tests.screens.user import NARROW, VAST
from tests.store.bench import Bench
from tui.domain.destination import Header
from tui.domain.secret import Secret

TALL = (200, 90)


async def test_every_field_of_the_alert_is_there(viewer: Opens, bench: Bench) -> None:
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


async def test_the_attempts_of_every_round_stay_readable(viewer: Opens, bench: Bench) -> None:
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
        await user.press("enter", "j", "j")
        await user.sees("ATTEMPT 1 OF ROUND 2", "success", "[Re-sent]: Root login from 203.0.113.9")
        await user.press("j", "enter")
        await user.sees("2  09:30:05  ✗ 503 Service Unavailable", "1  09:30:00  ✗ 503 Service Unavailable")
        await user.sees("ATTEMPT 2", "overloaded", "New Alert: Root login from 203.0.113.9")


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
async def test_what_the_receiver_answered_is_shown_as_it_reads_best(
    viewer: Opens, bench: Bench, seen: dict[str, object], shown: list[str]
) -> None:
    bench.add()
    bench.submit()
    reject(bench, **{"response_length": None, **seen})
    async with viewer(VAST) as user:
        await user.sees("RESPONSE  503 Service Unavailable", *shown)


async def test_a_receiver_that_did_not_answer_is_told_from_one_that_refused(
    viewer: Opens, bench: Bench
) -> None:
    bench.add()
    bench.submit()
    nothing = dict.fromkeys(("status_code", "reason", "remote_address"))
    reject(bench, **nothing, error="nothing is listening on hooks.example.com:443", response_body=b"")
    async with viewer(VAST) as user:
        await user.sees("✗ nothing is listening on hooks.example.com:443", "ATTEMPT 1")
        assert "RESPONSE" not in user.screen


async def test_what_is_under_way_and_what_waits_say_so(viewer: Opens, bench: Bench) -> None:
    bench.add(name="soc")
    bench.add(name="pager", paused=True)
    bench.submit()
    bench.claim()
    async with viewer(VAST) as user:
        await user.sees("→ soc  1 of 2  being sent", "1  09:30:00  → being sent")
        await user.sees("○ pager  waits: the destination is paused")


async def test_enter_folds_the_attempts_of_a_delivery_in_and_out(viewer: Opens, bench: Bench) -> None:
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


async def test_r_in_the_details_sends_the_delivery_under_the_cursor_again(
    viewer: Opens, bench: Bench
) -> None:
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
                await user.hears("Sending again to soc")
            else:
                await user.sees("Nothing failed. Send again to soc (waiting)?")
    assert [row[0] for row in bench.rows("SELECT round FROM delivery ORDER BY id")] == [1, 2]


async def test_an_alert_sent_nowhere_can_be_read_to_its_end_by_the_keyboard(
    viewer: Opens, bench: Bench
) -> None:
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
