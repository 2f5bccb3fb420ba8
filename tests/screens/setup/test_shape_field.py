"""*Sends as*: a vendor's URL sets the shape, the preview shows its body, and the shape is stored."""

from textual.widgets import Collapsible, Select, Static

from tests.conftest import destination, write
from tests.screens.conftest import Opens
from tests.screens.setup.test_screen import begin, open_advanced, stored
from tests.screens.user import NARROW, User
from tests.store.bench import Bench
from tui.store import destinations

SLACK = "https://hooks.slack.com/services/T0/B0/x"


def shape(user: User) -> str:
    return str(user.app.screen.query_one("#shape", Select).value)


def preview(user: User) -> str:
    return str(user.app.screen.query_one("#shape-preview", Static).render())


async def test_the_url_of_a_vendor_sets_the_shape_of_a_new_destination(viewer: Opens, bench: Bench):
    async with viewer(size=NARROW) as user:
        await begin(user)
        await user.paste("chat")
        await user.press("tab")
        await user.paste(SLACK)
        await user.until(lambda: shape(user) == "slack")
        assert "attachments" in preview(user)
        user.app.screen.query_one("#preview", Collapsible).collapsed = False
        await user.sees("attachments")
        await user.press("ctrl+s")
        await user.until(lambda: stored(bench))

    assert stored(bench)[0].shape == "slack"


async def test_a_chosen_shape_stays_and_the_url_only_hints(viewer: Opens, bench: Bench):
    write(bench.store, destinations.add, destination(name="d", url=SLACK, shape="teams"))
    async with viewer(size=NARROW) as user:
        await user.press("2")
        await user.sees("hooks.slack.com")
        await user.press("e")
        await user.is_at("name")
        assert shape(user) == "teams"
        await user.sees("This URL expects slack.")
        await user.paste("renamed")
        await user.press("ctrl+s")
        await user.until(lambda: stored(bench)[0].name == "renamed")

    assert stored(bench)[0].shape == "teams"


async def test_a_shape_that_lacks_its_header_is_refused(viewer: Opens, bench: Bench):
    async with viewer(size=NARROW) as user:
        await begin(user)
        await user.paste("pager")
        await user.press("tab")
        await user.paste("https://events.pagerduty.com/v2/enqueue")
        await user.until(lambda: shape(user) == "pagerduty")
        await user.press("ctrl+s")
        await user.sees("needs the header X-Routing-Key")

    assert stored(bench) == []


async def test_a_receiver_may_stop_retries_once_it_is_ticked(viewer: Opens, bench: Bench):
    write(bench.store, destinations.add, destination(name="d"))
    async with viewer(size=NARROW) as user:
        await user.press("2")
        await user.sees("hooks.example.com")
        await user.press("e")
        await user.is_at("name")
        await open_advanced(user)
        await user.go_to("stop")
        await user.press("space")
        await user.press("ctrl+s")
        await user.until(lambda: stored(bench)[0].allow_stop)
