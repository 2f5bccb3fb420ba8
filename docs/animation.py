"""Combine screenshots of a terminal into one animated SVG.

Rich draws a screenshot as an SVG of texts and rectangles. Most of them are the same in the next
screenshot, so each is written once, together with the frames that show it. The animation is CSS:
it needs no script, so it also plays where an SVG is only an image, as on a README's page.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """A screenshot and for how many seconds it is shown."""

    svg: str
    seconds: float


_ID = re.compile(r"terminal-\d+-")
_RULE = re.compile(r"^\s*\.terminal-(r\d+) \{ (.*?) \}$", re.MULTILINE)
_CONTENT = re.compile(
    r'(?P<start>.*<g transform="translate\([^)]*\)" clip-path="url\(#terminal-clip-terminal\)">)'
    r"(?P<content>.*)(?P<end></g>\s*</svg>\s*)",
    re.DOTALL,
)
_PART = re.compile(r"<rect[^>]*/>|<text[^>]*>[^<]*</text>")


def animate(frames: Sequence[Frame]) -> str:
    """Return one SVG that shows `frames` in turn, for ever. All must have the same size in cells."""
    styles: dict[str, str] = {}
    shown: dict[str, list[int]] = {}
    for number, frame in enumerate(frames):
        for part in _parts(frame.svg, styles):
            shown.setdefault(part, []).append(number)
    groups: dict[tuple[int, ...], list[str]] = {}
    for part, numbers in shown.items():
        groups.setdefault(tuple(dict.fromkeys(numbers)), []).append(part)
    every = tuple(range(len(frames)))
    rules = [f".terminal-{name} {{ {rule} }}" for rule, name in styles.items()]
    body: list[str] = []
    # Backgrounds come before texts in a screenshot, and have to stay below them.
    for tag in ("<rect", "<text"):
        for numbers, parts in groups.items():
            text = "".join(part for part in parts if part.startswith(tag))
            if text and numbers == every:
                body.append(f"<g>{text}</g>")
            elif text:
                body.append(f'<g class="{_name(numbers)}">{text}</g>')
    rules += [_rules_of(numbers, frames) for numbers in groups if numbers != every]
    start, end = _frame_of(frames[0].svg)
    start = re.sub(_RULE, "", start).replace("</style>", "\n".join(rules) + "\n</style>", 1)
    return re.sub(r"\n\s*\n+", "\n", start) + "\n".join(body) + end


def _parts(svg: str, styles: dict[str, str]) -> list[str]:
    """The drawn elements of a screenshot, with style names shared by all frames."""
    svg = _ID.sub("terminal-", svg)
    names = {old: styles.setdefault(rule, f"r{len(styles) + 1}") for old, rule in _RULE.findall(svg)}
    content = _split(svg)["content"]
    renamed = re.sub(r'class="terminal-(r\d+)"', lambda found: f'class="terminal-{names[found[1]]}"', content)
    return _PART.findall(renamed)


def _frame_of(svg: str) -> tuple[str, str]:
    found = _split(_ID.sub("terminal-", svg))
    return found["start"], found["end"]


def _split(svg: str) -> re.Match[str]:
    found = _CONTENT.fullmatch(svg)
    if found is None:
        raise ValueError("this is not a screenshot as Rich draws it")
    return found


def _name(numbers: tuple[int, ...]) -> str:
    return "in-" + "-".join(map(str, numbers))


def _rules_of(numbers: tuple[int, ...], frames: Sequence[Frame]) -> str:
    """CSS that shows a group in these frames only."""
    whole = sum(frame.seconds for frame in frames)
    steps: list[str] = []
    passed, before = 0.0, None
    for number, frame in enumerate(frames):
        visible = "visible" if number in numbers else "hidden"
        if visible != before:
            steps.append(f"{passed / whole:.3%} {{ visibility: {visible} }}")
        passed, before = passed + frame.seconds, visible
    name = _name(numbers)
    return (
        f".{name} {{ visibility: hidden; animation: {name} {whole:g}s step-end infinite }}\n"
        f"@keyframes {name} {{ {' '.join(steps)} }}"
    )
