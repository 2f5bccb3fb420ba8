"""What a person may type for a destination."""

from base64 import b64decode
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.conftest import alert, destination, result_or_refusal
from tui.delivery.request import build_request
from tui.domain.alert import Severity
from tui.domain.alert_type import AlertType
from tui.domain.destination import (
    ALL_SEVERITIES,
    ALL_TYPES,
    Destination,
    parse_alert_types,
    parse_destination,
    parse_name,
    parse_severities,
    parse_timeout,
    parse_url,
    resolve_destination,
)
from tui.domain.errors import Invalid
from tui.domain.headers import Header
from tui.domain.secret import Secret

NO_HOST = "the host in this URL is not valid; use a name like hooks.example.com or an address"
NO_IPV4 = "an IPv4 address must be four numbers from 0 to 255, like 192.0.2.7"
NO_IPV6 = "brackets must enclose an IPv6 address; only a port can follow them"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


# --- name ---


@pytest.mark.parametrize("name", ["soc", "x" * 80, "SOC – Zürich (2)", "当直", "🔔"])
def test_a_name_is_anything_printable_up_to_80_characters(name: str) -> None:
    assert parse_name(f"  {name}\t") == name


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "enter a display name for the destination"),
        (" \n", "enter a display name for the destination"),
        ("x" * 81, "a display name can have at most 80 characters; this one has 81"),
        ("a\nb", "a display name can contain only printable characters"),
        ("a\x1b[2Jb", "a display name can contain only printable characters"),
        ("a\u202eb", "a display name can contain only printable characters"),
        ("a\0b", "a display name can contain only printable characters"),
        ("\ud800", "a display name can contain only printable characters"),
    ],
)
def test_a_bad_name_is_refused_with_what_would_be_right(name: str, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_name(name)
    assert (caught.value.field, caught.value.message) == ("name", says)


# --- URL ---


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost",
        "http://localhost:8081/alerts",
        "https://hooks.example.com/services/T0/B0/x?key=1&b=%20#"[:-1],
        "http://127.0.0.1:1/",
        "http://10.0.0.5:65535/hook",
        "http://[::1]:8081/alerts",
        "https://[2001:db8::1]/",
        "https://user:p%40ss@hooks.example.com/",
        "HTTPS://HOOKS.example.com/",
        "https://hooks.example.com./",
        "https://my_host/",
        "https://bücher.example/ä",
        "https://straße.example/",
        "https://当直.example/",
        "https://תורנות.example/",
        "https://xn--bcher-kva.example/",
        "https://4chan.example/",
        "https://hooks.example.com:/",
    ],
)
def test_an_absolute_http_url_with_a_host_is_kept_as_typed(url: str) -> None:
    assert parse_url(f" {url}\n") == url


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "enter the URL to send alerts to, like https://hooks.example.com/alerts"),
        ("hooks.example.com/alerts", "a URL must start with http:// or https://"),
        ("//hooks.example.com/alerts", "a URL must start with http:// or https://"),
        ("https:hooks.example.com", "a URL must start with http:// or https://"),
        ("localhost:8081", "a URL must start with http:// or https://"),
        ("ftp://hooks.example.com", "ftp:// is not supported; use http:// or https://"),
        ("file:///etc/passwd", "file:// is not supported; use http:// or https://"),
        ("http://", "the URL has no host; write the receiver's name or address after ://"),
        ("http:///alerts", "the URL has no host; write the receiver's name or address after ://"),
        ("http://:8081/", "the URL has no host; write the receiver's name or address after ://"),
        ("http://user@/", "the URL has no host; write the receiver's name or address after ://"),
        ("http://./", "the URL has no host; write the receiver's name or address after ://"),
        ("http://localhost:0/", "port 0 is not valid; use 1 to 65535"),
        ("http://localhost/#top", "a fragment (#…) is never sent to the receiver; remove it"),
        ("http://localhost/#", "a fragment (#…) is never sent to the receiver; remove it"),
        ("http://local host/", "a URL cannot contain spaces; write a space as %20"),
        ("http://localhost/a b", "a URL cannot contain spaces; write a space as %20"),
        ("http://localhost/a\tb", "a URL cannot contain spaces; write a space as %20"),
        ("http://localhost/" + "x" * 2983, "a URL can have at most 2048 characters; this one has 3000"),
        ("http://a..b/", NO_HOST),
        ("http://a%41b/", NO_HOST),
        ("http://a$b/", NO_HOST),
        (f"http://{'x' * 64}/", NO_HOST),
        (f"http://{'x.' * 128}/", NO_HOST),
        (f"http://{'ü' * 64}/", NO_HOST),
        ("http://☃.net/", NO_HOST),
        ("http://ａ.example/", NO_HOST),
        ("http://é_a.example/", NO_HOST),
        ("http://-é.example/", NO_HOST),
        ("http://אa.example/", NO_HOST),
        ("http://xn--a.example/", NO_HOST),
        ("http://xn--zzzzzz.example/", NO_HOST),
        ("http://256.256.256.256/", NO_IPV4),
        ("http://127.1/", NO_IPV4),
        ("http://10/", NO_IPV4),
        ("http://0x7f/", NO_IPV4),
        ("http://1.2.3.4.5/", NO_IPV4),
        ("http://[v1.a]/", NO_IPV6),
        ("http://[::1]x/", NO_IPV6),
        ("http://[fe80::1%25eth0]/", "write an IPv6 address in brackets, like [2001:db8::7]"),
    ],
)
def test_a_bad_url_is_refused_with_what_would_be_right(url: str, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_url(url)
    assert (caught.value.field, caught.value.message) == ("url", says)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:99999/",
        "http://localhost:-1/",
        "http://localhost:http/",
        "http://localhost:١/",
        "http://a:b:1/",
        "http://[::1/",
        "http://[nonsense]/",
        "http://localhost/\x1b[31m",
        "http://localhost/\0",
        "http://local\x7fhost/",
        "http://localhost/\u202e",
        "http://localhost/\ud800",
    ],
)
def test_a_url_no_client_could_use_is_refused(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_url(url)
    assert caught.value.field == "url"


@given(st.text(st.integers(0, 0x10FFFF).map(chr)) | st.text("htps:/[]@.#?%a1 "))
def test_whatever_is_typed_for_a_url_is_kept_or_refused(typed: str) -> None:
    read = result_or_refusal(parse_url, typed)
    assert read == typed.strip() or (isinstance(read, Invalid) and read.field == "url")


a_host = (
    st.sampled_from(
        ["localhost", "hooks.example.com", "10.0.0.5", "[::1]", "[2001:db8::7]", "256.1.1.1", "xn--"]
    )
    | st.text("ab1-_.:[]%x", max_size=12)
    | st.text("aאé·ß١ー日ａ\u0301.-x", min_size=1, max_size=8)
    | st.text(max_size=6)
    | st.text(max_size=4).map(lambda text: "xn--" + text.encode("punycode", "replace").decode("latin-1"))
    | st.lists(st.integers(0, 300), min_size=1, max_size=5).map(lambda parts: ".".join(map(str, parts)))
)
a_tail = st.text("/a?=&%2é ~\\'\"<>[]{}|^`;:@", max_size=10)
a_url = st.builds(
    "{}://{}{}{}{}".format,
    st.sampled_from(["http", "https", "HTTP"]),
    st.sampled_from(["", "user:pass@", "u%40:p:q@", "@"]),
    a_host,
    st.sampled_from(["", ":", ":8081", ":65535", ":65536", ":080"]),
    a_tail.map(lambda tail: f"/{tail}" if tail else ""),
)


@pytest.mark.parametrize(
    "url", ["https://soc:hunter2/x@host/", "https://soc:hunter2\u2100@host/", "http://[hunter2/"]
)
def test_what_is_said_of_a_url_quotes_nothing_of_its_password(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_url(url)
    assert "hunter2" not in caught.value.message


# The same examples every time: the tables of two IDNA libraries differ somewhere, and a find is for a
# session that looks for one (max_examples up, derandomize off), not for CI.
@given(a_url)
@settings(max_examples=500, derandomize=True)
@example("http://-.ß/")
@example("http://a_b.ß/")
@example("http://ab--c.ß/")
@example("http://256.256.256.256/")
@example("http://xn--a/")
def test_what_is_accepted_the_http_client_can_send_to(typed: str) -> None:
    url = result_or_refusal(parse_url, typed)
    if isinstance(url, str):
        sent = build_request(
            alert(), destination(url=url), webhook_id="dlv_1", round=1, timestamp=1, reveal=lambda _: ""
        )
        request = httpx.Request("POST", sent.url, headers=list(sent.headers), content=sent.body)
        assert request.url.raw_host.decode("ascii")
        assert request.url.raw_path.startswith(b"/")
        assert request.url.netloc.isascii()


@given(a_url, st.text(max_size=5))
def test_a_url_with_a_fragment_is_never_accepted(typed: str, fragment: str) -> None:
    assert isinstance(result_or_refusal(parse_url, f"{typed}#{fragment}"), Invalid)


@given(st.text(max_size=50), st.text(max_size=50))
def test_user_and_password_of_a_url_become_an_authorization(user: str, password: str) -> None:
    url = parse_url(f"http://{quote(user, safe='')}:{quote(password, safe='')}@localhost:8081/hook")
    sent = build_request(
        alert(), destination(url=url), webhook_id="dlv_1", round=1, timestamp=1, reveal=lambda _: ""
    )
    scheme, value = dict(sent.headers)["Authorization"].split()
    assert (scheme, b64decode(value).decode()) == ("Basic", f"{user}:{password}")
    assert sent.url == "http://localhost:8081/hook"


# --- severities, types, timeout ---


def test_severities_and_types_are_read_in_any_case() -> None:
    assert parse_severities(["high", "INFO"]) == {Severity.HIGH, Severity.INFO}
    assert parse_alert_types(["policy"]) == {AlertType.POLICY}


def test_no_severity_at_all_is_allowed_for_a_destination_that_only_named_alerts_reach() -> None:
    assert parse_severities([]) == frozenset()


def test_an_unknown_severity_or_type_is_refused() -> None:
    with pytest.raises(Invalid, match="unknown severity 'urgent'"):
        parse_severities(["HIGH", "urgent"])
    with pytest.raises(Invalid, match="unknown type 'urgent'"):
        parse_alert_types(["urgent"])


@pytest.mark.parametrize(
    ("typed", "milliseconds"), [("1", 1_000), ("30", 30_000), ("2.5", 2_500), (" 120 ", 120_000)]
)
def test_a_timeout_is_typed_in_seconds(typed: str, milliseconds: int) -> None:
    assert parse_timeout(typed) == milliseconds


@pytest.mark.parametrize("typed", ["", "0", "0.999", "120.1", "-5", "nan", "inf", "1e9", "thirty", "30s"])
def test_a_timeout_outside_1_to_120_seconds_is_refused(typed: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_timeout(typed)
    assert (caught.value.field, caught.value.message) == ("timeout", "the timeout must be 1 to 120 seconds")


# --- the whole ---


def test_a_destination_is_read_from_what_was_typed() -> None:
    assert parse_destination(
        name=" soc ",
        url=" https://hooks.example.com/a ",
        severities=["high", "critical"],
        alert_types=["policy"],
        headers=["X-Token: 1"],
        secret=SECRET,
        timeout="2.5",
    ) == Destination(
        name="soc",
        url="https://hooks.example.com/a",
        severities=frozenset({Severity.HIGH, Severity.CRITICAL}),
        alert_types=frozenset({AlertType.POLICY}),
        headers=(Header("X-Token", Secret("1")),),
        secret=Secret(SECRET),
        timeout_ms=2_500,
    )


def test_a_destination_takes_everything_and_waits_30_seconds_unless_told_otherwise() -> None:
    read = parse_destination(name="soc", url="http://localhost")
    assert (read.severities, read.alert_types, read.timeout_ms) == (ALL_SEVERITIES, ALL_TYPES, 30_000)
    assert (read.headers, read.secret, read.paused) == ((), None, False)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"url": "x"}, "url"),
        ({"severities": ["x"]}, "severity"),
        ({"alert_types": ["x"]}, "type"),
        ({"headers": ["x"]}, "header"),
        ({"secret": "x"}, "secret"),
        ({"timeout": "x"}, "timeout"),
    ],
)
def test_the_field_that_is_wrong_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_destination(**{"name": "soc", "url": "http://localhost", **changes})
    assert caught.value.field == field


def test_printing_a_destination_shows_no_secret() -> None:
    secretive = destination(
        url="https://user:pa55word@hooks.example.com/services/t0ken",
        headers=(Header("Authorization", Secret("Bearer t0ken")),),
        secret=Secret(SECRET),
    )
    shown = f"{secretive} {secretive!r} {secretive.masked_url}"
    assert "pa55word" not in shown
    assert "t0ken" not in shown
    assert SECRET not in shown


# --- the one that is meant ---

SOC = destination(id=1, name="soc")
PAGER = destination(id=2, name="Pager", severities=frozenset({Severity.CRITICAL}))
ALL = [SOC, PAGER]


def test_a_name_goes_before_an_id() -> None:
    called_two = destination(id=9, name="2")
    assert resolve_destination("2", [PAGER, called_two]) is called_two
    assert resolve_destination("2", [PAGER]) is PAGER


@pytest.mark.parametrize("reference", ["pager", "PAGER", " Pager ", "2"])
def test_a_destination_is_found_by_name_in_any_case_or_by_id(reference: str) -> None:
    assert resolve_destination(reference, ALL) is PAGER


def test_names_are_compared_as_unicode_folds_them() -> None:
    street = destination(id=1, name="Straße")
    assert resolve_destination("STRASSE", [street]) is street


def test_without_any_destination_the_refusal_says_so() -> None:
    with pytest.raises(Invalid, match="no destination is named 'soc'; there are none yet"):
        resolve_destination("soc", [])
