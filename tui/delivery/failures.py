"""Describes the transport's exceptions. `domain.explain` adds what to do about each."""

import socket
import ssl
import time
from datetime import UTC, datetime
from typing import Any, cast

from tui.domain.tls import DEFAULT_TLS, TlsSettings

_MOST_NAMES = 3
# Error codes of OpenSSL's certificate verification (x509_vfy.h).
_NOT_YET_VALID, _EXPIRED, _SELF_SIGNED = 9, 10, 18
_UNKNOWN_ISSUER = (2, 19, 20, 21, 27)
_OTHER_HOST = (62, 64)
_NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNEXPECTED_MESSAGE")
_TOO_OLD = ("TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "VERSION_TOO_LOW")
_HANDSHAKE_REJECTED = ("SSLV3_ALERT_HANDSHAKE_FAILURE", "TLSV1_ALERT_INSUFFICIENT_SECURITY")
_CLIENT_CERTIFICATE_REJECTED = {
    # TLS alerts that concern the client's certificate (RFC 8446 section 6.2).
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it received none",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not trust the issuer",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it reports a bad certificate",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "it does not support this type",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "the certificate is revoked",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the certificate has expired",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it gives no reason",
    "TLSV1_ALERT_ACCESS_DENIED": "it denies access",
}


class Disconnected(Exception):
    """The connection ended before all headers of the answer arrived."""


class BrokenOff(Exception):
    """The connection ended in the middle of an answer's body."""


class NotHttp(Exception):
    """The answer is not HTTP; the message is the parser's."""


class AnswerTooLong(Exception):
    """The answer exceeds the size limit."""


class Blocked(Exception):
    """The network policy blocks the address; the message names the rule."""


class ProxyFailed(Exception):
    """The proxy did not connect us to the receiver; the message says why."""


class BadCertificate(ssl.SSLCertVerificationError):
    """A certificate failed verification; `presented` holds the certificate itself."""

    def __init__(self, cause: ssl.SSLCertVerificationError, presented: dict[str, Any]) -> None:
        super().__init__(*cause.args)
        self.verify_code, self.verify_message = cause.verify_code, cause.verify_message
        self.presented = presented
        """In the format of `ssl.SSLSocket.getpeercert`. Empty if unknown."""


def place(host: str, port: int) -> str:
    """Return host and port, like `127.0.0.1:8081` or `[::1]:8081`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def describe(
    error: BaseException,
    *,
    host: str,
    port: int,
    in_handshake: bool = False,
    tls: TlsSettings = DEFAULT_TLS,
) -> str:
    """Describe an exception in a sentence without a full stop: `nothing is listening on 127.0.0.1:8081`.

    `in_handshake` says that the connection exists only if its TLS handshake is complete.
    """
    receiver = place(host, port)
    match error:
        case ProxyFailed():
            return str(error)
        case ssl.SSLCertVerificationError():
            presented = error.presented if isinstance(error, BadCertificate) else {}
            return f"the certificate of {receiver} {_flaw(error, presented, host, tls)}"
        case ssl.SSLError():
            return _tls_failure(error, receiver, tls)
        case socket.gaierror():
            return f"the name {host} does not resolve"
        case ConnectionRefusedError():
            return f"nothing is listening on {receiver}"
        case Disconnected() | ConnectionResetError() | BrokenPipeError():
            if in_handshake:
                return f"{receiver} closed the connection during the TLS handshake"
            return f"{receiver} closed the connection without answering"
        case AnswerTooLong():
            return f"the headers of the answer from {receiver} are too long"
        case BrokenOff():
            return f"{receiver} closed the connection in the middle of its answer"
        case NotHttp():
            return f"the answer from {receiver} is not valid HTTP: {_first_line(str(error)).lower()}"
        case OSError() if error.strerror:
            return f"cannot connect to {receiver}: {error.strerror.lower()}"
        case _:
            return f"cannot reach {receiver}: {_first_line(str(error)) or type(error).__name__}"


# --- TLS ------------------------------------------------------------------------------------------


def _tls_failure(error: ssl.SSLError, receiver: str, tls: TlsSettings) -> str:
    reason = error.reason or str(error)
    if reason in _CLIENT_CERTIFICATE_REJECTED:
        if not tls.certificate:
            return f"{receiver} requires a client certificate, but none is set"
        return f"{receiver} rejected the client certificate: {_CLIENT_CERTIFICATE_REJECTED[reason]}"
    if reason in _TOO_OLD:
        return f"{receiver} supports only TLS versions older than 1.2"
    if reason in _HANDSHAKE_REJECTED:
        return f"{receiver} rejected the TLS handshake"
    if reason in _NOT_TLS:
        return f"{receiver} does not speak TLS: it answered in plain text"
    return f"TLS with {receiver} failed: {reason.replace('_', ' ').lower()}"


def _flaw(error: ssl.SSLCertVerificationError, presented: dict[str, Any], host: str, tls: TlsSettings) -> str:
    """Describe why a certificate failed verification, with details from the certificate if it is known."""
    code: int = error.verify_code
    if code in _OTHER_HOST and (names := _names(presented)):
        return f"is for {names}, not for {host}"
    if code == _EXPIRED and (end := _day(presented, "notAfter", past=True)):
        return f"expired on {end}"
    if code == _NOT_YET_VALID and (begin := _day(presented, "notBefore", past=False)):
        return f"is not valid before {begin}"
    if code == _SELF_SIGNED:
        untrusted = "it is not in the CA file" if tls.ca_file else "this machine does not trust it"
        return f"is self-signed, and {untrusted}"
    if code in _UNKNOWN_ISSUER and presented:
        untrusted = "is not in the CA file" if tls.ca_file else "this machine does not trust"
        return f"was issued by {_issuer(presented)}, which {untrusted}"
    return f"failed verification: {error.verify_message or error.reason}"


def _names(presented: dict[str, Any]) -> str:
    names = [str(value)[:100] for _, value in presented.get("subjectAltName", ())]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _issuer(presented: dict[str, Any]) -> str:
    parts = dict(pair for part in presented.get("issuer", ()) for pair in part)
    name = parts.get("commonName") or parts.get("organizationName")
    return str(name)[:100] if name else "an unnamed issuer"


def _day(presented: dict[str, Any], key: str, *, past: bool) -> str:
    """Return the day a certificate ends or begins; empty if the fault lies with another one in its chain."""
    if key not in presented:
        return ""
    moment = ssl.cert_time_to_seconds(cast("str", presented[key]))
    # OpenSSL compared it with this clock, too.
    at_fault = (moment < time.time()) is past
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}" if at_fault else ""


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:200].rstrip(":") if text.strip() else ""
