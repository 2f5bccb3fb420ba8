"""Our own look, dark and light. Textual brings others; `ansi-dark` and `ansi-light` are the terminal's."""

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
)
