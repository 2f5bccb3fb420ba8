"""Explain how an attempt ended: what happened, and what to do about it.

Screens and commands both take their explanations from here. They depend only on what was recorded with
the attempt, so an attempt of last week is explained like one of a second ago.
"""

from typing import Protocol
from urllib.parse import SplitResult, urljoin, urlsplit

from tui.domain import vendor_answers
from tui.domain.attempt import Headers
from tui.domain.destination import PANTHER
from tui.domain.lifecycle import Outcome
from tui.domain.retry import parse_retry_after
from tui.domain.secret import mask_url


class Ended(Protocol):
    """A recorded attempt that has ended."""

    @property
    def outcome(self) -> Outcome | None: ...
    @property
    def status_code(self) -> int | None: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def error(self) -> str | None: ...
    @property
    def url(self) -> str: ...
    @property
    def ended_at(self) -> int | None: ...
    @property
    def shape(self) -> str: ...


_BY_STATUS = {
    400: "The receiver could not parse the request. Check that this URL accepts JSON.",
    401: "The receiver rejected our credentials or got none. Check the header it expects, usually "
    "Authorization.",
    403: "The receiver denied access. Check the token in the URL or the headers, and whether the receiver "
    "allows this machine.",
    404: "Nothing exists at this path. Check the URL: it may be incomplete or revoked.",
    405: "This URL does not accept POST. Check that it belongs to a webhook, not to a web page.",
    407: "A proxy rejected our credentials or got none. Set the user and password in the proxy URL, in the "
    "environment where Tocsin runs.",
    410: "The receiver says that this URL is gone permanently. Create a new one there and set it here.",
    411: "Tocsin sent a Content-Length, but the receiver did not get it. Check for a proxy that removes it.",
    413: "The alert is too large for the receiver. Raise the receiver's limit (in nginx: "
    "client_max_body_size).",
    415: "The receiver does not accept JSON here. Check whether this URL expects another format.",
    422: "The receiver read the request but rejected its content. Check whether it expects another format.",
    429: "The receiver limits how often it is called. Set a rate limit for this destination.",
    501: "The receiver does not support POST. Check that the URL belongs to a webhook, not to a web page.",
    502: "A proxy in front of the receiver cannot reach it. Check that the receiver is running.",
    503: "The receiver is overloaded or temporarily down.",
    504: "A proxy in front of the receiver got no answer from it. Check that the receiver is running.",
}
_MISSIGNED = (
    "The receiver may have rejected the signature. Check that it has the same signing secret. "
    "If it does, check the header in which it expects credentials, usually Authorization."
)
_UNSIGNED = (
    "The receiver requires a signature. Set its signing secret under Advanced in the form, or with "
    "`--secret`."
)
_LATE = (
    "The receiver rejected the time of the signature. Check the clocks of this machine and of the receiver."
)
_BY_CLASS = {
    4: "The receiver rejected the request. Its answer may say why.",
    5: "The receiver failed internally. Check its log.",
}
_BY_ERROR: tuple[tuple[str, str], ...] = (
    # The first entry whose phrase, in lower case, occurs in the recorded error. A test checks that Tocsin can
    # report each phrase.
    ("metadata service", ""),
    (
        "a private network name",
        "Through a proxy, only the name can be checked. To connect directly, list the host in NO_PROXY.",
    ),
    (
        "blocked by the network policy",
        "To allow it, add its network to `allow` under [network].",
    ),
    (
        "never sends to",
        "To allow it anyway, add exactly this address to `allow` under [network].",
    ),
    (
        "cannot reach the proxy",
        "Check that the proxy is running and that HTTPS_PROXY or HTTP_PROXY is right, where Tocsin runs.",
    ),
    (
        "requires a user and password",
        "Set them in the proxy URL, like http://user:password@proxy:3128.",
    ),
    (
        "rejected the user or password",
        "Check the user and password in the proxy URL, where Tocsin runs.",
    ),
    (
        "refused to connect to",
        "Ask the proxy's administrator to allow it. To connect directly, list the host in NO_PROXY.",
    ),
    ("could not connect to", "Check that the receiver is running and that the proxy can reach it."),
    ("did not answer like an http proxy", "Check that HTTPS_PROXY names an HTTP proxy."),
    (
        "nothing is listening on",
        "Check that the receiver is running and that the port is right.",
    ),
    (
        "does not resolve",
        "Check the spelling of the name and the DNS of this machine.",
    ),
    ("no connection to", "Check the address, and that no firewall blocks this machine."),
    (
        "no answer within",
        "The receiver got the request and may have processed it. If it is only slow, raise the timeout.",
    ),
    (
        "did not end within",
        "A receiver should acknowledge first and process the alert afterwards. Change that, or raise the "
        "timeout.",
    ),
    ("not in the ca file", "Check whether the receiver has a new certificate or another server answers."),
    ("is self-signed", "If the certificate is yours, set it as the destination's CA file."),
    (
        "this machine does not trust",
        "If you run this certificate authority, set its certificate as the destination's CA file.",
    ),
    (", not for ", "Use the receiver's own name in the URL."),
    ("expired on", "The receiver's operator must renew it."),
    ("is not valid before", "Check the clock of this machine."),
    (
        "does not speak tls",
        "Use http:// instead of https://, or the port where the receiver speaks TLS.",
    ),
    (
        "during the tls handshake",
        "Check that this port speaks TLS. If it does not, use http:// instead of https://.",
    ),
    ("requires a client certificate", "Set one under TLS in the form, or with `--client-cert`."),
    ("rejected the client certificate", "Ask the receiver's operator which certificates it accepts."),
    (
        "rejected the tls handshake",
        "The receiver may require a client certificate, or a different one. Or it supports only ciphers that "
        "are no longer safe.",
    ),
    (
        "only tls versions older than 1.2",
        "Those versions are not safe. Ask the receiver's operator to update it.",
    ),
    ("unrecognized name", "The receiver has no certificate for this host. Check the host in the URL."),
    ("environment variable", "Set it where Tocsin runs, including for `tocsin dispatch`."),
)
_NO_ANSWER = "closed the connection without answering"
_TLS_EXPECTED = ("plain http", "http request to an https", "requires tls", "ssl-enabled")
_CERTIFICATE_EXPECTED = ("required ssl certificate", "ssl certificate error")
_SIGNATURE = ("signature", "not signed", "badly signed", "unsigned", "webhook-id", "svix-id")
_TIME = ("timestamp is", "timestamp too", "in the past", "in the future", "tolerance")
_LOGIN = ("login", "signin", "sign_in", "sign-in", "auth", "sso")


def explain(
    attempt: Ended, headers: Headers = (), body: bytes = b"", sent: Headers = (), *, expected: str = ""
) -> str:
    """Return what happened and what to do, in sentences.

    `headers` and `body` are those of the answer, `sent` the headers of the request. `expected` is the shape
    for the URL ("" if any may be right). For a delivered alert the result is empty, unless the
    acknowledgement looks like a mistake.
    """
    advice = advise(attempt, headers, body, sent, expected=expected)
    if attempt.outcome in (None, Outcome.DELIVERED):
        return advice
    return f"{_sentence(_fact(attempt))} {advice}".rstrip()


def advise(
    attempt: Ended, headers: Headers = (), body: bytes = b"", sent: Headers = (), *, expected: str = ""
) -> str:
    """Return only what to do, for places that already show what happened."""
    if attempt.outcome is None:
        return ""
    if attempt.outcome is Outcome.DELIVERED:
        return _doubt(attempt, headers, expected)
    if attempt.outcome is Outcome.REJECTED:
        return _advice_on_status(attempt, headers, body, sent, expected)
    error = (attempt.error or "").lower()
    if error.endswith(_NO_ANSWER) and not error.startswith("the proxy"):
        if attempt.url.lower().startswith("http://"):
            return "The receiver may crash on this request, or expect https://."
        return "The receiver may crash on this request, or require a client certificate, or a different one."
    return next((advice for phrase, advice in _BY_ERROR if phrase in error), "")


def _doubt(attempt: Ended, headers: Headers, expected: str) -> str:
    if attempt.shape == PANTHER and expected in vendor_answers.LABELS:
        return f"The alert counts as acknowledged. {vendor_answers.wrong_shape(expected)}"
    if "text/html" not in _header(headers, "content-type").lower():
        return ""
    return (
        "The alert counts as acknowledged, but the answer is a web page, such as a login page. "
        "Check that this is the URL of a webhook."
    )


def _fact(attempt: Ended) -> str:
    if attempt.outcome is Outcome.REJECTED and _class(attempt) == 3:
        answered = f"{attempt.status_code} {attempt.reason or ''}".rstrip()
        return f"the receiver answered {answered}; Tocsin does not follow redirects"
    return attempt.error or str(attempt.outcome)


def _advice_on_status(attempt: Ended, headers: Headers, body: bytes, sent: Headers, expected: str) -> str:
    status = attempt.status_code or 0
    if _class(attempt) == 3:
        return _advice_on_redirect(attempt.url, _header(headers, "location"))
    if status == 400 and _expects_tls(attempt.url, body):
        return "The receiver speaks TLS on this port. Use https:// instead of http://."
    if status == 400 and _requires_certificate(body):
        return (
            "The receiver requires a client certificate, or a different one. "
            "Set it under TLS in the destination's form."
        )
    advice = _BY_STATUS.get(status) or _BY_CLASS.get(
        _class(attempt), "Webhooks do not answer with this status. Check the URL."
    )
    advice = vendor_answers.advise(status, body, sent_as=attempt.shape, expected=expected) or advice
    if status in (400, 401, 403):
        advice = (
            _advice_on_signature(status, body, is_signed=bool(_header(sent, "webhook-signature"))) or advice
        )
    allowed = _header(headers, "allow")
    if status == 405 and allowed:
        advice = f"This URL accepts {allowed[:60]} but not POST. Check that it belongs to a webhook."
    asked = parse_retry_after(_header(headers, "retry-after"), attempt.ended_at or 0)
    return f"{advice} The receiver asks Tocsin to wait {_span(asked)}." if asked else advice


def _advice_on_redirect(url: str, location: str) -> str:
    if not location:
        return "The answer does not say where it redirects. Check the URL."
    here = urlsplit(url)
    try:
        there = urlsplit(urljoin(url, location))
    except ValueError:
        return "The target of the redirect is not a URL. Check the receiver's settings."
    if any(word in there.path.lower() for word in _LOGIN):
        return "The redirect leads to a login page. This URL requires credentials, or is not a webhook."
    if _same(here, there) and (here.scheme, there.scheme) == ("http", "https"):
        return "Use https:// instead of http://."
    if _same(here, there) and there.path == f"{here.path}/":
        return "Add a slash at the end of the URL."
    whole = there.geturl()
    shown = mask_url(whole)[:200]
    where = "" if shown == whole else ", which the alert's details show in full (header Location)"
    return f"Use the redirect's target{where}: {shown}"


def _same(here: SplitResult, there: SplitResult) -> bool:
    """Return whether the URLs are equal apart from scheme, user, port, fragment and trailing slashes."""
    return (here.hostname, here.path.rstrip("/"), here.query) == (
        there.hostname,
        there.path.rstrip("/"),
        there.query,
    )


def _advice_on_signature(status: int, body: bytes, *, is_signed: bool) -> str:
    """Return advice if the receiver complains about the signature, or may mean it with a 401."""
    said = body[:4096].decode(errors="replace").lower()
    complains = any(words in said for words in _SIGNATURE)
    if not is_signed:
        return _UNSIGNED if complains else ""
    if complains and any(words in said for words in _TIME):
        return _LATE
    return _MISSIGNED if complains or status == 401 else ""


def _expects_tls(url: str, body: bytes) -> bool:
    """Recognize the page that web servers send with a 400 for plain HTTP on a TLS port."""
    said = body[:4096].decode(errors="replace").lower()
    return url.startswith("http://") and any(words in said for words in _TLS_EXPECTED)


def _requires_certificate(body: bytes) -> bool:
    """Recognize nginx, which completes the handshake without a valid client certificate and answers 400."""
    said = body[:4096].decode(errors="replace").lower()
    return any(words in said for words in _CERTIFICATE_EXPECTED)


def _class(attempt: Ended) -> int:
    return (attempt.status_code or 0) // 100


def _header(headers: Headers, wanted: str) -> str:
    return next((value for name, value in headers if name.lower() == wanted), "")


def _span(milliseconds: int) -> str:
    seconds = max(1, milliseconds // 1000)
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
