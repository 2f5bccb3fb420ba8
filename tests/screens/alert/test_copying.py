"""`y` copies the payload, the answer, the error, a curl command or the alert id."""

import json
import shlex
import threading
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from tests.conftest import NOW
from tests.screens.conftest import Opens
from tests.screens.history import deliver, reject
from tests.screens.user import NARROW, VAST
from tests.store.bench import Bench
from tui.domain.headers import Header
from tui.domain.secret import Secret

SIGNING = "whsec_czNjcmV0LXNpZ25pbmcta2V5LW9mLWFsbA=="


@pytest.fixture
def guarded(bench: Bench) -> Bench:
    """An alert that was delivered to a destination with many secrets."""
    bench.add(
        url="https://user:pa55word@hooks.example.com/services/T0/s3cret-path",
        headers=(Header("X-Token", Secret("s3cret-token")),),
        secret=Secret(SIGNING),
    )
    bench.submit(alert_id="alert-to-copy", context='{"n":1}')
    deliver(bench, response_body=b'{"ok": true}')
    return bench


@pytest.mark.parametrize("size", [NARROW, VAST], ids=["narrow", "wide"])
async def test_y_copies_the_payload_as_sent(
    viewer: Opens, guarded: Bench, clipboard: list[str], size: tuple[int, int]
) -> None:
    async with viewer(size) as user:
        await user.press("y")
        await user.sees("payload (request body)")
        await user.press("p")
        await user.hears("Copied the payload to the terminal and system clipboard")
        payload = json.loads(user.app.clipboard)
        assert (payload["alertId"], payload["alertContext"]) == ("alert-to-copy", {"n": 1})
        assert clipboard == [user.app.clipboard]


async def test_y_copies_response_and_id_and_esc_copies_nothing(
    viewer: Opens, guarded: Bench, clipboard: list[str]
) -> None:
    async with viewer() as user:
        for key, toast in (("r", "Copied the response (12 B)"), ("i", "Copied the alert id")):
            await user.press("y")
            await user.sees("response body of this attempt")
            await user.press(key)
            await user.hears(toast)
        await user.press("y")
        await user.sees("payload (request body)")
        await user.press("escape")
        await user.misses("payload (request body)")
    assert clipboard == ['{"ok": true}', "alert-to-copy"]


async def test_j_and_k_move_in_the_menu(viewer: Opens, guarded: Bench, clipboard: list[str]) -> None:
    async with viewer() as user:
        await user.press("y")
        await user.sees("response body of this attempt")
        await user.press("j", "j", "k", "enter")
        await user.hears("Copied the response (12 B)")


async def test_a_binary_answer_is_copied_as_a_hex_dump(
    viewer: Opens, bench: Bench, clipboard: list[str]
) -> None:
    bench.add()
    bench.submit()
    reject(bench, response_body=b"\x00\x01")
    async with viewer() as user:
        await user.press("y")
        await user.sees("response body of this attempt")
        await user.press("r")
        await user.hears("Copied the response as a hex dump (2 B)")
    assert clipboard == [f"000000  {'00 01':<47}  .."]


async def test_the_error_of_an_attempt_is_copied(viewer: Opens, bench: Bench, clipboard: list[str]) -> None:
    bench.add()
    bench.submit()
    reject(bench, error="nothing is listening on 127.0.0.1:8081")
    async with viewer() as user:
        await user.press("y")
        await user.sees("error of this attempt")
        await user.press("e")
        await user.hears("Copied the error")
    assert clipboard == ["nothing is listening on 127.0.0.1:8081"]


async def test_a_curl_command_contains_no_secret(viewer: Opens, guarded: Bench, clipboard: list[str]) -> None:
    async with viewer() as user:
        await user.press("y")
        await user.sees("curl command, secrets masked")
        await user.press("c")
        await user.hears("Copied a curl command")
    [command] = clipboard
    assert command.startswith("curl -X POST 'https://hooks.example.com/…path'")
    assert "-H 'X-Token: ••••••'" in command
    assert "-H 'webhook-signature: ••••••'" in command
    assert '"alertId":"alert-to-copy"' in command
    assert not any(secret in command for secret in ("s3cret", "pa55word", "whsec", "czNjcmV0"))


async def test_a_curl_command_with_secrets_is_signed_when_copied(
    viewer: Opens, guarded: Bench, clipboard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded.clock.advance(60_000)
    async with viewer() as user:
        await user.press("y")
        await user.sees("curl command with secrets")
        await user.press("s")
        await user.hears("Copied a curl command with secrets")
    words = shlex.split(clipboard[0])
    headers = dict(word.split(": ", 1) for word in words if ": " in word and not word.startswith("{"))
    assert words[3] == "https://hooks.example.com/services/T0/s3cret-path"
    assert headers["X-Token"] == "s3cret-token"
    assert headers["Authorization"].startswith("Basic ")
    assert headers["webhook-timestamp"] == str(NOW // 1000 + 60)
    monkeypatch.setattr("standardwebhooks.webhooks.Webhook._Webhook__verify_timestamp", _any_time)
    Webhook(SIGNING).verify(words[-1], {name.lower(): value for name, value in headers.items()})


def _any_time(_: Any, header: str) -> Any:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(float(header), UTC)


async def test_an_unreadable_secret_is_reported_and_nothing_is_copied(
    viewer: Opens, bench: Bench, clipboard: list[str]
) -> None:
    bench.add(secret=Secret("env:TOCSIN_TEST_NO_SUCH_SECRET"))
    bench.submit()
    async with viewer() as user:
        await user.press("y")
        await user.sees("curl command with secrets")
        await user.press("s")
        await user.hears("Not copied: the environment variable TOCSIN_TEST_NO_SUCH_SECRET is not set")
    assert clipboard == []


async def test_over_ssh_the_terminal_copies(
    viewer: Opens, guarded: Bench, clipboard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "203.0.113.9 1 198.51.100.1 22")
    monkeypatch.setenv("TMUX", "/tmp/tmux")
    async with viewer(VAST) as user:
        await user.press("y")
        await user.sees("payload (request body)")
        await user.press("i")
        await user.hears(
            "Copied the alert id to the terminal clipboard (tmux requires `set -g set-clipboard on`)"
        )
        assert (user.app.clipboard, clipboard) == ("alert-to-copy", [])


async def test_a_hanging_clipboard_does_not_block(
    viewer: Opens, guarded: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = threading.Event()
    monkeypatch.setattr("pyperclip.copy", lambda _: hanging.wait())
    monkeypatch.setattr("tui.screens.shared.clipboard._LIMIT_S", 0.05)
    async with viewer() as user:
        await user.press("y")
        await user.sees("payload (request body)")
        await user.press("i")
        await user.hears("Copied the alert id to the terminal clipboard")
        assert "this machine" not in user.screen
    hanging.set()


async def test_without_a_clipboard_the_text_is_shown(
    viewer: Opens, guarded: Bench, clipboard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "linux")
    monkeypatch.setenv("SSH_CONNECTION", "203.0.113.9 1 198.51.100.1 22")
    async with viewer() as user:
        await user.press("y")
        await user.sees("payload (request body)")
        await user.press("i")
        await user.sees("the alert id", "alert-to-copy", "esc close")
        await user.press("escape")
        await user.misses("esc close")


async def test_a_text_can_be_shown_instead_of_copied(
    viewer: Opens, bench: Bench, clipboard: list[str]
) -> None:
    bench.add()
    bench.submit()
    reject(bench, response_body=b"\x1b]0;owned\x07")
    async with viewer() as user:
        await user.press("y")
        await user.sees("show as text")
        await user.press("t")
        await user.sees("Show as text")
        await user.press("r")
        await user.sees("␛]0;owned␇")
    assert clipboard == []


async def test_before_an_answer_there_is_no_response_to_copy(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit()
    async with viewer() as user:
        await user.press("y")
        await user.sees("payload (request body)", "curl command, secrets masked")
        assert "response body" not in user.screen
        assert "error of" not in user.screen


async def test_without_an_alert_there_is_nothing_to_copy(viewer: Opens) -> None:
    async with viewer() as user:
        await user.press("y")
        await user.hears("No alert is selected")


async def test_a_shown_text_stands_alone_on_its_lines(viewer: Opens, bench: Bench) -> None:
    bench.add()
    bench.submit(title="Root login")
    deliver(bench, response_body="\n".join(f"line {number}" for number in range(300)).encode())
    async with viewer(NARROW) as user:
        await user.press("enter")
        await user.sees("DELIVERY STATUS")
        for key, shown in (("y", "show as text"), ("t", "Show as text")):
            await user.press(key)
            await user.sees(shown)
        await user.press("r")
        await user.sees("the response", "esc close · select with the mouse")
        await user.settles()
        assert "line 7" in user.screen.splitlines()
