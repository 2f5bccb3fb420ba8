"""An alert is what was sent in, checked once, with every mistake named in plain words."""

import json
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.conftest import NOW, alert, result_or_refusal
from tui.domain.alert import (
    DEFAULT_RULE_ID,
    KEYS,
    Alert,
    Severity,
    decode_json,
    encode_context,
    encode_json,
    format_time,
    make_test_alert,
    parse_alert,
)
from tui.domain.alert_type import AlertType
from tui.domain.errors import Invalid

TYPES = ", ".join(AlertType)
EVERYTHING = {
    "id": "AWS.Root.Login",
    "createdAt": "2026-01-31T10:30:00.250+01:00",
    "severity": "CRITICAL",
    "type": "POLICY",
    "link": "https://soc.example.com/1",
    "title": "Root login",
    "name": "Root console login",
    "alertId": "c73bcdcc",
    "alertContext": {"ip": "203.0.113.9", "münze": [1, 2.5, None]},
    "description": "Somebody used the root account.",
    "runbook": "Call them.",
    "tags": ["aws", "identity"],
    "version": "7",
    "destinations": ["soc", "3"],
    "dedupKey": "root-console",
    "logTypes": ["AWS.CloudTrail"],
}

LAST_MOMENT = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z

any_text = st.text(st.integers(0, 0x10FFFF).map(chr), max_size=20)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=8,
)


def parse(value: object, **changes: Any) -> Alert:
    return parse_alert(value, **{"now": NOW, "alert_id": "own-id", **changes})


def refusal(value: object) -> Invalid:
    with pytest.raises(Invalid) as caught:
        parse(value)
    return caught.value


def test_every_key_is_read() -> None:
    assert set(EVERYTHING) == set(KEYS)
    assert parse(EVERYTHING) == Alert(
        alert_id="c73bcdcc",
        rule_id="AWS.Root.Login",
        severity=Severity.CRITICAL,
        type=AlertType.POLICY,
        created_at=NOW + 250,
        title="Root login",
        name="Root console login",
        link="https://soc.example.com/1",
        context='{"ip":"203.0.113.9","münze":[1,2.5,null]}',
        description="Somebody used the root account.",
        runbook="Call them.",
        tags=("aws", "identity"),
        version="7",
        destinations=("soc", "3"),
        dedup_key="root-console",
        log_types=("AWS.CloudTrail",),
        test=False,
    )


def test_a_title_is_enough_and_the_rest_has_defaults() -> None:
    assert parse({"title": "Root login"}) == Alert(
        alert_id="own-id",
        rule_id=DEFAULT_RULE_ID,
        severity=Severity.INFO,
        type=AlertType.RULE,
        created_at=NOW,
        title="Root login",
    )


@pytest.mark.parametrize("key", ["title", "name", "id"])
def test_any_one_of_title_name_and_id_is_enough(key: str) -> None:
    assert parse({key: "Root login"}).headline == "Root login"


def test_null_stands_for_a_text_or_a_list_that_is_not_there() -> None:
    texts = ("id", "link", "name", "alertId", "description", "runbook", "version", "dedupKey")
    optional = (*texts, "tags", "destinations", "logTypes")
    assert parse({"title": "x", **dict.fromkeys(optional)}) == parse({"title": "x"})


def test_an_empty_list_of_destinations_is_not_the_same_as_none() -> None:
    assert parse({"title": "x", "destinations": []}).destinations == ()


def test_the_headline_is_the_title_else_the_name_else_the_rule() -> None:
    assert alert(title="t", name="n").headline == "t"
    assert alert(title="", name="n").headline == "n"
    assert alert(title="", name=None).headline == "AWS.Root.Login"


def test_severity_and_type_are_read_in_any_case() -> None:
    read = parse({"title": "x", "severity": "critical", "type": "Rule_Error"})
    assert (read.severity, read.type) == (Severity.CRITICAL, AlertType.RULE_ERROR)


def test_severities_rank_from_info_to_critical() -> None:
    assert sorted(Severity, key=lambda severity: severity.rank) == [
        Severity.INFO,
        Severity.LOW,
        Severity.MEDIUM,
        Severity.HIGH,
        Severity.CRITICAL,
    ]


def test_each_type_has_words_for_people() -> None:
    assert [kind.label for kind in AlertType] == [
        "Rule match",
        "Rule error",
        "Scheduled rule match",
        "Scheduled rule error",
        "Correlation rule match",
        "Correlation rule error",
        "Policy failure",
        "System error",
    ]


def test_the_link_template_is_filled_in_where_the_alert_brings_no_link() -> None:
    template = "https://soc.example.com/alerts/{alertId}"
    assert parse({"title": "x"}, link_template=template).link == "https://soc.example.com/alerts/own-id"
    assert (
        parse({"title": "x", "link": "https://a.example"}, link_template=template).link == "https://a.example"
    )


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (5, "a number"),
        (2.5, "a number"),
        (True, "a boolean"),
        (None, "null"),
        ("x", "a string"),
        ([], "an array"),
    ],
)
def test_what_is_no_object_is_called_by_its_json_name(value: object, kind: str) -> None:
    refused = refusal(value)
    assert (refused.field, refused.message) == ("alert", f"an alert must be a JSON object, not {kind}")


@pytest.mark.parametrize(
    ("unknown", "meant"),
    [
        ("sevrity", "severity"),
        ("Title", "title"),
        ("alert_id", "alertId"),
        ("created_at", "createdAt"),
        ("context", "alertContext"),
        ("rule", "id"),
        ("tag", "tags"),
        ("destination", "destinations"),
    ],
)
def test_an_unknown_key_suggests_the_right_one(unknown: str, meant: str) -> None:
    refused = refusal({"title": "x", unknown: "y"})
    assert (refused.field, refused.message) == (unknown, f"unknown key {unknown!r}; did you mean {meant!r}?")


def test_an_unknown_key_like_no_other_lists_them_all() -> None:
    assert refusal({"title": "x", "zzz": 1}).message == f"unknown key 'zzz'; use one of {', '.join(KEYS)}"


def test_an_endless_unknown_key_is_cut_in_the_message() -> None:
    assert len(refusal({"title": "x", "z" * 100_000: 1}).message) < 300


@pytest.mark.parametrize(
    ("keys", "field", "says"),
    [
        ({"title": ""}, "title", "an alert needs a title, a name or an id"),
        ({"title": 5}, "title", "title must be a string, not a number"),
        ({"name": ["x"]}, "name", "name must be a string, not an array"),
        ({"id": {}}, "id", "id must be a string, not an object"),
        ({"description": False}, "description", "description must be a string, not a boolean"),
        ({"runbook": 1.5}, "runbook", "runbook must be a string, not a number"),
        ({"link": []}, "link", "link must be a string, not an array"),
        ({"version": 7}, "version", "version must be a string, not a number"),
        (
            {"alertId": "two words"},
            "alertId",
            "alertId must be at most 200 printable characters without spaces",
        ),
        ({"alertId": "a\nb"}, "alertId", "alertId must be at most 200 printable characters without spaces"),
        (
            {"alertId": "x" * 201},
            "alertId",
            "alertId must be at most 200 printable characters without spaces",
        ),
        (
            {"severity": "urgent"},
            "severity",
            "unknown severity 'urgent'; use one of INFO, LOW, MEDIUM, HIGH, CRITICAL",
        ),
        (
            {"severity": None},
            "severity",
            "severity must be one of INFO, LOW, MEDIUM, HIGH, CRITICAL, not null",
        ),
        (
            {"severity": 3},
            "severity",
            "severity must be one of INFO, LOW, MEDIUM, HIGH, CRITICAL, not a number",
        ),
        ({"type": "rule error"}, "type", f"unknown type 'rule error'; use one of {TYPES}"),
        ({"type": ["RULE"]}, "type", f"type must be one of {TYPES}, not an array"),
        ({"tags": "aws"}, "tags", "tags must be an array of strings, not a string"),
        ({"tags": ["aws", 5]}, "tags", "tags must be an array of strings, but contains a number"),
        ({"tags": [None]}, "tags", "tags must be an array of strings, but contains null"),
        ({"destinations": "soc"}, "destinations", "destinations must be an array of strings, not a string"),
        (
            {"destinations": [{}]},
            "destinations",
            "destinations must be an array of strings, but contains an object",
        ),
        ({"alertContext": [1]}, "alertContext", "alertContext must be a JSON object, not an array"),
        ({"alertContext": None}, "alertContext", "alertContext must be a JSON object, not null"),
    ],
)
def test_a_bad_value_is_named_by_its_key(keys: dict[str, object], field: str, says: str) -> None:
    refused = refusal({"title": "x", **keys})
    assert (refused.field, refused.message) == (field, says)


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-31T09:30:00",  # no offset: whose half past nine?
        "2026-01-31",
        "yesterday",
        "",
        1_769_851_800,
        None,
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",  # the year 10000 where it is written
        "2026-02-30T00:00:00Z",
        "\ud800",
    ],
)
def test_a_time_that_is_no_moment_is_refused(value: object) -> None:
    refused = refusal({"title": "x", "createdAt": value})
    assert refused.field == "createdAt"
    assert "RFC 3339 time with an offset" in refused.message


@given(st.integers(0, LAST_MOMENT))
def test_a_time_is_written_as_it_is_read(milliseconds: int) -> None:
    assert parse({"title": "x", "createdAt": format_time(milliseconds)}).created_at == milliseconds


@pytest.mark.parametrize(
    ("milliseconds", "written"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (NOW + 7, "2026-01-31T09:30:00.007Z"),
        (LAST_MOMENT, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_times_are_rfc_3339_in_utc_with_milliseconds(milliseconds: int, written: str) -> None:
    assert format_time(milliseconds) == written
    assert datetime.fromisoformat(written).tzinfo is UTC


def test_nul_and_lone_surrogates_become_the_replacement_character() -> None:
    read = parse(
        {
            "title": "a\0b",
            "name": "\ud83d",
            "tags": ["\udc00x"],
            "destinations": ["\0"],
            "alertContext": {"key\ud800": "\udfff"},
        }
    )
    assert (read.title, read.name, read.tags, read.destinations) == ("a�b", "�", ("�x",), ("�",))
    assert json.loads(read.context) == {"key�": "�"}


texts_from_anywhere = st.fixed_dictionaries(
    {"title": any_text, "id": st.just("rule")},
    optional={
        "name": any_text,
        "description": any_text,
        "tags": st.lists(any_text),
        "destinations": st.lists(any_text),
        "alertContext": st.dictionaries(any_text, any_json),
    },
)


@given(texts_from_anywhere)
def test_whatever_the_texts_hold_every_database_can_hold_the_alert(keys: dict[str, Any]) -> None:
    read = result_or_refusal(parse, keys)
    assume(isinstance(read, Alert))  # a context with a NaN in it is refused
    values = [getattr(read, field.name) for field in fields(Alert)]
    for text in (*(value for value in values if isinstance(value, str)), *read.tags):
        assert "\0" not in text
        assert text.encode().decode() == text
    assert isinstance(json.loads(read.context), dict)


@given(any_json | st.dictionaries(st.sampled_from(KEYS), any_json))
def test_whatever_json_stands_for_an_alert_it_is_read_or_refused_by_key(value: object) -> None:
    read = result_or_refusal(parse, value)
    known = isinstance(value, dict) and set(value) <= set(KEYS)
    assert isinstance(read, Alert) or not known or read.field in KEYS


# --- JSON ---


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a": NaN}', "NaN is not JSON; use a number, a string or null"),
        ('{"a": Infinity}', "Infinity is not JSON; use a number, a string or null"),
        ("-Infinity", "-Infinity is not JSON; use a number, a string or null"),
        ("[1e400]", "the number 1e400 is too large"),
        ("-1e400", "the number -1e400 is too large"),
        pytest.param("[" * 100_000, "the JSON is nested too deeply", id="deep arrays"),
        pytest.param('{"a":' * 100_000, "the JSON is nested too deeply", id="deep objects"),
        pytest.param("1" * 5_000, "a number in the JSON has too many digits", id="5,000 digits"),
    ],
)
def test_json_that_a_receiver_could_not_read_is_refused_in_plain_words(text: str, says: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        decode_json(text)
    assert str(caught.value) == says


def test_a_syntax_error_keeps_its_line_and_column() -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        decode_json('{"a": 1,\n "b" 2}')
    assert (caught.value.lineno, caught.value.colno) == (2, 6)


def test_json_is_written_compact_and_readable() -> None:
    assert encode_json({"b": [1, "ü"], "a": None}) == '{"b":[1,"ü"],"a":null}'


def test_a_context_keeps_the_order_of_its_keys() -> None:
    assert encode_context({"z": 1, "a": {"y": 2, "b": 3}}) == '{"z":1,"a":{"y":2,"b":3}}'


def test_a_context_nested_too_deeply_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"in": deep}
    refused = refusal({"title": "x", "alertContext": deep})
    assert (refused.field, refused.message) == ("alertContext", "alertContext is nested too deeply")


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), object(), pytest.param(10**5_000, id="5,000 digits")]
)
def test_a_context_that_json_cannot_hold_is_refused(value: object) -> None:
    refused = refusal({"title": "x", "alertContext": {"a": value}})
    assert refused.field == "alertContext"
    assert refused.message.startswith("alertContext cannot be written as JSON: ")


# --- the test alert ---


def test_a_test_alert_goes_to_its_one_destination_and_says_that_it_is_a_test() -> None:
    made = make_test_alert("soc", now=NOW, alert_id="t-1", link_template="https://soc.example.com/{alertId}")
    assert (made.alert_id, made.created_at, made.link) == ("t-1", NOW, "https://soc.example.com/t-1")
    assert (made.test, made.destinations, made.severity) == (True, ("soc",), Severity.INFO)
    assert made.title == "This is a Test Alert"
    assert json.loads(made.context) == {"test": True}
