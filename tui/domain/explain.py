"""What became of an attempt, in words a person can act on: what happened, and what to do about it.

The one place for it, for screens and commands. It goes by what was recorded of the attempt, so one of
last week is explained as well as that of a test a second ago.
"""

from typing import Protocol
from urllib.parse import SplitResult, urljoin, urlsplit

from tui.domain.attempt import Headers
from tui.domain.lifecycle import Outcome
from tui.domain.retry import parse_retry_after
from tui.domain.secret import mask_url


class Ended(Protocol):
    """An attempt as it is kept, once it has ended."""

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


_BY_STATUS = {
    400: "It could not make sense of the request: does this URL take JSON?",
    401: "It wants credentials, or other ones: check the header it expects, often Authorization.",
    403: "It refuses who asks: check the token in the URL or the headers, and if it lets this machine in.",
    404: "Nothing is at this path: check the URL, which may be cut off or revoked.",
    405: "This URL takes no POST: is it the address of a page rather than of a webhook?",
    407: "A proxy wants a user and a password, or others: put them into its URL, where Tocsin runs.",
    410: "It is gone for good, it says: make a new URL there and put it here.",
    411: "It wants to be told the length, and it was: something on the way removes that.",
    413: "The alert is too large for it: raise the receiver's limit (in nginx, client_max_body_size).",
    415: "It takes no JSON: is this URL made for another format?",
    422: "It read the request and refuses what is in it: does it expect another format?",
    429: "It is asked too often: a rate limit for this destination would spare it.",
    501: "It does not know POST: is it the address of a page rather than of a webhook?",
    502: "A proxy stands before the receiver and cannot reach it: is the receiver running?",
    503: "It is overloaded or down for a while.",
    504: "A proxy stands before the receiver and got no answer from it: is the receiver running?",
}
_MISSIGNED = (
    "It may not take the signature: is the signing secret here the one that the receiver has? "
    "If that is right, it wants credentials: check the header it expects, often Authorization."
)
_BY_CLASS = {
    4: "It refuses the request; its answer may say why.",
    5: "Something failed inside the receiver; its own log says what.",
}
_BY_ERROR = (
    # What the sender records (`delivery.failures`), by words of it.
    ("metadata service", ""),
    ("a name of a private network", "Behind a proxy its name is all there is to judge; see NO_PROXY."),
    ("which the network policy", "If it is meant, name its network in `allow` under [network]."),
    ("never sent to", "If it is meant all the same, name this one address in `allow` under [network]."),
    (
        "the proxy cannot be reached",
        "Is it running, and is HTTPS_PROXY or HTTP_PROXY right, where Tocsin runs?",
    ),
    ("wants a user and a password", "Put them into the proxy's URL, like http://user:password@proxy:3128."),
    ("not accept the user", "Check them in the proxy's URL, where Tocsin runs."),
    ("refuses to connect to", "Who runs the proxy decides what it lets through; NO_PROXY goes without."),
    ("could not connect to", "Is the receiver running, and does the proxy get through to it?"),
    ("does not answer as a proxy", "Does HTTPS_PROXY name a proxy that speaks HTTP?"),
    ("nothing is listening on", "Is the receiver running, and is the port right?"),
    ("does not resolve", "Is the name spelled right, and does the DNS of this machine know it?"),
    ("no connection to", "Is the address right, and does a firewall let this machine through?"),
    (
        "no answer within",
        "It took the request and kept silent; it may have it. If it is only slow, raise the timeout.",
    ),
    ("but did not end within", "A receiver should acknowledge first and work after; or raise the timeout."),
    ("this machine does not trust", "If it is your own, give its certificate as the destination's CA file."),
    ("not in the CA file", "Has the receiver got a new certificate, or is it another one that answers?"),
    ("nobody in the CA file", "Has the receiver got a new certificate, or is it another one that answers?"),
    ("is self-signed", "If it is your own, give it as the destination's CA file."),
    (", not for ", "Put the receiver's own name in the URL."),
    ("expired on", "Who runs the receiver has to renew it."),
    ("is valid only from", "Is the clock of this machine right?"),
    ("speaks no TLS", "Write http:// instead of https://, or give the port where it speaks TLS."),
    ("before TLS was agreed on", "Does it speak TLS there? If not, write http:// instead of https://."),
    ("wants a client certificate", "Set one under TLS, in the setup or with `--client-cert`."),
    ("not accept the client certificate", "Who runs the receiver knows whose certificates it takes."),
    (
        "refused the TLS handshake",
        "It may want a client certificate, or another one; or it knows only ciphers that are no longer safe.",
    ),
    ("only TLS older than 1.2", "That is not safe any more: who runs the receiver has to update it."),
    ("unrecognized name", "It has no certificate for this host: is the name right?"),
    ("environment variable", "Set it where Tocsin runs, `tocsin dispatch` included."),
)
_TLS_EXPECTED = ("plain http", "http request to an https", "requires tls", "ssl-enabled")
_CERTIFICATE_EXPECTED = ("required ssl certificate", "ssl certificate error")
_LOGIN = ("login", "signin", "sign_in", "sign-in", "auth", "sso")


def explain(attempt: Ended, headers: Headers = (), body: bytes = b"", sent: Headers = ()) -> str:
    """Sentences: what happened, what to do; `headers` and `body` are the answer's, `sent` the request's.

    Of a delivered alert there is nothing to say, unless the acknowledgement looks like none.
    """
    told = advise(attempt, headers, body, sent)
    if attempt.outcome in (None, Outcome.DELIVERED):
        return told
    return f"{_sentence(_fact(attempt))} {told}".rstrip()


def advise(attempt: Ended, headers: Headers = (), body: bytes = b"", sent: Headers = ()) -> str:
    """What to do about it alone, where it stands beside what happened."""
    if attempt.outcome is None:
        return ""
    if attempt.outcome is Outcome.DELIVERED:
        return _doubt(headers)
    if attempt.outcome is Outcome.REJECTED:
        return _advice_on_status(attempt, headers, body, sent)
    error = attempt.error or ""
    if error.endswith("closed the connection without answering"):
        if attempt.url.lower().startswith("http://"):
            return "Does it stop at what it gets, or does it expect https://?"
        return "Does it stop at what it gets, or does it want a client certificate, or another one?"
    return next((advice for words, advice in _BY_ERROR if words in error), "")


def _doubt(headers: Headers) -> str:
    if "text/html" not in _header(headers, "content-type").lower():
        return ""
    return (
        "It counts as acknowledged, but the answer is a web page, as a login or a front page gives one: "
        "is this the URL of a webhook?"
    )


def _fact(attempt: Ended) -> str:
    if attempt.outcome is Outcome.REJECTED and _class(attempt) == 3:
        answered = f"{attempt.status_code} {attempt.reason or ''}".rstrip()
        return f"the receiver answered {answered}, and redirects are not followed"
    return attempt.error or str(attempt.outcome)


def _advice_on_status(attempt: Ended, headers: Headers, body: bytes, sent: Headers) -> str:
    status = attempt.status_code or 0
    if _class(attempt) == 3:
        return _advice_on_redirect(attempt.url, _header(headers, "location"))
    if status == 400 and _expects_tls(attempt.url, body):
        return "It speaks TLS at this port: write https:// instead of http://."
    if status == 400 and _wants_certificate(body):
        return "It wants a client certificate, or another one: see TLS in the destination's setup."
    advice = _BY_STATUS.get(status) or _BY_CLASS.get(_class(attempt), "No webhook answers like that.")
    if status == 401 and _header(sent, "webhook-signature"):
        advice = _MISSIGNED
    allowed = _header(headers, "allow")
    if status == 405 and allowed:
        advice = f"This URL takes {allowed[:60]} and no POST: is it the address of a webhook?"
    asked = parse_retry_after(_header(headers, "retry-after"), attempt.ended_at or 0)
    return f"{advice} It asks to wait {_span(asked)}." if asked else advice


def _advice_on_redirect(url: str, location: str) -> str:
    if not location:
        return "It does not say where to."
    here = urlsplit(url)
    try:
        there = urlsplit(urljoin(url, location))
    except ValueError:
        return "Where it points to is no URL."
    if any(word in there.path.lower() for word in _LOGIN):
        return "It points to a page to log in at: this URL wants credentials, or is no webhook."
    if _same(here, there) and (here.scheme, there.scheme) == ("http", "https"):
        return "Write https:// instead of http://."
    if _same(here, there) and there.path == f"{here.path}/":
        return "Put a slash at the end of the URL."
    whole = there.geturl()
    shown = mask_url(whole)[:200]
    where = "" if shown == whole else ", in full in the answer's Location header (see the alert's details)"
    return f"Use the URL it points to{where}: {shown}"


def _same(here: SplitResult, there: SplitResult) -> bool:
    """Whether they differ in the scheme or a last slash alone."""
    return (here.hostname, here.path.rstrip("/"), here.query) == (
        there.hostname,
        there.path.rstrip("/"),
        there.query,
    )


def _expects_tls(url: str, body: bytes) -> bool:
    """Web servers say so in the page that comes with the 400, each in its own words."""
    said = body[:4096].decode(errors="replace").lower()
    return url.startswith("http://") and any(words in said for words in _TLS_EXPECTED)


def _wants_certificate(body: bytes) -> bool:
    """nginx takes whoever comes without one, or with a wrong one, to say so in a page."""
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
