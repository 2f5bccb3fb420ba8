"""What the tests themselves see of the screen."""

from tests.conftest import NOW
from tests.screens.conftest import Opens
from tests.screens.history import reject
from tests.screens.user import NARROW
from tests.store.bench import Bench


async def test_a_dialog_is_seen_over_the_screen_below_it(viewer: Opens, bench: Bench) -> None:
    """Also when the test looks before the app has painted the dialog."""
    bench.add()
    bench.submit(created_at=NOW)
    reject(bench)
    async with viewer(NARROW) as user:
        await user.press("enter")
        await user.is_at("deliveries")
        await user.sees("ATTEMPT 1")
        await user.press("y")
        await user.sees("alert id")
        user.app.screen.refresh()
        assert "ATTEMPT 1" in user.screen
