"""The headers a person may send along, and those that only Tocsin sets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.domain.errors import Invalid
from tui.domain.headers import Header, is_header_value, parse_header, parse_headers
from tui.domain.secret import Secret


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("Authorization: Bearer abc", "Authorization", "Bearer abc"),
        ("X-Empty:", "X-Empty", ""),
        ("X-Url:http://a:1", "X-Url", "http://a:1"),
        ("  X-Token :  env:TOKEN  ", "X-Token", "env:TOKEN"),
    ],
)
def test_a_header_is_written_as_name_and_value(line: str, name: str, value: str) -> None:
    assert parse_header(line) == Header(name, Secret(value))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "write a header as 'Name: value'"),
        ("Authorization Bearer", "write a header as 'Name: value'"),
        (": value", "write a header as 'Name: value'"),
        ("X Token: 1", "'X Token' is not a valid header name"),
        ("X-Tökén: 1", "'X-Tökén' is not a valid header name"),
        ("X\r\nY: 1", "'X\\r\\nY' is not a valid header name"),
        ("X: a\r\nEvil: 1", "the value of X contains a character that is not allowed in a header"),
        ("X: a\nb", "the value of X contains a character that is not allowed in a header"),
        ("X: a\0b", "the value of X contains a character that is not allowed in a header"),
        ("X: ü", "the value of X contains a character that is not allowed in a header"),
        ("Host: a", "Host describes the connection and is set by Tocsin"),
        ("content-length: 5", "content-length describes the connection and is set by Tocsin"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding describes the connection and is set by Tocsin"),
        ("Connection: close", "Connection describes the connection and is set by Tocsin"),
        ("Expect: 100-continue", "Expect describes the connection and is set by Tocsin"),
        *(
            (f"{name}: x", f"{name} describes the connection and is set by Tocsin")
            for name in (
                *("Keep-Alive", "TE", "Trailer", "Upgrade", "Proxy-Connection", "HTTP2-Settings"),
                *("Proxy-Authorization", "Proxy-Authenticate", "Proxy-Authentication-Info"),
            )
        ),
        ("Content-Encoding: gzip", "Content-Encoding is set by Tocsin and cannot be replaced"),
        ("Content-Range: bytes 0-1/2", "Content-Range is set by Tocsin and cannot be replaced"),
        ("Content-Type: text/plain", "Content-Type is set by Tocsin and cannot be replaced"),
        ("user-agent: curl", "user-agent is set by Tocsin and cannot be replaced"),
        ("Accept-Encoding: gzip", "Accept-Encoding is set by Tocsin and cannot be replaced"),
        ("Webhook-Id: 1", "Webhook-Id is set by Tocsin and cannot be replaced"),
        ("X-Token: env:", "env: has no name after it; write env:NAME or file:PATH"),
        ("X-Token: file: ", "file: has no name after it; write env:NAME or file:PATH"),
        ("Authorization: Bearer env:", "env: has no name after it; write env:NAME or file:PATH"),
        ("webhook-signature: v1,x", "webhook-signature is set by Tocsin and cannot be replaced"),
    ],
)
def test_a_bad_header_is_refused_with_what_would_be_right(line: str, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_header(line)
    assert (caught.value.field, caught.value.message) == ("header", says)


def test_a_refused_header_does_not_show_its_value() -> None:
    with pytest.raises(Invalid) as caught:
        parse_header("Authorization: Bearer s3cret\0")
    assert "s3cret" not in caught.value.message


def test_headers_keep_their_order() -> None:
    assert [header.name for header in parse_headers(["X-B: 1", "X-A: 2"])] == ["X-B", "X-A"]


def test_the_same_header_twice_is_refused_in_any_case() -> None:
    with pytest.raises(Invalid, match="x-token is given twice"):
        parse_headers(["X-Token: 1", "x-token: 2"])


@given(st.text(st.integers(0, 0x10FFFF).map(chr)))
def test_a_value_safe_in_a_header_has_no_character_that_could_end_it(value: str) -> None:
    safe = all(character == "\t" or " " <= character <= "~" for character in value)
    assert is_header_value(value) is safe
