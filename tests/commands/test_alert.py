"""`tocsin alert`: look at alerts and their deliveries, send them again, withdraw them."""

import re
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from tests.commands.conftest import Receiver, Tocsin, complaint
from tests.commands.test_destination import ATTEMPT_KEYS
from tests.conftest import NOW, alert, answer, destination
from tui.domain.alert import Severity
from tui.domain.lifecycle import Outcome

ALERT_KEYS = {
    "alertId",
    "id",
    "title",
    "severity",
    "type",
    "createdAt",
    "name",
    "description",
    "runbook",
    "tags",
    "version",
    "alertContext",
    "test",
    "dedupKey",
    "logTypes",
    "deliveries",
    "folded",
}
DELIVERY_KEYS = {"id", "destination", "destinationId", "state", "round", "nextAttemptAt"} | {
    "folded",
    "lastFoldedAt",
    "revivedAt",
}
REJECTED = answer(Outcome.REJECTED, status_code=503, reason="Service Unavailable")


def test_eleven_requests_are_sent_then_a_person_is_needed(tocsin: Tocsin, receiver: Receiver) -> None:
    tocsin.add(destination(url=receiver.url))
    tocsin.submit(alert(alert_id="alert-of-root"))
    receiver.status, receiver.body = 503, b"overloaded"
    tocsin("dispatch", "--drain", env={"TOCSIN_RETRY_DELAYS": "0,0,0,0,0,0,0,0,0,0"})
    assert len(receiver.requests) == 11
    assert len({request.body for request in receiver.requests}) == 1
    (line,) = [line for line in tocsin.log.read_text().splitlines() if " ERROR " in line]
    assert "alert=alert-of-root" in line
    assert 'destination="soc" attempts=11 last="503 Service Unavailable"' in line

    receiver.status, receiver.body = 200, b"thank you"
    done = tocsin("alert", "resend", "alert-of-root")
    assert done.stdout == "queued again: 1 delivery, 1 to soc\n"
    tocsin("dispatch", "--drain")
    again = receiver.requests[11:]
    assert [request.payload["title"] for request in again] == ["[Re-sent]: Root login from 203.0.113.9"]
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1

    (delivery,) = tocsin.json("alert", "show", "alert-of-root")["deliveries"]
    assert (delivery["state"], delivery["round"], delivery["attemptsLeft"]) == ("delivered", 2, 0)
    answers = [
        (attempt["round"], attempt["number"], attempt["statusCode"], attempt["responseBody"])
        for attempt in delivery["attempts"]
    ]
    overloaded = [(1, number, 503, "overloaded") for number in range(1, 12)]
    assert answers == [*overloaded, (2, 1, 200, "thank you")]


class TestList:
    @pytest.fixture(autouse=True)
    def two_alerts(self, tocsin: Tocsin) -> None:
        tocsin.add(destination(severities=frozenset({Severity.HIGH})), destination(name="pager"))
        first = alert(alert_id="first", title="S3 bucket made public", severity=Severity.LOW)
        tocsin.submit(first, alert(alert_id="second"))

    def test_shows_the_newest_first(self, tocsin: Tocsin) -> None:
        heading, second, first = tocsin("alert", "list").stdout.splitlines()
        assert heading.split() == ["ID", "CREATED", "SEVERITY", "ALERT", "DELIVERIES"]
        assert second.startswith("second  2026-01-31 09:30:00  HIGH      Root login from 203.0.113.9  ")
        assert second.endswith("  pager waiting, soc waiting")
        assert first.startswith("first   2026-01-31 09:30:00  LOW       S3 bucket made public        ")

    def test_json_has_an_object_an_alert(self, tocsin: Tocsin) -> None:
        second, first = tocsin.json("alert", "list")
        (delivery,) = first.pop("deliveries")
        assert first == {
            "alertId": "first",
            "id": "AWS.Root.Login",
            "title": "S3 bucket made public",
            "severity": "LOW",
            "type": "RULE",
            "createdAt": "2026-01-31T09:30:00.000Z",
            "name": None,
            "test": False,
            "notRouted": None,
            "folded": [],
        }
        assert delivery.keys() == DELIVERY_KEYS
        assert (delivery["destination"], delivery["state"], delivery["round"]) == ("pager", "scheduled", 1)
        assert len(second["deliveries"]) == 2

    def test_title_and_name_are_those_that_show_gives(self, tocsin: Tocsin) -> None:
        tocsin.submit(alert(alert_id="untitled", title="", name="Root login"))
        newest, *_ = tocsin.json("alert", "list")
        shown = tocsin.json("alert", "show", "untitled")
        assert (newest["title"], newest["name"]) == (shown["title"], shown["name"]) == ("", "Root login")
        assert "  Root login  " in tocsin("alert", "list").stdout

    @pytest.mark.parametrize(
        ("filters", "found"),
        [
            (["--severity", ">=high"], ["second"]),
            (["--destination", "SOC"], ["second"]),
            (["--destination", "soc", "--destination", "pager", "--state", "waiting"], ["second", "first"]),
            (["--search", "login 203.0"], ["second"]),
            (["--since", "1h"], []),
            (["--filter", 'to:soc -"bucket made"'], ["second"]),
            (["--filter", "to:pager", "--severity", "LOW"], ["first"]),
        ],
        ids=lambda value: " ".join(value),
    )
    def test_filters(self, tocsin: Tocsin, filters: list[str], found: list[str]) -> None:
        rows = tocsin.json("alert", "list", *filters)
        assert [row["alertId"] for row in rows] == found

    def test_says_when_there_are_more_than_it_shows(self, tocsin: Tocsin) -> None:
        done = tocsin("alert", "list", "--limit", "1")
        assert len(done.stdout.splitlines()) == 2
        assert done.stderr == "only the newest 1 are shown; show more with --limit\n"

    def test_says_when_nothing_matches(self, tocsin: Tocsin) -> None:
        done = tocsin("alert", "list", "--search", "nowhere")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "no alert matches\n")


class TestShow:
    def test_json_has_exactly_these_keys(self, tocsin: Tocsin) -> None:
        tocsin.add(destination())
        tocsin.submit(alert(alert_id="alert-of-root", context='{"ip":"203.0.113.9"}', tags=("aws",)))
        headers = ("Set-Cookie", "a=1"), ("set-cookie", "b=2")
        tocsin.deliver(soc=replace(REJECTED, response_body=b"caf\xc3\xa9 \xff", response_headers=headers))
        shown = tocsin.json("alert", "show", "alert-of-root")
        assert shown.keys() == ALERT_KEYS
        assert (shown["alertContext"], shown["tags"]) == ({"ip": "203.0.113.9"}, ["aws"])
        (delivery,) = shown["deliveries"]
        assert delivery.keys() == DELIVERY_KEYS | {"attemptsLeft", "attempts"}
        (attempt,) = delivery["attempts"]
        assert attempt.keys() == ATTEMPT_KEYS
        assert (attempt["outcome"], attempt["statusCode"]) == ("rejected", 503)
        assert attempt["responseBody"] == "café \ufffd"
        assert attempt["responseHeaders"] == {"set-cookie": "a=1, b=2"}

    def test_says_when_the_next_attempt_is_and_how_many_are_left(self, tocsin: Tocsin) -> None:
        tocsin.add(destination())
        tocsin.submit(alert(alert_id="alert-of-root"))
        (delivery,) = tocsin.json("alert", "show", "alert-of-root")["deliveries"]
        assert delivery["attemptsLeft"] == 11
        assert delivery["nextAttemptAt"].endswith("Z")

    def test_finds_an_alert_by_the_start_of_its_id_or_by_a_webhook_id(self, tocsin: Tocsin) -> None:
        tocsin.add(destination())
        tocsin.submit(alert(alert_id="alert-of-root"), alert(alert_id="alert-of-bucket"))
        by_start = tocsin.json("alert", "show", "alert-of-r")
        assert by_start == tocsin.json("alert", "show", by_start["deliveries"][0]["id"])
        assert "several alerts start with" in complaint(tocsin("alert", "show", "alert-of-"), 1)

    def test_tells_people_everything(self, tocsin: Tocsin) -> None:
        tocsin.add(destination())
        tocsin.submit(alert(alert_id="alert-of-root", description="One.\nTwo.", context='{"n":1}'))
        tocsin.deliver(soc=REJECTED)
        tocsin("alert", "resend", "alert-of-root")
        tocsin.deliver(soc=replace(REJECTED, response_body=b'{"error": "overloaded"}'))
        lines = tocsin("alert", "show", "alert-of-root").stdout.splitlines()
        assert lines[:12] == [
            "Root login from 203.0.113.9",
            "  alert id     alert-of-root",
            "  severity     HIGH",
            "  type         Rule match",
            "  created      2026-01-31 09:30:00",
            "  rule         AWS.Root.Login",
            "  description  One.",
            "               Two.",
            "  context      {",
            '                 "n": 1',
            "               }",
            "",
        ]
        assert lines[12:14] == ["to soc", "  state          failed"]
        assert lines[15] == "  url            https://hooks.example.com/alerts"
        attempts = [re.sub(" 1  .{19}  ", "WHEN ", line) for line in lines[16:20]]
        assert attempts == [
            "  attempts       round 1",
            "                 WHEN 503 Service Unavailable  84 ms",
            "                 round 2",
            "                 WHEN 503 Service Unavailable  84 ms",
        ]
        assert lines[20:] == [
            "  last response  {",
            '                   "error": "overloaded"',
            "                 }",
        ]

    def test_says_why_an_alert_went_nowhere(self, tocsin: Tocsin) -> None:
        tocsin.submit(alert(alert_id="alert-of-root"))
        shown = tocsin("alert", "show", "alert-of-root").stdout
        assert shown.splitlines()[-1] == "  not routed  there was no destination yet"

    def test_of_an_unknown_id_fails(self, tocsin: Tocsin) -> None:
        tocsin.add()
        assert "there is no alert 'x'" in complaint(tocsin("alert", "show", "x"), 1)


class TestResend:
    """Two alerts failed at soc; of the second, pager took its share."""

    @pytest.fixture(autouse=True)
    def failed_at_soc(self, tocsin: Tocsin) -> None:
        pager = destination(name="pager", severities=frozenset({Severity.CRITICAL}))
        tocsin.add(destination(), pager)
        tocsin.submit(alert(alert_id="alert-1"), alert(alert_id="alert-2", severity=Severity.CRITICAL))
        tocsin.deliver(soc=REJECTED, pager=answer())

    def waiting(self, tocsin: Tocsin) -> list[tuple[str, str]]:
        return [(alert, name) for alert, name, state in tocsin.deliveries() if state == "scheduled"]

    @pytest.mark.parametrize(
        ("given", "again"),
        [
            (["alert-2"], [("alert-2", "soc")]),
            (["alert-2", "--to", "Pager"], [("alert-2", "pager")]),
            (["alert-2", "--all"], [("alert-2", "pager"), ("alert-2", "soc")]),
            (["--failed"], [("alert-1", "soc"), ("alert-2", "soc")]),
            (["--failed", "--severity", "high"], [("alert-1", "soc")]),
            (["--failed", "--destination", "pager"], []),
            (["--state", "delivered"], [("alert-2", "pager")]),
        ],
        ids=lambda value: " ".join(value) if value and isinstance(value[0], str) else "",
    )
    def test_sends_again_what_is_meant(
        self, tocsin: Tocsin, given: list[str], again: list[tuple[str, str]]
    ) -> None:
        done = tocsin("alert", "resend", *given)
        assert (done.returncode, done.stderr) == (0, "")
        assert self.waiting(tocsin) == again
        assert done.stdout.startswith(
            f"queued again: {('no deliveries', '1 delivery', '2 deliv')[len(again)]}"
        )

    def test_dry_run_counts_and_does_nothing(self, tocsin: Tocsin) -> None:
        done = tocsin("alert", "resend", "--failed", "--dry-run")
        assert done.stdout == "would resend: 2 deliveries, 2 to soc\n"
        assert self.waiting(tocsin) == []

    def test_those_of_tests_are_sent_again_only_if_they_are_asked_for(self, tocsin: Tocsin) -> None:
        tocsin("alert", "resend", "--failed")
        tocsin.deliver(soc=answer())
        tocsin.submit(alert(alert_id="test-1", test=True))
        tocsin.deliver(soc=answer(Outcome.REJECTED, status_code=500))
        failed = ("alert", "resend", "--failed", "--dry-run")
        assert tocsin(*failed).stdout.startswith("would resend: no deliveries")
        assert tocsin(*failed, "--filter", "test:yes").stdout == "would resend: 1 delivery, 1 to soc\n"

    def test_of_an_alert_without_a_failure_needs_all(self, tocsin: Tocsin) -> None:
        tocsin.submit(alert(alert_id="alert-3"))
        tocsin.deliver(soc=answer())
        refusal = complaint(tocsin("alert", "resend", "alert-3"), 1)
        assert "no delivery of this alert failed (soc delivered)" in refusal
        assert "--all" in refusal

    def test_to_a_destination_that_is_gone_is_refused(self, tocsin: Tocsin) -> None:
        tocsin("destination", "delete", "soc", "--yes")
        for to in ((), ("--to", "soc")):
            refusal = complaint(tocsin("alert", "resend", "alert-1", *to), 1)
            assert refusal == "the destination 'soc' has been deleted"
        assert tocsin("alert", "resend", "--failed").stdout == "queued again: no deliveries\n"

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ([], "give the ID of one alert, or --failed"),
            (["alert-1", "--failed"], "give the ID of one alert, or --failed"),
            (["--since", "1d"], "say which deliveries"),
            (["--failed", "--to", "soc"], "--to and --all need the ID of one alert"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_resend_refuses_unclear_options(self, tocsin: Tocsin, given: list[str], words: str) -> None:
        assert words in complaint(tocsin("alert", "resend", *given), 2)

    def test_to_where_it_did_not_go_it_is_sent_all_the_same(self, tocsin: Tocsin) -> None:
        resend = ("alert", "resend", "alert-1", "--to", "Pager")
        assert tocsin(*resend, "--dry-run").stdout == "would send to pager for the first time\n"
        assert self.waiting(tocsin) == []
        done = tocsin(*resend)
        assert (done.returncode, done.stdout) == (0, "queued for pager for the first time\n")
        assert self.waiting(tocsin) == [("alert-1", "pager")]

    def test_an_alert_that_was_not_routed_is_sent_with_to(self, tocsin: Tocsin) -> None:
        tocsin("destination", "delete", "soc", "--yes")
        tocsin.submit(alert(alert_id="alert-3"))
        refusal = complaint(tocsin("alert", "resend", "alert-3"), 1)
        assert refusal.startswith("this alert was not routed: ")
        assert refusal.endswith("; send it with --to NAME")
        assert "choose from: pager" in complaint(tocsin("alert", "resend", "alert-3", "--to", "x"), 1)
        assert tocsin("alert", "resend", "alert-3", "--to", "pager").returncode == 0
        assert self.waiting(tocsin) == [("alert-3", "pager")]
        assert tocsin("db", "check").returncode == 0


class TestCancel:
    @pytest.fixture(autouse=True)
    def waiting_at_two(self, tocsin: Tocsin) -> None:
        tocsin.add(destination(), destination(name="pager"))
        tocsin.submit(alert(alert_id="alert-of-root"))

    def states(self, tocsin: Tocsin) -> dict[str, str]:
        return {name: state for _, name, state in tocsin.deliveries()}

    def test_withdraws_every_delivery_that_waits(self, tocsin: Tocsin) -> None:
        done = tocsin("alert", "cancel", "alert-of-root")
        assert done.stdout == "cancelled: 2 deliveries, 1 to pager, 1 to soc\n"
        assert self.states(tocsin) == {"soc": "cancelled", "pager": "cancelled"}
        assert "no delivery of this alert is pending" in complaint(
            tocsin("alert", "cancel", "alert-of-root"), 1
        )

    def test_cancels_only_the_delivery_to_the_given_destination(self, tocsin: Tocsin) -> None:
        tocsin("alert", "cancel", "alert-of-root", "--to", "soc")
        assert self.states(tocsin) == {"soc": "cancelled", "pager": "scheduled"}
        again = complaint(tocsin("alert", "cancel", "alert-of-root", "--to", "soc"), 1)
        assert again == "soc: nothing to cancel: it is already cancelled"


def test_thousands_of_deliveries_are_sent_again_at_once(tocsin: Tocsin) -> None:
    tocsin.add(destination())
    tocsin.submit(*(alert(created_at=NOW) for _ in range(1200)))
    done = tocsin("alert", "resend", "--state", "waiting")
    assert done.stdout == "queued again: 1200 deliveries, 1200 to soc\n"


@pytest.mark.parametrize("given", [["--destination", "SOC"], ["--filter", "to:Soc"], ["--destination", "1"]])
def test_list_still_finds_what_went_to_a_destination_that_is_gone(tocsin: Tocsin, given: list[str]) -> None:
    tocsin.add(destination())
    tocsin.submit(alert())
    assert tocsin("destination", "delete", "soc", "--yes").returncode == 0
    assert len(tocsin.json("alert", "list", *given)) == 1


class TestFolded:
    @pytest.fixture(autouse=True)
    def a_storm(self, tocsin: Tocsin) -> None:
        tocsin("destination", "add", "pager", "http://localhost", "--fold", "10m")
        for number in range(3):
            sent = tocsin("send", "--title", "Shell in a container", "--id", "falco.shell", "--json")
            assert sent.returncode == 0, number

    def test_the_first_tells_how_many_the_others_into_what(self, tocsin: Tocsin) -> None:
        third, second, first = tocsin.json("alert", "list")
        [delivery] = first["deliveries"]
        assert (delivery["folded"], first["folded"]) == (2, [])
        for folded in (second, third):
            assert folded["deliveries"] == []
            assert folded["notRouted"] is None
            [fold] = folded["folded"]
            assert (fold["destination"], fold["into"]) == ("pager", first["alertId"])
        assert [row["alertId"] for row in tocsin.json("alert", "list", "--state", "folded")] == [
            third["alertId"],
            second["alertId"],
        ]
        assert "pager scheduled ×3" in tocsin("alert", "list").stdout.replace("waiting", "scheduled")
        assert "×3: 2 more, latest " in tocsin("alert", "show", first["alertId"]).stdout
        told = tocsin("alert", "show", third["alertId"]).stdout
        assert f"for pager into {first['alertId']} (waiting there)" in told

    def test_send_says_into_which_it_folded(self, tocsin: Tocsin) -> None:
        *_, first = tocsin.json("alert", "list")
        again = tocsin("send", "--title", "Shell in a container", "--id", "falco.shell")
        assert again.stdout.endswith(f"  folded for pager into {first['alertId']}\n")
        other = tocsin("send", "--title", "Another", "--id", "falco.shell")
        assert other.stdout.endswith("queued for pager\n")

    def test_one_is_sent_on_its_own_if_that_is_asked_for(self, tocsin: Tocsin) -> None:
        third, second, first = (row["alertId"] for row in tocsin.json("alert", "list"))
        assert (
            f"this alert was folded into {first}; send it separately with `tocsin alert resend ID --all`"
            in complaint(tocsin("alert", "resend", third), 1)
        )
        assert tocsin("alert", "resend", third, "--all", "--dry-run").stdout == (
            "would send separately: 1 folded\n"
        )
        assert tocsin("alert", "resend", third, "--to", "pager").stdout == "queued separately: 1 folded\n"
        assert tocsin("alert", "resend", "--state", "folded").stdout == "queued separately: 1 folded\n"
        assert tocsin.json("alert", "list", "--state", "folded") == []
        assert {row["alertId"] for row in tocsin.json("alert", "list", "--state", "waiting")} == {
            first,
            second,
            third,
        }

    def test_resend_says_how_many_alerts_are_folded_into_the_failed_ones(self, tocsin: Tocsin) -> None:
        tocsin.deliver(pager=REJECTED)
        told = "not sent separately: 2 alerts folded into these deliveries\n"
        dry = tocsin("alert", "resend", "--failed", "--dry-run")
        assert (dry.stdout, dry.stderr) == ("would resend: 1 delivery, 1 to pager\n", told)
        done = tocsin("alert", "resend", "--failed")
        assert (done.stdout, done.stderr) == ("queued again: 1 delivery, 1 to pager\n", told)

    def test_resend_names_failed_deliveries_left_out_by_the_filter(self, tocsin: Tocsin) -> None:
        tocsin.deliver(pager=REJECTED)
        first = tocsin.json("alert", "list")[-1]["alertId"]
        with closing(sqlite3.connect(tocsin.database)) as db, db:
            db.execute("UPDATE alert SET created_at = 0 WHERE alert_id = ?", (first,))
        done = tocsin("alert", "resend", "--failed", "--since", "1h", "--destination", "pager")
        assert done.stdout == "queued again: no deliveries\n"
        assert done.stderr == (
            "not resent: 2 alerts folded into failed deliveries that do not match the filter;"
            f" resend those with `tocsin alert resend ID`: {first}\n"
        )
        own = tocsin("alert", "resend", "--state", "folded", "--since", "1h")
        assert own.stdout == "queued separately: 2 folded\n"
        assert tocsin("alert", "resend", "--failed", "--since", "1h").stderr == ""
        assert tocsin("alert", "resend", first).stderr == "", "each is delivered on its own by now"

    @pytest.mark.parametrize("ends", ["waits", "has lost its destination"])
    def test_what_folded_into_what_cannot_be_sent_again_is_not_told_of(
        self, tocsin: Tocsin, ends: str
    ) -> None:
        if ends != "waits":
            tocsin.deliver(pager=REJECTED)
            tocsin("destination", "delete", "pager", "--yes")
        first = tocsin.json("alert", "list")[-1]["alertId"]
        with closing(sqlite3.connect(tocsin.database)) as db, db:
            db.execute("UPDATE alert SET created_at = 0 WHERE alert_id = ?", (first,))
        done = tocsin("alert", "resend", "--failed", "--since", "1h")
        assert (done.stdout, done.stderr) == ("queued again: no deliveries\n", "")
