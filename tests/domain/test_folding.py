"""Which alert folds into which, and for how long."""

import pytest

from tests.conftest import NOW, alert
from tui.domain.alert import Severity, encode_context
from tui.domain.errors import Invalid
from tui.domain.folding import Window, fold_key, format_fold, parse_fold

MINUTE = 60_000


@pytest.mark.parametrize(
    ("typed", "span"),
    [("10m", 10 * MINUTE), (" 90s ", 90_000), ("2H", 120 * MINUTE), ("7d", 7 * 24 * 60 * MINUTE)],
)
def test_a_span_is_understood(typed: str, span: int) -> None:
    assert parse_fold(typed) == span
    assert parse_fold(format_fold(span)) == span


@pytest.mark.parametrize("typed", ["", " ", "0"])
def test_nothing_is_no_folding(typed: str) -> None:
    assert parse_fold(typed) is None
    assert format_fold(None) == ""


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("soon", "folding requires a time span like 30m, 2h or 7d, not 'soon'"),
        ("0m", "the folding time must be 1s to 7d, or 0 to disable folding"),
        ("8d", "the folding time must be 1s to 7d, or 0 to disable folding"),
    ],
)
def test_what_is_no_span_is_refused(typed: str, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_fold(typed)
    assert (caught.value.field, caught.value.message) == ("fold", says)


def test_what_says_the_same_has_the_same_key() -> None:
    def same(one: dict[str, str], other: dict[str, str]) -> bool:
        return fold_key(alert(**one), 1) == fold_key(alert(**other), 1)

    assert same({}, {})
    assert not same({}, {"title": "other"})
    assert not same({}, {"rule_id": "other"})
    assert not same({"rule_id": "a", "title": "bc"}, {"rule_id": "ab", "title": "c"})
    assert same({"dedup_key": "vpn-3"}, {"dedup_key": "vpn-3", "title": "other", "rule_id": "other"})
    assert not same({"dedup_key": "vpn-3"}, {"dedup_key": "vpn-4"})
    assert not same({}, {"dedup_key": "AWS.Root.Login"})
    assert fold_key(alert(), 1) != fold_key(alert(), 2)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"labels": {"pod": "cart-1"}}, {"labels": {"pod": "cart-2"}}, False),
        ({"labels": {"pod": "cart-1"}}, {"labels": {"pod": "cart-1"}}, True),
        ({"labels": {"namespace": "a", "pod": "b"}}, {"labels": {"pod": "b", "namespace": "a"}}, True),
        ({"k8s": {"ns.name": "a"}}, {"k8s": {"ns.name": "b"}}, False),
        ({"k8s": {"pod": {"name": "a"}}}, {"k8s": {"pod": {"name": "b"}}}, False),
        ({"host": "db-1"}, {"host": "db-2"}, False),
        ({"detail": {"instanceId": "i-1"}}, {"detail": {"instanceId": "i-2"}}, False),
        ({"container": {"id": "1f"}}, {"container": {"id": "2f"}}, True),
        ({"src_ip": "10.0.0.1", "time": 1}, {"src_ip": "10.0.0.2", "time": 2}, True),
        ({"hosts": ["a", "b"]}, {"hosts": ["b", "a"]}, True),
        ({}, {"host": "db-1"}, False),
    ],
)
def test_alerts_about_another_object_do_not_fold(one: object, other: object, same: bool) -> None:
    keys = {fold_key(alert(context=encode_context(context)), 1) for context in (one, other)}
    assert len(keys) == (1 if same else 2)


@pytest.mark.parametrize(
    ("severity", "after", "alive", "takes"),
    [
        (Severity.HIGH, 0, True, True),
        (Severity.LOW, 10 * MINUTE - 1, True, True),
        (Severity.HIGH, 10 * MINUTE, True, False),
        (Severity.CRITICAL, 1, True, False),
        (Severity.HIGH, 1, False, False),
        (Severity.HIGH, -1, True, False),
    ],
)
def test_a_window_takes_what_is_no_worse_while_it_lasts(
    severity: Severity, after: int, alive: bool, takes: bool
) -> None:
    window = Window(NOW, Severity.HIGH, alive)
    assert window.takes(severity, NOW + after, 10 * MINUTE) is takes
