"""An alert on one line: severity, age, title and the state of its deliveries, in columns."""

from rich.cells import cell_len, split_graphemes
from textual.content import Content

from tui.screens.shared import words
from tui.store.reading.views import AlertRow

_GAP = 2
_BRIEF_SHARE = 0.4
"""The share of the width that the deliveries may take from the title."""
_LEAST_BRIEF = 6
_MOST_PIECES = 40
"""Deliveries drawn in a row. An alert may have hundreds, and drawing each takes time."""
LEFT = 1 + 8 + 5 + _GAP
"""Cells for mark, severity and age."""


def cut(text: str, cells: int) -> str:
    """Return `text` in exactly `cells` cells: padded with spaces, or cut and ended with `…`.

    Cuts between grapheme clusters, never inside one.
    """
    width = cell_len(text)
    if width <= cells:
        return text + " " * (cells - width)
    if cells <= 0:
        return ""
    end = taken = 0
    for _, stop, size in split_graphemes(text)[0]:
        if taken + size > cells - 1:
            break
        end, taken = stop, taken + size
    kept = text[:end]
    if end < len(text) and _is_flag_half(text[end]) and _halves(kept) % 2:
        kept, taken = kept[:-1], taken - 1  # half a flag is not a character
    return kept + "…" + " " * (cells - taken - 1)


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _halves(text: str) -> int:
    return len(text) - len(text.rstrip("".join(map(chr, range(0x1F1E6, 0x1F200)))))


def brief(row: AlertRow, now: int) -> list[Content]:
    """Return a piece for each delivery, the most important first, as many as any terminal has room for."""
    if not row.deliveries and not row.folds:
        return [Content.styled(f"{words.NOT_ROUTED} not routed" if row.not_routed else "", words.MUTED)]
    ordered = sorted(row.deliveries, key=lambda delivery: words.ORDER.index(delivery.standing))
    pieces = [words.delivery_brief(delivery, now) for delivery in ordered[:_MOST_PIECES]]
    return pieces + [words.fold_brief(fold) for fold in row.folds[: _MOST_PIECES - len(pieces)]]


def brief_width(row: AlertRow, now: int) -> int:
    """Cells needed to show all deliveries of a row."""
    return _cells(brief(row, now))


def most_brief(width: int) -> int:
    """Cells that the deliveries may take at most in a list of this width."""
    return max(_LEAST_BRIEF, int(width * _BRIEF_SHARE))


def alert_line(row: AlertRow, width: int, room: int, now: int, *, selected: bool) -> Content:
    """Return the line: exactly `width` cells, `room` of them for the deliveries."""
    mark = Content.styled("▌", "$text-accent bold") if selected else Content(" ")
    age = Content.styled(f"{words.span(now - row.created_at):>5}" + " " * _GAP, words.MUTED)
    test = "test" if row.test else ""
    rest = width - LEFT - room - _GAP - 1 - (len(test) + 1 if test else 0)
    title = Content(cut(words.visible(row.headline), max(0, rest)))
    if test:
        title = Content.assemble(title, " ", (test, "$text-accent"))
    line = Content.assemble(mark, words.severity(row.severity), age, title, " " * _GAP)
    pieces = brief(row, now)
    left = max(0, len(row.deliveries) + len(row.folds) - len(pieces))
    line += _fitted(pieces, left, room) + Content(" ")
    # Only a terminal too narrow to read gets here.
    return line if line.cell_length == width else Content(cut(line.plain, width))


def _fitted(pieces: list[Content], left: int, room: int) -> Content:
    """Return the pieces in `room` cells. `+N` counts those without room, plus `left` more."""
    shown, cells = len(pieces), _cells(pieces)
    while shown > 1 and cells + len(_more(left)) > room:
        shown, left = shown - 1, left + 1
        cells -= pieces[shown].cell_length + _GAP
    line = Content(" " * _GAP).join(pieces[:shown]) + Content.styled(_more(left), words.MUTED)
    if line.cell_length > room:
        return Content(cut(line.plain, room), [span for span in line.spans if span.start < room])
    return line + Content(" " * (room - line.cell_length))


def _cells(pieces: list[Content]) -> int:
    return sum(piece.cell_length for piece in pieces) + _GAP * (len(pieces) - 1)


def _more(left: int) -> str:
    return f" +{left}" if left else ""
