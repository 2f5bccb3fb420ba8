"""What an alert is found by: words, cut alike in what is stored and in what is looked for."""

import json
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.domain.alert import encode_json
from tui.domain.search import alert_words, network_words, tag_word, value_word, values_of, words_of


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
    assert alert_words(("Okta.BruteForce",), ()) == ["okta", "bruteforce", "brute", "force"]
    assert alert_words(("Root login", None, ""), ("aws",)) == ["root", "login", "aws", tag_word("aws")]


def test_the_keys_and_values_of_the_context_are_words_and_each_value_is_one_with_its_path() -> None:
    context = '{"src":{"ip":"10.1.2.3","port":22},"users":["Zoë",{"ok":true,"x":null}],"load":1.50}'
    words = alert_words((), (), context)
    texts = ["src", "ip", "10", "1", "2", "3", "port", "22", "users", "zoë", "ok", "true", "x", "null"]
    assert words[: len(texts)] == texts
    for path, value in [
        ("src.ip", "10.1.2.3"),
        ("src.port", "22"),
        ("users", "Zoë"),
        ("users.ok", "true"),
        ("users.x", "null"),
        ("load", "1.50"),
    ]:
        assert value_word(path, value) in words


@pytest.mark.parametrize("extra", ["", "é", "\n", "\x7f"])
def test_contexts_that_are_folded_at_once_and_value_by_value_give_the_same_words(extra: str) -> None:
    context = encode_json({"Src IP": {"A": "Root Login", "a": "x" * 300}, "list": [1, "two words"]})
    slowly = encode_json({**json.loads(context), "extra": extra})
    assert set(alert_words((), (), context)) - {"extra"} <= set(alert_words((), (), slowly))
    with_spaces = json.dumps(json.loads(context))
    assert alert_words((), (), with_spaces) == alert_words((), (), context)


@pytest.mark.parametrize(
    "context",
    [
        '{"a":' * 990 + "1" + "}" * 990,
        '{"a":' * 990 + '"]}]}"' + "}" * 990,
        '{"a":"' + "x" * 300_000 + '"}',
    ],
    ids=["deep", "deep with brackets in a text", "large"],
)
def test_the_values_of_a_large_or_deep_context_are_not_read(context: str) -> None:
    words = alert_words((), (), context)
    assert "a" in words
    assert not any(word.startswith(value_word("", "")[0]) for word in words)
    assert list(values_of(context)) == []


def test_a_wide_context_with_long_keys_is_read_in_little_memory() -> None:
    wide = encode_json({"list": [{"n": number} for number in range(2_000)]})
    assert value_word("list.n", "1999") in alert_words((), (), wide)
    long = encode_json({"k" * 50_000: {"k" * 50_000: {"x": 1}}})
    assert all(len(word) <= 201 for word in alert_words((), (), long))


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        (
            "from 203.0.113.9:443, 10.0.0.1/24 and [2001:db8::1]:80",
            ["203.0.113.9", "10.0.0.1", "2001:db8::1"],
        ),
        ('{"a":"::1","b":"fe80::1%eth0"}', ["::1", "fe80::1"]),
        ("1:2:3:4:5:6:7:8", ["1:2:3:4:5:6:7:8"]),
        ("::ffff:10.0.0.1", ["10.0.0.1"]),
        ("999.1.1.1 1.2.3.4.5 12:30:00 aa:bb:cc:dd:ee:ff v1.2.3.4 a::b::c", []),
    ],
)
def test_addresses_are_found_in_any_text(text: str, addresses: list[str]) -> None:
    found = {word for word in alert_words((text,), ()) if word.startswith("\ue002")}
    assert found == {word for address in addresses for word in network_words(address)}


_addresses = st.ip_addresses().filter(lambda one: not getattr(one, "ipv4_mapped", None))


@given(_addresses, st.integers(0, 128))
def test_an_address_begins_with_a_word_of_each_network_it_is_in(address: Any, length: int) -> None:
    network = ip_network((address, min(length, address.max_prefixlen)), strict=False)
    [word] = network_words(str(address))
    assert any(word.startswith(begin) for begin in network_words(str(network)))
    outside = network.network_address.packed[0] ^ 0x80
    if network.prefixlen:
        other = ip_address(bytes([outside]) + address.packed[1:])
        [word] = network_words(str(other))
        assert not any(word.startswith(begin) for begin in network_words(str(network)))


def test_a_tag_is_one_word_that_no_text_has() -> None:
    assert tag_word("Cloud Team/EU") == tag_word("cloud team/eu") != tag_word("cloud team eu")
    assert words_of(tag_word("aws")) == ["aws"]
    assert tag_word("aws") != "aws"


def test_a_document_for_a_title_is_indexed_by_its_first_words() -> None:
    assert len(alert_words(("word " * 100_000,), ())) == 10_000
    assert sum(map(len, alert_words((("x" * 99 + " ") * 100_000,), ()))) <= 100_000
    assert alert_words(("-" * 100_000 + "late",), ()) == []


@given(st.text(max_size=200), st.text(max_size=50))
def test_no_word_contains_what_separates_words(text: str, tag: str) -> None:
    for word in alert_words((text,), (tag,)):
        assert word
        assert not any(c.isspace() or c == "\0" for c in word)
        assert len(word.encode()) < 2_046  # the longest that PostgreSQL takes


@given(st.text(max_size=200))
def test_cutting_minds_no_case(text: str) -> None:
    if text.isascii():
        assert words_of(text.upper()) == words_of(text.lower())
