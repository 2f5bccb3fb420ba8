"""An answer sums itself up in the words a list has room for."""

import pytest

from tests.conftest import answer
from tui.domain.attempt import Answer
from tui.domain.lifecycle import Outcome


@pytest.mark.parametrize(
    ("ended", "summary"),
    [
        (answer(status_code=200, reason="OK"), "200 OK"),
        (answer(Outcome.REJECTED, status_code=599, reason=None), "599"),
        (answer(Outcome.REJECTED, status_code=503, reason="Busy", error="the receiver is busy"), "503 Busy"),
        (answer(Outcome.UNREACHABLE, error="connection refused"), "connection refused"),
        (answer(Outcome.TIMEOUT), "timeout"),
    ],
)
def test_an_answer_is_summed_up_by_its_status_else_its_error_else_its_outcome(
    ended: Answer, summary: str
) -> None:
    assert ended.summary == summary
