"""Logs of Zeek in their table form, and lines with the prefix of a log daemon."""

import io

import pytest

from tui.intake.documents import Item, read_items
from tui.intake.strict import items_in
from tui.intake.tables import Table

HEADER = b"""#separator \\x09
#set_separator\t,
#empty_field\t(empty)
#unset_field\t-
#path\tnotice
#fields\tts\tid.orig_h\tnote\tmsg\tactions\tdst
#types\ttime\taddr\tenum\tstring\tset[enum]\taddr
"""
ROW = b"1769850900.25\t203.0.113.9\tScan::Port_Scan\t{scan} of 15 ports\tA,B\t-\n"


def items(raw: bytes) -> list[Item]:
    return [item for batch in read_items(io.BytesIO(raw)) for item in batch]


def test_a_table_becomes_the_objects_that_zeek_writes_as_json() -> None:
    first, second = items(HEADER + ROW + b"#close\t2026\n" + ROW)
    assert first.place == "line 8"
    assert first.value == second.value
    assert first.value == {
        "_path": "notice",
        "ts": "1769850900.25",
        "id.orig_h": "203.0.113.9",
        "note": "Scan::Port_Scan",
        "msg": "{scan} of 15 ports",
        "actions": ["A", "B"],
    }


def test_a_table_may_have_another_separator_and_a_short_row() -> None:
    table = Table()
    for line in (b"#separator \\x7c", b"#fields|a|b|c", b"#types|string|set[string]|string"):
        assert table.takes(line)
        assert table.row(line) is None
    assert table.takes(b"1|x,y")
    assert table.row(b"1|x,y") == {"a": "1", "b": ["x", "y"]}
    assert table.row(b"\xff|-|") == {"a": "\ufffd", "c": ""}


@pytest.mark.parametrize(
    "prefix",
    [
        "2026-01-31T09:15:00.000000001Z stdout F ",
        "2026-01-31T10:15:00+01:00 stderr F ",
        "Jan 31 09:15:00 gw-1 suricata[12]: ",
        "<134>1 2026-01-31T09:15:00Z gw-1 app 1 - - ",
    ],
)
def test_the_prefix_of_a_log_daemon_is_no_part_of_the_document(prefix: str) -> None:
    line = f'{prefix}{{"title":"x"}}\n'.encode()
    for read in (items, lambda raw: list(items_in(raw))):
        assert [item.value for item in read(line)] == [{"title": "x"}]
        assert [item.value for item in read(line * 3)] == [{"title": "x"}] * 3


@pytest.mark.parametrize("text", [b'soon {"title":"x"}', b'2026-01-31T09:15:00Z stdout P {"title":'])
def test_another_text_before_json_is_an_error(text: bytes) -> None:
    (item,) = items(text)
    assert item.error
