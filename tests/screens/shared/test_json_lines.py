"""JSON a line an entry, read by its tokens."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tui.screens.shared.json_lines import MOST_LINES, json_lines
from tui.screens.shared.lines import Line

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def lines(text: str, *, cut: bool = False) -> list[Line]:
    found = json_lines(text, "body", cut=cut)
    assert found is not None
    return found


def shown(text: str, *, cut: bool = False) -> str:
    return "\n".join("  " * line.depth + line.content.plain for line in lines(text, cut=cut))


@given(JSON.map(lambda value: [value]))
def test_nothing_is_lost_and_it_is_indented_as_python_does(value: object) -> None:
    text = json.dumps(value)

    assert "".join(line.content.plain for line in lines(text)).count("{") == text.count("{")
    assert shown(json.dumps(json.loads(text))) == shown(text)
    plain = json.dumps(value, ensure_ascii=True)
    if plain.isascii() and "\\u" not in plain:
        assert shown(text) == json.dumps(value, indent=2)


def test_numbers_and_doubled_keys_stay_as_they_came() -> None:
    assert shown('{"a":1.50,"a":1e400,"b":123456789012345678901234567890}') == (
        '{\n  "a": 1.50,\n  "a": 1e400,\n  "b": 123456789012345678901234567890\n}'
    )


def test_escapes_are_undone_and_what_could_act_on_a_terminal_is_shown() -> None:
    assert shown(r'["Z\u00fcrich", "\u202e\u001b[2J\u0000", "a\nb\"c"]') == (
        '[\n  "Zürich",\n  "\\u202e\\u001b[2J\\u0000",\n  "a\\nb\\"c"\n]'
    )


def test_what_is_big_is_folded_but_never_all_of_it() -> None:
    root, *_, few, _one, _two, _end, many = lines(json.dumps({"few": [1, 2], "many": list(range(50))}))[:6]

    assert (root.folded, root.holds) == (False, 57)
    assert (few.folded, few.holds) == (False, 3)
    assert (many.folded, many.holds) == (True, 51)
    assert many.brief is not None
    assert many.brief.plain == '"many": [ … 50 items ]'


def test_the_comma_after_what_is_folded_stays() -> None:
    _, first, *_ = lines('{"a":{"b":1},"c":2}')

    assert first.brief is not None
    assert first.brief.plain == '"a": { … 1 key },'


def test_what_was_cut_off_is_laid_out_up_to_there() -> None:
    assert shown('{"a":1,"b":{"c":"abc', cut=True) == '{\n  "a": 1,\n  "b": {\n    "c": "abc'
    assert shown('{"a":1,"b":', cut=True) == '{\n  "a": 1,\n  "b": '
    assert lines('{"a":1,"b":{"c":1', cut=True)[2].holds == 1


def test_what_is_no_json_is_none() -> None:
    for text in ("", "hello", '{"a":1,,}', '{"a":1', "[1] trailing", '"text"', "[}"):
        assert json_lines(text, "") is None


def test_depth_beyond_what_python_reads_is_laid_out() -> None:
    assert len(lines("[" * 50_000 + "]" * 50_000)) <= MOST_LINES + 1


def test_one_long_value_is_clipped_and_counted() -> None:
    [_, line, _] = lines(json.dumps(["x" * 65_000]))

    assert len(line.content) < 2_100
    assert line.content.plain.endswith("… 63,002 characters more")


def test_more_entries_than_anybody_reads_are_counted() -> None:
    found = lines("[" + "1," * 30_000 + "1]")

    assert len(found) == MOST_LINES + 1
    assert "characters more" in found[-1].content.plain
