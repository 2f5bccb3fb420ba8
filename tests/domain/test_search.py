"""What an alert is found by: words, cut alike in what is stored and in what is looked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.domain.search import alert_words, tag_word, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Root login from 203.0.113.9", ["root", "login", "from", "203", "0", "113", "9"]),
        ("AWS.S3_Public-Bucket", ["aws", "s3", "public", "bucket"]),
        ("ÜBER straße", ["über", "strasse"]),
        ("e\u0301te\u0301", ["été"]),
        ("日本語 login", ["日", "本", "語", "login"]),
        ("👩‍💻 – …", []),
        ("x" * 300, ["x" * 100]),
    ],
)
def test_words_are_runs_of_letters_and_digits_whatever_their_case(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_name_written_together_is_found_by_its_parts_too() -> None:
    assert alert_words(("Okta.BruteForce",), ()) == ["okta", "bruteforce", "okta", "brute", "force"]
    assert alert_words(("Root login", None, ""), ("aws",)) == ["root", "login", tag_word("aws")]


def test_a_tag_is_one_word_that_no_text_has() -> None:
    assert tag_word("Cloud Team/EU") == tag_word("cloud team/eu") != tag_word("cloud team eu")
    assert words_of(tag_word("aws")) == ["aws"]
    assert tag_word("aws") != "aws"


def test_a_document_for_a_title_is_indexed_by_its_first_words() -> None:
    assert len(alert_words(("word " * 100_000,), ())) == 1_000
    assert alert_words(("-" * 100_000 + "late", "title"), ()) == ["title"]


@given(st.text(max_size=200), st.text(max_size=50))
def test_no_word_holds_what_a_database_takes_for_syntax(text: str, tag: str) -> None:
    for word in alert_words((text,), (tag,)):
        assert word
        assert all(c.isalnum() or ord(c) >= 0xE000 for c in word)
        assert len(word.encode()) < 2_046  # the longest that PostgreSQL takes


@given(st.text(max_size=200))
def test_cutting_minds_no_case(text: str) -> None:
    if text.isascii():
        assert words_of(text.upper()) == words_of(text.lower())
