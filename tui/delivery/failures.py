"""Tells from an exception of the HTTP client what happened, in words a person can act on.

The transport's own exception types mislead (a refused connection is called a timeout), so the
truth is looked for along the chain of causes, the most telling first.
"""

import socket
import ssl
from collections.abc import Iterator

import aiohttp


class AnswerTooLong(Exception):
    """What came is more than any answer takes, and it has not ended."""


def place(host: str, port: int) -> str:
    """`127.0.0.1:8081`, `[::1]:8081`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def explain(error: BaseException, *, host: str, port: int) -> str:
    """A sentence without a full stop: `nothing is listening on 127.0.0.1:8081`."""
    receiver = place(host, port)
    for cause in _chain(error):
        match cause:
            case ssl.SSLCertVerificationError():
                return (
                    f"the certificate of {receiver} is not accepted: {cause.verify_message or cause.reason}"
                )
            case ssl.SSLError():
                return f"TLS failed with {receiver}: {_tls_reason(cause)}"
            case socket.gaierror():
                return f"the name {host} does not resolve"
            case ConnectionRefusedError():
                return f"nothing is listening on {receiver}"
            case ConnectionResetError() | BrokenPipeError() | aiohttp.ServerDisconnectedError():
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


def _tls_reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:200].rstrip(":") if text.strip() else ""
