"""The differences of two attempts."""

from dataclasses import replace
from typing import Any

from tests.conftest import NOW, alert
from tui.domain.lifecycle import Outcome, State
from tui.screens.alert.differences import Pair, Side, differences
from tui.store.reading.views import AttemptRow, DeliveryRow, Exchange

DELIVERY = DeliveryRow(
    1, "dlv_1", "soc", 1, paused=False, deleted=False, state=State.SCHEDULED, round=1, attempts=0, due_at=NOW
)


def side(number: int, body: bytes, *, round: int = 1, headers: Any = (), status: int | None = 503) -> Side:
    row = AttemptRow(
        number,
        round,
        number,
        Outcome.REJECTED if status else Outcome.TIMEOUT,
        status,
        "",
        None,
        NOW + number * 1000,
        NOW,
        84,
        "https://hooks.example.com/services/s3cret-path",
        None,
    )
    return Side(DELIVERY, row, Exchange((), headers, body, len(body), response_truncated=False))


def section(title: str, left: Side, right: Side) -> list[tuple[str, str, str]]:
    found = {section.title: section for section in differences(alert(), left, right, NOW)}[title]
    return [(pair.sign, pair.left, pair.right) for pair in found.pairs]


def test_different_facts_are_marked() -> None:
    facts = section("ATTEMPT", side(1, b"x"), side(2, b"", status=None))

    assert ("~", "outcome: rejected", "outcome: timeout") in facts
    assert (" ", "took: 84 ms", "took: 84 ms") in facts
    assert ("-", "length: 1 B", "") in facts
    assert not any("s3cret" in left + right for _, left, right in facts)


def test_headers_are_compared_by_name_in_any_order_and_case() -> None:
    left = side(1, b"", headers=(("A", "1"), ("b", "2"), ("set-cookie", "x"), ("Set-Cookie", "y")))
    right = side(2, b"", headers=(("B", "3"), ("a", "1"), ("c", "4")))

    assert section("RESPONSE HEADERS", left, right) == [
        (" ", "a: 1", "a: 1"),
        ("~", "b: 2", "b: 3"),
        ("-", "set-cookie: x, y", ""),
        ("+", "", "c: 4"),
    ]


def test_json_bodies_are_compared_by_their_entries() -> None:
    assert section("RESPONSE", side(1, b'{"a":1,"b":2}'), side(2, b'{ "a": 1, "b": 3, "c": 4 }')) == [
        (" ", "{", "{"),
        (" ", '  "a": 1,', '  "a": 1,'),
        ("~", '  "b": 2', '  "b": 3,'),
        ("+", "", '  "c": 4'),
        (" ", "}", "}"),
    ]


def test_truncated_json_is_compared_by_its_entries() -> None:
    left, right = side(1, b'{"a":1,"b":2,"c":"x'), side(2, b'{"a":1,"b":3,"c":"x')
    cut = [replace(each, exchange=replace(each.exchange, response_truncated=True)) for each in (left, right)]
    assert ("~", '  "b": 2,', '  "b": 3,') in section("RESPONSE", *cut)


def test_long_equal_parts_are_counted_instead_of_shown() -> None:
    lines = [f"line {number}" for number in range(100)]
    changed = [*lines[:50], "other", *lines[51:]]
    pairs = section("RESPONSE", side(1, "\n".join(lines).encode()), side(2, "\n".join(changed).encode()))

    assert pairs == [
        (" ", "… 47 equal lines", "… 47 equal lines"),
        *((" ", f"line {number}", f"line {number}") for number in (47, 48, 49)),
        ("~", "line 50", "other"),
        *((" ", f"line {number}", f"line {number}") for number in (51, 52, 53)),
        (" ", "… 46 equal lines", "… 46 equal lines"),
    ]


def test_a_resend_differs_in_its_title() -> None:
    pairs = section("REQUEST", side(1, b""), side(1, b"", round=2))

    assert Pair(
        "~",
        '  "title": "New Alert: Root login from 203.0.113.9",',
        '  "title": "[Re-sent]: Root login from 203.0.113.9",',
    ) in [Pair(*pair) for pair in pairs]


def test_hostile_text_is_inert() -> None:
    texts = [
        text
        for left, right in (
            (side(1, b"\x1b]0;x\x07[bold]\xe2\x80\xae"), side(2, b"", headers=(("X\x1b", "\r\n\x9b"),))),
        )
        for found in differences(alert(title="\x1b[2J"), left, right, NOW)
        for pair in found.pairs
        for text in (pair.left, pair.right)
    ]
    assert not any(character in text for text in texts for character in "\x1b\x07\x9b\r\n\u202e")
