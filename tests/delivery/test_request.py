"""Requests byte by byte, and their masked form."""

import base64
import json
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from tests.conftest import NOW, alert, destination
from tui import __version__
from tui.delivery.request import Request, build_request, curl, masked_request, payload
from tui.domain.alert import Severity, encode_context
from tui.domain.alert_type import AlertType
from tui.domain.destination import Destination
from tui.domain.headers import Header
from tui.domain.secret import MASK, Secret, format_secret
from tui.domain.signature import signature

SIGNING = format_secret(b"the signing key of this test")
TEXT = st.text(st.characters(codec="utf-8"))
NUMBER = st.floats(allow_nan=False, allow_infinity=False)


def build(to: Destination, *, title: str = "Root login", round: int = 1, at: int = NOW // 1000) -> Request:
    return build_request(
        alert(alert_id="alert-1", title=title),
        to,
        webhook_id="dlv_1",
        round=round,
        timestamp=at,
        reveal=lambda secret: secret.value,
    )


def sent(round: int = 1, **fields: Any) -> dict[str, Any]:
    """Return the payload of an alert, parsed."""
    return json.loads(payload(alert(**fields), round))


class TestThePayload:
    def test_is_compact_utf_8_json_with_thirteen_keys_in_order(self):
        full = alert(
            alert_id="b3c1",
            severity=Severity.CRITICAL,
            title="Root login",
            name="Root sign-in",
            link="https://panther.example/b3c1",
            context='{"ip":"203.0.113.9","naïve":1.0}',
            description="Somebody – root",
            runbook="Call.",
            tags=("aws", "identity"),
            version="7",
        )

        assert payload(full, 1).decode() == (
            '{"id":"AWS.Root.Login","createdAt":"2026-01-31T09:30:00.000Z","severity":"CRITICAL","type":"RULE",'
            '"link":"https://panther.example/b3c1","title":"New Alert: Root login","name":"Root sign-in",'
            '"alertId":"b3c1","alertContext":{"ip":"203.0.113.9","naïve":1.0},'
            '"description":"Somebody – root","runbook":"Call.","tags":["aws","identity"],"version":"7"}'
        )

    def test_has_every_key_for_a_minimal_alert(self):
        assert sent(alert_id="b3c1", title="") == {
            "id": "AWS.Root.Login",
            "createdAt": "2026-01-31T09:30:00.000Z",
            "severity": "HIGH",
            "type": "RULE",
            "link": "",
            "title": "New Alert: AWS.Root.Login",
            "name": None,
            "alertId": "b3c1",
            "alertContext": {},
            "description": "",
            "runbook": "",
            "tags": [],
            "version": None,
        }

    @pytest.mark.parametrize(
        ("type", "round", "title", "name", "expected"),
        [
            (AlertType.RULE, 1, "Root login", "Root", "New Alert: Root login"),
            (AlertType.RULE, 1, "", "Root", "New Alert: Root"),
            (AlertType.RULE, 1, "", None, "New Alert: AWS.Root.Login"),
            (AlertType.RULE_ERROR, 1, "Root login", "Root", "New rule error: Root login"),
            (AlertType.RULE_ERROR, 1, "", None, "New rule error: AWS.Root.Login"),
            (AlertType.SCHEDULED_RULE, 1, "Root login", "Root", "New Alert: Root login"),
            (AlertType.SCHEDULED_RULE_ERROR, 1, "Root login", "Root", "New scheduled rule error: Root login"),
            (AlertType.CORRELATION_RULE, 1, "", "Root", "New Alert: Root"),
            (AlertType.CORRELATION_RULE_ERROR, 1, "", "Root", "New correlation rule error: Root"),
            (AlertType.SYSTEM_ERROR, 1, "No logs of Okta", None, "New system error: No logs of Okta"),
            (AlertType.POLICY, 1, "Root login", "Root", "Policy Failure: Root"),
            (AlertType.POLICY, 1, "Root login", None, "Policy Failure: AWS.Root.Login"),
            (AlertType.RULE, 2, "Root login", "Root", "[Re-sent]: Root login"),
            (AlertType.RULE_ERROR, 3, "", "Root", "[Re-sent]: Root"),
            (AlertType.POLICY, 2, "Root login", "Root", "[Re-sent]: Root login"),
        ],
    )
    def test_has_a_title_by_alert_type_that_marks_a_resend(self, type, round, title, name, expected):
        assert sent(round, type=type, title=title, name=name)["title"] == expected

    @pytest.mark.parametrize("marker", ['"alertContext":{}', r"\"alertContext\":{}", '","alertContext":{},"'])
    def test_holds_the_context_whatever_the_other_texts_contain(self, marker):
        context = {"alertContext": {}, "nested": {"alertContext": {}, marker: [marker]}}
        texts = dict.fromkeys(("alert_id", "rule_id", "title", "name", "link", "runbook"), marker)

        received = sent(context=encode_context(context), **texts)

        assert received["alertContext"] == context
        assert {received[key] for key in ("alertId", "id", "name", "link", "runbook")} == {marker}
        assert len(received) == 13

    @given(title=TEXT, context=st.dictionaries(TEXT, TEXT | NUMBER))
    def test_carries_any_text(self, title, context):
        received = sent(2, title=title, context=encode_context(context))

        assert received["title"] == f"[Re-sent]: {title or 'AWS.Root.Login'}"
        assert received["alertContext"] == context

    def test_holds_the_context_as_stored(self):
        stored = '{"n":1.10,"big":12345678901234567890,"e":1E5,"same":1,"same":2}'

        assert f'"alertContext":{stored},"description"'.encode() in payload(alert(context=stored), 1)

    def test_is_identical_in_every_attempt_of_a_round_only(self):
        first, retry, resent = (
            build(destination(), round=r, at=at).body for r, at in ((1, 1), (1, 2), (2, 3))
        )

        assert first == retry != resent


class TestTheHeaders:
    def test_are_complete_and_deterministic(self):
        for _ in range(2):
            assert build(destination()).headers == (
                ("Content-Type", "application/json"),
                ("Accept", "application/json"),
                ("Accept-Encoding", "identity"),
                ("User-Agent", f"Tocsin/{__version__}"),
                ("webhook-id", "dlv_1"),
                ("webhook-timestamp", "1769851800"),
            )

    def test_of_the_destination_are_added_with_their_values(self):
        own = (Header("X-Team", Secret("soc")), Header("X-Key", Secret("k")))

        assert build(destination(headers=own)).headers[-2:] == (("X-Team", "soc"), ("X-Key", "k"))

    @pytest.mark.parametrize(
        ("userinfo", "credentials"),
        [("soc:p4ss", "soc:p4ss"), ("soc", "soc:"), ("s%40c:p%3A%2Fss", "s@c:p:/ss"), ("s:p:w", "s:p:w")],
    )
    def test_carry_the_credentials_of_the_url(self, userinfo, credentials):
        request = build(destination(url=f"https://{userinfo}@hooks.example.com:8443/in?a=b@c"))

        assert request.url == "https://hooks.example.com:8443/in?a=b@c"
        scheme, value = dict(request.headers)["Authorization"].split()
        assert (scheme, base64.b64decode(value).decode()) == ("Basic", credentials)

    def test_have_one_authorization_and_a_configured_header_wins(self):
        own = (Header("authorization", Secret("Bearer 1")),)
        request = build(destination(url="https://soc:p4ss@hooks.example.com/", headers=own))

        assert [value for name, value in request.headers if name.lower() == "authorization"] == ["Bearer 1"]


class TestTheSignature:
    def test_matches_the_vector_of_standard_webhooks(self):
        secret, webhook_id = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"

        signed = signature(secret, webhook_id, 1614265330, b'{"test": 2432232314}')

        assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

    def test_is_accepted_by_the_official_verifier(self):
        request = build(destination(secret=Secret(SIGNING)), title="Zoë ☃", at=int(time.time()))

        verified = Webhook(SIGNING).verify(request.body, dict(request.headers))

        assert verified["title"] == "New Alert: Zoë ☃"


class TestAMaskedRequest:
    DESTINATION = destination(
        url="https://soc:p4ss@hooks.example.com/T0KEN-in-the-path?key=T0KEN-in-the-query",
        headers=(Header("X-Key", Secret("T0KEN")), Header("X-Env", Secret("env:KEY"))),
        secret=Secret(SIGNING),
    )

    def masked(self, **changes: Any) -> Request:
        to = replace(self.DESTINATION, **changes)
        return masked_request(
            alert(alert_id="alert-1", title="Root login"),
            to,
            webhook_id="dlv_1",
            round=1,
            timestamp=NOW // 1000,
        )

    @pytest.mark.parametrize("secret", ["T0KEN", "p4ss", base64.b64encode(b"soc:p4ss").decode(), SIGNING])
    def test_holds_no_secret(self, secret):
        sending = build(self.DESTINATION)

        for shown in (curl(self.masked()), repr(self.masked()), repr(sending.shown_headers)):
            assert secret not in shown

    def test_names_every_header_and_shows_the_body(self):
        shown, sending = self.masked(), build(self.DESTINATION)

        assert [name for name, _ in shown.headers] == [name for name, _ in sending.headers]
        assert dict(shown.headers)["webhook-signature"] == MASK
        assert shown.body == sending.body

    def test_resolves_no_secret(self):
        assert self.masked(secret=Secret("file:/nowhere")) == self.masked()

    def test_is_a_curl_command_quoted_for_the_shell(self):
        request = replace(self.masked(), body=b'it\'s $(echo out) `echo out` "now" \\\n!')
        shell = f"curl() {{ printf '%s\\n' \"$@\"; }}; {curl(request)}"

        words = subprocess.run(["sh", "-c", shell], check=True, capture_output=True, text=True).stdout

        assert words.startswith(f"-X\nPOST\n{request.url}\n-H\nContent-Type: application/json\n-H\n")
        assert words.endswith(f"\n--data-binary\n{request.body.decode()}\n")


class TestTheCurlCommand:
    def run(self, request: Request, tmp_path: Path) -> dict[str, Any]:
        """Run the command in a shell with a fake curl. Return its arguments and standard input."""
        fake = tmp_path / "curl"
        fake.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\" > words\ncat > body\n")
        fake.chmod(0o700)
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        subprocess.run(
            ["sh"], input=curl(request), text=True, check=True, cwd=tmp_path, env=environment, timeout=30
        )
        return {
            "words": (tmp_path / "words").read_text().split("\0")[:-1],
            "body": (tmp_path / "body").read_bytes(),
        }

    def test_disables_patterns_in_a_url(self, tmp_path: Path):
        bracketed = build(destination(url="https://[2001:db8::1]/{a,b}"))

        assert self.run(bracketed, tmp_path)["words"][0] == "-g"
        assert self.run(build(destination()), tmp_path)["words"][0] == "-X"

    def test_sends_a_header_without_a_value(self, tmp_path: Path):
        request = build(destination(headers=(Header("X-Empty", Secret("")),)))

        assert "X-Empty;" in self.run(request, tmp_path)["words"]

    def test_sends_a_body_longer_than_an_argument(self, tmp_path: Path):
        request = build(destination(), title="it's long " * 30_000)

        ran = self.run(request, tmp_path)

        assert ran["words"][-2:] == ["--data-binary", "@-"]
        assert ran["body"] == request.body
