"""`[keys]` in the configuration: other keys for actions, and a helpful error for a wrong one."""

import pytest

from tests.screens.user import text_of, until
from tui.app import TocsinApp
from tui.domain.errors import Invalid
from tui.screens.shared.context import Context
from tui.screens.shared.keymap import check_keymap


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"alerts.resend": "x"},
        {"alerts.resend": "ctrl+r,f5"},
        {"alerts.resend": "y", "alerts.copy": "r"},
        {"app.quit": "q,ctrl+d"},
        {"app.help": "?"},
        {"move.down": "ctrl+n,down"},
    ],
    ids=str,
)
def test_valid_keys_are_accepted(chosen: dict[str, str]) -> None:
    check_keymap(chosen)


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"alerts.resnd": "x"}, "there is no action 'alerts.resnd'; did you mean alerts.resend"),
        ({"x" * 30: "x"}, f"there is no action '{'x' * 30}'"),
        ({"alerts.resend": "ctlr+x"}, "alerts.resend: there is no key 'ctlr+x'; did you mean ctrl+x"),
        ({"alerts.resend": "pagedwn"}, "did you mean pagedown"),
        ({"alerts.resend": ""}, "alerts.resend: there is no key ''"),
        ({"alerts.resend": "x,"}, "there is no key ''"),
        (
            {"alerts.resend": "y"},
            "'y': alerts.copy has that key. Give alerts.copy another key, too",
        ),
        ({"alerts.resend": "?"}, "cannot be '?': app.help has that key"),
        ({"app.help": "r"}, "app.help cannot be 'r': alerts.resend has that key"),
    ],
    ids=str,
)
def test_an_error_names_the_mistake_and_suggests_a_fix(chosen: dict[str, str], words: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_keymap(chosen)
    assert words in refused.value.message


async def test_a_configured_key_replaces_the_default(context: Context) -> None:
    notice = context.store.watch()
    app = TocsinApp(context, notice, {"app.destinations": "D", "destinations.new": "ctrl+n", "app.help": "h"})
    async with app.run_test(size=(120, 40)) as pilot:
        await until(app, lambda: "Alerts · 0" in text_of(app))
        await pilot.press("2")
        assert app.current_mode == "alerts"
        await pilot.press("D")
        await until(app, lambda: "Destinations · 0" in text_of(app) and "^n new" in text_of(app))
        await pilot.press("h")
        await until(app, lambda: "Keys of this screen" in text_of(app))
        help = text_of(app)
        assert "D  Destinations" in help
        assert "^n  Add a destination" in help
        assert "h  Show the keys of this screen" in help
    notice.close()
