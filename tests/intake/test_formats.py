"""Formats: their configuration, errors in it, and how documents are read."""

import json
import tomllib
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import NOW
from tui.domain.alert import DEFAULT_RULE_ID, Alert, Severity, format_time, is_alert_id
from tui.domain.errors import Invalid
from tui.domain.search import words_of
from tui.intake.formats import Formats, Skipped, built_in, format_named, parse_formats, read


def formats(text: str) -> Formats:
    """Return the formats of a configuration."""
    return parse_formats(tomllib.loads(text)["formats"])


def results(document: object, known: Formats | None = None, name: str | None = None) -> list[Any]:
    known = known or built_in()
    numbers = count(1)
    found = read(
        document, known[name] if name else None, known, now=NOW, new_id=lambda: f"new-{next(numbers)}"
    )
    return [reading.result for reading in found]


def refusal(text: str) -> str:
    """Return the error message for a configuration."""
    with pytest.raises(Invalid) as refused:
        formats(text)
    return refused.value.message


def alert_of(document: object, known: Formats | None = None, name: str | None = None) -> Alert:
    (result,) = results(document, known, name)
    assert isinstance(result, Alert), result
    return result


class TestDetection:
    @pytest.mark.parametrize(
        "document",
        [
            {"title": "Root login"},
            {"name": "Root login", "severity": "HIGH", "tags": []},
            {"title": "New Alert: Root login", "description": "its own words"},
        ],
        ids=lambda document: ",".join(document),
    )
    def test_tocsins_own_form_comes_first_if_it_fits(self, document: dict[str, Any]) -> None:
        alert = alert_of(document)
        assert (alert.title, alert.rule_id, alert.context) == (
            document.get("title", ""),
            DEFAULT_RULE_ID,
            "{}",
        )

    @pytest.mark.parametrize(
        ("document", "complaint"),
        [
            ({"title": "x", "sevrity": "LOW"}, "unknown key 'sevrity'; did you mean 'severity'?"),
            ({"titel": "x"}, "unknown key 'titel'; did you mean 'title'?"),
            ({}, "an alert needs a title, a name or an id"),
            (5, "an alert must be a JSON object, not a number"),
        ],
        ids=str,
    )
    def test_a_typo_in_tocsins_own_form_is_an_error(self, document: object, complaint: str) -> None:
        (result,) = results(document)
        assert isinstance(result, Invalid)
        assert result.message.startswith(complaint)

    @pytest.mark.parametrize("document", [{"host": "db1"}, {"severity": "HIGH", "host": "db1"}], ids=str)
    def test_a_document_that_fits_no_format_is_told_what_was_looked_at(
        self, document: dict[str, Any]
    ) -> None:
        for name in (None, "plain"):
            (result,) = results(document, name=name)
            assert isinstance(result, Invalid)
            assert result.message.startswith("no title: none of title, summary, subject, message, ")
            assert "rule.name, rule.description, " in result.message
            assert "alertContext" not in result.message, "no advice about Tocsin's own keys"

    def test_many_unknown_keys_are_not_typos(self) -> None:
        assert (
            alert_of({"title": "x", "severity1": 1, "severity2": 2, "severity3": 3, "severity4": 4}).rule_id
            == "plain"
        )

    def test_an_object_with_other_keys_is_plain_json(self) -> None:
        alert = alert_of({"title": "x", "created_at": "2026-01-31T09:15:00Z"})
        assert format_time(alert.created_at) == "2026-01-31T09:15:00.000Z"
        assert json.loads(alert.context) == {"title": "x", "created_at": "2026-01-31T09:15:00Z"}

    @pytest.mark.parametrize(
        ("named", "routed"),
        [
            (["pager", "soc"], ("pager", "soc")),
            ([], None),
            ("pager", None),
            ([{"ip": "203.0.113.9"}], None),
            (["pager", 5], None),
        ],
    )
    def test_plain_json_may_name_destinations_too(self, named: object, routed: object) -> None:
        alert = alert_of({"title": "x", "host": "db1", "destinations": named, "dedupKey": "root on db1"})
        assert (alert.destinations, alert.dedup_key) == (routed, "root on db1")

    def test_user_formats_are_tried_first(self) -> None:
        own = formats(
            '[formats.acme]\ndetect = "host"\n[formats.acme.alert]\ntitle = "message"\nid = "\'acme\'"'
        )
        assert alert_of({"message": "x", "host": "db-3"}, own).rule_id == "acme"
        assert alert_of({"message": "x"}, own).rule_id == "plain"

    def test_the_format_of_each_array_entry_is_detected_separately(self) -> None:
        found = read([{"title": "a"}, {"message": "b"}, 5], None, built_in(), now=NOW, new_id=lambda: "new")
        assert [(reading.place, reading.format) for reading in found] == [
            ("item 1", "tocsin"),
            ("item 2", "plain"),
            ("item 3", "tocsin"),
        ]
        assert isinstance(found[2].result, Invalid)

    def test_nested_places_are_named(self) -> None:
        group = {"status": "firing", "receiver": "x", "groupKey": "x", "version": "4"}
        document = [{"title": "a"}, {**group, "alerts": [{"labels": {"alertname": "b"}}, "c"]}]
        found = read(document, None, built_in(), now=NOW, new_id=lambda: "new")
        assert [reading.place for reading in found] == ["item 1", "item 2, item 1", "item 2, item 2"]
        assert isinstance(found[2].result, Invalid)


def test_every_expression_of_the_built_in_formats_is_valid() -> None:
    for format in built_in().values():
        for expression in (format.detect, format.items, format.skip, format.inside, format.resolved):
            assert expression is None or expression.checked()
        assert all(expression.checked() for expression in format.alert.values())


class TestAFormatByName:
    def test_auto_means_detection(self) -> None:
        assert format_named("auto", built_in()) is None
        assert format_named("falco", built_in()) is built_in()["falco"]

    def test_an_unknown_name_gets_a_suggestion_or_the_list(self) -> None:
        with pytest.raises(Invalid, match="unknown format 'suricatta'; did you mean 'suricata'"):
            format_named("suricatta", built_in())
        with pytest.raises(Invalid, match="known formats: auto, panther, tocsin, "):
            format_named("xyzzy", built_in())

    @pytest.mark.parametrize(
        ("name", "complaint"),
        [
            ("suricata", "the format suricata found no title, name or id"),
            ("alertmanager", "the document has no alerts in the format alertmanager"),
            ("tocsin", "unknown key 'host'"),
        ],
    )
    def test_a_document_of_another_format_is_refused(self, name: str, complaint: str) -> None:
        (result,) = results({"host": "db-3"}, name=name)
        assert isinstance(result, Invalid)
        assert result.message.startswith(complaint)


class TestIdentity:
    def test_a_repeat_has_the_same_id_and_a_resolution_another(self) -> None:
        def ids(status: str, **more: Any) -> list[str]:
            alert = {"labels": {"alertname": "x"}, "fingerprint": "f", "startsAt": "2026-01-31T09:15:00Z"}
            group = {"version": "4", "groupKey": "k", "receiver": "r", "status": status}
            document = {**group, "alerts": [{**alert, "status": status, **more}]}
            return [alert.alert_id for alert in results(document)]

        assert ids("firing") == ids("firing", annotations={"summary": "worse"})
        assert ids("firing") != ids("resolved")
        assert ids("firing") != ids("firing", startsAt="2026-01-31T10:15:00Z")

    def test_alerts_with_other_labels_do_not_fold(self) -> None:
        group = {"version": "4", "groupKey": "k", "receiver": "r", "status": "firing"}
        entries = [
            {
                "labels": {"alertname": "Crash", "pod": pod},
                "annotations": {"summary": "A pod crashes."},
                "fingerprint": pod,
            }
            for pod in ("a", "b")
        ]
        one, other = results({**group, "alerts": entries})
        assert one.title == other.title
        assert one.dedup_key != other.dedup_key

    def test_an_alert_without_an_id_gets_a_new_one(self) -> None:
        alerts = results([{"message": "x"}, {"message": "x"}])
        assert [alert.alert_id for alert in alerts] == ["new-1", "new-2"]

    @pytest.mark.parametrize("name", ["two words", "x" * 400, "\u202e", "\ud800"], ids=ascii)
    def test_an_id_that_is_not_a_valid_alert_id_becomes_one(self, name: str) -> None:
        own = formats("[formats.a]\nidentity = 'its docs'\n[formats.a.alert]\ntitle = 't'\nalertId = 'i'")
        for document, format in (({"message": "x", "alert_id": name}, None), ({"t": "x", "i": name}, "a")):
            once, again = (alert_of(document, own, format) for _ in range(2))
            assert once.alert_id == again.alert_id
            assert is_alert_id(once.alert_id)

    @pytest.mark.parametrize("name", ["12", 0, "N/A", "def-77", "two words", "ü" * 300])
    def test_the_same_foreign_id_with_other_content_is_another_alert(self, name: object) -> None:
        documents = [
            {"title": "h1 is down", "alert_id": name, "host": "h1"},
            {"title": "h1 is down", "alert_id": name, "host": "h2"},
            {"host": "h1", "alert_id": name, "title": "h1 is down"},
        ]
        first, other, again = (alert_of(document).alert_id for document in documents)
        assert first == again
        assert first != other
        for each in (first, other):
            assert set(words_of(str(name)[:150])) <= set(words_of(each)), (
                "a search for the foreign id finds it"
            )

    def test_foreign_ids_take_no_id_of_another_format(self) -> None:
        """Or a line that an attacker writes could make an alert of another tool a repeat."""
        panther = json.loads(Path("tests/intake/samples/panther.json").read_text())["document"]
        assert alert_of(panther).alert_id == panther["alertId"]
        assert alert_of({"message": "x", "alertId": panther["alertId"]}).alert_id != panther["alertId"]

    def test_a_user_format_without_a_source_for_its_ids_has_foreign_ids(self) -> None:
        table = "[formats.a]\n{}[formats.a.alert]\ntitle = 't'\nalertId = 'i'\nalertContext = '`{{}}`'"
        foreign, documented = formats(table.format("")), formats(table.format("identity = 'its docs'\n"))
        documents = [{"t": "x", "i": "7", "host": host} for host in ("h1", "h2")]
        assert len({alert_of(each, foreign, "a").alert_id for each in documents}) == 2
        assert {alert_of(each, documented, "a").alert_id for each in documents} == {"7"}

    def test_another_id_for_a_built_in_format_needs_its_own_source(self) -> None:
        own = formats("[formats.falco.alert]\nalertId = 'rule'")
        falco = {"rule": "r", "priority": "Alert", "output": "o", "time": "t"}
        one, other = (alert_of({**falco, "output": text}, own).alert_id for text in ("a", "b"))
        assert one != other
        assert formats("[formats.falco.alert]\ntags = ''")["falco"].identity

    def test_a_foreign_id_in_an_envelope_is_told_apart_by_the_message(self) -> None:
        message = json.dumps({"message": "x", "alert_id": "12"})
        ids = [
            alert_of({"Type": "Notification", "TopicArn": "t", "MessageId": id, "Message": message}).alert_id
            for id in ("m1", "m2", "m1")
        ]
        assert ids[0] == ids[2] != ids[1]
        assert all(id.startswith("12-") for id in ids)

    @pytest.mark.parametrize("queue", [False, True])
    def test_each_test_alert_of_panther_is_a_new_one(self, queue: bool) -> None:
        test = {
            "createdAt": "2026-01-31T09:15:00Z",
            "severity": "INFO",
            "type": "RULE",
            "title": "This is a Test Alert",
            "alertId": "Test.Alert",
        }
        test |= {"analysisId": "Test.Alert"} if queue else {"id": "Test.Alert"}
        assert [alert.alert_id for alert in results([test, test])] == ["new-1", "new-2"]

    def test_only_formats_with_a_source_identify_alerts_by_id(self) -> None:
        foreign = {
            name for name, format in built_in().items() if "alertId" in format.alert and not format.identity
        }
        assert {"plain", "splunk", "librenms", "thehive"} <= foreign, "ids of searches, rows and objects"
        assert not {"github", "falco", "alertmanager", "security-hub"} & foreign
        assert [f.name for f in built_in().values() if f.identity and "https://" not in f.identity] == []

    def test_several_alerts_in_one_envelope_do_not_share_its_id(self) -> None:
        group = {"version": "4", "groupKey": "k", "receiver": "r", "status": "firing"}
        message = json.dumps({**group, "alerts": [{"labels": {"alertname": name}} for name in "ab"]})
        envelope = {"Type": "Notification", "TopicArn": "t", "MessageId": "m", "Message": message}
        assert [alert.alert_id for alert in results(envelope)] == ["new-1", "new-2"]
        message = json.dumps({"message": "alone"})
        once, again = (alert_of({**envelope, "Message": message}) for _ in range(2))
        assert once.alert_id == again.alert_id != "new-1"


class TestFields:
    @pytest.mark.parametrize(
        ("given", "severity"),
        [
            ({"severity": "Fatal"}, Severity.CRITICAL),
            ({"severity": " error "}, Severity.HIGH),
            ({"level": "warning"}, Severity.MEDIUM),
            ({"level": 5}, Severity.MEDIUM),
            ({"level": 50}, Severity.MEDIUM),
            ({"priority": 1}, Severity.MEDIUM),
            ({"priority": "P4"}, Severity.LOW),
            ({"severity": 0}, Severity.MEDIUM),
            ({"severity": 3.9}, Severity.MEDIUM),
            ({"severity": "7.0"}, Severity.MEDIUM),
            ({"severity": 10}, Severity.MEDIUM),
            ({"severity": 55}, Severity.MEDIUM),
            ({"severity": -1}, Severity.MEDIUM),
            ({"severity": True}, Severity.MEDIUM),
            ({"severity": "purple", "level": "error"}, Severity.HIGH),
            ({"severity": "purple"}, Severity.MEDIUM),
            ({"severity": "page"}, Severity.CRITICAL),
            ({"severity": "PAGER"}, Severity.CRITICAL),
            ({"severity": "ticket"}, Severity.MEDIUM),
            ({"severity": "SEV-1"}, Severity.CRITICAL),
            ({"severity": "sev 2"}, Severity.HIGH),
            ({"severity": "Sev_5"}, Severity.INFO),
            ({"severity": "1"}, Severity.CRITICAL),
            ({"severity": "4"}, Severity.LOW),
            ({"severity": 1}, Severity.MEDIUM),
            ({"severity": "1 - Critical"}, Severity.CRITICAL),
            ({"severity": "🔴 High"}, Severity.HIGH),
            ({"severity": "very-high"}, Severity.CRITICAL),
            ({"severity": "not critical"}, Severity.MEDIUM),
            ({"severity": "", "level": "error"}, Severity.HIGH),
            ({"priority": "normal"}, Severity.MEDIUM),
            ({"priority": "normal", "alert_type": "error"}, Severity.HIGH),
            ({"priority": "P1 - urgent"}, Severity.CRITICAL),
            ({"cvss": 9.8}, Severity.CRITICAL),
            ({"cvss": {"baseScore": 5}}, Severity.MEDIUM),
            ({"cvss_score": 11}, Severity.MEDIUM),
            ({"severity": 3, "facility": 10}, Severity.HIGH),
            ({"severityNumber": 17}, Severity.HIGH),
            ({"levelno": 50}, Severity.CRITICAL),
            ({"labels": {"severity": "critical"}}, Severity.CRITICAL),
            ({"result": {"severity": "high"}}, Severity.HIGH),
            ({"status": "CRITICAL"}, Severity.CRITICAL),
            ({"status": "alert"}, Severity.MEDIUM),
            ({"state": "firing"}, Severity.MEDIUM),
            ({"type": "failure"}, Severity.HIGH),
            ({"event": "down", "kind": 1}, Severity.HIGH),
            ({"summary": "[FIRING:2] [Critical] disk"}, Severity.CRITICAL),
            ({"summary": "[Alert] disk"}, Severity.MEDIUM),
            ({}, Severity.MEDIUM),
        ],
        ids=str,
    )
    def test_names_and_numbers_map_to_the_five_severities(
        self, given: dict[str, Any], severity: Severity
    ) -> None:
        alert = alert_of({"message": "x", **given})
        assert alert.severity == severity
        assert json.loads(alert.context) == {"message": "x", **given}
        assert "resolved" not in alert.tags

    @pytest.mark.parametrize(
        ("given", "resolved"),
        [
            ({"status": "resolved", "severity": "critical"}, True),
            ({"state": "OK"}, True),
            ({"status": "Recovered"}, True),
            ({"title": "[OK] disk"}, True),
            ({"title": "[shop] [✅ Up] 200 - OK"}, True),
            ({"title": "RECOVERY: disk"}, True),
            ({"title": "** RECOVERY ** disk"}, True),
            ({"type": "success"}, True),
            ({"severity": "OK"}, True),
            ({"severity": "normal"}, True),
            ({"priority": "normal"}, False),
            ({"type": "success", "severity": "high"}, False),
            ({"status": "success", "title": "[Critical] login"}, False),
            ({"status": "firing"}, False),
            ({"title": "OK computer"}, False),
            ({"title": "Closed ports scanned"}, False),
            ({"status": {"a": 1}, "state": ["x", 5, None]}, False),
        ],
        ids=str,
    )
    def test_a_recovery_is_info_and_tagged(self, given: dict[str, Any], resolved: bool) -> None:
        alert = alert_of({"title": "x", "host": "db1", **given})
        assert (alert.severity == "INFO", "resolved" in alert.tags) == (resolved, resolved)

    @pytest.mark.parametrize(
        ("given", "title"),
        [
            ({"title": "Disk full", "status": "resolved"}, "Resolved: Disk full"),
            ({"title": "[OK] Disk full", "status": "ok"}, "[OK] Disk full"),
            ({"title": "h1 is up again", "status": "up"}, "h1 is up again"),
            ({"title": "Backup done", "type": "success"}, "Backup done"),
        ],
        ids=str,
    )
    def test_the_title_of_a_resolved_alert_says_so_once(self, given: dict[str, Any], title: str) -> None:
        assert alert_of({"host": "db1", **given}).title == title

    @pytest.mark.parametrize(
        ("given", "note"),
        [
            ({"severity": 3}, 'Tocsin did not understand the severity "3" and used MEDIUM.'),
            ({"time": "soon"}, 'Tocsin did not understand the time "soon" and used the current time.'),
            ({"severity": "high", "time": "0001-01-01T00:00:00Z"}, ""),
            ({}, ""),
        ],
        ids=str,
    )
    def test_the_description_says_what_was_not_understood(self, given: dict[str, Any], note: str) -> None:
        assert alert_of({"message": "x", **given}).description == note

    def test_what_an_envelope_knows_needs_no_note(self) -> None:
        envelope = {
            "specversion": "1.0",
            "id": "1",
            "source": "s",
            "type": "t",
            "time": "2026-01-31T09:15:00Z",
        }
        alert = alert_of({**envelope, "severitytext": "high", "data": {"message": "x", "time": "soon"}})
        assert (alert.severity, alert.description) == (Severity.HIGH, "")
        assert format_time(alert.created_at) == "2026-01-31T09:15:00.000Z"

    def test_an_unknown_severity_is_kept_in_a_reduced_context(self) -> None:
        own = formats('[formats.a.alert]\ntitle = "t"\nseverity = "s"\nalertContext = "c"')
        alert = alert_of({"t": "x", "s": "purple", "c": {"a": 1}}, own, "a")
        assert (alert.severity, json.loads(alert.context)) == (
            Severity.MEDIUM,
            {"a": 1, "unknownSeverity": "purple"},
        )

    def test_users_extend_the_table_of_severities(self) -> None:
        text = """
        [severities.severity]
        CRITICAL = ["scarlet"]
        [severities.wazuh]
        HIGH = 10
        [severities.acme]
        LOW = 1
        HIGH = ["loud", 5]
        most = 9
        [recoveries]
        resolved = ["vorbei"]
        [formats.acme]
        scale = "acme"
        resolved = "state"
        [formats.acme.alert]
        title = "t"
        severity = "[s, scale('suricata', n)]"
        """
        tables = tomllib.loads(text)
        known = parse_formats(tables["formats"], tables["severities"], tables["recoveries"])
        given = [{"s": "Scarlet"}, {"s": 4}, {"s": 5}, {"s": 10}, {"n": 1}, {"s": "loud", "state": "Vorbei"}]
        severities = [alert_of({"t": "x", **each}, known, "acme").severity for each in given]
        assert severities == ["CRITICAL", "LOW", "HIGH", "MEDIUM", "HIGH", "INFO"]
        assert (
            alert_of({"rule": {"level": 10, "description": "x"}, "agent": {}, "manager": 1}, known).severity
            == "HIGH"
        )
        assert (
            alert_of({"rule": {"level": 10, "description": "x"}, "agent": {}, "manager": 1}).severity
            == "MEDIUM"
        )

    @pytest.mark.parametrize(
        ("severities", "recoveries", "complaint"),
        [
            (1, {}, "severities needs one table per scale"),
            ({"a": {"HIHG": 1}}, {}, "severities.a: unknown setting HIHG; did you mean HIGH?"),
            ({"a": {"HIGH": [True]}}, {}, "severities.a.HIGH must list names and numbers, not True"),
            ({"a": {"most": "9"}}, {}, "severities.a.most must be a number, not '9'"),
            ({}, {"fixed": ["x"]}, "recoveries takes two lists of words"),
            ({}, {"resolved": "x"}, "recoveries.resolved must be a list of words, not 'x'"),
        ],
        ids=str,
    )
    def test_a_mistake_in_the_table_is_reported(
        self, severities: object, recoveries: object, complaint: str
    ) -> None:
        with pytest.raises(Invalid) as refused:
            parse_formats({}, severities, recoveries)
        assert refused.value.message.startswith(complaint)

    def test_every_scale_has_a_source(self) -> None:
        tables = tomllib.loads(Path("tui/intake/formats/severities.toml").read_text(encoding="utf-8"))
        assert [name for name, table in tables.items() if not table.get("source")] == []

    @pytest.mark.parametrize(
        ("level", "severity"),
        [(0, "INFO"), (3, "INFO"), (4, "LOW"), (7, "MEDIUM"), (11, "MEDIUM"), (12, "HIGH"), (15, "CRITICAL")],
    )
    def test_a_number_maps_to_the_highest_step_it_reaches(self, level: int, severity: str) -> None:
        document = {"rule": {"level": level, "description": "x"}, "agent": {"id": "1"}}
        assert alert_of(document).severity == severity

    @pytest.mark.parametrize(
        "time",
        [
            "2026-01-31T09:15:00Z",
            "2026-01-31t09:15:00z",
            "2026-01-31 09:15:00",
            "2026-01-31T10:15:00.000000001+01:00",
            "2026-01-31T05:15:00,000-0400",
            1769850900,
            1769850900.0,
            "1769850900",
            1769850900000,
            1769850900000000,
            1769850900000000000,
            "2026-01-31 09:15:00 (UTC)",
            "2026-01-31 09:15:00 UTC",
            "2026-01-31 10:15 +01:00",
            "2026-01-31T10:15:00+01:00[Europe/Berlin]",
            "2026-01-31 10:15:00 Europe/Berlin",
            "2026-01-31 10:15:00.0 +0100 CET",
            "2026-01-31 01:15:00 PST",
            "Sat, 31 Jan 2026 09:15:00 GMT",
            "Sat, 31 Jan 2026 04:15:00 -0500 (EST)",
            "Sat Jan 31 09:15:00 2026",
            "Sat Jan 31 10:15:00 CET 2026",
            "31/Jan/2026:10:15:00 +0100",
            "2026/01/31 09:15:00",
            "31.01.2026 09:15:00",
            "1/31/2026 9:15:00 AM",
            "Saturday, January 31, 2026 at 9:15 AM",
            "Jan 31 09:15:00",
            "Jan 31, 2026, 9:15:00 AM",
            "31 Jan 2026 9:15 AM",
            "01/31-09:15:00.000999",
            "20260131091500",
        ],
    )
    def test_a_time_is_read_in_any_common_form(self, time: object) -> None:
        assert format_time(alert_of({"message": "x", "time": time}).created_at) == "2026-01-31T09:15:00.000Z"

    @pytest.mark.parametrize(
        "time",
        [
            "soon",
            "",
            None,
            True,
            12,
            -1769850900,
            10**30,
            1e300,
            "0001-01-01T00:00:00Z",
            "2026-01-31 09:15:00 XYZ",
            "02/03/2026 09:15:00",
            "2026-13-01",
            [],
            {"s": 1},
            "9" * 400,
        ],
        ids=lambda time: str(time)[:20],
    )
    def test_an_unknown_time_becomes_now(self, time: object) -> None:
        assert alert_of({"message": "x", "time": time}).created_at == NOW

    def test_a_time_without_a_year_is_of_the_last_twelve_months(self) -> None:
        tomorrow, next_month = ("Feb  1 09:00:00", "Mar  1 09:30:00")
        assert format_time(alert_of({"message": "x", "time": next_month}).created_at)[:10] == "2025-03-01"
        assert (
            format_time(alert_of({"message": "x", "time": tomorrow}).created_at)[:4] == format_time(NOW)[:4]
        )

    def test_a_date_alone_is_its_first_moment(self) -> None:
        assert (
            format_time(alert_of({"message": "x", "date": "2026-01-31"}).created_at)
            == "2026-01-31T00:00:00.000Z"
        )

    def test_the_first_usable_value_wins(self) -> None:
        own = formats('[formats.a.alert]\ntitle = "[a, b, c, d]"\ncreatedAt = "[a, e]"')
        alert = alert_of({"a": " ", "b": {"x": 1}, "c": 7, "d": "late", "e": 1769850900}, own, "a")
        assert alert.title == "late"
        assert alert_of({"b": {"x": 1}, "c": 7}, own, "a").title == "7"
        assert alert.created_at == 1769850900000

    def test_a_title_is_one_line_and_the_rest_goes_to_the_description(self) -> None:
        alert = alert_of({"message": "first\r\nsecond", "details": "more"})
        assert (alert.title, alert.description) == ("first", "first\r\nsecond\n\nmore")
        alert = alert_of({"message": "x" * 1000})
        assert (len(alert.title), alert.description) == (300, "x" * 1000)

    def test_tags_are_distinct_texts(self) -> None:
        alert = alert_of({"message": "x", "tags": ["a", 1, None, True, {"b": "c", "d": [1]}, ["a", "e"]]})
        assert alert.tags == ("a", "1", "b=c", "e")

    def test_a_context_that_is_not_an_object_is_wrapped(self) -> None:
        own = formats('[formats.a.alert]\ntitle = "t"\nalertContext = "c"')
        assert alert_of({"t": "x", "c": [1, 2]}, own, "a").context == '{"value":[1,2]}'
        assert alert_of({"t": "x"}, own, "a").context == "{}"

    def test_a_format_may_name_destinations(self) -> None:
        own = formats('[formats.a.alert]\ntitle = "t"\ndestinations = "d"')
        assert alert_of({"t": "x", "d": "soc"}, own, "a").destinations == ("soc",)
        assert alert_of({"t": "x", "d": []}, own, "a").destinations == ()
        assert alert_of({"t": "x"}, own, "a").destinations is None

    def test_an_envelope_fills_in_missing_fields(self) -> None:
        envelope = {
            "specversion": "1.0",
            "id": "1",
            "source": "s",
            "type": "t",
            "time": "2026-01-31T09:15:00Z",
        }
        alert = alert_of({**envelope, "severitytext": "error", "data": {"message": "x", "tags": ["a"]}})
        assert (alert.title, alert.rule_id, alert.severity) == ("x", "t", Severity.HIGH)
        assert (format_time(alert.created_at), alert.tags) == ("2026-01-31T09:15:00.000Z", ("a",))
        alert = alert_of({**envelope, "severitytext": "error", "data": {"title": "x", "severity": "LOW"}})
        assert (alert.title, alert.severity) == ("x", Severity.LOW)
        assert alert_of({**envelope, "data": {"name": "x"}}).headline == "x"

    @pytest.mark.parametrize(
        ("document", "title", "context"),
        [
            ({"data": {"title": "in", "severity": "low"}, "site": 1}, "in", None),
            ({"message": "out", "data": {"title": "in"}}, "out", None),
            ({"title": "out", "message": '{"title": "in", "host": 1}'}, "out", None),
            ({"message": ' {"title": "in", "host": 1}\n'}, "in", {"title": "in", "host": 1}),
            ({"log": '{"x": 1}', "message": "out"}, "out", None),
            ({"log": '{"broken": ', "message": "out"}, "out", None),
            ({"event": {"data": {"issue": {"name": "deep"}}}}, "deep", None),
            ({"event.reason": "x", "rule.name": "dotted"}, "dotted", None),
        ],
        ids=str,
    )
    def test_plain_json_may_have_its_title_inside(
        self, document: dict[str, Any], title: str, context: object
    ) -> None:
        alert = alert_of(document)
        assert (alert.headline, json.loads(alert.context)) == (title, context or document)

    @pytest.mark.parametrize(
        ("document", "title", "description"),
        [
            ({"specversion": "1.0", "id": "1", "source": "s", "type": "t"}, "t", ""),
            ({"detail-type": "d", "source": "s", "detail": {}}, "d", ""),
            ({"AlarmName": "a", "NewStateValue": "OK", "StateChangeTime": "-"}, "Resolved: a", ""),
            ({"AlarmName": "a", "NewStateValue": "A", "StateChangeTime": "-", "NewStateReason": "r"}, "a",
             "r\n\nTocsin did not understand the severity \"A\" and used MEDIUM."),
            ({"event_type": "alert", "timestamp": 0, "alert": {"signature": "s", "category": "c"}}, "s",
             "c\n\nTocsin did not understand the time \"0\" and used the current time."),
            ({"rule": "r", "priority": "Alert", "output": "o", "time": "-"}, "r", "o"),
        ],
        ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
    )  # fmt: skip
    def test_a_missing_value_does_not_affect_other_fields(
        self, document: dict[str, Any], title: str, description: str
    ) -> None:
        alert = alert_of(document)
        assert (alert.title, alert.description) == (title, description)

    def test_the_depth_of_nested_envelopes_is_limited(self) -> None:
        document: dict[str, Any] = {"message": "in the middle"}
        for number in range(50):
            document = {"specversion": "1.0", "id": str(number), "source": "s", "type": "t", "data": document}
        assert alert_of(document).title == "t"


class TestUserFormats:
    def test_a_user_format(self) -> None:
        own = formats(
            """
            [formats.acme]
            detect = "product == 'acme'"
            items = "findings"
            skip = "closed && 'closed already'"
            [formats.acme.alert]
            title = "join(' on ', [what, where])"
            severity = "risk"
            [formats.acme.severities]
            CRITICAL = ["red", 90]
            LOW = "warning"
            """
        )
        findings = [
            {"what": "SSH open", "where": "web-1", "risk": "Red"},
            {"what": "SSH open", "where": "web-2", "risk": 95.5},
            {"what": "SSH open", "where": "web-3", "risk": 10},
            {"what": "SSH open", "where": "web-5", "risk": "WARNING"},
            {"what": "SSH open", "where": "web-4", "closed": True},
        ]
        *alerts, skipped = results({"product": "acme", "findings": findings}, own)
        assert [(alert.title, alert.severity) for alert in alerts] == [
            ("SSH open on web-1", "CRITICAL"),
            ("SSH open on web-2", "CRITICAL"),
            ("SSH open on web-3", "MEDIUM"),
            ("SSH open on web-5", "LOW"),
        ]
        assert skipped == Skipped("closed already")

    def test_a_built_in_format_can_be_overridden(self) -> None:
        own = formats('[formats.wazuh.alert]\ntags = ""\n[formats.wazuh.severities]\nHIGH = [10]')
        alert = alert_of(
            {"rule": {"level": 10, "description": "x", "groups": ["g"]}, "agent": {}, "manager": 1}, own
        )
        assert (alert.severity, alert.title, alert.tags) == (Severity.HIGH, "x", ())
        assert list(own) == list(built_in())

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("formats = 1", "formats needs one table per format, like [formats.acme]"),
            ("[formats]\nx = 1", "formats.x is not a format: write [formats.NAME] and its settings"),
            ("[formats.auto]", "formats.auto is not a format"),
            ("[formats.tocsin]", "formats.tocsin is Tocsin's own form and cannot be changed"),
            ("[formats.x]", "formats.x defines no fields; add [formats.x.alert]"),
            ("[formats.x]\ndetct = 'a'", "formats.x: unknown setting detct; did you mean detect?"),
            ("[formats.x.alert]\nseverty = 'a'", "formats.x.alert: unknown setting severty; did you mean"),
            ("[formats.x]\nalert = 1", "formats.x.alert must be a table, not 1"),
            ("[formats.x]\nitems = 1", "formats.x.items must be a string, not 1"),
            ("[formats.x.alert]\ntitle = 'a['", "formats.x.alert.title: 'a[' is not JMESPath: incomplete "),
            ("[formats.x]\ndetect = 'a = b'", "formats.x.detect: 'a = b' is not JMESPath: unknown token '='"),
            ("[formats.x]\nskip = 'a b'", "formats.x.skip: 'a b' is not JMESPath: "),
            ("[formats.x]\nskip = 'a(b'", "formats.x.skip: 'a(b' is not JMESPath: "),
            ("[formats.x]\ndetect = 'lenght(a)'", "formats.x.detect: 'lenght(a)' is not JMESPath: "
             "unknown function lenght()"),
            ("[formats.x]\ndetect = 'a && b[?join(c)]'", "join() takes 2 arguments, not 1"),
            ("[formats.x]\ndetect = 'not_null()'", "not_null() takes 1 or more arguments, not 0"),
            ("[formats.x.severities]\nHIHG = 1", "formats.x.severities: unknown setting HIHG; did you mean"),
            ("[formats.x.severities]\nHIGH = [true]", "HIGH must list names and numbers, not True"),
            (f"[formats.x]\ndetect = '{'(' * 5000}'", "is not JMESPath: "),
        ],
        ids=lambda text: text.replace("\n", " ")[:60],
    )  # fmt: skip
    def test_a_mistake_is_reported_in_one_sentence(self, text: str, complaint: str) -> None:
        said = refusal(text)
        assert complaint in said
        assert "\n" not in said


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=15,
)


def nested(depth: int, kind: type) -> Any:
    value: Any = {}
    for _ in range(depth):
        value = {"a": value} if kind is dict else [value]
    return value


@given(json_values)
def test_no_document_raises(document: object) -> None:
    for name in (None, *built_in()):
        for result in results(document, name=name):
            assert isinstance(result, Alert | Skipped | Invalid)


@pytest.mark.parametrize(
    "document",
    [
        {"message": "x", "a": nested(20_000, dict)},
        {"title": "x", "alertContext": nested(20_000, dict)},
        {"message": "x", "rule": nested(20_000, list), "tags": nested(20_000, list), "time": nested(9, dict)},
        {"message": "x", "severity": 10**400, "time": 10**400, "tags": [10**5000], "rule_id": 10**5000},
        {"message": "x", "severity": float("nan"), "time": float("inf"), "a": float("nan")},
        nested(20_000, list),
        [nested(20_000, dict)],
    ],
    ids=["object", "context", "fields", "integers", "floats", "array", "entry"],
)  # fmt: skip
def test_no_document_is_too_deep_or_too_large(document: object) -> None:
    test_no_document_raises.hypothesis.inner_test(document)  # type: ignore[attr-defined]


def test_the_examples_in_the_documentation_are_valid_formats() -> None:
    page = Path("docs/formats.md").read_text(encoding="utf-8")
    examples = [block.partition("```")[0] for block in page.split("```toml\n")[1:]]
    assert examples
    for text in examples:
        tables = tomllib.loads(text)
        assert tables.keys() <= {"formats", "severities", "recoveries"}
        assert parse_formats(*(tables.get(name, {}) for name in ("formats", "severities", "recoveries")))
