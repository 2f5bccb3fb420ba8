"""The explanation of a recorded attempt: what happened and what to do."""

from dataclasses import dataclass

import pytest

from tests.conftest import NOW
from tui.delivery.shapes import library
from tui.domain.attempt import Headers
from tui.domain.destination import PANTHER
from tui.domain.explain import explain
from tui.domain.lifecycle import Outcome
from tui.domain.vendor_answers import LABELS

HERE = "https://hooks.example.com/services/T000/s3cret-t0ken"


@dataclass(frozen=True)
class Attempt:
    outcome: Outcome | None
    status_code: int | None = None
    reason: str | None = None
    error: str | None = None
    url: str = HERE
    ended_at: int | None = NOW
    shape: str = PANTHER


def answered(
    status: int, reason: str = "", headers: Headers = (), body: bytes = b"", *, url: str = HERE
) -> str:
    error = f"the receiver answered {status} {reason}".rstrip()
    return explain(Attempt(Outcome.REJECTED, status, reason, error, url), headers, body)


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        (400, "Bad Request", "Check that this URL accepts JSON."),
        (401, "Unauthorized", "Check the header it expects, usually Authorization."),
        (403, "Forbidden", "Check the token in the URL or the headers"),
        (404, "Not Found", "Nothing exists at this path. Check the URL"),
        (405, "Method Not Allowed", "This URL does not accept POST."),
        (410, "Gone", "Create a new one there and set it here."),
        (413, "Content Too Large", "Raise the receiver's limit"),
        (418, "I'm a Teapot", "The receiver rejected the request. Its answer may say why."),
        (429, "Too Many Requests", "Set a rate limit for this destination."),
        (500, "Internal Server Error", "The receiver failed internally. Check its log."),
        (502, "Bad Gateway", "A proxy in front of the receiver cannot reach it."),
        (503, "Service Unavailable", "The receiver is overloaded or temporarily down."),
        (599, "", "The receiver failed internally."),
        (999, "", "Webhooks do not answer with this status."),
    ],
)
def test_a_status_says_what_to_do(status: int, reason: str, said: str) -> None:
    told = answered(status, reason)
    assert told.startswith(f"The receiver answered {status} {reason}".rstrip() + ". ")
    assert said in told


@pytest.mark.parametrize(
    ("status", "body", "signed", "said"),
    [
        (
            401,
            "not signed: missing webhook-id and webhook-signature",
            False,
            "requires a signature. Set its sign",
        ),
        (400, "Missing required signature headers", False, "requires a signature"),
        (401, "badly signed: the secret differs", True, "Check that it has the same signing secret"),
        (403, "no matching signature found", True, "Check that it has the same signing secret"),
        (401, "badly signed: the signature is valid, but 900 s in the past", True, "Check the clocks"),
        (401, "who are you?", False, "Check the header it expects, usually Authorization."),
        (403, "forbidden", True, "Check the token in the URL"),
    ],
)
def test_a_complaint_about_the_signature_is_recognized(
    status: int, body: str, signed: bool, said: str
) -> None:
    attempt = Attempt(Outcome.REJECTED, status, "", f"the receiver answered {status}")
    sent = (("webhook-signature", "•••"),) if signed else ()
    assert said in explain(attempt, body=body.encode(), sent=sent)


@pytest.mark.parametrize(
    ("shape", "expected", "status", "body", "said"),
    [
        ("panther", "slack", 400, "", "expects the format of Slack. Set Sends as to slack"),
        ("panther", "", 400, "no_text", "expects the format of Slack"),
        ("panther", "", 400, "invalid_payload", "expects the format of Slack"),
        ("panther", "", 400, '{"error":{"code":"TriggerInputSchemaMismatch"}}', "format of Microsoft Teams"),
        ("panther", "", 400, '{"message":"Cannot send an empty message","code":50006}', "format of Discord"),
        ("panther", "pagerduty", 400, '{"errors":["\'routing_key\' is missing"]}', "format of PagerDuty"),
        ("slack", "discord", 400, '{"message":"Cannot send an empty message"}', "format of Discord"),
        ("slack", "slack", 400, "invalid_payload", "Slack could not read the message"),
        ("slack", "slack", 404, "channel_not_found", "The channel of the webhook does not exist"),
        ("slack", "slack", 410, "channel_is_archived", "is archived"),
        ("slack", "slack", 403, "action_prohibited", "A setting of the Slack workspace forbids"),
        ("slack", "slack", 404, "no_service", "The webhook was deleted or disabled"),
        ("slack", "slack", 400, "invalid_blocks", "rejects a block of the message"),
        ("mine", "slack", 400, "invalid_blocks", "rejects a block of the message"),
        (
            "discord",
            "discord",
            404,
            '{"message": "Unknown Webhook", "code": 10015}',
            "The webhook was deleted",
        ),
        ("telegram", "telegram", 400, '{"description":"Bad Request: chat not found"}', "Check chat_id"),
        ("telegram", "telegram", 401, '{"description":"Unauthorized"}', "The token in the URL"),
        (
            "telegram",
            "telegram",
            403,
            '{"description":"Forbidden: bot was blocked by the user"}',
            "may not write",
        ),
        ("pagerduty", "pagerduty", 400, "'routing_key' is invalid", "Check the header X-Routing-Key"),
        (
            "splunk-hec",
            "splunk-hec",
            403,
            '{"text":"Invalid token","code":4}',
            "`Splunk`, a space and the token",
        ),
        (
            "teams",
            "teams",
            400,
            '{"error":{"code":"WorkflowTriggerIsNotEnabled"}}',
            "The workflow is turned off",
        ),
        ("panther", "", 404, '{"description":"Not Found"}', "Nothing exists at this path"),
        ("panther", "", 401, '{"text":"Invalid token"}', "usually Authorization"),
        ("panther", "", 400, "no_textual content", "Check that this URL accepts JSON"),
        ("panther", "cloudevents", 400, "", "Check that this URL accepts JSON"),
        ("panther", "slack", 503, "", "The receiver is overloaded"),
    ],
)
def test_the_answer_of_a_vendor_is_explained(
    shape: str, expected: str, status: int, body: str, said: str
) -> None:
    attempt = Attempt(Outcome.REJECTED, status, "", f"the receiver answered {status}", shape=shape)
    assert said in explain(attempt, body=body.encode(), expected=expected)


def test_an_acknowledgement_in_another_format_than_the_vendors_is_doubted() -> None:
    told = explain(Attempt(Outcome.DELIVERED, 202, "Accepted"), expected="teams")
    assert told.startswith(
        "The alert counts as acknowledged. This receiver expects the format of Microsoft Teams."
    )
    assert explain(Attempt(Outcome.DELIVERED, 202, "Accepted", shape="teams"), expected="teams") == ""


def test_every_vendor_is_a_shape() -> None:
    assert LABELS.keys() <= set(library.built_in_names())


def test_a_401_for_a_signed_request_suggests_checking_the_signing_secret_first() -> None:
    attempt = Attempt(Outcome.REJECTED, 401, "Unauthorized", "the receiver answered 401 Unauthorized")
    told = explain(attempt, sent=(("webhook-id", "dlv_1"), ("webhook-signature", "•••")))
    assert told.startswith(
        "The receiver answered 401 Unauthorized. The receiver may have rejected the signature. Check that it "
    )
    assert told.endswith("usually Authorization.")
    assert "signature" not in explain(attempt, sent=(("webhook-id", "dlv_1"),))


@pytest.mark.parametrize(
    "page", [b"<center>No required SSL certificate was sent</center>", b"<h1>The SSL certificate error</h1>"]
)
def test_a_400_page_that_asks_for_a_client_certificate_is_recognized(page: bytes) -> None:
    assert "The receiver requires a client certificate, or a different one." in answered(
        400, "Bad Request", (), page
    )


def test_a_405_names_the_methods_that_the_receiver_allows() -> None:
    assert "This URL accepts GET, HEAD but not POST" in answered(405, "", (("Allow", "GET, HEAD"),))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("30", "The receiver asks Tocsin to wait 30 s."),
        ("600", "The receiver asks Tocsin to wait 10 min."),
        ("Sat, 31 Jan 2026 09:31:00 GMT", "The receiver asks Tocsin to wait 60 s."),
    ],
)
def test_retry_after_is_explained(value: str, said: str) -> None:
    assert answered(429, "", (("Retry-After", value),)).endswith(said)


def test_an_invalid_retry_after_is_ignored() -> None:
    assert "wait" not in answered(503, "", (("Retry-After", "soon"),))


# --- redirects


@pytest.mark.parametrize(
    ("url", "location", "said"),
    [
        ("http://h.example/hook", "https://h.example/hook", "Use https:// instead of http://."),
        ("http://me:pw@h.example/hook", "https://h.example/hook/", "Use https:// instead of http://."),
        ("https://h.example/hook", "/hook/", "Add a slash at the end of the URL."),
        (
            "https://h.example/hook",
            "https://h.example/v2",
            "Use the redirect's target: https://h.example/v2",
        ),
        (
            HERE,
            "/services/T000/an0ther-t0ken",
            "Use the redirect's target, which the alert's details show in full (header Location): "
            "https://hooks.example.com/…0ken",
        ),
        ("https://h.example/hook", "/login?next=/hook", "The redirect leads to a login page."),
        ("https://h.example/hook", "", "The answer does not say where it redirects."),
        ("https://h.example/hook", "https://[bad", "The target of the redirect is not a URL."),
    ],
)
def test_a_redirect_suggests_a_url_without_showing_its_token(url: str, location: str, said: str) -> None:
    told = answered(301, "Moved Permanently", (("Location", location),), url=url)
    assert told.startswith(
        "The receiver answered 301 Moved Permanently; Tocsin does not follow redirects. " + said
    )
    assert "t0ken" not in told
    assert "pw" not in told


@pytest.mark.parametrize("status", [300, 399])
def test_every_3xx_is_explained_as_a_redirect(status: int) -> None:
    assert "Tocsin does not follow redirects." in answered(status)


# --- plain HTTP on a TLS port


@pytest.mark.parametrize(
    "page",
    [
        b"<center>The plain HTTP request was sent to HTTPS port</center>",  # nginx
        b"Client sent an HTTP request to an HTTPS server.\n",  # Go
        b"Reason: You're speaking plain HTTP to an SSL-enabled server port.",  # Apache
        b"Bad Request\nThis combination of host and port requires TLS.\n",  # Tomcat
    ],
)
def test_a_tls_port_is_recognized_by_its_error_page(page: bytes) -> None:
    assert "Use https:// instead of http://" in answered(400, "", body=page, url="http://h.example/hook")
    assert "https://" not in answered(400, "", body=page, url="https://h.example/hook")


# --- no answer


@pytest.mark.parametrize(
    ("error", "url", "said"),
    [
        (
            "nothing is listening on h:80",
            HERE,
            "Check that the receiver is running and that the port is right.",
        ),
        ("h:80 closed the connection without answering", "http://h/", "or expect https://."),
        ("nothing was sent: the environment variable KEY is not set", HERE, "Set it where Tocsin runs"),
        ("h:443 closed the connection without answering", HERE, "or require a client certificate"),
        ("h:443 requires a client certificate, but none is set", HERE, "with `--client-cert`"),
        ("h:443 rejected the TLS handshake", HERE, "The receiver may require a client certificate"),
        (
            "h:443 supports only TLS versions older than 1.2",
            HERE,
            "Ask the receiver's operator to update it.",
        ),
    ],
)
def test_without_an_answer_the_recorded_error_is_shown_with_advice(error: str, url: str, said: str) -> None:
    told = explain(Attempt(Outcome.UNREACHABLE, error=error, url=url))
    assert told.startswith(f"{error[0].upper()}{error[1:]}. ")
    assert said in told


def test_an_error_without_advice_is_shown_alone() -> None:
    odd = "TLS with h:443 failed: tlsv1 alert internal error"
    assert explain(Attempt(Outcome.UNREACHABLE, error=odd)) == f"{odd}."
    assert explain(Attempt(Outcome.ABANDONED)) == "Abandoned."


# --- acknowledged


def test_an_acknowledgement_needs_no_explanation() -> None:
    assert explain(Attempt(Outcome.DELIVERED, 200, "OK"), (("Content-Type", "application/json"),)) == ""
    assert explain(Attempt(None)) == ""


def test_an_acknowledgement_with_a_web_page_is_doubted() -> None:
    told = explain(Attempt(Outcome.DELIVERED, 200, "OK"), (("content-type", "text/HTML; charset=utf-8"),))
    assert "the answer is a web page" in told
