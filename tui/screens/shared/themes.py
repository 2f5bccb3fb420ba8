"""Tocsin's themes, dark and light, and colours with enough contrast for every theme, Textual's included."""

from collections.abc import Mapping

from textual.color import BLACK, WHITE, Color
from textual.theme import Theme

DARK = Theme(
    name="tocsin",
    primary="#e0a458",
    secondary="#7aa2c4",
    accent="#6cb6d9",
    warning="#e5c07b",
    error="#ef6b73",
    success="#8cc98f",
    foreground="#d8d4cc",
    background="#14161a",
    surface="#1a1d22",
    panel="#242830",
    dark=True,
)
LIGHT = Theme(
    name="tocsin-light",
    primary="#9a5b00",
    secondary="#35638a",
    accent="#1b6a94",
    warning="#8a6100",
    error="#b3262f",
    success="#2b7331",
    foreground="#2a2a28",
    background="#faf8f4",
    surface="#f1eee8",
    panel="#e5e1d8",
    dark=False,
    variables={  # unchanged: Textual would darken them until red and brown look alike
        "text-primary": "#9a5b00",
        "text-accent": "#1b6a94",
        "text-warning": "#8a6100",
        "text-error": "#b3262f",
        "text-success": "#2b7331",
    },
)

TEXT = (
    *("foreground", "foreground-muted", "text-primary", "text-accent"),
    *("text-success", "text-warning", "text-error"),
    *("footer-foreground", "footer-description-foreground", "footer-key-foreground", "button-foreground"),
)
"""Colours of text."""
GROUNDS = ("background", "surface", "panel", "cursor-row", "cursor-row-blurred")
"""Backgrounds of text."""
FULL = ("primary", "error", "block-cursor-background")
"""Saturated backgrounds of buttons and letters. The text on one has the colour `on-NAME`."""
READABLE, VISIBLE = 4.5, 3.0
"""The minimum contrast of text and of frames (WCAG 2.2, criteria 1.4.3 and 1.4.11)."""
_STEPS = 20


def contrast(one: Color, other: Color) -> float:
    """Return the contrast ratio of two colours, 1 to 21, as WCAG 2.2 defines it."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def readable(theme: Theme, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a theme's style sheet with ours added: `frame`, `on-NAME` for each of `FULL`,
    `cursor-row` for the cursor where the focus is and `cursor-row-blurred` for the cursor elsewhere.

    A text colour with too little contrast to a background is moved away from it, no further than needed.
    """
    if theme.ansi:
        return _of_the_terminal(theme, variables)
    background, foreground = Color.parse(variables["background"]), Color.parse(variables["foreground"])
    away = background.get_contrast_text(1)
    ours = dict(variables)
    ours["cursor-row"] = background.blend(Color.parse(variables["primary"]), 0.25, alpha=1).hex
    ours["cursor-row-blurred"] = background.blend(foreground, 0.15, alpha=1).hex
    ours["frame"] = _moved(background.blend(foreground, 0.3, alpha=1), away, [background], VISIBLE).hex
    grounds = [Color.parse(ours[name]) for name in GROUNDS]
    for name in TEXT:
        ours[name] = _moved(background + Color.parse(variables[name]), away, grounds, READABLE).hex
    for name in FULL:
        ours[f"on-{name}"] = _written_on(background + Color.parse(variables[name])).hex
    return ours | {"block-cursor-foreground": ours["on-block-cursor-background"]}


def _of_the_terminal(theme: Theme, variables: Mapping[str, str]) -> dict[str, str]:
    """ANSI themes: no tints are possible, and in few terminals blue is readable on black."""
    blue = "ansi_cyan" if theme.dark else "ansi_blue"
    ours = {name: blue if value == "ansi_blue" else value for name, value in variables.items()}
    ours |= dict.fromkeys(("cursor-row", "cursor-row-blurred", "frame"), "ansi_default")
    if not theme.dark:  # Textual's warnings are as red as errors, and yellow is unreadable on white
        ours |= dict.fromkeys(("warning", "text-warning"), "ansi_magenta")
        ours |= dict.fromkeys(("accent", "text-accent"), blue)
    return ours | {f"on-{name}": ours[name] for name in FULL}  # ANSI buttons only have a frame in it


def _moved(colour: Color, away: Color, grounds: list[Color], least: float) -> Color:
    for step in range(_STEPS):
        moved = colour.blend(away, step / _STEPS, alpha=1)
        if all(contrast(moved, ground) >= least for ground in grounds):
            return moved
    return away


def _written_on(ground: Color) -> Color:
    return max((BLACK, WHITE), key=lambda colour: contrast(colour, ground))


def _luminance(colour: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
