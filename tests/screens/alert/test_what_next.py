"""What comes next for a delivery, in words with wall-clock times."""

from dataclasses import replace
from typing import Any

import pytest

from tests.conftest import NOW, destination
from tui.domain.lifecycle import State
from tui.domain.pacing import Pace
from tui.domain.retry import RetryPolicy
from tui.screens.alert.what_next import what_next
from tui.store.reading.views import DeliveryDetails, DeliveryRow, Turn

SECOND = 1000
WAITING = DeliveryRow(
    1, "dlv_1", "soc", 1, paused=False, deleted=False, state=State.SCHEDULED, round=1, attempts=0, due_at=NOW
)
RETRYING = replace(WAITING, attempts=2, due_at=NOW + 30 * SECOND)
SENDING = replace(WAITING, state=State.IN_FLIGHT, attempts=2, due_at=NOW + 40 * SECOND)
ENDED = replace(WAITING, due_at=None)


def said(row: DeliveryRow, *, turn: Turn | None = None, test: bool = False, **policy: Any) -> str:
    details = DeliveryDetails(row, destination(), (), turn)
    lines = what_next(details, RetryPolicy(**policy), NOW, test=test)
    return " ".join(line.content.plain for line in lines).strip()


def turn(before: int, ahead: int = 0) -> Turn:
    return Turn(Pace(5, NOW + ahead), before)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (WAITING, "It is due now: it is sent as soon as a dispatcher has room for it."),
        (
            RETRYING,
            "Tried again in 30s, unless it is cancelled (c). Attempt 3 of 11 at 09:30:30,"
            " then about 09:31:03, 09:32:09, 09:34:21 … gives up about 12:02:51.",
        ),
        (replace(RETRYING, due_at=NOW), "The retry is due now"),
        (
            replace(WAITING, due_at=NOW - 48 * SECOND),
            "It was due 48s ago and no dispatcher has taken it. Does one run (tocsin dispatch)?",
        ),
        (replace(RETRYING, due_at=NOW - 48 * SECOND), "The retry was due 48s ago and no dispatcher"),
        (
            replace(RETRYING, attempts=9),
            "Attempt 10 of 11 at 09:30:30, then about 10:36:30; gives up about 10:36:30.",
        ),
        (replace(RETRYING, attempts=10), "Attempt 11 of 11 at 09:30:30, the last."),
        (replace(RETRYING, paused=True), "The destination is paused: this waits until it is resumed"),
        (
            SENDING,
            "Being sent; the receiver has 30s more to answer. If it fails: attempt 3 of 11 at about 09:30:16",
        ),
        (
            replace(SENDING, due_at=NOW + 9 * SECOND),
            "Held by a dispatcher that stopped: sent again in 9s. The receiver may or may not have it."
            " Attempt 3 of 11 at 09:30:09",
        ),
        (
            replace(SENDING, due_at=NOW - 1),
            "Held by a dispatcher that stopped: sent again as soon as one runs.",
        ),
        (
            replace(SENDING, attempts=11, due_at=NOW + 9 * SECOND),
            "Held by a dispatcher that stopped: given up in 9s. The receiver may or may not have it.",
        ),
        (
            replace(ENDED, state=State.FAILED, attempts=11),
            "It failed for good after 11 attempts; r sends it again.",
        ),
        (
            replace(ENDED, state=State.FAILED, attempts=11, deleted=True),
            "It failed for good, and its destination has been deleted.",
        ),
        (replace(ENDED, state=State.CANCELLED), "Cancelled; r sends it again."),
        (replace(ENDED, state=State.CANCELLED, deleted=True), "Cancelled: its destination has been deleted."),
    ],
)
def test_says_what_it_waits_for_and_when(row: DeliveryRow, words: str) -> None:
    assert words in said(row)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (turn(0), "Due now; the destination takes 5 a second: sent next."),
        (
            turn(50, 300),
            "Due now; the destination takes 5 a second, 50 deliveries before it: about 09:30:10.",
        ),
        (turn(10_001), "Due now, but the destination takes 5 a second and more than 10,000 are before it."),
    ],
)
def test_a_destination_with_a_rate_says_how_many_go_first(place: Turn, words: str) -> None:
    assert words in said(WAITING, turn=place)


def test_what_was_delivered_needs_no_word() -> None:
    assert said(replace(ENDED, state=State.DELIVERED, attempts=1)) == ""


def test_a_test_alert_is_sent_once() -> None:
    assert "A test alert is sent once." in said(replace(SENDING, attempts=1), test=True)
    assert "Attempt 1 of 1 at 09:30:00, the last." in said(WAITING, test=True)


def test_another_day_is_named() -> None:
    text = said(replace(RETRYING, attempts=0), delays_ms=(86_400_000,))
    assert "gives up about 01 Feb 11:54" in text
