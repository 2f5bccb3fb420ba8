"""The next step of a delivery, with wall-clock times."""

from dataclasses import replace
from typing import Any

import pytest

from tests.conftest import NOW, destination
from tui.domain.holding import Gate, Hold
from tui.domain.lifecycle import State
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
    return Turn(Gate(5, NOW + ahead, Hold()), before)


def held(seconds: int, before: int = 0) -> Turn:
    return Turn(Gate(None, 0, Hold(NOW + seconds * 1000, 1, 18.0, NOW - 5)), before)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (WAITING, "The delivery is due now, waiting for a free dispatcher slot."),
        (
            RETRYING,
            "Next attempt in 30s. Press c to cancel. Attempt 3 of 11 at 09:30:30,"
            " then about 09:31:03, 09:32:09, 09:34:21 … Last attempt about 12:02:51.",
        ),
        (replace(RETRYING, due_at=NOW), "The retry is due now"),
        (
            replace(WAITING, due_at=NOW - 48 * SECOND),
            "The delivery was due 48s ago, but no dispatcher has claimed it. Is tocsin dispatch running?",
        ),
        (replace(RETRYING, due_at=NOW - 48 * SECOND), "The retry was due 48s ago, but no dispatcher"),
        (
            replace(RETRYING, attempts=9),
            "Attempt 10 of 11 at 09:30:30, then about 10:36:30 (last attempt).",
        ),
        (replace(RETRYING, attempts=10), "Attempt 11 of 11 at 09:30:30 (last attempt)."),
        (
            replace(RETRYING, paused=True),
            "Resume it with p on the Destinations screen (2). Next: attempt 3 of 11.",
        ),
        (
            SENDING,
            "Being sent. The receiver has 30s left to answer. If it fails: attempt 3 of 11 at about 09:30:16",
        ),
        (
            replace(SENDING, due_at=NOW + 9 * SECOND),
            "The dispatcher sending this has stopped. Next attempt in 9s. The receiver may already have the"
            " alert. Attempt 3 of 11 at 09:30:09",
        ),
        (
            replace(SENDING, due_at=NOW - 1),
            "The dispatcher sending this has stopped. Next attempt as soon as a dispatcher runs.",
        ),
        (
            replace(SENDING, attempts=11, due_at=NOW + 9 * SECOND),
            "The dispatcher sending this has stopped. Marked as failed in 9s. The receiver may already have",
        ),
        (
            replace(ENDED, state=State.FAILED, attempts=11),
            "Permanently failed after 11 attempts. Press r to send it again.",
        ),
        (
            replace(ENDED, state=State.FAILED, attempts=11, deleted=True),
            "Permanently failed. The destination has been deleted.",
        ),
        (replace(ENDED, state=State.CANCELLED), "Cancelled. Press r to send it again."),
        (replace(ENDED, state=State.CANCELLED, deleted=True), "Cancelled. The destination has been deleted."),
    ],
)
def test_says_what_happens_next_and_when(row: DeliveryRow, words: str) -> None:
    assert words in said(row)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (
            held(60),
            "The receiver asked Tocsin to wait: the destination is held until 09:31:00;"
            " expected about 09:31:00.",
        ),
        (
            held(60, before=36),
            "The receiver asked Tocsin to wait: the destination is held until 09:31:00;"
            " 36 deliveries ahead; expected about 09:31:02.",
        ),
        (
            held(0),
            "Due now. One delivery goes first, to see whether the receiver takes alerts again; sent next.",
        ),
        (
            Turn(Gate(None, 0, Hold(0, 0, 18.0, NOW)), 36),
            "Due now. The destination is slowed to 18/s, because its receiver answered 429;"
            " 36 deliveries ahead; expected about 09:30:02.",
        ),
        (turn(0), "Due now. The destination's rate limit is 5/s; sent next."),
        (
            turn(50, 300),
            "Due now. The destination's rate limit is 5/s; 50 deliveries ahead; expected about 09:30:10.",
        ),
        (
            turn(10_001),
            "Due now. The destination's rate limit is 5/s; more than 10,000 deliveries are ahead.",
        ),
    ],
)
def test_a_rate_limit_says_how_many_deliveries_are_ahead(place: Turn, words: str) -> None:
    assert words in said(WAITING, turn=place)


def test_a_delivered_delivery_has_no_next_step() -> None:
    assert said(replace(ENDED, state=State.DELIVERED, attempts=1)) == ""


def test_a_test_alert_is_sent_once() -> None:
    assert "Test alerts are not retried." in said(replace(SENDING, attempts=1), test=True)
    assert "Attempt 1 of 1 at 09:30:00 (last attempt)." in said(WAITING, test=True)


def test_another_day_is_named() -> None:
    text = said(replace(RETRYING, attempts=0), delays_ms=(86_400_000,))
    assert "about 01 Feb 11:54 (last attempt)" in text
