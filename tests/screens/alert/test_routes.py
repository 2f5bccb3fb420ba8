"""`w` shows where an alert would go, and why."""

import pytest

from tests.screens.conftest import Opens
from tests.screens.user import NARROW, VAST
from tests.store.bench import Bench
from tui.domain.alert import Severity


@pytest.mark.parametrize("size", [NARROW, VAST], ids=["narrow", "wide"])
@pytest.mark.parametrize("opens", [False, True], ids=["in the list", "in the details"])
async def test_w_shows_where_an_alert_would_go_and_why(
    viewer: Opens, bench: Bench, size: tuple[int, int], opens: bool
) -> None:
    bench.submit(title="Root login", severity=Severity.HIGH)
    bench.add(name="soc")
    bench.add(name="pager", severities=frozenset({Severity.CRITICAL}), paused=True)
    bench.add(name="cloud", filter="tag:aws")
    async with viewer(size) as user:
        await user.sees("Root login")
        if opens:
            await user.press("enter")
        await user.press("w")
        await user.sees(
            "Where this alert would go now",
            "✓ soc",
            "– pager: severity HIGH; it takes CRITICAL",
            "– cloud: its filter: tag:aws does not match",
        )
        await user.press("escape")
        await user.misses("Where this alert would go now")
