"""Keys of one's own: by the id of what they do, and refused with a sentence that helps."""

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
def test_what_can_be_pressed_is_taken(chosen: dict[str, str]) -> None:
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
            "'y': that is alerts.copy; give it another key, too",
        ),
        ({"alerts.resend": "?"}, "cannot be '?': that is app.help"),
        ({"app.help": "r"}, "app.help cannot be 'r': that is "),
    ],
    ids=str,
)
def test_what_cannot_is_named_with_what_would_be_right(chosen: dict[str, str], words: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_keymap(chosen)
    assert words in refused.value.message


async def test_a_chosen_key_does_it_and_the_old_one_no_more(context: Context) -> None:
    notice = context.store.watch()
    app = TocsinApp(context, notice, {"app.destinations": "D", "destinations.new": "ctrl+n", "app.help": "h"})
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "Alerts · 0" in text_of(app))
        await pilot.press("2")
        assert app.current_mode == "alerts"
        await pilot.press("D")
        await until(pilot, lambda: "Destinations · 0" in text_of(app) and "^n new" in text_of(app))
        await pilot.press("h")
        await until(pilot, lambda: "Keys of this screen" in text_of(app))
        help = text_of(app)
        assert "D  Destinations" in help
        assert "^n  Set a destination up" in help
        assert "h  The keys of this screen" in help
    notice.close()
