"""`tocsin destination`: set up where alerts go, and try it out."""

import base64
import os
import pty
import re
from contextlib import closing
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from tests.commands.conftest import PATIENCE_S, TOCSIN, Receiver, Tocsin, complaint
from tests.conftest import alert, answer, destination
from tests.drills.terminal import Terminal
from tui.domain.alert_type import AlertType
from tui.domain.lifecycle import Outcome
from tui.domain.secret import Secret

DESTINATION_KEYS = {
    "id",
    "name",
    "url",
    "severities",
    "alertTypes",
    "filter",
    "headers",
    "secret",
    "oldSecretUntil",
    "timeoutMs",
    "ratePerSecond",
    "foldMs",
    "retryDelaysMs",
    "shape",
    "allowStop",
    "logTypes",
    "tls",
    "paused",
    "heldUntil",
    "slowedToPerSecond",
    "failingSince",
    "failuresInARow",
    "waiting",
    "success",
    "p95Ms",
    "last24h",
    "lastAttempt",
}
NOTHING_YET = {"wouldHaveMatched": {"matched": 0, "ofLast": 0}}
"""What `show` tells beside them, before there is any alert."""
HEADINGS = ["NAME", "URL", "SEVERITIES", "STATE", "SUCCESS", "P95", "PENDING", "LAST RESPONSE"]
ATTEMPT_KEYS = {
    "round",
    "number",
    "outcome",
    "statusCode",
    "error",
    "startedAt",
    "endedAt",
    "durationMs",
    "url",
    "responseHeaders",
    "responseBody",
    "responseTruncated",
}
SECRET, OTHER = (
    "whsec_" + base64.b64encode(key * 2).decode() for key in (b"0123456789abcdef", b"fedcba9876543210")
)


class TestAdd:
    def test_add_sends_every_alert_by_default(self, tocsin: Tocsin) -> None:
        added = tocsin.json("destination", "add", "  soc ", "https://hooks.example.com/alerts")
        assert added == {
            "id": 1,
            "name": "soc",
            "url": "https://hooks.example.com/alerts",
            "severities": ["INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"],
            "alertTypes": list(AlertType),
            "headers": {},
            "secret": None,
            "oldSecretUntil": None,
            "timeoutMs": 30_000,
            "logTypes": [],
            "filter": "",
            "ratePerSecond": None,
            "foldMs": None,
            "retryDelaysMs": None,
            "shape": "panther",
            "allowStop": False,
            "tls": {
                "verify": True,
                "caFile": None,
                "clientCertificate": None,
                "clientKey": None,
                "clientKeyPassword": None,
            },
            "paused": False,
            "heldUntil": None,
            "slowedToPerSecond": None,
            "failingSince": None,
            "failuresInARow": 0,
            "waiting": 0,
            "success": None,
            "p95Ms": None,
            "last24h": {"attempts": 0, "success": None, "p95Ms": None},
            "lastAttempt": None,
        }

    def test_takes_severities_and_types_one_by_one_or_after_a_comma(self, tocsin: Tocsin) -> None:
        filters = "--severity", "critical,HIGH", "--severity", "low", "--type", "policy"
        filters = (*filters, "--log-type", "AWS.*,okta.systemlog", "--log-type", "aws.*")
        added = tocsin.json("destination", "add", "soc", "http://localhost:8081", *filters)
        assert added["severities"] == ["LOW", "HIGH", "CRITICAL"]
        assert added["alertTypes"] == ["POLICY"]
        assert added["logTypes"] == ["aws.*", "okta.systemlog"]
        tocsin("destination", "edit", "soc", "--log-type", "all")
        assert tocsin.json("destination", "show", "soc")["logTypes"] == []

    def test_severity_none_takes_only_alerts_that_name_it(self, tocsin: Tocsin) -> None:
        added = tocsin.json("destination", "add", "soc", "http://localhost", "--severity", "none")
        assert added["severities"] == []
        (unnamed,) = tocsin.json("send", "--title", "to nobody", "--severity", "CRITICAL")
        (named,) = tocsin.json("send", "--title", "to soc", "--to", "soc")
        assert (len(unnamed["deliveries"]), len(named["deliveries"])) == (0, 1)

    def test_sends_headers_and_a_signature_a_receiver_can_verify(
        self, tocsin: Tocsin, receiver: Receiver
    ) -> None:
        given = "--header", "X-Team: red", "--header", "X-Key: env:KEY", "--secret", SECRET, "--test"
        done = tocsin("destination", "add", "soc", receiver.url, *given, env={"KEY": "from the environment"})
        assert done.returncode == 0, done.stderr
        (request,) = receiver.requests
        assert (request.headers["x-team"], request.headers["x-key"]) == ("red", "from the environment")
        Webhook(SECRET).verify(request.body.decode(), request.headers)

    def test_reads_what_is_secret_from_a_pipe_a_line_each(self, tocsin: Tocsin, receiver: Receiver) -> None:
        given = "--header", "X-Key: -", "--header", "X-Team: red", "--header", "X-More:-", "--secret", "-"
        lines = f"{receiver.url}\nk3y\nmore\n{SECRET}\n"
        done = tocsin("destination", "add", "soc", "-", *given, "--test", input=lines)
        assert done.returncode == 0, done.stderr
        assert tocsin.secrets() == [SECRET]
        headers = receiver.requests[0].headers
        assert (headers["x-key"], headers["x-team"], headers["x-more"]) == ("k3y", "red", "more")

    def test_asks_for_what_is_secret_and_shows_nothing_of_it(self, tocsin: Tocsin) -> None:
        command = [*TOCSIN, "destination", "add", "soc", "-", "--secret", "-"]
        with closing(Terminal(command, tocsin.environment)) as terminal:
            terminal.was_told("URL: ")
            terminal.press("http://localhost/in?key=k3y\n")
            terminal.was_told("Signing secret: ")
            terminal.press(f"{SECRET}\n")
            assert terminal.exit_code() == 0
        assert tocsin.secrets() == [SECRET]
        assert "k3y" not in terminal.text
        assert SECRET not in terminal.text

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            (["-"], "no URL came from standard input"),
            (["http://localhost", "--secret", "-"], "no signing secret came from standard input"),
            (["http://localhost", "--header", "X-Key: -"], "no value of X-Key came from standard input"),
        ],
    )
    def test_an_empty_pipe_is_reported_with_the_missing_value(
        self, tocsin: Tocsin, given: list[str], words: str
    ) -> None:
        assert complaint(tocsin("destination", "add", "soc", *given), 2) == words
        assert tocsin.stored()["destination"] == 0

    def test_shows_a_generated_secret_once(self, tocsin: Tocsin) -> None:
        done = tocsin("destination", "add", "soc", "http://localhost", "--secret", "generate")
        added = tocsin.json("destination", "add", "pager", "http://localhost", "--secret", "generate")
        (shown,) = re.findall(r"shown only now: (whsec_\S+)", done.stdout)
        assert tocsin.secrets() == [shown, added["generatedSecret"]]
        assert "whsec_" not in tocsin("destination", "list", "--json").stdout

    def test_keeps_a_destination_whose_test_fails_and_says_why(
        self, tocsin: Tocsin, receiver: Receiver
    ) -> None:
        receiver.status, receiver.body = 403, b"who are you?"
        done = tocsin("destination", "add", "soc", receiver.url, "--test")
        assert done.returncode == 1
        assert "who are you?" in done.stdout
        assert done.stderr == (
            "tocsin: the test alert was not delivered to soc. The receiver answered 403 Forbidden."
            " The receiver denied access. Check the token in the URL or the headers, and whether the"
            " receiver allows this machine.\n"
        )
        assert len(receiver.requests) == 1
        assert tocsin.stored()["destination"] == 1


class TestFilter:
    def test_alerts_go_where_it_lets_them_and_the_reason_names_it(self, tocsin: Tocsin) -> None:
        tocsin.add(destination(filter="tag:aws -bucket"))
        taken = tocsin("send", "--title", "Root login", "--tag", "aws")
        refused = tocsin("send", "--title", "Bucket public", "--tag", "aws")
        assert taken.stdout.endswith("queued for soc\n")
        assert refused.stdout.endswith(
            "stored, not routed: no destination's filter matches it: soc requires tag:aws -bucket\n"
        )

    def test_one_that_makes_no_sense_is_refused(self, tocsin: Tocsin) -> None:
        done = tocsin("destination", "add", "soc", "http://localhost", "--filter", "state:failed")
        assert done.returncode == 2
        assert done.stderr == (
            "tocsin: state: is not allowed in a destination's filter; a new alert has no delivery yet\n"
        )
        assert tocsin.stored()["destination"] == 0

    def test_show_tells_how_many_it_would_have_let_through(self, tocsin: Tocsin) -> None:
        tocsin.add(destination(filter="tag:aws"))
        assert "would have matched" not in tocsin("destination", "show", "soc").stdout
        for tag in ("aws", "aws", "gcp"):
            tocsin("send", "--title", "Root login", "--tag", tag)
        shown = tocsin("destination", "show", "soc").stdout
        assert re.search(r"filter +tag:aws\n", shown)
        assert "would have matched 2 of the last 3 alerts" in shown
        told = tocsin.json("destination", "show", "soc")
        assert told["wouldHaveMatched"] == {"matched": 2, "ofLast": 3}
        tocsin("destination", "edit", "soc", "--filter", "")
        assert "would have matched 3 of the last 3" in tocsin("destination", "show", "soc").stdout


class TestList:
    def test_without_any_names_the_command_that_adds_one(self, tocsin: Tocsin) -> None:
        tocsin.add()
        done = tocsin("destination", "list")
        assert (done.returncode, done.stdout) == (0, "")
        assert "tocsin destination add" in done.stderr
        assert tocsin.json("destination", "list") == []

    def test_says_how_the_last_attempts_went(self, tocsin: Tocsin) -> None:
        tocsin.add(destination(), destination(name="pager", paused=True))
        tocsin.submit(alert())
        tocsin.deliver(soc=answer(status_code=200, reason="OK"))
        done = tocsin("destination", "list")
        heading, pager, soc = done.stdout.splitlines()
        assert re.split("  +", heading) == HEADINGS
        assert pager.split() == ["pager", "https://hooks.example.com/alerts", "all", "paused", "1"]
        assert soc.split()[:5] == ["soc", "https://hooks.example.com/alerts", "all", "active", "100%"]
        assert "  84 ms  0        200 OK, " in soc

    def test_json_has_the_same_keys_for_each(self, tocsin: Tocsin) -> None:
        tocsin.add(destination(), destination(name="pager", severities=frozenset()))
        tocsin.submit(alert())
        tocsin.deliver(soc=answer(Outcome.REJECTED, status_code=500))
        pager, soc = tocsin.json("destination", "list")
        assert pager.keys() == soc.keys() == DESTINATION_KEYS
        assert (soc["success"], pager["success"]) == (0.0, None)
        assert soc["p95Ms"] == soc["lastAttempt"]["durationMs"] == 84
        assert soc["lastAttempt"].items() >= {"outcome": "rejected", "statusCode": 500}.items()


class TestShow:
    def test_finds_it_by_name_in_any_case_or_by_id(self, tocsin: Tocsin) -> None:
        tocsin.add(destination(name="Ops team"))
        by_name, by_id = (tocsin.json("destination", "show", each) for each in ("ops TEAM", "1"))
        assert by_name == by_id
        assert by_name["name"] == "Ops team"

    def test_tells_people_every_setting(self, tocsin: Tocsin) -> None:
        given = "--header", "X-Team: env:TEAM", "--header", "X-Key: k", "--secret", "file:/run/key"
        tocsin(
            "destination",
            "add",
            "soc",
            "http://localhost",
            *given,
            "--timeout",
            "2.5",
            "--rate",
            "5",
            "--fold",
            "10m",
        )
        assert tocsin("destination", "show", "soc").stdout.splitlines() == [
            "name        soc",
            "url         http://localhost",
            "severities  all",
            "types       all",
            "log types   all",
            "headers     X-Team: env:TEAM",
            "            X-Key: ••••••",
            "secret      file:/run/key",
            "sends as    panther",
            "timeout     2.5 s",
            "rate        at most 5 requests per second",
            "folds       similar alerts for 10m",
            "state       active",
            "pending     0",
        ]


class TestHealth:
    def test_of_a_destination_that_is_gone_is_told_everywhere(self, tocsin: Tocsin) -> None:
        tocsin.add(destination(name="soc"))
        tocsin.submit(alert())
        tocsin.deliver(soc=answer(Outcome.REJECTED, status_code=410, reason="Gone"))
        shown = tocsin.json("destination", "show", "soc")
        assert shown["failingSince"] is not None
        assert shown["failuresInARow"] == 1
        assert "failing" in tocsin("destination", "list").stdout
        fields = {
            line[:15].strip(): line[15:].strip()
            for line in tocsin("destination", "show", "soc").stdout.splitlines()
        }
        assert fields["state"] == "failing"
        assert fields["failures"] == "1 in a row"
        assert fields["failing"].startswith("since 20")
        assert fields["last 30"] == "0% delivered, p95 84 ms"

    def test_shows_a_destination_whose_receiver_asked_to_wait(self, tocsin: Tocsin) -> None:
        tocsin.add(destination(name="soc"))
        for _ in range(2):
            tocsin.submit(alert())
        asked = {"status_code": 429, "retry_after_ms": 3_600_000}
        tocsin.deliver(soc=answer(Outcome.REJECTED, **asked))
        shown = tocsin.json("destination", "show", "soc")
        assert (shown["heldUntil"] is not None, shown["slowedToPerSecond"]) == (True, None)
        assert "held until 20" in tocsin("destination", "list").stdout
        assert "held until 20" in tocsin("destination", "show", "soc").stdout


class TestASecretThatCannotBeRead:
    @pytest.mark.parametrize(
        ("given", "words"),
        [
            (["--secret", "file:/nonexistent"], "cannot read the signing secret now: cannot read the file "),
            (
                ["--secret", "env:NOPE"],
                "the environment variable NOPE is not set; make sure that `tocsin dispatch` can",
            ),
            (["--secret", "env:HOME"], "a signing secret must start with whsec_"),
            (["--header", "X-Key: env:NOPE"], "cannot read the value of X-Key now: the env"),
        ],
        ids=lambda value: value[1] if isinstance(value, list) else "",
    )
    def test_causes_a_warning_and_is_stored(self, tocsin: Tocsin, given: list[str], words: str) -> None:
        added = tocsin("destination", "add", "soc", "http://localhost", *given)
        tocsin("destination", "add", "pager", "http://localhost")
        edited = tocsin("destination", "edit", "pager", *given)
        for done in (added, edited):
            (warning,) = done.stderr.splitlines()
            assert done.returncode == 0
            assert warning.startswith("warning: ")
            assert words in warning
        assert tocsin("destination", "edit", "pager", "--timeout", "5").stderr == ""

    def test_causes_a_warning_in_rotate(self, tocsin: Tocsin) -> None:
        tocsin("destination", "add", "soc", "http://localhost", "--secret", "generate")
        rotated = tocsin("destination", "rotate", "soc", "--secret", "env:NOPE")
        assert "the environment variable NOPE is not set" in rotated.stderr

    def test_a_readable_reference_causes_no_warning(self, tocsin: Tocsin) -> None:
        done = tocsin(
            *("destination", "add", "soc", "http://localhost", "--secret", "env:KEY"), env={"KEY": SECRET}
        )
        assert done.stderr == ""


class TestEdit:
    @pytest.fixture
    def soc(self, tocsin: Tocsin) -> dict[str, Any]:
        given = "--header", "X-Team: env:TEAM", "--header", "X-Key: env:KEY", "--secret", "env:SECRET"
        return tocsin.json("destination", "add", "soc", "http://localhost", *given)

    @pytest.mark.parametrize(
        ("given", "changed"),
        [
            (["--name", "pager"], {"name": "pager"}),
            (["--url", "http://localhost:1"], {"url": "http://localhost:1"}),
            (["--severity", "high", "--type", "rule"], {"severities": ["HIGH"], "alertTypes": ["RULE"]}),
            (["--timeout", "5", "--secret", ""], {"timeoutMs": 5000, "secret": None}),
            (["--rate", "0.5"], {"ratePerSecond": 0.5}),
            (["--fold", "10m"], {"foldMs": 600_000}),
            (["--retry", "5s,2m"], {"retryDelaysMs": [5_000, 120_000]}),
            (["--give-up-after", "1m"], {"retryDelaysMs": [5_000, 15_000, 30_000, 10_000]}),
            (["--retry", "none"], {"retryDelaysMs": []}),
            (["--filter", "tag:aws -title"], {"filter": "tag:aws -title"}),
            (["--header", "x-team: env:T", "--header", "X-Key:"], {"headers": {"x-team": "env:T"}}),
        ],
        ids=lambda value: value[0] if isinstance(value, list) else "",
    )
    def test_edit_changes_only_the_given_settings(
        self, tocsin: Tocsin, soc: dict[str, Any], given: list[str], changed: dict[str, Any]
    ) -> None:
        assert tocsin("destination", "edit", "SOC", *given).returncode == 0
        assert tocsin.json("destination", "show", "1") == soc | changed | NOTHING_YET

    def test_without_a_change_is_wrong_use(self, tocsin: Tocsin, soc: dict[str, Any]) -> None:
        assert "nothing to change" in complaint(tocsin("destination", "edit", "soc"), 2)

    def test_refuses_the_name_of_another(self, tocsin: Tocsin, soc: dict[str, Any]) -> None:
        tocsin.add(destination(name="pager"))
        refusal = complaint(tocsin("destination", "edit", "soc", "--name", "PAGER"), 2)
        assert "already a destination called 'pager'" in refusal
        assert tocsin.json("destination", "show", "soc") == soc | NOTHING_YET


class TestRotate:
    @pytest.fixture(autouse=True)
    def soc(self, tocsin: Tocsin) -> None:
        tocsin.add(destination(secret=Secret(SECRET)))

    def test_shows_the_new_secret_once_and_until_when_the_old_one_signs(self, tocsin: Tocsin) -> None:
        done = tocsin("destination", "rotate", "SOC")
        first, second = done.stdout.splitlines()
        assert first.startswith("soc: the old secret also signs until 20")
        assert tocsin.secrets() == [second.removeprefix("signing secret, shown only now: ")]
        shown = tocsin("destination", "show", "soc").stdout
        assert f"old secret  also signs until {first[-19:]}" in shown
        until = tocsin.json("destination", "show", "soc")["oldSecretUntil"]
        assert until[:19].replace("T", " ") == first[-19:]
        assert "whsec_" not in shown

    def test_json_has_the_generated_secret_and_the_end(self, tocsin: Tocsin) -> None:
        rotated = tocsin.json("destination", "rotate", "soc", "--overlap", "90m")
        assert rotated.keys() == {"id", "name", "secret", "oldSecretUntil", "generatedSecret"}
        assert tocsin.secrets() == [rotated["generatedSecret"]]
        assert tocsin.json("destination", "list")[0]["oldSecretUntil"] == rotated["oldSecretUntil"]

    def test_rotate_accepts_a_given_secret_and_does_not_print_it(self, tocsin: Tocsin) -> None:
        done = tocsin("destination", "rotate", "soc", "--secret", "-", input=OTHER + "\n")
        assert tocsin.secrets() == [OTHER]
        assert OTHER not in done.stdout + done.stderr

    def test_without_an_overlap_the_old_one_signs_no_more(self, tocsin: Tocsin) -> None:
        assert tocsin("destination", "rotate", "soc", "--overlap", "0").stdout.startswith(
            "soc: only one secret signs\n"
        )
        assert tocsin.json("destination", "show", "soc")["oldSecretUntil"] is None

    def test_twice_is_refused_with_the_two_ways_out(self, tocsin: Tocsin) -> None:
        tocsin("destination", "rotate", "soc")
        before = tocsin.secrets()
        refusal = complaint(tocsin("destination", "rotate", "soc"), 1)
        assert refusal.startswith("soc already has an old secret, which signs until 20")
        assert refusal.endswith("end that overlap with --end, or replace both secrets now with --overlap 0")
        assert tocsin.secrets() == before

    def test_an_overlap_can_be_ended(self, tocsin: Tocsin) -> None:
        tocsin("destination", "rotate", "soc")
        before = tocsin.secrets()
        assert tocsin("destination", "rotate", "soc", "--end").stdout == "soc: only one secret signs\n"
        assert tocsin.secrets() == before
        assert tocsin.json("destination", "show", "soc")["oldSecretUntil"] is None
        assert "has no overlap to end" in complaint(tocsin("destination", "rotate", "soc", "--end"), 1)

    @pytest.mark.parametrize(
        ("given", "code", "words"),
        [
            (["--overlap", "soon"], 2, "the overlap must be a time span like 24h"),
            (["--end", "--overlap", "1h"], 2, "--end takes no --overlap or --secret"),
            (["--secret", SECRET], 2, "this is already its signing secret; use a new one"),
            (["--secret", f"v1,{SECRET}"], 2, "remove the 'v1,' prefix"),
        ],
    )
    def test_what_makes_no_sense_is_refused(
        self, tocsin: Tocsin, given: list[str], code: int, words: str
    ) -> None:
        assert words in complaint(tocsin("destination", "rotate", "soc", *given), code)
        assert tocsin.secrets() == [SECRET]

    def test_one_that_signs_nothing_is_refused(self, tocsin: Tocsin) -> None:
        tocsin.add(destination(name="plain"))
        refusal = complaint(tocsin("destination", "rotate", "plain"), 1)
        assert refusal == "it has no signing secret to rotate; create one with `edit --secret generate`"


class TestTest:
    def test_shows_what_came_back(self, tocsin: Tocsin, receiver: Receiver) -> None:
        tocsin.add(destination(url=receiver.url, severities=frozenset()))
        done = tocsin("destination", "test", "soc")
        assert done.returncode == 0, done.stderr
        sent, response, took, body = (line.split(maxsplit=1) for line in done.stdout.splitlines())
        assert (sent[0], response, took[0], body) == (
            "sent",
            ["response", "200 OK"],
            "took",
            ["body", "success"],
        )
        (request,) = receiver.requests
        assert request.payload["title"] == "New Alert: This is a Test Alert"

    def test_json_is_the_one_attempt(self, tocsin: Tocsin, receiver: Receiver) -> None:
        tocsin.add(destination(url=receiver.url))
        attempt = tocsin.json("destination", "test", "soc")
        assert attempt.keys() == ATTEMPT_KEYS
        assert (attempt["outcome"], attempt["statusCode"], attempt["responseBody"]) == (
            "delivered",
            200,
            "success",
        )
        assert attempt["responseHeaders"]["content-length"] == "7"

    def test_explains_why_nothing_came_back(self, tocsin: Tocsin) -> None:
        tocsin.add(destination(url="http://127.0.0.1:1"))
        done = tocsin("destination", "test", "soc")
        assert done.returncode == 1
        reason = (
            "the test alert was not delivered to soc. Nothing is listening on 127.0.0.1:1."
            " Check that the receiver is running and that the port is right."
        )
        assert done.stderr == f"tocsin: {reason}\n"
        attempt = tocsin.json("destination", "test", "soc", code=1)
        assert attempt.keys() == ATTEMPT_KEYS
        assert (attempt["outcome"], attempt["statusCode"]) == ("unreachable", None)

    def test_of_a_paused_destination_is_refused(self, tocsin: Tocsin, receiver: Receiver) -> None:
        tocsin.add(destination(name="Ops team", url=receiver.url, paused=True))
        refusal = complaint(tocsin("destination", "test", "ops team"), 1)
        assert "`tocsin destination resume 'Ops team'`" in refusal
        assert (receiver.requests, tocsin.stored()["alert"]) == ([], 0)


def test_a_paused_destination_gets_its_alerts_once_it_is_resumed(tocsin: Tocsin, receiver: Receiver) -> None:
    tocsin.add(destination(url=receiver.url))
    assert "soc is paused" in tocsin("destination", "pause", "soc").stdout
    tocsin.submit(alert())
    tocsin("dispatch", "--drain")
    assert receiver.requests == []
    assert tocsin("destination", "resume", "soc").stdout == "soc is active\n"
    tocsin("dispatch", "--drain")
    assert len(receiver.requests) == 1


class TestDelete:
    @pytest.fixture(autouse=True)
    def soc(self, tocsin: Tocsin) -> None:
        tocsin.add(destination())
        tocsin.submit(alert(), alert())

    def names(self, tocsin: Tocsin) -> list[str]:
        return [each["name"] for each in tocsin.json("destination", "list")]

    def test_delete_cancels_pending_deliveries_and_frees_the_name(self, tocsin: Tocsin) -> None:
        done = tocsin("destination", "delete", "soc", "--yes")
        assert done.stdout == "deleted soc, cancelled 2 pending deliveries\n"
        assert [state for _, _, state in tocsin.deliveries()] == ["cancelled", "cancelled"]
        assert tocsin("destination", "add", "SOC", "http://localhost").returncode == 0

    def test_without_a_terminal_needs_yes(self, tocsin: Tocsin) -> None:
        refusal = complaint(tocsin("destination", "delete", "soc"), 2)
        assert "2 pending deliveries" in refusal
        assert "--yes" in refusal
        assert self.names(tocsin) == ["soc"]

    @pytest.mark.parametrize(("answer", "code", "left"), [("n", 1, ["soc"]), ("y", 0, [])])
    def test_on_a_terminal_delete_asks_and_counts_pending_deliveries(
        self, tocsin: Tocsin, answer: str, code: int, left: list[str]
    ) -> None:
        ours, theirs = pty.openpty()
        os.write(ours, f"{answer}\n".encode())
        with tocsin.start("destination", "delete", "soc", stdin=theirs) as process:
            _, questions = process.communicate(timeout=PATIENCE_S)
        os.close(ours)
        os.close(theirs)
        assert "Delete soc and cancel 2 pending deliveries? [y/N]" in questions
        assert (process.returncode, self.names(tocsin)) == (code, left)


class TestAuthorization:
    @pytest.mark.parametrize(
        ("given", "shown", "sent"),
        [
            (["--bearer", "t0ken"], "Bearer ••••••", "Bearer t0ken"),
            (["--bearer", "env:TOKEN"], "Bearer env:TOKEN", "Bearer t0ken"),
            (["--bearer", "-"], "Bearer ••••••", "Bearer piped"),
            (["--basic", "soc:pass:word"], "Basic ••••••", "Basic c29jOnBhc3M6d29yZA=="),
            (["--basic", "soc:env:TOKEN"], "Basic soc:env:TOKEN", "Basic c29jOnQwa2Vu"),
            (["--basic", "soc:-"], "Basic ••••••", "Basic c29jOnBpcGVk"),
            (["--basic", "env:BOTH"], "Basic env:BOTH", "Basic c29jOnQwa2Vu"),
            (["--header", "authorization: Splunk env:TOKEN"], "Splunk env:TOKEN", "Splunk t0ken"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_is_set_plainly_and_masked(
        self, tocsin: Tocsin, receiver: Receiver, given: list[str], shown: str, sent: str
    ) -> None:
        environment = {"TOKEN": "t0ken", "BOTH": "soc:t0ken"}
        added = tocsin.json(
            *("destination", "add", "soc", receiver.url, *given, "--test"), input="piped\n", env=environment
        )
        assert list(added["headers"].values()) == [shown]
        [headers] = re.findall("^headers +(.*)$", tocsin("destination", "show", "soc").stdout, re.MULTILINE)
        assert headers == f"{next(iter(added['headers']))}: {shown}"
        [request] = receiver.requests
        assert request.headers["authorization"] == sent

    def test_is_replaced_and_removed(self, tocsin: Tocsin) -> None:
        tocsin(
            "destination", "add", "soc", "http://localhost", "--basic", "soc:pass", "--header", "X-A: env:A"
        )
        tocsin("destination", "edit", "soc", "--bearer", "env:TOKEN")
        headers = {"Authorization": "Bearer env:TOKEN", "X-A": "env:A"}
        assert tocsin.json("destination", "show", "soc")["headers"] == headers
        for option in ("--bearer", "--basic"):
            tocsin("destination", "edit", "soc", option, "env:TOKEN")
            tocsin("destination", "edit", "soc", option, "")
            assert tocsin.json("destination", "show", "soc")["headers"] == {"X-A": "env:A"}

    @pytest.mark.parametrize(
        ("given", "says"),
        [
            (["--bearer", "a", "--basic", "b:c"], "Authorization is given twice"),
            (["--bearer", "s3cret", "--header", "authorization: s3cret"], "Authorization is given twice"),
            (["--bearer", "Bearer s3cret"], "remove 'Bearer' before the token"),
            (["--basic", "soc"], "write USER:PASSWORD; the password may be env:NAME or file:PATH"),
            (["--basic", "soc:-"], "no password came from standard input"),
            (["--bearer", "-"], "no bearer token came from standard input"),
            (
                ["--header", "Proxy-Authorization: Basic s3cret"],
                "Proxy-Authorization describes the connection",
            ),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_is_refused_with_what_would_be_right(self, tocsin: Tocsin, given: list[str], says: str) -> None:
        refusal = complaint(tocsin("destination", "add", "soc", "http://localhost", *given), 2)
        assert says in refusal
        assert "s3cret" not in refusal
        assert tocsin.stored()["destination"] == 0
