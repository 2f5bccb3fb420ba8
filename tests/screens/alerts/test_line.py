"""An alert on one line: exactly as wide as the list, whatever is written in it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.conftest import NOW
from tui.domain.alert import Severity
from tui.domain.alert_type import AlertType
from tui.domain.lifecycle import State
from tui.screens.alerts.line import alert_line, brief, brief_width, cut, most_brief
from tui.store.reading.views import AlertRow, DeliveryRow

FAMILY, FLAGS, ACCENTS = "👩‍👩‍👧‍👦", "🇩🇪🇫🇷", "e\u0301e\u0301e\u0301"
PARTS = [FAMILY, FLAGS, ACCENTS, "日本語", "👍🏽", "क्षि", "☂️", "a", " ", "\x1b[31m", "\u202e"]
TEXTS = st.text(max_size=60) | st.lists(st.sampled_from(PARTS), max_size=30).map("".join)
DUE = NOW + 12_000
STATES = st.sampled_from(list(State))


def row(title: str, *deliveries: tuple[str, State], **fields: object) -> AlertRow:
    rows = tuple(
        DeliveryRow(
            i, f"dlv_{i}", name, i, paused=False, deleted=False, state=state, round=1, attempts=1, due_at=DUE
        )
        for i, (name, state) in enumerate(deliveries)
    )
    values = {
        "key": 1,
        "alert_id": "alert-1",
        "rule_id": "rule",
        "severity": Severity.CRITICAL,
        "type": AlertType.RULE,
        "title": title,
        "name": None,
        "created_at": NOW - 3_000,
        "test": False,
        "not_routed": None if deliveries else "no destination takes it",
        "deliveries": rows,
    }
    return AlertRow(**{**values, **fields})  # pyright: ignore[reportArgumentType]


@given(
    title=TEXTS,
    deliveries=st.lists(st.tuples(TEXTS.filter(bool), STATES), max_size=4),
    width=st.integers(38, 200),
    test=st.booleans(),
    wanted=st.integers(0, 80),
)
@example(title=FAMILY * 20, deliveries=[(FAMILY, State.FAILED)], width=40, test=True, wanted=10)
@example(title=FLAGS * 20, deliveries=[("soc", State.SCHEDULED)] * 4, width=58, test=True, wanted=20)
def test_every_line_has_exactly_the_width(
    *, title: str, deliveries: list[tuple[str, State]], width: int, test: bool, wanted: int
) -> None:
    one = row(title, *deliveries, test=test)
    room = min(wanted or brief_width(one, NOW), most_brief(width))
    line = alert_line(one, width, room, NOW, selected=False)
    assert line.cell_length == cell_len(line.plain) == width
    assert "\x1b" not in line.plain
    assert "\u202e" not in line.plain


@given(TEXTS, st.integers(0, 80))
def test_a_cut_text_has_the_width_too(text: str, cells: int) -> None:
    if cell_len(text) <= cells or cells:
        assert cell_len(cut(text, cells)) == cells


@pytest.mark.parametrize(
    ("text", "cells", "shown"),
    [
        ("login", 5, "login"),
        ("login", 7, "login  "),
        ("login", 4, "log…"),
        ("日本語", 4, "日… "),
        ("日本語", 5, "日本…"),
        (f"a{FAMILY}b", 4, f"a{FAMILY}b"),
        (f"a{FAMILY}b", 3, "a… "),
        (FLAGS, 3, "🇩🇪…"),
        (FLAGS, 2, "… "),
        (ACCENTS, 2, "e\u0301…"),
        ("login", 0, ""),
    ],
)
def test_a_text_is_cut_between_characters_as_they_are_seen(text: str, cells: int, shown: str) -> None:
    assert cut(text, cells) == shown


def test_the_columns_stand_one_below_the_other() -> None:
    short = alert_line(row("Short", ("soc", State.DELIVERED)), 80, 12, NOW, selected=False).plain
    long = alert_line(row("x" * 200, ("soc", State.FAILED)), 80, 12, NOW, selected=True).plain
    assert short.index("✓") == long.index("✗") == 80 - 12 - 1
    assert short.startswith(" CRITICAL   3s  Short ")
    assert long.startswith("▌CRITICAL   3s  xxx")


def test_deliveries_without_room_are_counted() -> None:
    many = [(f"destination-{n}", State.DELIVERED) for n in range(4)]
    line = alert_line(row("Title", *many), 80, 20, NOW, selected=False).plain
    assert line.rstrip().endswith("✓ destination-0 +3")
    assert (
        "✓ a  ✓ b"
        in alert_line(
            row("Title", ("a", State.DELIVERED), ("b", State.DELIVERED)), 80, 20, NOW, selected=False
        ).plain
    )


def test_of_an_alert_to_hundreds_only_what_may_have_room_is_drawn_and_all_are_counted() -> None:
    one = row("Title", *[(f"destination-{n}", State.DELIVERED) for n in range(300)])
    assert len(brief(one, NOW)) < 50  # each takes its time, on every line of the screen, every second
    assert alert_line(one, 80, 22, NOW, selected=False).plain.rstrip().endswith("✓ destination-0 +299")
    assert alert_line(one, 80, 7, NOW, selected=False).plain.rstrip().endswith("  ✓ dest…")
    assert "✓ destination-4 +295 " in alert_line(one, 200, 90, NOW, selected=False).plain


def test_what_tells_most_comes_first_with_what_happens_next() -> None:
    one = row("Title", ("soc", State.DELIVERED), ("pager", State.SCHEDULED), ("vault", State.FAILED))
    assert (
        alert_line(one, 100, 40, NOW, selected=False).plain.rstrip().endswith("✗ vault  ↻ pager 12s  ✓ soc")
    )
    assert "– not routed" in alert_line(row("Title"), 80, 20, NOW, selected=False).plain
    assert " test  " in alert_line(row("Title", test=True), 80, 20, NOW, selected=False).plain
