"""Adding a destination: configuration, test, done."""

import json
from collections.abc import Callable
from dataclasses import replace
from unittest.mock import AsyncMock

import pytest
from textual import events
from textual.widgets import Input

from tests.conftest import NOW, alert, write
from tests.screens.conftest import Opens, Receiver
from tests.screens.history import deliver
from tests.screens.user import NARROW, VAST, WIDE, User, user_at
from tests.store.bench import Bench
from tui.domain.alert import Severity
from tui.domain.alert_type import AlertType
from tui.domain.destination import Destination
from tui.domain.headers import Header
from tui.domain.network import NetworkPolicy, PolicyName
from tui.domain.retry import RetryPolicy
from tui.domain.rotation import OldSecret
from tui.domain.secret import Secret
from tui.screens.setup.form import DestinationForm
from tui.screens.setup.header_rows import HeaderRow, HeaderRows
from tui.screens.setup.screen import DestinationSetup
from tui.screens.shared.context import Context
from tui.screens.shared.jump import Letter
from tui.store import destinations, outbox
from tui.store.destinations import all_destinations

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKEN_URL = "https://hooks.example.com/services/T000/s3cret-t0ken"


def stored(bench: Bench) -> list[Destination]:
    return bench.store.read(all_destinations).result()


async def begin(user: User) -> None:
    """Open an empty form."""
    await user.press("n")
    await user.is_at("name")


async def configure(user: User, name: str, url: str) -> None:
    """Fill in the form and add the destination."""
    await begin(user)
    await user.paste(name)
    await user.press("tab")
    await user.paste(url)
    await user.press("ctrl+s")
    await user.is_at("send-test")


async def open_advanced(user: User) -> None:
    await user.go_to("filter")
    await user.press("tab", "enter")
    await user.sees("Add a header")


async def add_header(user: User, header: str) -> None:
    """Add a header. Advanced must be open."""
    before = len(user.app.screen.query("HeaderRow"))
    await user.go_to("add-header")
    await user.press("enter")
    await user.until(lambda: len(user.app.screen.query("HeaderRow")) == before + 1)
    await user.until(lambda: user.app.focused.has_class("header-name"))
    await user.paste(header)


# --- configure


async def test_tab_moves_through_the_fields_in_order(viewer: Opens) -> None:
    async with viewer() as user:
        await begin(user)
        walked = [user.focused]
        while walked[-1] != "cancel":
            await user.press("tab")
            walked.append(user.focused)
    severities = [f"severity-{severity}" for severity in reversed(Severity)]
    types = [f"type-{kind}" for kind in AlertType]
    preview = advanced = None
    order = [
        "name",
        "url",
        "shape",
        preview,
        *severities,
        *types,
        "log-types",
        "filter",
        advanced,
        "save",
        "cancel",
    ]
    assert walked == order


async def test_advanced_opens_the_rarely_used_fields(viewer: Opens) -> None:
    async with viewer() as user:
        await begin(user)
        assert "Timeout" not in user.screen.replace("timeout", "")
        await open_advanced(user)
        await user.sees("Headers", "Signing secret", "seconds, 1 to 120", "requests per second")
        for field in (
            *("add-header", "authorization", "secret", "generate", "timeout", "rate"),
            *("retry", "fold", "stop"),
            *("verify", "ca-file", "certificate", "key", "key-password", "save"),
        ):
            await user.press("tab")
            await user.is_at(field)


async def test_a_header_is_a_row_that_can_be_added_and_removed(viewer: Opens, bench: Bench) -> None:
    async with viewer() as user:
        await begin(user)
        await user.paste("soc")
        await user.press("tab")
        await user.paste("https://hooks.example.com")
        await open_advanced(user)
        await add_header(user, "X-First")
        await user.press("tab")
        await user.paste("uno")
        await user.sees("X-First", "uno")
        await add_header(user, "X-Second: two")
        await user.until(lambda: user.app.focused.has_class("header-value"))
        await user.misses("uno")
        await user.press("shift+tab", "shift+tab")
        await user.until(lambda: user.app.focused.has_class("remove"))
        await user.press("enter")
        await user.misses("X-First")
        await add_header(user, "")
        await user.press("ctrl+s")
        await user.is_at("send-test")
    assert stored(bench)[0].headers == (Header("X-Second", Secret("two")),)


async def test_a_new_header_row_is_blank(viewer: Opens) -> None:
    """The click takes the focus from another field, which validates the headers."""
    async with viewer() as user:
        await begin(user)
        await open_advanced(user)
        rows = user.app.screen.query_one(HeaderRows)
        rows.mount(HeaderRow(), before="#add-header")
        assert rows.read() == ()
        rows.mask()


async def test_jump_mode_has_a_letter_for_each_visible_field(viewer: Opens) -> None:
    async with viewer(NARROW) as user:
        await begin(user)
        await open_advanced(user)
        await user.go_to("timeout")
        await user.settles()
        await user.press("ctrl+j")
        await user.until(lambda: user.app.screen.query(Letter))
        targets = {letter.target.id for letter in user.app.screen.query(Letter)}
        assert {"timeout", "save", "cancel"} <= targets
        assert "key-password" not in targets  # it is scrolled behind the buttons


async def test_everything_typed_is_stored(viewer: Opens, bench: Bench) -> None:
    async with viewer() as user:
        await begin(user)
        await user.press(*"SOC")
        await user.press("tab")
        await user.paste("http://127.0.0.1:8081/alerts")
        await user.go_to("severity-INFO")
        await user.press("space")
        await user.go_to("type-POLICY")
        await user.press("space")
        await user.go_to("log-types")
        await user.press(*"AWS.*, Okta.SystemLog,")
        await open_advanced(user)
        await add_header(user, "Authorization: Bearer abc")
        await add_header(user, "X-Team: soc")
        await user.go_to("secret")
        await user.paste(SECRET)
        await user.go_to("timeout")
        await user.press("end", "ctrl+u", "5")
        await user.go_to("fold")
        await user.press(*"10m")
        await user.go_to("save")
        await user.press("enter")
        await user.is_at("send-test")
    assert stored(bench) == [
        Destination(
            id=1,
            name="SOC",
            url="http://127.0.0.1:8081/alerts",
            severities=frozenset(Severity) - {Severity.INFO},
            alert_types=frozenset(AlertType) - {AlertType.POLICY},
            log_types=("AWS.*", "Okta.SystemLog"),
            headers=(Header("Authorization", Secret("Bearer abc")), Header("X-Team", Secret("soc"))),
            secret=Secret(SECRET),
            timeout_ms=5000,
            fold_ms=600_000,
        )
    ]


async def test_a_toggle_shows_its_state_and_the_form_explains_an_empty_choice(viewer: Opens) -> None:
    async with viewer() as user:
        await begin(user)
        on = user.line_with("CRITICAL")
        assert on.count("✓") == 5
        await user.go_to("severity-CRITICAL")
        await user.press("space")
        await user.until(lambda: user.line_with("CRITICAL").count("✓") == 4)
        await user.press("space")
        await user.until(lambda: user.line_with("CRITICAL") == on)
        await user.go_to("type-RULE")
        await user.press(*("space", "tab") * (len(AlertType) - 1))
        assert "it receives only alerts that name it" not in user.screen
        await user.press("space")
        await user.sees("None selected: it receives only alerts that name it.")


async def test_the_form_completes_the_paths_in_the_contexts_of_recent_alerts(
    viewer: Opens, bench: Bench
) -> None:
    write(bench.store, outbox.submit, [alert(context='{"src":{"ip":"203.0.113.9"}}')])
    async with viewer() as user:
        await begin(user)
        await user.go_to("filter")
        await user.press(*"context.s")
        await user.sees("context.src.ip:")
        await user.press("right")
        await user.until(lambda: user.app.screen.query_one("#filter", Input).value == "context.src.ip:")


async def test_the_form_counts_recent_alerts_of_its_log_types(viewer: Opens, bench: Bench) -> None:
    log_types = ((), ("AWS.CloudTrail",), ("aws.s3", "Okta.SystemLog"))
    write(bench.store, outbox.submit, [alert(log_types=each) for each in log_types])
    async with viewer() as user:
        await begin(user)
        await user.sees("Matches 3 of the last 3 alerts")
        await user.go_to("log-types")
        await user.press(*"AWS.*")
        await user.sees("Matches 2 of the last 3 alerts")
        await user.press("backspace", *"*x")
        await user.press("tab")
        await user.sees("a log type takes * only at its end, like AWS.*, not 'AWS.*x'")


async def test_the_form_counts_recent_alerts_that_match_the_filter(viewer: Opens, bench: Bench) -> None:
    titles = ("Root login", "Root login", "Bucket public")
    alerts = [alert(title=title, destinations=(), tags=("aws",)) for title in titles]
    write(bench.store, outbox.submit, [*alerts, alert(test=True), alert(severity=Severity.LOW)])
    async with viewer() as user:
        await begin(user)
        await user.sees("Matches 4 of the last 4 alerts")
        await user.go_to("filter")
        await user.press(*"-buck")
        await user.sees("Matches 3 of the last 4 alerts")
        await user.go_to("severity-LOW")
        await user.press("space")
        await user.sees("Matches 2 of the last 4 alerts")
        await user.go_to("filter")
        await user.press("end", "ctrl+u", *"state:failed")
        await user.misses("of the last")
        await user.press("tab")
        await user.sees("state: is not allowed in a destination's filter; a new alert has no delivery yet")
        await user.go_to("filter")
        await user.press("end", "ctrl+u", *"tag:aws")
        await user.sees("Matches 3 of the last 4 alerts")
        await user.misses("is not allowed in a destination's filter")
        await user.go_to("name")
        await user.paste("soc")
        await user.press("tab")
        await user.paste("http://127.0.0.1:9")
        await user.press("ctrl+s")
        await user.is_at("send-test")
    assert stored(bench)[0].filter == "tag:aws"


async def test_right_completes_the_filter_and_tab_leaves_it(viewer: Opens) -> None:
    async with viewer() as user:
        await begin(user)
        await user.go_to("filter")
        await user.sees("→ complete")
        field = user.app.screen.query_one("#filter", Input)
        for typed, completed in (
            ("se", "severity:"),
            (">=h", "severity:>=high"),
            (" ty", "severity:>=high type:"),
        ):
            await user.press(*typed)
            await user.sees(completed)
            await user.press("right")
            await user.until(lambda completed=completed: field.value == completed)
        await user.press("end", "ctrl+u", *"sta")
        await user.settles()
        assert "of the last" not in user.screen  # there are no alerts to count
        await user.press("right", "tab")
        await user.misses("→ complete")
        assert (
            field.value == "sta"
        )  # nothing has a state yet that comes in: the list's `state:` is not for here


async def test_a_generated_secret_is_shown_until_it_is_saved(
    viewer: Opens, bench: Bench, clipboard: list[str]
) -> None:
    async with viewer(VAST) as user:
        await begin(user)
        await user.paste("soc")
        await user.press("tab")
        await user.paste("https://hooks.example.com/alerts")
        await open_advanced(user)
        await user.go_to("generate")
        await user.press("enter")
        await user.sees("Copy it to the receiver now. After you save, it is never shown again.")
        [shown] = [word for word in user.line_with(" whsec_").split() if word.startswith("whsec_")]
        await user.is_at("copy-secret")
        await user.press("enter")
        await user.hears("Copied the signing secret")
        await user.press("ctrl+s")
        await user.is_at("send-test")
        await user.go_to("back")
        await user.press("enter")
        await user.sees("Save Changes")
        await open_advanced(user)
        await user.sees("••••••  kept; type to replace")
        assert shown not in user.screen
    assert clipboard == [shown]
    assert stored(bench)[0].secret == Secret(shown)


async def test_a_generated_secret_fits_a_narrow_terminal(viewer: Opens) -> None:
    async with viewer(NARROW) as user:
        await begin(user)
        await open_advanced(user)
        await user.go_to("generate")
        await user.press("enter")
        await user.is_at("copy-secret")
        secret = user.app.screen.query_one("#secret", Input).value
        await user.sees(secret)
        await user.press("shift+tab", "end", "backspace")
        await user.sees("Generate")


async def test_a_tls_error_names_its_row(viewer: Opens) -> None:
    async with viewer(VAST) as user:
        await begin(user)
        await open_advanced(user)
        await user.go_to("certificate")
        await user.paste("client.pem")
        await user.press("tab")
        await user.sees("Client cert: enter an absolute path")
        await user.go_to("certificate")
        await user.press("end", "ctrl+u")
        await user.paste("/nowhere/client.pem")
        await user.press("tab")
        await user.sees("Client cert: cannot read the file /nowhere/client.pem")


async def test_a_stored_secret_can_be_removed(viewer: Opens, bench: Bench) -> None:
    bench.add(secret=Secret(SECRET))
    async with viewer() as user:
        await edit(user)
        await open_advanced(user)
        await user.go_to("remove-secret")
        for shown in ("none; whsec_…", "kept; type to replace", "none; whsec_…"):
            await user.press("enter")
            await user.sees(shown)
        await user.press("ctrl+s")
        await user.is_at("send-test")
    assert stored(bench)[0].secret is None


async def test_an_invalid_secret_is_explained(viewer: Opens) -> None:
    async with viewer() as user:
        await begin(user)
        await open_advanced(user)
        for typed, said in (
            ("v1,whsec_abc", "remove the 'v1,' prefix"),
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "a signing secret must start with whsec_"),
            ("whsec_MfKQ9r8GK!", "the text after whsec_ is not valid base64"),
            ("whsec_MfKQ9r8GKYqr", "a signing secret must encode 24 to 64 bytes; this one encodes 9"),
            ("env:", "env: has no name after it"),
        ):
            await user.go_to("secret")
            await user.press("end", "ctrl+u")
            await user.paste(typed)
            await user.press("tab")
            await user.sees(said)


async def test_the_retry_schedule_is_shown_in_wall_clock_times(context: Context) -> None:
    async with user_at(replace(context, policy=RetryPolicy())) as user:
        await begin(user)
        await user.sees("is retried at 09:30:05, 09:30:20, 09:30:50, 09:31:50 … 10")
        await user.sees("fails at about 11:48.")


async def test_the_schedule_of_a_destination_is_typed_and_shown_in_wall_clock_times(
    context: Context,
) -> None:
    async with user_at(replace(context, policy=RetryPolicy()), (200, 70)) as user:
        await begin(user)
        await open_advanced(user)
        await user.go_to("retry")
        await user.paste("3d")
        await user.sees("… 23", "03 Feb 09:30.")
        await user.paste("ays")
        await user.press("tab")
        await user.sees("a time to give up after is 5s to 7d")


async def test_keys_typed_before_the_form_opens_are_kept(viewer: Opens) -> None:
    async with viewer() as user:
        await user.press("n")
        for key in "Ops team":
            user.app.post_message(events.Key("space" if key == " " else key, key))
        await user.is_at("name")
        await user.until(lambda: user.app.screen.query_one("#name").value == "Ops team")


@pytest.mark.parametrize("opened", [False, True], ids=["with the form", "in the form"])
async def test_a_burst_of_keys_lands_in_the_right_fields(viewer: Opens, opened: bool) -> None:
    async with viewer() as user:
        if opened:
            await begin(user)
        else:
            await user.press("n")
        for key in "soc\thttp\t":
            user.app.post_message(events.Key("tab", key) if key == "\t" else events.Key(key, key))
        await user.is_at("shape")
        name, url = (user.app.screen.query_one(id, Input) for id in ("#name", "#url"))
        await user.until(lambda: name.value == "soc")
        await user.until(lambda: url.value == "http")


# --- what is wrong

WRONG = {
    "name": (" ", "enter a display name for the destination", "soc"),
    "url": ("hooks.example.com", "a URL must start with http:// or https://", "https://hooks.example.com"),
    "secret": ("v1,whsec_abc", "remove the 'v1,' prefix", "env:TOCSIN_SECRET"),
    "timeout": ("121", "the timeout must be 1 to 120 seconds", "120"),
}


async def test_an_error_is_shown_once_its_field_is_left_and_then_while_typing(
    viewer: Opens, bench: Bench
) -> None:
    async with viewer(VAST) as user:
        await begin(user)
        for field, (wrong, message, right) in WRONG.items():
            if field == "secret":
                await open_advanced(user)
            await user.go_to(field)
            await user.press("end", "ctrl+u")
            await user.paste(wrong)
            assert message not in user.screen
            await user.go_to("save")
            await user.sees(message)
            await user.go_to(field)
            await user.press("end", "ctrl+u")
            await user.paste(right)
            await user.misses(message)
            await user.press("end", "ctrl+u")
            await user.paste(wrong)
            await user.sees(message)
        await user.press("ctrl+s")
        await user.is_at("name")
        assert stored(bench) == []


@pytest.mark.parametrize(
    ("policy", "url", "refused"),
    [
        (
            "local",
            "http://169.254.169.254/latest",
            "169.254.169.254 is a link-local address (cloud metadata)",
        ),
        ("public", "http://127.0.0.1:8081", "is a loopback address, blocked by the network policy public"),
    ],
)
async def test_a_blocked_address_is_reported_while_typing(
    context: Context, bench: Bench, policy: str, url: str, refused: str
) -> None:
    guarded = replace(context, network=NetworkPolicy(PolicyName(policy)))
    async with user_at(guarded, VAST) as user:
        await begin(user)
        await user.paste("soc")
        await user.press("tab")
        await user.paste(url)
        await user.go_to("save")
        await user.sees(refused)
        await user.press("enter")
        await user.is_at("url")
        await user.press("end", "ctrl+u")
        await user.paste("https://hooks.example.com")
        await user.misses(refused)
        assert stored(bench) == []


async def test_save_focuses_the_first_invalid_field(viewer: Opens, bench: Bench) -> None:
    async with viewer() as user:
        await begin(user)
        await user.paste("soc")
        await user.go_to("save")
        await user.press("enter")
        await user.is_at("url")
        await user.sees("✗ enter the URL to send alerts to")
        assert stored(bench) == []


async def test_save_opens_advanced_for_an_invalid_field(viewer: Opens) -> None:
    async with viewer() as user:
        await begin(user)
        await user.paste("soc")
        await user.press("tab")
        await user.paste("https://hooks.example.com/alerts")
        await open_advanced(user)
        await add_header(user, "Host: elsewhere")
        await user.go_to("type-POLICY")
        await user.sees("Host describes the connection and is set by Tocsin")
        await user.press("tab", "enter", "ctrl+s")
        await user.until(lambda: user.app.focused.has_class("header-name"))
        await user.sees("Host describes the connection and is set by Tocsin")


async def test_an_invalid_header_is_explained(viewer: Opens) -> None:
    async with viewer() as user:
        await begin(user)
        await open_advanced(user)
        for first, second, said in (
            ("X-A: 1", "x-a: 2", "x-a is given twice"),
            ("X-A:", "", "enter a value for X-A, or remove the header"),
            ("X A: 1", "", "'X A' is not a valid header name"),
            ("webhook-id: 1", "", "webhook-id is set by Tocsin and cannot be replaced"),
        ):
            await user.app.screen.query(HeaderRow).remove()
            await add_header(user, first)
            await add_header(user, second)
            await user.go_to("timeout")
            await user.sees(said)


async def test_a_name_in_use_is_reported_under_the_name(viewer: Opens, bench: Bench) -> None:
    bench.add(name="soc")
    async with viewer() as user:
        await begin(user)
        await user.paste("SOC")
        await user.press("tab")
        await user.paste("https://hooks.example.com/alerts")
        await user.press("ctrl+s")
        await user.sees("there is already a destination called 'soc'; choose another name")
        await user.is_at("name")
        assert len(stored(bench)) == 1
        await user.press("end", "2", "ctrl+s")
        await user.is_at("send-test")


async def test_esc_leaves_an_unchanged_form(viewer: Opens) -> None:
    async with viewer() as user:
        await begin(user)
        await user.press("escape")
        await user.sees("Welcome to Tocsin")


async def test_esc_asks_before_discarding_changes(viewer: Opens, bench: Bench) -> None:
    async with viewer() as user:
        await begin(user)
        await user.paste("soc")
        await user.press("escape")
        await user.sees("Discard unsaved changes?", "y discard · n keep editing")
        await user.press("escape")
        await user.misses("Discard unsaved changes?")
        await user.is_at("name")
        await user.go_to("cancel")
        await user.press("enter")
        await user.sees("Discard unsaved changes?")
        await user.press("y")
        await user.sees("Welcome to Tocsin")
    assert stored(bench) == []


# --- what must not be read over a shoulder


async def test_a_url_is_masked_if_it_has_a_token_unless_focused_or_revealed(viewer: Opens) -> None:
    async with viewer() as user:
        await begin(user)
        await user.press("tab")
        await user.paste(TOKEN_URL)
        await user.sees(TOKEN_URL)
        await user.press("tab")
        await user.misses("s3cret", "hooks.example.com")
        await user.press("ctrl+r")
        await user.sees(TOKEN_URL)
        await user.press("ctrl+r")
        await user.misses("s3cret")
        await user.press("shift+tab")
        await user.sees(TOKEN_URL)
        await user.press("end", "ctrl+u")
        await user.paste("http://127.0.0.1:8081/alerts")
        await user.press("tab")
        await user.is_at("shape")
        await user.settles()
        assert "http://127.0.0.1:8081/alerts" in user.screen


@pytest.fixture
def guarded(bench: Bench) -> Destination:
    """A destination with many secrets."""
    return bench.add(
        url=TOKEN_URL,
        headers=(Header("X-Auth", Secret("s3cret")), Header("X-Key", Secret("env:TOCSIN_KEY"))),
        secret=Secret(SECRET),
    )


async def edit(user: User) -> None:
    """Open the form of the first destination."""
    await user.press("2")
    await user.sees("Destinations · 1")
    await user.press("e")
    await user.is_at("name")


async def test_editing_shows_no_secret_and_keeps_unchanged_ones(
    viewer: Opens, bench: Bench, guarded: Destination
) -> None:
    async with viewer() as user:
        await edit(user)
        await user.press("end", *" 2")
        await open_advanced(user)
        await user.sees("X-Auth", "X-Key", "env:TOCSIN_KEY", "••••••  kept; type to replace")
        assert not any(secret in user.screen for secret in ("s3cret", SECRET))
        await user.press("ctrl+s")
        await user.sees("soc 2 is saved")
    assert stored(bench) == [replace(guarded, name="soc 2")]


async def test_editing_replaces_secrets_that_are_typed_again(
    viewer: Opens, bench: Bench, guarded: Destination
) -> None:
    async with viewer() as user:
        await edit(user)
        await open_advanced(user)
        await add_header(user, "X-New: value")
        await user.go_to("secret")
        await user.paste("env:TOCSIN_SECRET")
        await user.press("ctrl+s")
        await user.is_at("send-test")
    expected = replace(
        guarded,
        headers=(*guarded.headers, Header("X-New", Secret("value"))),
        secret=Secret("env:TOCSIN_SECRET"),
    )
    assert stored(bench) == [expected]


async def test_a_renamed_header_keeps_its_stored_value(
    viewer: Opens, bench: Bench, guarded: Destination
) -> None:
    async with viewer() as user:
        await edit(user)
        await open_advanced(user)
        await user.press("tab")
        await user.until(lambda: user.app.focused.has_class("header-name"))
        await user.paste("X-Token")
        await user.press("ctrl+s")
        await user.is_at("send-test")
    renamed = Header("X-Token", Secret("s3cret"))
    assert stored(bench) == [replace(guarded, headers=(renamed, guarded.headers[1]))]


# --- what somebody else does meanwhile


async def test_changes_by_someone_else_are_shown_and_kept(viewer: Opens, bench: Bench) -> None:
    soc = bench.add()
    async with viewer() as user:
        await edit(user)
        await user.press("end", *"-2")
        theirs = replace(soc, url="https://hooks.example.com/theirs", timeout_ms=5_000)
        write(bench.store, destinations.edit, theirs)
        await user.sees("Someone else changed this destination in the meantime: URL, timeout.")
        await user.press("ctrl+s")
        await user.is_at("send-test")
    assert stored(bench) == [replace(theirs, name="soc-2")]


async def test_conflicting_changes_are_overwritten_only_by_a_second_save(viewer: Opens, bench: Bench) -> None:
    soc = bench.add()
    async with viewer() as user:
        await edit(user)
        await user.press("end", *"-2")
        theirs = replace(soc, name="theirs", timeout_ms=5_000)
        write(bench.store, destinations.edit, theirs)
        await user.press("ctrl+s")
        await user.sees("Someone else changed this destination in the meantime: display name. Save again")
        assert stored(bench) == [theirs]
        await user.press("ctrl+s")
        await user.is_at("send-test")
    assert stored(bench) == [replace(theirs, name="soc-2")]


async def test_a_destination_deleted_by_someone_else_can_be_added_again(
    viewer: Opens, bench: Bench, guarded: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It is saving that finds out: had the form looked before, this would be the second time.
    monkeypatch.setattr(DestinationSetup, "_look_elsewhere", AsyncMock())
    async with viewer() as user:
        await edit(user)
        await user.press("end", *"-2")
        bench.delete(guarded)
        await user.press("ctrl+s")
        await user.sees("Someone else deleted this destination in the meantime.", "Add Destination")
        assert stored(bench) == []
        await user.press("ctrl+s")
        await user.is_at("send-test")
    assert stored(bench) == [replace(guarded, id=2, name="soc-2")]


# --- test


async def test_a_new_destination_is_tested_and_then_selected_in_the_list(
    tocsin: Opens, bench: Bench, receive: Callable[..., Receiver]
) -> None:
    receiver = receive(body='{"taken":true}')
    for name in ("alpha", "omega"):
        bench.add(name=name)
    async with tocsin() as user:
        await configure(user, "middle", receiver.url)
        await user.sees("middle is saved. Send a test alert to http://127.0.0.1")
        await user.press("enter")
        await user.sees("✓ Delivered", "200 OK", "09:30:00", '"taken": true')
        await user.is_at("finish")
        await user.press("enter")
        await user.is_at("destinations")
        await user.sees("Destinations · 3", "middle")
        await user.press("e")
        await user.sees("Save Changes", "middle")
    assert json.loads(receiver.got[0].body)["title"] == "New Alert: This is a Test Alert"
    assert json.loads(receiver.got[0].body)["severity"] == "INFO"


async def test_an_unreachable_destination_is_explained_and_stays_saved(
    tocsin: Opens, bench: Bench, nobody: str
) -> None:
    async with tocsin() as user:
        await configure(user, "soc", f"http://{nobody}/alerts")
        await user.press("enter")
        await user.sees("✗ Not delivered", f"Nothing is listening on {nobody}. Check", "none")
        await user.is_at("send-test")
        await user.sees("Send Again", "Back to Configuration", "Skip Testing")
        assert "Finish Setup" not in user.screen
    assert [each.name for each in stored(bench)] == ["soc"]


async def test_the_answer_of_a_rejecting_receiver_is_shown(
    tocsin: Opens, receive: Callable[..., Receiver]
) -> None:
    async with tocsin() as user:
        await configure(user, "soc", receive(status=500, body="out of order").url)
        await user.press("enter")
        await user.sees("✗ Not delivered", "The receiver answered 500 Internal Server Error.")
        await user.sees("500 Internal Server Error", "out of order")


async def test_the_test_names_the_destination_and_how_much_of_the_answer_was_kept(
    tocsin: Opens, receive: Callable[..., Receiver]
) -> None:
    body = json.dumps({"error": "overloaded", "log": "x" * 80 * 1024})
    receiver = receive(status=500, body=body)
    async with tocsin() as user:
        await configure(user, "soc", receiver.url)
        await user.press("enter")
        await user.sees("✗ Not delivered", f"soc  {receiver.url}")
        await user.sees("Response body  kept 64 KiB of 80 KiB", '  "error": "overloaded",')


async def test_the_scrollbar_of_a_long_answer_does_not_move_the_text(
    tocsin: Opens, receive: Callable[..., Receiver]
) -> None:
    async with tocsin(WIDE) as user:
        await configure(user, "soc", receive(body="line\n" * 200).url)
        await user.sees("soc is saved")
        before = user.line_with("soc is saved").index("soc")
        await user.press("enter")
        await user.sees("✓ Delivered")
        await user.settles()
        assert user.line_with("✓ Delivered").index("✓") == before


async def test_a_long_answer_can_be_scrolled_with_keys(
    tocsin: Opens, receive: Callable[..., Receiver]
) -> None:
    body = "\n".join(f"line {number}." for number in range(200))
    async with tocsin(NARROW) as user:
        await configure(user, "soc", receive(body=body).url)
        await user.press("enter")
        await user.sees("✓ Delivered", "line 5.")
        for key, seen in (
            ("end", "line 199."),
            ("home", "✓ Delivered"),
            ("pagedown", "line 20."),
            ("pageup", "✓ Delivered"),
        ):
            await user.press(key)
            await user.sees(seen)
        await user.press(*"jjjjjj")
        await user.misses("✓ Delivered")
        await user.press(*"GgG")
        await user.sees("line 199.")
        assert user.focused == "finish"


async def test_a_failed_test_can_be_repeated(tocsin: Opens, receive: Callable[..., Receiver]) -> None:
    receiver = receive(fail_first=1)
    async with tocsin() as user:
        await configure(user, "soc", receiver.url)
        await user.press("enter")
        await user.sees("503 Service Unavailable", "not yet", "Send Again")
        await user.is_at("send-test")
        await user.press("enter")
        await user.sees("✓ Delivered")
        await user.is_at("finish")
    assert len(receiver.got) == 2


async def test_back_to_configuration_edits_the_same_destination(
    tocsin: Opens, bench: Bench, nobody: str, receive: Callable[..., Receiver]
) -> None:
    receiver = receive()
    async with tocsin() as user:
        await configure(user, "soc", f"http://{nobody}/alerts")
        await user.press("enter")
        await user.sees("Nothing is listening")
        await user.go_to("back")
        await user.press("enter")
        await user.is_at("name")
        await user.press("tab", "end", "ctrl+u")
        await user.paste(receiver.url)
        await user.sees("Save Changes")
        await user.press("ctrl+s")
        await user.is_at("send-test")
        await user.press("enter")
        await user.sees("✓ Delivered")
    assert [(each.name, each.url) for each in stored(bench)] == [("soc", receiver.url)]


async def test_testing_can_be_skipped(viewer: Opens) -> None:
    async with viewer() as user:
        await configure(user, "soc", "https://hooks.example.com/alerts")
        await user.go_to("skip")
        await user.press("enter")
        await user.is_at("destinations")
        await user.sees("soc", "never used; press t to test")


async def test_add_another_opens_an_empty_form(tocsin: Opens, receive: Callable[..., Receiver]) -> None:
    receiver = receive()
    async with tocsin() as user:
        await configure(user, "first", receiver.url)
        await user.press("enter")
        await user.is_at("finish")
        await user.go_to("another")
        await user.press("enter")
        await user.until(lambda: "Add Destination" in user.screen and "first" not in user.screen)
        await user.press("escape")
        await user.sees("Alerts · 1")


async def test_an_impatient_second_enter_does_not_leave_the_test(viewer: Opens, bench: Bench) -> None:
    async with viewer() as user:
        await configure(user, "soc", "https://hooks.example.com/alerts")
        await user.press("enter", "enter", "enter")
        await user.sees("sending…")
        deliver(bench)
        await user.sees("✓ Delivered")


async def test_tab_reaches_the_other_buttons_during_a_test(viewer: Opens, bench: Bench) -> None:
    async with viewer() as user:
        await configure(user, "soc", "https://hooks.example.com/alerts")
        await user.press("enter", "enter")
        await user.sees("soc  https://hooks.example.com/alerts", "sending…")
        await user.press("tab", "enter")
        await user.sees("Content-Type: application/json")
        deliver(bench)
        await user.sees("Finish Setup")
        assert not user.app.screen.query_one("#finish").has_focus
        await user.press("tab")
        await user.is_at("finish")


async def test_going_back_during_a_test_keeps_the_form(viewer: Opens, bench: Bench) -> None:
    async with viewer() as user:
        await configure(user, "soc", "https://hooks.example.com/alerts")
        await user.press("enter")
        await user.sees("sending…")
        await user.go_to("back")
        await user.press("enter")
        await user.sees("Save Changes")
        deliver(bench)
        await user.press("tab", "end", *"/2", "ctrl+s")
        await user.sees("soc is saved")
        assert "Finish Setup" not in user.screen


async def test_the_footer_works_while_the_form_is_rebuilt(viewer: Opens) -> None:
    """While the form is rebuilt, the footer may ask for its keys."""
    async with viewer() as user:
        await configure(user, "soc", "https://hooks.example.com/alerts")
        await user.app.screen.query_one(DestinationForm).remove()
        assert not user.app.screen.check_action("save", ())


async def test_leaving_during_a_test_is_no_error(viewer: Opens, bench: Bench) -> None:
    async with viewer() as user:
        for number in range(5):
            await configure(user, f"soc {number}", "https://hooks.example.com/alerts")
            await user.press("enter")
            await user.sees("sending…")
            await user.press("escape")
            await user.sees(f"Alerts · {number + 1}")


async def test_a_viewer_reports_that_no_dispatcher_runs_the_test(
    viewer: Opens, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.screens.setup.sending_tests.PATIENCE_S", 0.0)
    async with viewer() as user:
        await configure(user, "soc", "https://hooks.example.com/alerts")
        await user.press("enter")
        await user.sees("No dispatcher has claimed it yet. Is `tocsin dispatch` running on this database?")
        deliver(bench)
        await user.sees("✓ Delivered", "success")


# --- rotating the signing secret


@pytest.fixture
def rotating(bench: Bench) -> Destination:
    """A destination whose rotation ends tomorrow."""
    return bench.add(secret=Secret(SECRET), old_secret=OldSecret(Secret("env:OLD"), NOW + DAY_MS))


DAY_MS = 24 * 3600 * 1000
TOMORROW = "01 Feb 09:30"


async def test_rotate_makes_both_secrets_sign_for_a_day(
    viewer: Opens, bench: Bench, clipboard: list[str]
) -> None:
    soc = bench.add(secret=Secret(SECRET))
    async with viewer(VAST) as user:
        await edit(user)
        await open_advanced(user)
        assert "Generate" not in user.screen
        await user.go_to("rotate")
        await user.press("enter")
        await user.sees("Copy it to the receiver now", f"The old secret also signs until {TOMORROW}.")
        await user.is_at("copy-secret")
        await user.press("enter")
        await user.hears("Copied the signing secret")
        await user.press("ctrl+s")
        await user.is_at("send-test")
        await user.go_to("back")
        await user.press("enter", "enter")
        await user.sees("Save Changes")
        await open_advanced(user)
        await user.sees(f"The old secret also signs until {TOMORROW}.", "End overlap")
        assert "Rotate" not in user.screen
    [new] = clipboard
    assert stored(bench) == [
        replace(soc, secret=Secret(new), old_secret=OldSecret(Secret(SECRET), NOW + DAY_MS))
    ]


async def test_a_pasted_secret_replaces_the_old_one_at_once_unless_rotated(
    viewer: Opens, bench: Bench
) -> None:
    soc = bench.add(secret=Secret(SECRET))
    async with viewer(VAST) as user:
        await edit(user)
        await open_advanced(user)
        await user.go_to("secret")
        await user.paste("env:NEW")
        await user.sees("It replaces the old secret at once. Rotate lets both sign for 24 h.")
        await user.go_to("rotate")
        await user.press("enter")
        await user.sees(f"The old secret also signs until {TOMORROW}.")
        await user.press("ctrl+s")
        await user.is_at("send-test")
    old = OldSecret(Secret(SECRET), NOW + DAY_MS)
    assert stored(bench) == [replace(soc, secret=Secret("env:NEW"), old_secret=old)]


async def test_an_edit_keeps_the_overlap(viewer: Opens, bench: Bench, rotating: Destination) -> None:
    async with viewer(VAST) as user:
        await edit(user)
        await user.press("end", *" 2", "ctrl+s")
        await user.is_at("send-test")
    assert stored(bench) == [replace(rotating, name="soc 2")]


async def test_a_button_ends_the_overlap(viewer: Opens, bench: Bench, rotating: Destination) -> None:
    async with viewer(VAST) as user:
        await edit(user)
        await open_advanced(user)
        await user.go_to("end-overlap")
        await user.press("enter")
        await user.sees(
            f"After you save, the old secret stops signing (otherwise at {TOMORROW}).", "Keep both"
        )
        await user.press("ctrl+s")
        await user.is_at("send-test")
    assert stored(bench) == [replace(rotating, old_secret=None)]


async def test_the_details_show_until_when_the_old_secret_signs(viewer: Opens, rotating: Destination) -> None:
    async with viewer(VAST) as user:
        await user.press("2")
        await user.sees(f"signed · old secret also signs until {TOMORROW}")
