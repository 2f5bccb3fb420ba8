"""`v` previews an alert in any shape."""

import json

import pytest

from tests.screens.conftest import Opens
from tests.screens.user import NARROW, VAST
from tests.store.bench import Bench
from tui.domain.headers import Header
from tui.domain.secret import Secret


@pytest.mark.parametrize("size", [NARROW, VAST], ids=["narrow", "wide"])
@pytest.mark.parametrize("opens", [False, True], ids=["in the list", "in the details"])
async def test_v_shows_the_request_in_the_shape_of_the_destination(
    viewer: Opens, bench: Bench, size: tuple[int, int], opens: bool
) -> None:
    bench.add(name="chat", url="https://hooks.slack.com/services/T0/B0/token-a1b2", shape="slack")
    bench.submit(title="Root <login>")
    async with viewer(size) as user:
        await user.sees("Root <login>")
        if opens:
            await user.press("enter")
        await user.press("v")
        await user.sees("Preview as slack", "POST https://hooks.slack.com/…a1b2", "sent to chat", "BODY")
        await user.sees("Root &lt;login&gt;")
        await user.is_at("preview-lines")
        await user.press("G")
        await user.sees("webhook-id: dlv_")
        await user.press("escape")
        await user.misses("Preview as slack")


async def test_another_shape_is_chosen_and_its_body_copied(
    viewer: Opens, bench: Bench, clipboard: list[str]
) -> None:
    bench.add(name="soc")
    bench.add(
        name="pager",
        url="https://events.pagerduty.com/v2/enqueue",
        shape="pagerduty",
        headers=(Header("X-Routing-Key", Secret("R0UT1NG")),),
        paused=True,
    )
    bench.submit(title="Root login")
    async with viewer(VAST) as user:
        await user.sees("Root login")
        await user.press("v", "s")
        await user.sees("Preview as", "pagerduty", "teams")
        await user.press("b")
        await user.sees("Preview as pagerduty", "sent to pager", '"routing_key": "•')
        await user.press("y")
        await user.sees("Copied the body as pagerduty")
        await user.press("s")
        await user.sees("cloudevents")
        await user.press("f")
        await user.sees("Preview as telegram", "no destination sends as telegram")
    [copied] = clipboard
    assert json.loads(copied)["payload"]["summary"] == "Root login"
    assert "R0UT1NG" not in copied


async def test_an_alert_without_deliveries_is_previewed_as_panther(viewer: Opens, bench: Bench) -> None:
    bench.submit(title="Nobody listens")
    async with viewer(VAST) as user:
        await user.sees("Nobody listens")
        await user.press("v")
        await user.sees("Preview as panther", '"title": "New Alert: Nobody listens"')
