"""What text can be read in: our themes, Textual's, the terminal's own colours, and none at all."""

import pytest
from rich.color import ColorType
from rich.style import Style
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from tests.screens.conftest import Opens
from tests.screens.test_snapshots import every_standing, soc
from tests.screens.user import WIDE, User, missing
from tui.screens.shared.dialogs import Choose, Confirm
from tui.screens.shared.help import Help
from tui.screens.shared.jump import Jump
from tui.screens.shared.themes import DARK, FULL, GROUNDS, LIGHT, READABLE, TEXT, VISIBLE, contrast, readable

__all__ = ["every_standing", "soc"]
THEMES = {theme.name: theme for theme in (DARK, LIGHT, *BUILTIN_THEMES.values())}
_LINES = {chr(code) for code in range(0x2500, 0x25A0)}
"""Frames, bars and the edges of buttons: they are seen, not read."""


def variables_of(name: str) -> dict[str, str]:
    theme = THEMES[name]
    return readable(theme, theme.to_color_system().generate() | theme.variables)


def drawn(user: User) -> list[tuple[str, Style]]:
    """Everything on the screen that has a shape, as it goes to the terminal."""
    strips = user.app.screen._compositor.render_strips()
    return [(text, style) for strip in strips for text, style, _ in strip if text.strip() and style]


def pale(user: User) -> set[str]:
    """What is written on the screen with too little contrast."""
    return {
        f"{text.strip()!r}: {style}"
        for text, style in drawn(user)
        if not set(text.strip()) <= _LINES and contrast(*_colours(style)) < READABLE
    }


def _colours(style: Style) -> tuple[Color, Color]:
    assert style.color is not None
    assert style.bgcolor is not None
    return Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast(Color.parse("#fff"), Color.parse("#000")) == 21
    assert contrast(Color.parse("#777"), Color.parse("#fff")) == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("name", sorted(name for name, theme in THEMES.items() if not theme.ansi))
def test_text_can_be_read_on_every_ground_and_a_frame_be_seen(name: str) -> None:
    colours = {
        variable: Color.parse(value)
        for variable, value in variables_of(name).items()
        if variable.removeprefix("on-") in (*TEXT, *GROUNDS, *FULL, "frame")
    }
    assert [
        (text, ground)
        for text in TEXT
        for ground in GROUNDS
        if contrast(colours[text], colours[ground]) < READABLE
    ] == []
    assert [
        full
        for full in FULL
        if contrast(colours["background"] + colours[full], colours[f"on-{full}"]) < READABLE
    ] == []
    assert contrast(colours["frame"], colours["background"]) >= VISIBLE


def test_no_blue_on_the_black_of_a_terminal() -> None:
    assert "ansi_blue" not in variables_of("ansi-dark").values()
    assert "ansi_blue" in variables_of("ansi-light").values()


@pytest.mark.parametrize("name", ["ansi-dark", "ansi-light"])
def test_warnings_and_errors_are_told_apart_in_the_terminals_own_colours(name: str) -> None:
    colours = variables_of(name)
    seen = {colours[text].replace("bright_", "") for text in ("text-warning", "text-error", "text-accent")}
    assert len(seen) == 3


@pytest.mark.usefixtures("every_standing")
@pytest.mark.parametrize("theme", [DARK.name, LIGHT.name])
async def test_all_that_the_screens_write_can_be_read(viewer: Opens, theme: str) -> None:
    async with viewer(WIDE) as user:
        user.app.theme = theme
        for keys, sight in (
            ((), "Permanently failed after 1 attempt"),
            (("slash",), "severity:>=high"),
            (("escape", "2"), "Destinations · 3"),
            (("n",), "SOC on-call"),
            (("escape", "4"), "DELIVERED PER MINUTE"),
        ):
            await user.press(*keys)
            await user.sees(sight)
            await user.settles()
            assert pale(user) == set()


@pytest.mark.usefixtures("every_standing")
async def test_where_no_colour_is_wanted_none_is_written_and_the_cursor_is_turned_round(
    viewer: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with viewer(WIDE) as user:
        for keys, sight in (
            ((), "Permanently failed after 1 attempt"),
            (("2",), "Destinations · 3"),
            (("n",), "SOC on-call"),
        ):
            await user.press(*keys)
            await user.sees(sight)
            await user.settles()
            styles = [style for _, style in drawn(user)]
            assert {colour.type for style in styles for colour in (style.color, style.bgcolor) if colour} == {
                ColorType.DEFAULT
            }
            assert any(style.reverse for style in styles)


@pytest.mark.usefixtures("every_standing")
@pytest.mark.parametrize("theme", ["ansi-dark", "ansi-light"])
async def test_what_lies_under_a_dialog_is_seen_in_the_terminals_own_colours(
    viewer: Opens, theme: str
) -> None:
    async with viewer(WIDE) as user:
        user.app.theme = theme
        for key, dialog in (("semicolon", Jump), ("question_mark", Help), ("y", Choose), ("R", Confirm)):
            await user.sees("Alerts · 7", "Permanently failed after 1 attempt")
            await user.settles()
            await user.press(key)
            await user.until(lambda dialog=dialog: isinstance(user.app.screen, dialog))
            await user.settles()
            assert missing(["tocsin", "Alerts · 7", "CRITICAL"], user.screen) == []
            await user.press("escape")


@pytest.mark.parametrize("theme", ["ansi-dark", "ansi-light"])
async def test_the_palette_is_written_in_the_terminals_own_colours(viewer: Opens, theme: str) -> None:
    async with viewer() as user:
        user.app.theme = theme
        await user.press("ctrl+p")
        await user.sees("New: Add a destination")
        await user.settles()
        styles = [style for _, style in drawn(user)]
        colours = {colour for style in styles for colour in (style.color, style.bgcolor) if colour}
        assert {colour for colour in colours if colour.type is ColorType.TRUECOLOR} == set()
