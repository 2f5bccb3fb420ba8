"""Builds a request: payload, headers, signature. Pure functions; the same input gives the same bytes."""

import base64
import contextlib
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import unquote, urlsplit, urlunsplit

from tui import __version__
from tui.delivery.secrets import SecretUnavailable
from tui.delivery.shapes import library
from tui.delivery.shapes.judging import Judge
from tui.domain.alert import Alert, encode_json, format_time
from tui.domain.alert_type import RESENT, AlertType
from tui.domain.attempt import Headers
from tui.domain.destination import PANTHER, Destination
from tui.domain.errors import Invalid
from tui.domain.secret import MASK, Secret, mask_url
from tui.domain.signature import signature

# The placeholder for the context, which is inserted as stored: encoding it again could change it.
_CONTEXT = '"alertContext":{}'
_LONGEST_ARGUMENT = 100_000  # bytes; Linux allows 131,071
_CONTINUED = " \\\n  "


@dataclass(frozen=True, slots=True)
class Request:
    url: str
    headers: Headers
    shown_headers: Headers
    """The same with secrets masked, to be stored and shown."""
    body: bytes
    method: str = "POST"
    judge: Judge | None = None
    """Judges the answer; None if every 2xx acknowledges and every other answer is retried."""


def wire_title(alert: Alert, round: int) -> str:
    """Return the title for the receiver. It marks a resend."""
    if round > 1:
        return f"{RESENT}{alert.headline}"
    headline = (alert.name or alert.rule_id) if alert.type is AlertType.POLICY else alert.headline
    return f"{alert.type.prefix}{headline}"


def payload(alert: Alert, round: int) -> bytes:
    """Return the body: compact UTF-8 JSON with exactly 13 keys, identical in every attempt of a round."""
    text = encode_json(
        {
            "id": alert.rule_id,
            "createdAt": format_time(alert.created_at),
            "severity": alert.severity,
            "type": alert.type,
            "link": alert.link,
            "title": wire_title(alert, round),
            "name": alert.name,
            "alertId": alert.alert_id,
            "alertContext": {},
            "description": alert.description,
            "runbook": alert.runbook,
            "tags": alert.tags,
            "version": alert.version,
        }
    )
    # A JSON string cannot contain the unescaped quotes of the placeholder, so the first match is the key.
    return text.replace(_CONTEXT, f'"alertContext":{alert.context}', 1).encode()


def build_request(
    alert: Alert,
    destination: Destination,
    *,
    webhook_id: str,
    round: int,
    timestamp: int,
    reveal: Callable[[Secret], str],
    masked: bool = False,
) -> Request:
    """Return the request of one attempt that starts at `timestamp` (Unix seconds).

    `reveal` returns a secret's value. With `masked`, the parts of the URL that a body repeats are masked.
    Raises what `reveal` raises, and Invalid for an invalid signing secret or a shape that cannot be rendered.
    """
    url, credentials = _split_credentials(destination.url)
    headers, method, shaped, judge = destination.headers, "POST", (), None
    if destination.shape == PANTHER:
        body = payload(alert, round)
    else:
        shape = library.find(destination.shape)
        values = {header.name.lower(): header.value for header in headers}
        rendered = shape.render(
            alert,
            url,
            webhook_id=webhook_id,
            round=round,
            secret=lambda name: reveal(values[name.lower()]) if name.lower() in values else "",
            masked=masked,
        )
        url, method, shaped, body = rendered.url, rendered.method, rendered.headers, rendered.body
        headers = [header for header in headers if not shape.consumes(header.name)]
        judge = shape.judge
    common = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": f"Tocsin/{__version__}",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
    }
    for name, value in shaped:
        common[name] = value
    own = {header.name.lower() for header in headers}
    hidden = {"Authorization": credentials} if credentials and "authorization" not in own else {}
    hidden |= {header.name: reveal(header.value) for header in headers}
    if destination.secret is not None:
        signed = partial(signature, webhook_id=webhook_id, timestamp=timestamp, body=body)
        hidden["webhook-signature"] = " ".join(_signatures(destination, timestamp, signed, reveal))
    return Request(
        url=url,
        headers=(*common.items(), *hidden.items()),
        shown_headers=(*common.items(), *((name, MASK) for name in hidden)),
        body=body,
        method=method,
        judge=judge,
    )


def _signatures(
    destination: Destination,
    timestamp: int,
    signed: Callable[[str], str],
    reveal: Callable[[Secret], str],
) -> Iterator[str]:
    """Yield a signature by the secret and, during a rotation, one by the old secret."""
    assert destination.secret is not None
    yield signed(reveal(destination.secret))
    old = destination.old_secret
    if old is not None and old.signs_at(timestamp * 1000):
        # The old secret may already be gone. The receiver may have the new one, so send anyway.
        with contextlib.suppress(SecretUnavailable, Invalid):
            yield signed(reveal(old.secret))


def masked_request(
    alert: Alert, destination: Destination, *, webhook_id: str, round: int, timestamp: int
) -> Request:
    """Return the request with every secret masked, to be shown. Resolves no secret and cannot fail."""

    def build(unsigned: Destination) -> Request:
        return build_request(
            alert,
            unsigned,
            webhook_id=webhook_id,
            round=round,
            timestamp=timestamp,
            reveal=lambda _: MASK,
            masked=True,
        )

    unsigned = replace(destination, secret=None)
    try:
        request = build(unsigned)
    except Invalid as error:
        request = replace(build(replace(unsigned, shape=PANTHER)), body=_unshown(error))
    signed = (("webhook-signature", MASK),) if destination.secret else ()
    return replace(request, url=mask_url(request.url), headers=(*request.shown_headers, *signed))


def shown_body(alert: Alert, shape: str, url: str, *, webhook_id: str, round: int) -> bytes:
    """Return the body of an attempt, with secrets masked, to be shown. Cannot fail."""
    if shape == PANTHER:
        return payload(alert, round)
    try:
        rendered = library.find(shape).render(
            alert, url, webhook_id=webhook_id, round=round, secret=lambda _: MASK, masked=True
        )
    except Invalid as error:
        return _unshown(error)
    return rendered.body


def _unshown(error: Invalid) -> bytes:
    return f"The body cannot be shown: {error.message}".encode()


def curl(request: Request) -> str:
    """Return a shell command that sends `request` with curl."""
    body = shlex.quote(request.body.decode())
    # -g, because curl expands {a,b} and [1-9] in a URL.
    start = "curl -g" if set(request.url) & set("[]{}") else "curl"
    lines = [f"{start} -X {request.method} {shlex.quote(request.url)}"]
    lines += [f"-H {shlex.quote(_curl_header(name, value))}" for name, value in request.headers]
    if len(body.encode()) <= _LONGEST_ARGUMENT:
        return _CONTINUED.join([*lines, f"--data-binary {body}"])
    # Too long for an argument of a command. The limit does not apply to printf, a builtin of the shell.
    return _CONTINUED.join([f"printf %s {body} | {lines[0]}", *lines[1:], "--data-binary @-"])


def _curl_header(name: str, value: str) -> str:
    """Return a header for curl, which omits one without a value unless it ends in a semicolon."""
    return f"{name}: {value}" if value else f"{name};"


def _split_credentials(url: str) -> tuple[str, str]:
    """Return the URL without `user:password@`, and the Authorization header they make (empty for none)."""
    parts = urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, ""
    user, _, password = userinfo.partition(":")
    plain = f"{unquote(user)}:{unquote(password)}".encode()
    return urlunsplit(parts._replace(netloc=host)), "Basic " + base64.b64encode(plain).decode()
