"""What other tools send, and the resulting alerts. Each file in `samples/` is one document of one tool."""

import json
from pathlib import Path
from typing import Any

import jmespath
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOW, alert
from tui.delivery.request import payload
from tui.domain.alert import Alert, format_time
from tui.domain.alert_type import AlertType
from tui.domain.errors import Invalid
from tui.intake.formats import Reading, Skipped, built_in, read
from tui.intake.formats.embedded import unfolded

FILES = sorted((Path(__file__).parent / "samples").glob("*.json"))
SAMPLES: dict[str, dict[str, Any]] = {
    file.stem: json.loads(file.read_text(encoding="utf-8")) for file in FILES
}
GENERAL = {"tocsin", "plain"}
"""Formats that fit documents of other formats too: one shares its keys with Panther's, one fits anything."""


def readings(document: object, format: str | None = None) -> list[Reading]:
    named = built_in()[format] if format else None
    return read(document, named, built_in(), now=NOW, new_id=lambda: "new")


def shown(alert: Alert) -> dict[str, Any]:
    """Return the non-empty fields in Tocsin's own form."""
    fields = {
        "alertId": None if alert.alert_id == "new" else alert.alert_id,
        "id": alert.rule_id,
        "type": alert.type,
        "createdAt": format_time(alert.created_at),
        "severity": alert.severity,
        "title": alert.title,
        "name": alert.name,
        "link": alert.link,
        "description": alert.description,
        "runbook": alert.runbook,
        "tags": list(alert.tags),
        "version": alert.version,
        "logTypes": list(alert.log_types),
    }
    return {key: value for key, value in fields.items() if value or key == "alertId"}


def found_in(document: object, path: Any) -> Any:
    """Search by JMESPath; `from_json(KEY)` parses the document that a text holds. An object is returned."""
    if isinstance(path, dict):
        return path
    if path.startswith("from_json("):
        key, _, rest = path.removeprefix("from_json(").partition(")")
        return found_in(json.loads(jmespath.search(key, document)), rest.lstrip(".") or "@")
    found = jmespath.search(path, document)
    return json.loads(found) if isinstance(found, str) else found


def test_every_sample_becomes_the_expected_alerts() -> None:
    for name, sample in SAMPLES.items():
        results = [reading.result for reading in readings(sample["document"])]
        alerts = [result for result in results if isinstance(result, Alert)]
        expected = [dict(fields) for fields in sample["alerts"]]
        contexts = [found_in(sample["document"], fields.pop("context")) for fields in expected]
        assert [shown(alert) for alert in alerts] == expected, name
        assert [json.loads(alert.context) for alert in alerts] == contexts, name
        assert [each.reason for each in results if isinstance(each, Skipped)] == sample["skipped"], name
        assert len(results) == len(expected) + len(sample["skipped"]), name


def test_every_sample_is_detected_by_exactly_one_format() -> None:
    for name, sample in SAMPLES.items():
        document = unfolded(sample["document"])
        fitting = {format.name for format in built_in().values() if format.fits(document)}
        assert fitting - (GENERAL - {sample["format"]}) == {sample["format"]}, name
        assert next(format.name for format in built_in().fitting(document)) == sample["format"], name


def test_what_tocsin_sends_is_read_back_with_its_type_and_title() -> None:
    sent = [alert(type=type, name="Root login", title="") for type in AlertType]
    read_back = [readings(json.loads(payload(each, round)))[0].result for each in sent for round in (1, 2)]
    assert [(each.type, each.title) for each in read_back if isinstance(each, Alert)] == [
        (type, "Root login") for type in AlertType for _ in (1, 2)
    ]


def test_the_index_finds_the_formats_that_fit() -> None:
    for name, sample in SAMPLES.items():
        document = unfolded(sample["document"])
        fitting = [format.name for format in built_in().values() if format.fits(document)]
        assert [format.name for format in built_in().fitting(document)] == fitting, name


def test_the_general_formats_come_last() -> None:
    assert list(built_in())[:2] == ["panther", "tocsin"]
    assert list(built_in())[-1] == "plain"


def test_every_sample_reads_the_same_with_its_keys_in_any_order() -> None:
    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(value)}
        return [turned(entry) for entry in value] if isinstance(value, list) else value

    def told(document: object) -> list[object]:
        results = [reading.result for reading in readings(document)]
        return [
            shown(each) | {"tags": set(each.tags)} if isinstance(each, Alert) else each for each in results
        ]

    for name, sample in SAMPLES.items():
        assert told(turned(sample["document"])) == told(sample["document"]), name


def test_every_sample_reads_the_same_when_its_format_is_named() -> None:
    for name, sample in SAMPLES.items():
        assert readings(sample["document"], sample["format"]) == readings(sample["document"]), name


def test_every_format_has_a_sample() -> None:
    assert {sample["format"] for sample in SAMPLES.values()} == set(built_in())


def test_every_format_has_a_row_in_the_documentation() -> None:
    page = Path("docs/formats.md").read_text(encoding="utf-8")
    assert [name for name in built_in() if f"\n| `{name}` | " not in page] == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def spoilt(draw: st.DrawFn) -> Any:
    """A sample in which some values are replaced by values that its tool would never send."""

    def spoil(value: Any) -> Any:
        if draw(st.integers(0, 9)) == 0:
            return draw(json_values)
        if isinstance(value, dict):
            return {key: spoil(entry) for key, entry in value.items()}
        return [spoil(entry) for entry in value] if isinstance(value, list) else value

    document = draw(st.sampled_from(list(SAMPLES.values())))["document"]
    return {key: spoil(value) for key, value in document.items()}


@given(spoilt(), st.sampled_from([None, *built_in()]))
def test_no_malformed_sample_raises(document: object, format: str | None) -> None:
    for reading in readings(document, format):
        assert isinstance(reading.result, Alert | Skipped | Invalid)
