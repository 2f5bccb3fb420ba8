"""A signing secret is changed without a request refused: for a while the old one signs, too."""

import pytest

from tests.conftest import NOW
from tui.domain.errors import Invalid, Refused
from tui.domain.rotation import OldSecret, parse_overlap, retire
from tui.domain.secret import Secret

A, B, C = (Secret(f"env:{name}") for name in "ABC")
HOUR = 3_600_000


@pytest.mark.parametrize(
    ("typed", "milliseconds"), [("24h", 24 * HOUR), ("30d", 720 * HOUR), (" 0 ", 0), ("90m", 90 * 60_000)]
)
def test_an_overlap_is_a_span_or_none(typed: str, milliseconds: int) -> None:
    assert parse_overlap(typed) == milliseconds


@pytest.mark.parametrize("typed", ["", "soon", "-1h", "31d", "24"])
def test_another_overlap_is_refused_with_what_would_be_right(typed: str) -> None:
    with pytest.raises(Invalid, match="a time span like 24h, at most 30d, or 0 for none") as refused:
        parse_overlap(typed)
    assert refused.value.field == "overlap"


def test_the_present_secret_signs_on_until_the_overlap_ends_and_no_longer() -> None:
    old = retire(A, B, None, overlap_ms=HOUR, now=NOW)
    assert old == OldSecret(A, NOW + HOUR)
    assert (old.signs_at(NOW + HOUR - 1), old.signs_at(NOW + HOUR)) == (True, False)


def test_without_an_overlap_nothing_old_signs() -> None:
    assert retire(B, C, OldSecret(A, NOW + HOUR), overlap_ms=0, now=NOW) is None


def test_while_an_old_one_signs_it_is_not_replaced_because_a_receiver_may_know_no_other() -> None:
    with pytest.raises(Refused, match="already being rotated"):
        retire(B, C, OldSecret(A, NOW + 1), overlap_ms=HOUR, now=NOW)
    assert retire(B, C, OldSecret(A, NOW), overlap_ms=HOUR, now=NOW) == OldSecret(B, NOW + HOUR)


@pytest.mark.parametrize(("present", "new"), [(None, A), (A, None)])
def test_there_must_be_two_secrets(present: Secret | None, new: Secret | None) -> None:
    with pytest.raises(Refused, match="no signing secret to rotate"):
        retire(present, new, None, overlap_ms=HOUR, now=NOW)


def test_the_same_secret_again_is_no_rotation() -> None:
    with pytest.raises(Invalid, match="already its signing secret"):
        retire(A, Secret("env:A"), None, overlap_ms=HOUR, now=NOW)


def test_an_old_secret_is_printed_masked() -> None:
    assert "hunter2" not in repr(OldSecret(Secret("hunter2"), NOW))
