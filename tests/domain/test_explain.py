"""What is said of an attempt that was recorded: what happened, and what a person can do."""

from dataclasses import dataclass

import pytest

from tests.conftest import NOW
from tui.domain.attempt import Headers
from tui.domain.explain import explain
from tui.domain.lifecycle import Outcome

HERE = "https://hooks.example.com/services/T000/s3cret-t0ken"


@dataclass(frozen=True)
class Attempt:
    outcome: Outcome | None
    status_code: int | None = None
    reason: str | None = None
    error: str | None = None
    url: str = HERE
    ended_at: int | None = NOW


def answered(
    status: int, reason: str = "", headers: Headers = (), body: bytes = b"", *, url: str = HERE
) -> str:
    error = f"the receiver answered {status} {reason}".rstrip()
    return explain(Attempt(Outcome.REJECTED, status, reason, error, url), headers, body)


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        (400, "Bad Request", "does this URL take JSON?"),
        (401, "Unauthorized", "check the header it expects, often Authorization."),
        (403, "Forbidden", "check the token in the URL or the headers"),
        (404, "Not Found", "Nothing is at this path: check the URL"),
        (405, "Method Not Allowed", "This URL takes no POST"),
        (410, "Gone", "make a new URL there and put it here."),
        (413, "Content Too Large", "raise the receiver's limit"),
        (418, "I'm a Teapot", "It refuses the request; its answer may say why."),
        (429, "Too Many Requests", "a rate limit for this destination would spare it."),
        (500, "Internal Server Error", "Something failed inside the receiver; its own log says what."),
        (502, "Bad Gateway", "A proxy stands before the receiver and cannot reach it"),
        (503, "Service Unavailable", "It is overloaded or down for a while."),
        (599, "", "Something failed inside the receiver"),
        (999, "", "No webhook answers like that."),
    ],
)
def test_a_status_says_what_to_do(status: int, reason: str, said: str) -> None:
    told = answered(status, reason)
    assert told.startswith(f"The receiver answered {status} {reason}".rstrip() + ". ")
    assert said in told


def test_who_signed_and_is_not_let_in_is_asked_about_the_secret_first() -> None:
    attempt = Attempt(Outcome.REJECTED, 401, "Unauthorized", "the receiver answered 401 Unauthorized")
    told = explain(attempt, sent=(("webhook-id", "dlv_1"), ("webhook-signature", "•••")))
    assert told.startswith(
        "The receiver answered 401 Unauthorized. It may not take the signature: is the signing secret here "
    )
    assert told.endswith("often Authorization.")
    assert "signature" not in explain(attempt, sent=(("webhook-id", "dlv_1"),))


@pytest.mark.parametrize(
    "page", [b"<center>No required SSL certificate was sent</center>", b"<h1>The SSL certificate error</h1>"]
)
def test_a_page_that_asks_for_a_client_certificate_is_told(page: bytes) -> None:
    assert "It wants a client certificate, or another one" in answered(400, "Bad Request", (), page)


def test_what_the_receiver_allows_instead_of_a_post_is_told() -> None:
    assert "This URL takes GET, HEAD and no POST" in answered(405, "", (("Allow", "GET, HEAD"),))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("30", "It asks to wait 30 s."),
        ("600", "It asks to wait 10 min."),
        ("Sat, 31 Jan 2026 09:31:00 GMT", "It asks to wait 60 s."),
    ],
)
def test_a_wait_that_is_asked_for_is_told(value: str, said: str) -> None:
    assert answered(429, "", (("Retry-After", value),)).endswith(said)


def test_a_wait_that_makes_no_sense_is_not() -> None:
    assert "wait" not in answered(503, "", (("Retry-After", "soon"),))


# --- redirects


@pytest.mark.parametrize(
    ("url", "location", "said"),
    [
        ("http://h.example/hook", "https://h.example/hook", "Write https:// instead of http://."),
        ("http://me:pw@h.example/hook", "https://h.example/hook/", "Write https:// instead of http://."),
        ("https://h.example/hook", "/hook/", "Put a slash at the end of the URL."),
        ("https://h.example/hook", "https://h.example/v2", "Use the URL it points to: https://h.example/v2"),
        (
            HERE,
            "/services/T000/an0ther-t0ken",
            "Use the URL it points to, in full in the answer's Location header (see the alert's details): "
            "https://hooks.example.com/…0ken",
        ),
        ("https://h.example/hook", "/login?next=/hook", "It points to a page to log in at"),
        ("https://h.example/hook", "", "It does not say where to."),
        ("https://h.example/hook", "https://[bad", "Where it points to is no URL."),
    ],
)
def test_a_redirect_says_which_url_to_use_and_no_token_of_it(url: str, location: str, said: str) -> None:
    told = answered(301, "Moved Permanently", (("Location", location),), url=url)
    assert told.startswith(
        "The receiver answered 301 Moved Permanently, and redirects are not followed. " + said
    )
    assert "t0ken" not in told
    assert "pw" not in told


# --- plain HTTP where TLS is spoken


@pytest.mark.parametrize(
    "page",
    [
        b"<center>The plain HTTP request was sent to HTTPS port</center>",  # nginx
        b"Client sent an HTTP request to an HTTPS server.\n",  # Go
        b"Reason: You're speaking plain HTTP to an SSL-enabled server port.",  # Apache
        b"Bad Request\nThis combination of host and port requires TLS.\n",  # Tomcat
    ],
)
def test_a_port_that_speaks_tls_is_recognised_by_the_page_it_gives(page: bytes) -> None:
    assert "write https:// instead of http://" in answered(400, "", body=page, url="http://h.example/hook")
    assert "https://" not in answered(400, "", body=page, url="https://h.example/hook")


# --- no answer


@pytest.mark.parametrize(
    ("error", "url", "said"),
    [
        ("nothing is listening on h:80", HERE, "Is the receiver running, and is the port right?"),
        ("h:80 closed the connection without answering", "http://h/", "does it expect https://?"),
        ("nothing was sent: the environment variable KEY is not set", HERE, "Set it where Tocsin runs"),
        ("h:443 closed the connection without answering", HERE, "does it want a client certificate"),
        ("h:443 wants a client certificate, and none is set", HERE, "with `--client-cert`"),
        ("h:443 refused the TLS handshake", HERE, "It may want a client certificate, or another one"),
        ("h:443 speaks only TLS older than 1.2", HERE, "who runs the receiver has to update it"),
    ],
)
def test_without_an_answer_the_recorded_error_is_told_and_what_to_do(error: str, url: str, said: str) -> None:
    told = explain(Attempt(Outcome.UNREACHABLE, error=error, url=url))
    assert told.startswith(f"{error[0].upper()}{error[1:]}. ")
    assert said in told


def test_where_there_is_no_advice_the_error_stands_alone() -> None:
    odd = "TLS failed with h:443: tlsv1 alert internal error"
    assert explain(Attempt(Outcome.UNREACHABLE, error=odd)) == f"{odd}."
    assert explain(Attempt(Outcome.ABANDONED)) == "Abandoned."


# --- acknowledged


def test_of_an_acknowledgement_nothing_is_said() -> None:
    assert explain(Attempt(Outcome.DELIVERED, 200, "OK"), (("Content-Type", "application/json"),)) == ""
    assert explain(Attempt(None)) == ""


def test_but_a_web_page_is_called_one() -> None:
    told = explain(Attempt(Outcome.DELIVERED, 200, "OK"), (("content-type", "text/HTML; charset=utf-8"),))
    assert "the answer is a web page" in told
