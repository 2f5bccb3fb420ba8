"""`tocsin send`: alerts from flags, a file or a pipe."""

import json
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from tests.commands.conftest import PATIENCE_S, Receiver, Tocsin
from tests.conftest import destination
from tui import cli, logs
from tui.commands.sending import keeper
from tui.store import outbox
from tui.store.errors import StoreUnavailable

PAYLOAD_KEYS = {
    "id",
    "createdAt",
    "severity",
    "type",
    "link",
    "title",
    "name",
    "alertId",
    "alertContext",
    "description",
    "runbook",
    "tags",
    "version",
}


def titles(tocsin: Tocsin) -> list[str]:
    """Of what is stored, in the order it came."""
    return [row["title"] for row in reversed(tocsin.json("alert", "list"))]


def test_delivers_an_alert_given_as_options(tocsin: Tocsin, receiver: Receiver) -> None:
    tocsin.add(destination(url=receiver.url))
    flags = {
        "--title": "Root login",
        "--severity": "critical",
        "--id": "AWS.Root.Login",
        "--type": "rule_error",
        "--name": "Root",
        "--description": "Somebody is root.",
        "--runbook": "Ask them.",
        "--context": '{"ip": "203.0.113.9"}',
    }
    tags = "--tag", "aws", "--tag", "identity"
    done = tocsin("send", *(word for flag in flags.items() for word in flag), *tags, "--wait")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("  soc delivered\n")
    (request,) = receiver.requests
    assert request.payload.keys() == PAYLOAD_KEYS
    expected = {
        "id": "AWS.Root.Login",
        "severity": "CRITICAL",
        "type": "RULE_ERROR",
        "title": "New rule error: Root login",
        "name": "Root",
        "description": "Somebody is root.",
        "runbook": "Ask them.",
        "tags": ["aws", "identity"],
        "alertContext": {"ip": "203.0.113.9"},
    }
    assert request.payload.items() >= expected.items()


@pytest.mark.parametrize(
    "text",
    [
        '{"title": "one"}',
        '{\n  "title": "one"\n}\n',
        '[{"title": "one"}]',
        '\n{"title": "one"}',
        '\ufeff{"title": "one"}\r\n',
    ],
    ids=["an object", "an object over lines", "an array", "a blank line first", "a byte order mark first"],
)
def test_takes_one_alert(tocsin: Tocsin, text: str) -> None:
    done = tocsin("send", "-", input=text)
    assert (done.returncode, done.stderr) == (0, "")
    assert titles(tocsin) == ["one"]


@pytest.mark.parametrize(
    "text",
    ['[{"title": "one"}, {"title": "two"}]', '{"title": "one"}\n\n{"title": "two"}'],
    ids=["an array", "JSON Lines"],
)
def test_takes_several_alerts_from_a_file(tocsin: Tocsin, file: Callable[..., str], text: str) -> None:
    done = tocsin("send", file(text))
    assert (done.returncode, done.stderr) == (0, "")
    assert titles(tocsin) == ["one", "two"]


def test_reads_a_pipe_without_an_argument(tocsin: Tocsin) -> None:
    assert tocsin("send", input='{"title": "piped"}').returncode == 0
    assert titles(tocsin) == ["piped"]


@pytest.mark.parametrize(
    ("text", "place", "raw"),
    [
        ('{"title": "one"}\n\n{oops}\n{"title": "two"}\n', "line 3", "{oops}"),
        ('[{"title": "one"}, {"titel": "ü"}, {"title": "two"}]', "item 2", '{"titel":"ü"}'),
        ('{"title": "one"}\n{"title": "two"}\n[7, {}, "x"]', "line 3, item 1", '[7, {}, "x"]'),
    ],
    ids=["JSON Lines", "an array", "several errors in a line"],
)
def test_bad_items_among_good_ones_are_named_and_stored_in_one_alert(
    tocsin: Tocsin, text: str, place: str, raw: str
) -> None:
    done = tocsin("send", "-", input=text)
    assert done.returncode == 2
    *complaints, stored = done.stderr.splitlines()
    assert complaints[0].startswith(f"tocsin: {place}: ")
    assert stored.startswith("tocsin: stored what cannot be read in alert ")
    assert len(done.stdout.splitlines()) == 2
    assert titles(tocsin) == ["one", "two", "Tocsin cannot read lines of standard input"]
    (context,) = unreadable(tocsin)
    assert context.items() >= {"position": place, "lines": 1, "raw": raw, "truncated": False}.items()


def unreadable(tocsin: Tocsin) -> list[dict[str, Any]]:
    """The contexts of the alerts about what cannot be read."""
    with closing(sqlite3.connect(tocsin.database)) as db:
        rows = db.execute("SELECT context FROM alert WHERE rule_id = 'Tocsin.Intake.Unreadable'").fetchall()
    return [json.loads(context) for (context,) in rows]


def test_a_file_of_another_kind_is_refused_as_a_whole(tocsin: Tocsin, file: Callable[..., str]) -> None:
    notes = file("buy milk\n" * 1000, "notes.txt")
    done = tocsin("send", notes)
    told = done.stderr.splitlines()
    assert (done.returncode, len(told), tocsin.stored()["alert"]) == (2, 21, 0)
    assert told[0] == "tocsin: line 1: this is not JSON: expecting value at column 1"
    assert told[-1] == f"tocsin: nothing stored: no alert in {notes} can be read (1,000 bad items)"


def test_many_bad_lines_make_one_alert(tocsin: Tocsin, file: Callable[..., str]) -> None:
    done = tocsin("send", file('{"title": "good"}\n' + f"{'x' * 99}\n" * 3000, "eve.json"))
    told = done.stderr.splitlines()
    assert (done.returncode, len(told), told[-1]) == (2, 22, "tocsin: 3,000 bad items in all")
    (context,) = unreadable(tocsin)
    assert (context["lines"], len(context["raw"]), context["truncated"]) == (3000, 64 * 1024, True)


def test_text_in_a_pipe_is_noticed_at_once_and_stored(tocsin: Tocsin) -> None:
    with tocsin.start("send", "-", stdin=-1) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write("[2026-01-31 09:15:00] ready\n")
        process.stdin.flush()
        assert process.stderr.readline().startswith("tocsin: line 1: this is not JSON")
        process.communicate("done\n")
    assert process.returncode == 2
    (context,) = unreadable(tocsin)
    assert context.items() >= {"raw": "[2026-01-31 09:15:00] ready\ndone", "lines": 2}.items()


def test_a_report_of_bad_lines_is_delivered_like_the_alerts(tocsin: Tocsin, receiver: Receiver) -> None:
    tocsin.add(destination(url=receiver.url), destination(name="pager", url=receiver.url))
    done = tocsin("send", "-", "--to", "pager", "--wait", input='{"title": "good"}\n{oops}\n')
    assert done.returncode == 2
    assert len(receiver.requests) == 2
    assert {to for _, to, _ in tocsin.deliveries()} == {"pager"}


def test_stores_a_line_as_soon_as_it_comes(tocsin: Tocsin) -> None:
    with tocsin.start("send", "-", stdin=-1) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for title in ("first", "second"):
            process.stdin.write(json.dumps({"title": title, "alertId": title}) + "\n")
            process.stdin.flush()
            assert process.stdout.readline().startswith(f"{title}  stored")
        process.communicate()
    assert titles(tocsin) == ["first", "second"]


@pytest.mark.parametrize("first", ["}", "Starting …", '{"a": ', "[2026-01-31 09:15:00] ready"])
def test_a_bad_line_at_the_head_of_a_pipe_holds_nothing_up(tocsin: Tocsin, first: str) -> None:
    with tocsin.start("send", "-", stdin=-1) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{first}\n" + '{"title": "x", "alertId": "x"}\n{"title": "y"}\n')
        process.stdin.flush()
        assert process.stdout.readline().startswith("x  stored")
        _, complaint = process.communicate()
    assert process.returncode == 2
    assert complaint.startswith("tocsin: line 1: this is not JSON")


def test_takes_a_storm_on_one_line(tocsin: Tocsin, file: Callable[[str], str]) -> None:
    alert = '{"title": "' + "x" * 2000 + '"}'
    for text in (
        "[" + ",".join([alert] * 900) + "]",
        '{"title": "y", "description": "' + "x" * 2_000_000 + '"}',
    ):
        assert tocsin("send", file(text + "\n")).returncode == 0
    assert titles(tocsin)[-1:] == ["y"]


def test_of_a_line_that_is_too_long_the_start_is_stored(tocsin: Tocsin) -> None:
    long = '{"title": "' + "x" * 16 * 1024 * 1024 + '"}'
    done = tocsin("send", "-", input='{"title": "good"}\n' + long + '\n{"title": "too"}\n')
    assert done.stderr.startswith("tocsin: line 2: this line is longer than 16 MiB\n")
    assert titles(tocsin)[:2] == ["good", "too"]
    (context,) = unreadable(tocsin)
    assert (context["raw"], context["truncated"]) == (long[: 64 * 1024], True)


def test_to_goes_to_those_it_names_and_no_others(tocsin: Tocsin) -> None:
    tocsin.add(destination(), destination(name="pager", severities=frozenset()), destination(name="mail"))
    (sent,) = tocsin.json("send", "--title", "for two", "--to", "PAGER", "--to", "soc")
    assert [delivery["destination"] for delivery in sent["deliveries"]] == ["pager", "soc"]


def test_an_unknown_destination_is_reported_once_before_anything_is_stored(tocsin: Tocsin) -> None:
    done = tocsin("send", "-", "--to", "soc", input='{"title": "a"}\n{"title": "b"}\n')
    assert (done.returncode, done.stderr) == (
        1,
        "tocsin: no destination is named 'soc'; there are none yet\n",
    )
    assert tocsin.stored()["alert"] == 0


def test_json_says_where_each_alert_goes(tocsin: Tocsin) -> None:
    tocsin.add(destination(severities=frozenset()))
    routed, lost = tocsin.json("send", "-", input='[{"title": "a", "destinations": ["soc"]}, {"title": "b"}]')
    assert routed["notRouted"] is None
    (delivery,) = routed["deliveries"]
    assert delivery.pop("id").startswith("dlv_")
    assert delivery == {"destination": "soc", "destinationId": 1, "state": "scheduled"}
    assert (lost["notRouted"], lost["deliveries"]) == ("no destination takes severity INFO", [])


def test_json_tells_of_each_alert_as_soon_as_it_is_stored(tocsin: Tocsin) -> None:
    with tocsin.start("send", "-", "--json", stdin=-1) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for title in ("first", "second"):
            process.stdin.write(json.dumps({"title": title, "alertId": title}) + "\n")
            process.stdin.flush()
            assert any(f'"alertId": "{title}"' in line for line in process.stdout)
        process.kill()
    assert titles(tocsin) == ["first", "second"]


def test_json_of_nothing_stored_is_an_empty_array(tocsin: Tocsin) -> None:
    assert tocsin.json("send", "-", input="{oops}", code=2) == []


@pytest.mark.parametrize("more", [[], ["--wait"]], ids=" ".join)
def test_stored_alerts_are_reported_when_the_database_fails_half_way(
    tocsin: Tocsin,
    file: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
) -> None:
    tocsin.add(destination())
    stores = iter([outbox.submit])

    def submit(*args: Any, **named: Any) -> Any:
        for real in stores:
            return real(*args, **named)
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(outbox, "submit", submit)
    monkeypatch.setattr(logs, "set_up", lambda *_, **__: None)  # it is for the whole process
    monkeypatch.setattr(keeper, "AT_ONCE", 1)
    given = file('{"title": "a"}\n{"title": "b"}')
    monkeypatch.setattr(sys, "argv", ["tocsin", "--db", str(tocsin.database), "send", given, "--json", *more])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    answer, complaint = capsys.readouterr()
    assert (ended.value.code, complaint) == (
        1,
        "tocsin: not stored: line 2 and everything after it\ntocsin: the disk is full\n",
    )
    (told,) = json.loads(answer)
    assert told["alertId"] == tocsin.json("alert", "list")[0]["alertId"]
    assert told["deliveries"][0]["state"] == "scheduled"


@pytest.mark.parametrize("more", [[], ["--json"]], ids=" ".join)
def test_alerts_are_stored_when_stdout_is_closed(tocsin: Tocsin, more: list[str]) -> None:
    with tocsin.start("send", "-", *more, stdin=-1) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.close()
        for title in ("first", "second", "third"):
            process.stdin.write(json.dumps({"title": title}) + "\n")
            process.stdin.flush()
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 1
    assert tocsin.stored()["alert"] == 3


def test_send_says_that_a_destination_is_paused(tocsin: Tocsin) -> None:
    tocsin.add(destination(), destination(name="pager", paused=True))
    said = tocsin("send", "--title", "x").stdout
    assert said.endswith("  queued for pager (paused), soc\n")


class TestWait:
    def test_exits_1_if_a_delivery_failed(self, tocsin: Tocsin, receiver: Receiver) -> None:
        receiver.status = 503
        tocsin.add(destination(url=receiver.url))
        sent: list[Any] = tocsin.json(
            "send", "--title", "in vain", "--wait", code=1, env={"TOCSIN_RETRY_DELAYS": "0"}
        )
        assert sent[0]["deliveries"][0]["state"] == "failed"
        assert len(receiver.requests) == 2

    def test_ends_when_its_time_is_over(self, tocsin: Tocsin, receiver: Receiver) -> None:
        receiver.status = 503
        tocsin.add(destination(url=receiver.url))
        (sent,) = tocsin.json("send", "--title", "in vain", "--wait", "0.01", code=1)
        assert sent["deliveries"][0]["state"] == "scheduled"

    def test_says_that_it_waits_once_it_has_for_a_second(self, tocsin: Tocsin, receiver: Receiver) -> None:
        receiver.status = 503
        tocsin.add(destination(url=receiver.url))
        soon, late = (tocsin("send", "--title", "in vain", "--wait", span) for span in ("0.01", "1.5"))
        told = "waiting until every delivery has ended, including retries; Ctrl-C leaves them queued"
        assert told not in soon.stderr
        assert late.stderr.splitlines()[0] == told

    def test_says_how_deliveries_stand_in_the_words_of_lists(
        self, tocsin: Tocsin, receiver: Receiver
    ) -> None:
        receiver.status = 503
        tocsin.add(
            destination(url=receiver.url), destination(name="pager", url="http://127.0.0.1:1", paused=True)
        )
        _, said = tocsin("send", "--title", "in vain", "--wait", "0.5").stdout.rstrip().split("  ")
        pager, soc = said.split(", ")
        assert pager == "pager paused"
        assert soc in ("soc waiting", "soc retrying")  # as far as half a second goes
        listed = tocsin("alert", "list").stdout
        assert pager in listed
        assert soc in listed

    def test_delivers_nothing_but_its_own(self, tocsin: Tocsin, receiver: Receiver) -> None:
        tocsin.add(destination(url=receiver.url))
        tocsin("send", "--title", "other")
        assert tocsin("send", "--title", "own", "--wait").returncode == 0
        assert [request.payload["title"] for request in receiver.requests] == ["New Alert: own"]


class TestFormats:
    def test_the_format_of_another_tool_is_detected(self, tocsin: Tocsin) -> None:
        done = tocsin("send", "-", input='{"message": "disk full", "level": "error", "host": "db-3"}')
        assert (done.returncode, done.stderr) == (0, "")
        (alert,) = tocsin.json("alert", "list")
        assert (alert["title"], alert["severity"]) == ("disk full", "HIGH")

    def test_items_that_are_not_alerts_are_skipped_and_counted(self, tocsin: Tocsin) -> None:
        def line(kind: str, **more: Any) -> str:
            return json.dumps(
                {"timestamp": "2026-01-31T09:15:00+0000", "event_type": kind, "flow_id": 1, **more}
            )

        alert = line("alert", alert={"signature_id": 7, "signature": "odd upload", "severity": 1})
        text = "\n".join([line("flow"), alert, line("flow"), line("dns")])
        done = tocsin("send", "--format", "suricata", "-", input=text)
        assert done.returncode == 0
        assert done.stderr.splitlines() == [
            "tocsin: skipped 2: not an alert: the Suricata event_type is flow",
            "tocsin: skipped: not an alert: the Suricata event_type is dns",
        ]
        assert titles(tocsin) == ["odd upload"]

    def test_each_item_of_a_document_is_named_by_its_place(self, tocsin: Tocsin) -> None:
        group = {"version": "4", "groupKey": "k", "receiver": "r", "status": "firing"}
        alerts = [{"labels": {"alertname": "a"}}, "b", {"labels": {"alertname": "c"}}]
        done = tocsin("send", "-", input=json.dumps({**group, "alerts": alerts}) + "\n{}")
        assert done.returncode == 2
        assert [line for line in done.stderr.splitlines() if line.startswith("tocsin: line")] == [
            "tocsin: line 1, item 2: an alert must be a JSON object, not a string",
            "tocsin: line 2: an alert needs a title, a name or an id",
        ]
        assert titles(tocsin)[:2] == ["a", "c"]

    def test_an_alert_that_a_tool_repeats_is_stored_once(self, tocsin: Tocsin) -> None:
        group = {"version": "4", "groupKey": "k", "receiver": "r", "status": "firing"}
        firing = {"status": "firing", "fingerprint": "f", "startsAt": "2026-01-31T09:15:00Z"}
        lines = [
            {**group, "alerts": [{**firing, "annotations": {"summary": text}}]} for text in ("91 %", "92 %")
        ]
        done = tocsin("send", "-", input="\n".join(map(json.dumps, lines)))
        assert done.returncode == 0
        assert done.stderr == ""
        assert [line.split("  ", 1)[1] for line in done.stdout.splitlines()] == [
            "stored, not routed: there was no destination yet",
            "already stored, not routed: there was no destination yet",
        ]
        assert titles(tocsin) == ["91 %"]

    def test_log_types_that_no_destination_takes_are_escaped_and_only_the_first_are_named(
        self, tocsin: Tocsin
    ) -> None:
        tocsin("destination", "add", "soc", "http://localhost/soc", "--log-type", "AWS.*")
        kinds = ["A\x1b]0;x\x07\nB", *(f"Kind.{number}" for number in range(1000))]
        done = tocsin("send", "-", input=json.dumps({"title": "t", "logTypes": kinds}))
        [line] = done.stdout.splitlines()
        assert line.endswith("log type A␛]0;x␇␊B, Kind.0, Kind.1 and 998 more")

    def test_alerts_that_share_an_id_of_their_tool_are_all_stored(self, tocsin: Tocsin) -> None:
        lines = [
            {"title": "h1 is down", "severity": "critical", "alert_id": "12", "hostname": "h1", "state": 1},
            {"title": "h1 is up again", "severity": "ok", "alert_id": "12", "hostname": "h1", "state": 0},
            {"title": "first", "alert_id": 0, "zone": 1},
            {"title": "another", "alert_id": 0, "zone": 1, "severity": "critical"},
            {"title": "first", "alert_id": "N/A", "zone": 1},
            {"title": "another", "alert_id": "N/A", "zone": 1},
        ]
        done = [tocsin("send", "-", input=json.dumps(line)) for line in lines]
        assert [one.returncode for one in done] == [0] * 6
        assert not any("already stored" in one.stdout for one in done)
        assert titles(tocsin) == [line["title"] for line in lines]
        assert len(tocsin.json("alert", "list", "--filter", "12")) == 2
        assert "already stored" in tocsin("send", "-", input=json.dumps(lines[0])).stdout
        assert len(titles(tocsin)) == 6

    def test_a_link_to_be_opened_by_a_person_is_shown_and_not_opened(
        self, tocsin: Tocsin, receiver: Receiver
    ) -> None:
        notice = {
            "Type": "SubscriptionConfirmation",
            "MessageId": "m",
            "TopicArn": "arn:aws:sns:eu-west-1:111122223333:findings",
            "SubscribeURL": f"{receiver.url}/?Action=ConfirmSubscription",
        }
        done = tocsin("send", "-", input=json.dumps(notice))
        assert (done.returncode, done.stderr) == (0, "")
        [stored] = tocsin.json("alert", "list")
        assert notice["SubscribeURL"] in tocsin("alert", "show", stored["alertId"]).stdout
        assert not receiver.requests

    def test_one_of_ones_own_stands_in_the_configuration(
        self, tocsin: Tocsin, file: Callable[..., str]
    ) -> None:
        configuration = file('[formats.acme]\nabout = "Acme scanner"\n[formats.acme.alert]\ntitle = "what"\n')
        done = tocsin(
            "--config", configuration, "send", "--format", "acme", "-", input='{"what": "open port"}'
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert titles(tocsin) == ["open port"]
        listed = tocsin("--config", configuration, "send", "--format", "list").stdout.splitlines()
        assert [line.split()[0] for line in listed[:3]] == ["auto", "acme", "panther"]
        assert "Acme scanner" in listed[1]

    def test_the_list_is_for_programs_too(self, tocsin: Tocsin) -> None:
        names = [format["name"] for format in tocsin.json("send", "--format", "list")]
        assert {"tocsin", "alertmanager", "plain"} <= set(names)

    def test_an_unknown_one_is_told_of_those_there_are(self, tocsin: Tocsin) -> None:
        done = tocsin("send", "--format", "falko", "-", input='{"title": "x"}')
        assert (done.returncode, done.stderr) == (
            2,
            "tocsin: unknown format 'falko'; did you mean 'falco'?\n",
        )

    def test_a_mistake_in_one_of_ones_own_is_said_at_the_start(
        self, tocsin: Tocsin, file: Callable[..., str]
    ) -> None:
        configuration = file('[formats.acme.alert]\ntitle = "what["\n')
        done = tocsin("--config", configuration, "alert", "list")
        assert (done.returncode, done.stderr) == (
            2,
            f"tocsin: {configuration}: formats.acme.alert.title: 'what[' is not JMESPath: "
            "incomplete expression\n",
        )


EXPLAINED = """\
line 1: plain
  title     disk full
            from message
  severity  HIGH, from level
  time      2026-01-31T09:15:00.000Z, from time
  type      RULE
  identity  generated: the document has no ID, so every send stores a new
            alert
  stored    yes
  goes to   pager (paused); soc
"""


class TestDryRun:
    DISK = '{"message": "disk full", "level": "error", "time": "2026-01-31T09:15:00Z"}'

    def test_explains_each_item(self, tocsin: Tocsin) -> None:
        tocsin.add(destination(), destination(name="pager", paused=True))
        done = tocsin("send", "--dry-run", "-", input=f'{self.DISK}\n{{"oops": 1}}\n')
        assert (done.returncode, done.stdout) == (2, EXPLAINED)
        bad, told = done.stderr.splitlines()
        assert bad.startswith("tocsin: line 2: no title: none of title, summary")
        assert told == "dry run, nothing was stored: 1 new, 0 already stored, 0 skipped, 1 bad"
        assert tocsin.stored()["alert"] == 0

    def test_needs_no_database_and_makes_none(self, tocsin: Tocsin) -> None:
        (explained,) = tocsin.json("send", "--dry-run", "-", input=self.DISK)
        assert (explained["from"]["severity"], explained["notRouted"]) == (
            ["level"],
            "there was no destination yet",
        )
        assert not tocsin.database.exists()

    def test_of_options_goes_where_to_says(self, tocsin: Tocsin) -> None:
        tocsin.add(destination(), destination(name="pager"))
        (explained,) = tocsin.json("send", "--dry-run", "--title", "x", "--to", "pager")
        assert [to["destination"] for to in explained["destinations"]] == ["pager"]
        done = tocsin("send", "--dry-run", "--title", "x", "--wait")
        assert (done.returncode, done.stderr) == (
            2,
            "tocsin: --dry-run sends nothing; leave out --wait; see `tocsin send --help`\n",
        )
