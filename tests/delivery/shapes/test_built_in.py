"""Every built-in shape yields what its vendor accepts, whatever the alert is."""

import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.delivery.shapes.alerts import SAMPLES, SHAPES, URL, alert, long, objections, render
from tui.delivery.shapes import library
from tui.domain.alert import Severity
from tui.serving import ocsf
from tui.serving.vendors import VENDORS

TEXTS = st.text(st.characters(codec=None), max_size=60)


def test_every_shape_has_a_vendor_that_checks_it_and_cites_its_source():
    assert set(SHAPES) == VENDORS.keys()
    for name in SHAPES:
        shape = library.find(name)
        assert shape.about
        assert shape.source
        assert shape.source.startswith("none") or "2026" in shape.source


@pytest.mark.parametrize("name", SHAPES)
def test_the_vendor_accepts_every_sample_severity_and_resend(name):
    for sample in SAMPLES.values():
        assert objections(name, render(name, sample)) == []
        assert objections(name, render(name, sample, round=2)) == []
    for severity in Severity:
        assert objections(name, render(name, alert(severity=severity), round=2)) == []


@pytest.mark.parametrize("name", SHAPES)
def test_the_vendor_accepts_any_alert(name):
    @example("\x00", "\x00", "\x00", ["\x00"], Severity.LOW, False)  # noqa: FBT003
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(TEXTS, TEXTS, TEXTS, st.lists(TEXTS, max_size=30), st.sampled_from(list(Severity)), st.booleans())
    def check(title: str, text: str, link: str, tags: list[str], severity: Severity, is_long: bool):
        made = alert(
            title=title,
            description=text,
            runbook=title,
            link=link,
            tags=tuple(tags),
            severity=severity,
            context=json.dumps({"fingerprint": text, text: tags}),
        )
        assert objections(name, render(name, made)) == []
        if is_long and text:
            assert objections(name, render(name, long(text))) == []

    check()


@pytest.mark.parametrize("name", SHAPES)
def test_the_body_of_each_kind_of_alert(name, snapshot):
    for sample in ("an alert", "an empty alert", "the longest alert", "a resolved alert", "a hostile alert"):
        text = json.dumps(json.loads(render(name, SAMPLES[sample]).body), indent=1, ensure_ascii=False)
        lines = [line if len(line) < 200 else f"{line[:80]}…({len(line)})" for line in text.splitlines()]
        if len(lines) > 80:
            lines[60:] = [f"… {len(lines)} lines"]
        assert "\n".join(lines) == snapshot(name=f"{name}, {sample}")


def test_a_resolved_alert_resolves_its_incident_at_pagerduty():
    fired, resolved = (
        json.loads(render("pagerduty", SAMPLES[name]).body) for name in ("an alert", "a resolved alert")
    )

    assert (fired["event_action"], resolved["event_action"]) == ("trigger", "resolve")
    assert fired["dedup_key"] == resolved["dedup_key"] == "f1"


def test_a_finding_without_a_required_attribute_or_with_another_value_is_no_detection_finding():
    def rejected(**changes: object) -> list[str]:
        return list(
            ocsf.mistakes({key: value for key, value in (valid | changes).items() if value != "gone"})
        )

    valid = json.loads(render("ocsf", SAMPLES["an alert"]).body)
    assert rejected() == []
    for name, attribute in ocsf.OBJECTS["detection_finding"].items():
        assert bool(rejected(**{name: "gone"})) == attribute.required, name
        assert not attribute.values or rejected(**{name: 7}), name
        assert rejected(**{name: None}), name
    for name in ("finding_info", "metadata"):
        for key, attribute in ocsf.OBJECTS[name].items():
            without = {k: v for k, v in valid[name].items() if k != key}
            assert bool(rejected(**{name: without})) == attribute.required, key
    assert rejected(type_uid=200_499) == ["type_uid must be class_uid * 100 + activity_id"]
    assert rejected(metadata=valid["metadata"] | {"product": {}}) == ["metadata.product needs name or uid"]
    assert list(ocsf.mistakes([])) == ["the body must be a JSON object"]


def test_the_longest_alerts_have_100_tags_and_a_context_of_64_kib():
    for name, sample in SAMPLES.items():
        if name.startswith("the longest"):
            assert len(sample.tags) == 100
            assert len(sample.context.encode()) >= 64 * 1024


@pytest.mark.parametrize("name", SHAPES)
def test_a_resend_says_so(name):
    body = json.dumps(json.loads(render(name, alert(title="x"), round=2).body))
    assert "[Re-sent]: " in body.replace("\\", "")


def test_ntfy_posts_to_the_root_of_the_server():
    rendered = render("ntfy", alert())

    assert rendered.url == "https://receiver.example/services/T0?chat_id=42"
    assert json.loads(rendered.body)["topic"] == "mytopic"


@pytest.mark.parametrize(
    ("url", "shape"),
    [
        ("https://hooks.slack.com/services/T0/B0/xyz", "slack"),
        (
            "https://prod-1.westeurope.logic.azure.com:443/workflows/abc/triggers/manual/paths/invoke?sv=1",
            "teams",
        ),
        (
            "https://default1.2.environment.api.powerplatform.com:443/powerautomate/automations/direct"
            "/workflows/abc/triggers/manual/paths/invoke?api-version=1",
            "teams",
        ),
        ("https://discord.com/api/webhooks/1/abc", "discord"),
        ("https://chat.googleapis.com/v1/spaces/AAA/messages?key=k&token=t", "google-chat"),
        ("https://mattermost.example.com/hooks/abc", "mattermost"),
        ("https://api.telegram.org/bot1:AA/sendMessage?chat_id=1", "telegram"),
        ("https://events.pagerduty.com/v2/enqueue", "pagerduty"),
        ("https://api.eu.opsgenie.com/v2/alerts", "opsgenie"),
        ("https://ntfy.sh/mytopic", "ntfy"),
        ("https://splunk.example:8088/services/collector/event", "splunk-hec"),
        ("https://hooks.example.com/alerts", ""),
        ("http://127.0.0.1:8081", ""),
        (URL, ""),
    ],
)
def test_the_url_of_a_known_vendor_proposes_its_shape(url, shape):
    assert library.proposal(url) == shape
