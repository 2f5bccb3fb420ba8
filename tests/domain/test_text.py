"""Text from strangers can be looked at without doing anything to the terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.domain.text import is_control, storable, visible, visible_lines

any_text = st.text(st.integers(0, 0x10FFFF).map(chr))
harmful_text = st.text("ab \t\r\n\x00\x1b[;m\x7f\x85\x9b\u200b\u202e\u2028\u2066\ufeff\ud800\udfff\U000e0041")

BIDIRECTIONAL_CONTROLS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def acts_on_a_terminal(character: str) -> bool:
    """By what Unicode says of it, not by what our table says."""
    return (
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(character) in BIDIRECTIONAL_CONTROLS
    )


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0), 0x202E, 0x2066, 0x200F, 0xD800, 0xE0041])
def test_controls_are_told_from_ordinary_characters(code: int) -> None:
    assert is_control(chr(code))


@pytest.mark.parametrize("character", "a Zé漢ن🔔\u200d\u0301\ufe0f\u00a0\ufffd")
def test_ordinary_characters_are_no_controls(character: str) -> None:
    assert not is_control(character)


def test_every_character_that_could_act_on_a_terminal_counts_as_a_control() -> None:
    assert [
        code for code in range(0x110000) if acts_on_a_terminal(chr(code)) and not is_control(chr(code))
    ] == []


@given(any_text | harmful_text)
def test_nothing_a_terminal_could_act_on_is_left(text: str) -> None:
    shown = visible(text)
    assert not any(is_control(character) for character in shown)
    assert visible(shown) == shown


@given(any_text | harmful_text)
def test_of_several_lines_only_the_line_ends_are_left(text: str) -> None:
    shown = visible_lines(text)
    assert {character for character in shown if is_control(character)} <= {"\n"}
    assert shown.count("\n") == text.count("\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("a\r\nb\tc\0", "a␍␊b␉c␀"),
        ("\x7f\x9b2J", "␡\\x9b2J"),
        ("user\u202etxt.exe", "user\\u202etxt.exe"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("a\u2028b", "a\\u2028b"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud83d", "\\ud83d"),
    ],
)
def test_what_it_would_do_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "Zürich – 漢字 – العربية",
        "[bold]not markup[/]",
        "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽",
        "e\u0301",
        "tab-less  spaces\u00a0",
    ],
)
def test_ordinary_text_and_joined_emoji_stay_as_they_are(text: str) -> None:
    assert visible(text) == text
    assert visible_lines(text) == text


def test_a_body_keeps_its_lines_and_its_tabs_become_spaces() -> None:
    assert visible_lines("a\r\n\tb\rc\n\x1bd") == "a\n    b␍c\n␛d"


# --- what every database can hold ---


@given(any_text | harmful_text)
def test_what_is_stored_goes_through_utf_8_and_back(text: str) -> None:
    stored = storable(text)
    assert stored.encode().decode() == stored
    assert "\0" not in stored
    assert storable(stored) == stored


@given(st.text().filter(lambda text: "\0" not in text))
def test_text_that_can_be_stored_stays_as_it_is(text: str) -> None:
    assert storable(text) == text


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("a\0b", "a�b"),
        ("a\ud800b", "a�b"),
        ("\udc00", "�"),
        ("\udc00\ud83d", "��"),
        ("\ud83d\ude00", "😀"),
        ("\ufeffa\ud800", "\ufeffa�"),
    ],
)
def test_only_what_no_database_holds_is_replaced(text: str, stored: str) -> None:
    assert storable(text) == stored
