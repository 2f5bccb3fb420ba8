"""Which rows of a long list are read, and from where: any walk through it shows what is there."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOW
from tui.domain.alert import Severity
from tui.domain.alert_type import AlertType
from tui.screens.alerts.window import AlertWindow, Approach
from tui.store.reading.views import AlertRow

WALKS = st.lists(st.integers(0, 400), max_size=12)


def row(key: int) -> AlertRow:
    return AlertRow(
        key,
        f"alert-{key}",
        "rule",
        Severity.HIGH,
        AlertType.RULE,
        title=f"Number {key}",
        name=None,
        created_at=NOW,
        test=False,
        not_routed=None,
        deliveries=(),
    )


def rows_from(keys: range, way: Approach) -> list[AlertRow]:
    """What the store answers, of alerts with these keys."""
    found = [key for key in keys if way["after"] < key <= way["up_to"]]
    ordered = found if way["upwards"] else found[::-1]
    page = ordered[way["skip"] : way["skip"] + way["limit"]]
    return [row(key) for key in sorted(page, reverse=True)]


def read(window: AlertWindow, keys: range, first: int, limit: int) -> tuple[AlertWindow, Approach]:
    way = window.approach(first, limit)
    return window.with_rows(first, rows_from(keys, way), way), way


def opened(keys: range, limit: int) -> AlertWindow:
    """A list as it is after its first page."""
    window = AlertWindow(watermark=keys[-1] if keys else 0, counted=False)
    return read(window, keys, 0, limit)[0]


def places(window: AlertWindow) -> list[int]:
    return [row.key for row in window.rows]


ALERTS = st.integers(1, 400).map(lambda count: range(1, 3 * count + 1, 3))


@given(
    keys=ALERTS,
    walk=st.lists(st.integers(0, 400), max_size=12),
    limit=st.integers(5, 40),
    counted=st.booleans(),
)
def test_wherever_one_goes_every_row_is_at_its_place(
    *, keys: range, walk: list[int], limit: int, counted: bool
) -> None:
    window = opened(keys, limit)
    if counted:
        window = window.with_total(len(keys))
    newest_first = list(keys)[::-1]
    for wanted in walk:
        first = min(wanted, max(0, window.total - limit))
        window, _ = read(window, keys, first, limit)
        assert places(window) == newest_first[window.first : window.end]
        assert window.total <= len(keys) + (not window.counted)  # a row that may be there
        assert not window.counted or window.total == len(keys)


@given(st.integers(0, 10_000))
def test_a_step_leaves_no_row_out_and_a_jump_goes_from_the_nearest_end(first: int) -> None:
    keys = range(1, 10_101)
    window, _ = read(opened(keys, 100).with_total(len(keys)), keys, first, 100)
    for step in (-60, 60, -100, 100):
        near = min(max(0, first + step), 10_000)
        assert window.approach(near, 100)["skip"] <= 1
    assert all(window.approach(far, 100)["skip"] <= 5_000 for far in range(0, 10_001, 500))


def test_from_top_and_bottom_nothing_is_left_out() -> None:
    window = opened(range(1, 1_000_001), 100).with_total(1_000_000)
    top, bottom = window.approach(0, 100), window.approach(999_900, 100)
    assert (top["skip"], top["upwards"]) == (0, False)
    assert (bottom["skip"], bottom["upwards"], bottom["after"]) == (0, True, 0)


def test_before_anybody_has_counted_the_end_lies_after_all_that_is_known_and_moves_when_it_is() -> None:
    keys = range(1, 1_001)
    window = opened(keys, 50)
    assert (window.total, window.counted) == (51, False)
    end = window.with_last_rows([row(key) for key in range(40, 0, -1)], 40)
    assert (end.first, end.total, end.row(end.total - 1)) == (50, 90, row(1))
    counted = end.with_total(1_000)
    assert (counted.first, counted.total, counted.row(999)) == (960, 1_000, row(1))


@given(keys=st.integers(60, 400).map(lambda count: range(1, count + 1)), walk=WALKS)
def test_a_walk_from_the_end_of_a_list_nobody_has_counted_shows_rows_in_their_order(
    keys: range, walk: list[int]
) -> None:
    limit = 20
    window = opened(keys, limit)
    window = window.with_last_rows([row(key) for key in range(limit, 0, -1)], limit)
    for wanted in walk:
        window, _ = read(window, keys, min(wanted, max(0, window.total - limit)), limit)
        assert window.rows
        newest = window.rows[0].key
        assert places(window) == list(range(newest, newest - len(window.rows), -1))
        if window.from_end:
            place_of_last = window.first + newest - 1
            assert place_of_last == window.total - 1
        else:
            assert newest == keys[-1] - window.first
    counted = window.with_total(len(keys))
    assert counted.rows[0].key == keys[-1] - counted.first


def test_a_page_that_is_short_ends_the_list() -> None:
    window = opened(range(1, 31), 50)
    assert (window.total, window.counted) == (30, True)


def test_rows_that_left_above_move_the_others_up() -> None:
    window = replace(opened(range(1, 1_001), 50).with_total(1_000), first=60)
    way = Approach(up_to=1_000, after=960, limit=50, skip=0, upwards=True)
    up = window.with_rows(10, [row(key) for key in range(1_000, 960, -1)], way)
    assert (up.first, up.total, up.row(0)) == (0, 980, row(1_000))
