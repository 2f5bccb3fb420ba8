"""Tells from an exception of the HTTP client what happened. What to do about it: `domain.explain`.

The transport's own exception types mislead (a refused connection is called a timeout), so the
truth is looked for along the chain of causes, the most telling first.
"""

import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import aiohttp

_MOST_NAMES = 3
# What OpenSSL (x509_vfy.h) calls a certificate it does not accept.
_NOT_YET_VALID, _EXPIRED, _SELF_SIGNED = 9, 10, 18
_UNKNOWN_ISSUER = (2, 19, 20, 21, 27)
_OTHER_HOST = (62, 64)
_NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNEXPECTED_MESSAGE")


class AnswerTooLong(Exception):
    """What came is more than any answer takes, and it has not ended."""


class BadCertificate(ssl.SSLCertVerificationError):
    """A certificate was not accepted; unlike the error it comes from, this one knows it."""

    def __init__(self, cause: ssl.SSLCertVerificationError, presented: dict[str, Any]) -> None:
        super().__init__(*cause.args)
        self.verify_code, self.verify_message = cause.verify_code, cause.verify_message
        self.presented = presented
        """As `ssl.SSLSocket.getpeercert` has it."""


def place(host: str, port: int) -> str:
    """`127.0.0.1:8081`, `[::1]:8081`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def describe(error: BaseException, *, host: str, port: int, in_handshake: bool = False) -> str:
    """A sentence without a full stop: `nothing is listening on 127.0.0.1:8081`."""
    receiver = place(host, port)
    for cause in _chain(error):
        match cause:
            case ssl.SSLCertVerificationError():
                presented = cause.presented if isinstance(cause, BadCertificate) else {}
                return f"the certificate of {receiver} {_flaw(cause, presented, host)}"
            case ssl.SSLError():
                return _tls_failure(cause, receiver)
            case socket.gaierror():
                return f"the name {host} does not resolve"
            case ConnectionRefusedError():
                return f"nothing is listening on {receiver}"
            case ConnectionResetError() | BrokenPipeError() | aiohttp.ServerDisconnectedError():
                if in_handshake:
                    return f"{receiver} closed the connection before TLS was agreed on"
                return f"{receiver} closed the connection without answering"
            case AnswerTooLong():
                return f"the headers of the answer of {receiver} have no end"
            case aiohttp.ClientPayloadError():
                return f"the answer of {receiver} broke off before its end"
            case aiohttp.ClientResponseError():
                return f"the answer of {receiver} is not valid HTTP: {_first_line(cause.message)}"
            case OSError() if cause.strerror and not isinstance(cause, aiohttp.ClientError):
                return f"cannot connect to {receiver}: {cause.strerror.lower()}"
            case _:
                continue
    return f"cannot reach {receiver}: {_first_line(str(error)) or type(error).__name__}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """`error` and what led to it, the root first: the root is the most telling."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    return reversed(chain)


# --- TLS ------------------------------------------------------------------------------------------


def _tls_failure(error: ssl.SSLError, receiver: str) -> str:
    reason = error.reason or str(error)
    if reason in _NOT_TLS:
        return f"{receiver} speaks no TLS: it answers in plain text"
    return f"TLS failed with {receiver}: {reason.replace('_', ' ').lower()}"


def _flaw(error: ssl.SSLCertVerificationError, presented: dict[str, Any], host: str) -> str:
    """What is wrong with a certificate, and what it says of itself if that is known."""
    code: int = error.verify_code
    if code in _OTHER_HOST and (names := _names(presented)):
        return f"is for {names}, not for {host}"
    if code == _EXPIRED and (end := _day(presented, "notAfter", past=True)):
        return f"expired on {end}"
    if code == _NOT_YET_VALID and (begin := _day(presented, "notBefore", past=False)):
        return f"is valid only from {begin} on"
    if code == _SELF_SIGNED:
        return "is self-signed: nobody this machine trusts vouches for it"
    if code in _UNKNOWN_ISSUER and presented:
        return f"was issued by {_issuer(presented)}, whom this machine does not trust"
    return f"is not accepted: {error.verify_message or error.reason}"


def _names(presented: dict[str, Any]) -> str:
    names = [str(value)[:100] for _, value in presented.get("subjectAltName", ())]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _issuer(presented: dict[str, Any]) -> str:
    parts = dict(pair for part in presented.get("issuer", ()) for pair in part)
    name = parts.get("commonName") or parts.get("organizationName")
    return str(name)[:100] if name else "somebody"


def _day(presented: dict[str, Any], key: str, *, past: bool) -> str:
    """The day a certificate ends or begins; none if another one of its chain is at fault."""
    if key not in presented:
        return ""
    moment = ssl.cert_time_to_seconds(cast("str", presented[key]))
    # By the machine's clock, as the certificate was judged.
    at_fault = (moment < time.time()) is past
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}" if at_fault else ""


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:200].rstrip(":") if text.strip() else ""
