"""Keys that are quicker than the dialog they close: what lies below it stays."""

import pytest

from tests.screens.conftest import Opens
from tests.screens.user import NARROW
from tests.store.bench import Bench


@pytest.mark.parametrize(
    ("opens", "sight"),
    [
        ("r", "No delivery has failed"),
        ("y", "Copy"),
        ("question_mark", "Keys of this screen"),
        ("semicolon", " a "),
        ("ctrl+p", "Search for commands"),
    ],
)
async def test_what_is_closed_twice_closes_nothing_below(
    viewer: Opens, bench: Bench, opens: str, sight: str
) -> None:
    """Both keys were on their way to the dialog when it was there."""
    bench.add(name="soc")
    bench.submit(title="Root login")
    async with viewer(NARROW) as user:
        await user.press("enter")
        await user.sees("DELIVERY STATUS")
        await user.settles()  # jump mode puts its letters where things are by then
        page = user.app.screen
        await user.press(opens)
        await user.sees(sight)
        dialog = user.app.screen
        dialog.dismiss()
        dialog.dismiss()
        await user.until(lambda: user.app.screen is page)
        await user.sees("DELIVERY STATUS")
