"""A destination without certificate verification is marked everywhere, and its form keeps its settings."""

from dataclasses import replace

import pytest

from tests.screens.conftest import Opens
from tests.screens.setup.test_screen import edit, open_advanced, stored
from tests.screens.user import NARROW, VAST
from tests.store.bench import Bench
from tui.domain.destination import Destination
from tui.domain.headers import Header
from tui.domain.secret import Secret
from tui.domain.tls import TlsSettings

WARNING = "⚠ not verified"


@pytest.fixture
def guarded(bench: Bench) -> Destination:
    return bench.add(
        url="https://hooks.example.com/services/T000/s3cret",
        headers=(Header("Authorization", Secret("Bearer s3cret")), Header("X-A", Secret("env:A"))),
        tls=TlsSettings(ca_file="/nowhere/ca.pem", verify=False),
    )


@pytest.mark.parametrize("size", [NARROW, VAST])
async def test_the_list_and_the_collapsed_form_warn(
    viewer: Opens, guarded: Destination, size: tuple[int, int]
) -> None:
    async with viewer(size) as user:
        await user.press("2")
        await user.sees(WARNING)
        await user.press("e")
        await user.is_at("name")
        user.app.screen.query_one("#advanced").scroll_visible(animate=False)
        await user.sees(f"{WARNING} · Advanced")


async def test_the_pane_warns(viewer: Opens, guarded: Destination) -> None:
    async with viewer(VAST) as user:
        await user.press("2")
        await user.sees("tls      ⚠ not verified: anyone on the network path")


@pytest.mark.usefixtures("guarded")
async def test_the_details_of_an_alert_warn(viewer: Opens, bench: Bench) -> None:
    bench.submit()
    async with viewer(VAST) as user:
        await user.sees(f"soc  {WARNING}  waiting to be sent")


async def test_an_edit_of_something_else_keeps_authorization_and_tls(
    viewer: Opens, bench: Bench, guarded: Destination
) -> None:
    async with viewer(VAST) as user:
        await edit(user)
        await user.paste("other")
        await user.press("ctrl+s")
        await user.is_at("send-test")
    assert stored(bench) == [replace(guarded, name="other")]


async def test_a_token_is_replaced_and_a_bad_file_is_named(
    viewer: Opens, bench: Bench, guarded: Destination
) -> None:
    async with viewer(VAST) as user:
        await edit(user)
        await open_advanced(user)
        await user.go_to("credential")
        await user.paste("env:TOKEN")
        await user.go_to("certificate")
        await user.paste("/nowhere/client.pem")
        await user.press("ctrl+s")
        await user.sees("cannot read the file /nowhere/client.pem: No such file")
        await user.is_at("certificate")
        await user.press("end", "ctrl+u", "ctrl+s")
        await user.is_at("send-test")
    [saved] = stored(bench)
    assert saved.headers == (Header("Authorization", Secret("Bearer env:TOKEN")), guarded.headers[1])
    assert saved.tls == guarded.tls
