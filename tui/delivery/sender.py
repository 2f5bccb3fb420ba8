"""Sends one request and returns how the attempt ended. Failures of a receiver never raise."""

import asyncio
import ssl
import time
import zlib
from functools import lru_cache
from http import HTTPStatus
from types import TracebackType
from typing import Any, cast
from urllib.parse import urlsplit

import httpx

from tui.delivery.dialling import Dialler
from tui.delivery.failures import AnswerTooLong, Blocked, describe, place
from tui.delivery.request import Request, build_request
from tui.delivery.secrets import SecretUnavailable, reveal
from tui.delivery.shapes.judging import Judge
from tui.delivery.tls import Contexts
from tui.delivery.transport import Transport, decode_header
from tui.domain.attempt import BODY_LIMIT, Answer, Headers
from tui.domain.errors import Invalid
from tui.domain.lifecycle import Outcome
from tui.domain.proxy import Proxy
from tui.domain.retry import parse_retry_after
from tui.domain.secret import mask_location
from tui.domain.stopping import stop_of
from tui.domain.text import storable
from tui.domain.tls import TlsSettings
from tui.store.outbox import Claim


class Sender:
    """One HTTP client for all destinations. Use as an async context manager, in one event loop.

    It calls the transport directly, without httpx's client: no cookies are kept between alerts, no redirect
    is followed, and no request is sent twice.
    """

    def __init__(self, dialler: Dialler | None = None) -> None:
        dialler = dialler or Dialler()
        self._proxies = dialler.proxies
        self._transport = Transport(dialler)
        self._contexts = Contexts()

    async def __aenter__(self) -> "Sender":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.aclose()

    async def send(self, claim: Claim) -> Answer:
        """POST the claimed alert and return how it ended, at the latest at the destination's deadline."""
        exchange = _Exchange(claim.started_at)
        destination = claim.destination
        try:
            request = build_request(
                claim.alert,
                destination,
                webhook_id=claim.webhook_id,
                round=claim.progress.round,
                timestamp=claim.started_at // 1000,
                reveal=reveal,
            )
        except (SecretUnavailable, Invalid) as error:
            return exchange.answer(Outcome.BLOCKED, f"nothing was sent: {error}")
        exchange.request_headers = request.shown_headers
        encrypted = request.url[:6].lower() == "https:"
        try:
            async with asyncio.timeout(destination.timeout_ms / 1000):
                tls = await self._contexts.get(destination.tls) if encrypted else None
                await self._exchange(request, tls, exchange)
        except (Invalid, Blocked) as error:
            return exchange.answer(Outcome.BLOCKED, f"nothing was sent: {error}")
        except TimeoutError:
            reason = exchange.describe_timeout(destination.timeout_ms, self._way_to(request.url))
            return exchange.answer(Outcome.TIMEOUT, reason)
        except Exception as error:
            connected = exchange.peer is not None
            reason = self._describe(error, request.url, connected=connected, tls=destination.tls)
            return exchange.answer(Outcome.UNREACHABLE, reason)
        return exchange.judged(request.judge, self._answerer(request.url), may_stop=destination.allow_stop)

    async def _exchange(self, request: Request, tls: ssl.SSLContext | None, exchange: "_Exchange") -> None:
        # A stream, because httpx adds its own headers to `content`.
        body = httpx.ByteStream(request.body)
        response = await self._transport.handle_async_request(
            httpx.Request(
                request.method,
                _url(request.url),
                headers=list(request.headers),
                stream=body,
                extensions={"tls": tls, "connected": exchange.connected},
            )
        )
        try:
            exchange.take_head(response)
            if exchange.wants_body:
                async for chunk in cast("httpx.AsyncByteStream", response.stream):
                    if not exchange.take(chunk):
                        break
                else:
                    exchange.complete = True
        except AnswerTooLong:
            exchange.cut()
        finally:
            # If a part of the body is unread, this closes the connection instead of draining it.
            await response.aclose()

    # --- descriptions

    def _describe(self, error: Exception, url: str, *, connected: bool, tls: TlsSettings) -> str:
        forwarder = self._forwarder(url) if connected else None
        if forwarder is not None:
            return f"through a proxy: {describe(error, host=forwarder.host, port=forwarder.port)}"
        host, port = _receiver(url)
        in_handshake = not connected and _scheme(url) == "https"
        return describe(error, host=host, port=port, in_handshake=in_handshake, tls=tls)

    def _way_to(self, url: str) -> str:
        host, port = _receiver(url)
        proxy = self._proxies.of(_scheme(url), host, port)
        return place(host, port) + (f" through the proxy {proxy}" if proxy else "")

    def _answerer(self, url: str) -> str:
        """Return who may have sent the answer."""
        forwarder = self._forwarder(url)
        return f"the receiver or the proxy {forwarder}" if forwarder else "the receiver"

    def _forwarder(self, url: str) -> Proxy | None:
        """Return the proxy that forwards plain HTTP. Its own answers look like the receiver's."""
        return None if _scheme(url) == "https" else self._proxies.of("http", *_receiver(url))


def _scheme(address: str) -> str:
    return urlsplit(address).scheme


def _receiver(address: str) -> tuple[str, int]:
    url = urlsplit(address)  # not httpx.URL, which may be what fails
    return url.hostname or "", url.port or (443 if url.scheme == "https" else 80)


@lru_cache(maxsize=1024)
def _url(url: str) -> httpx.URL:
    """Parse a URL once: in httpx, parsing is half the work of making a request."""
    return httpx.URL(url)


class _Exchange:
    """The part of an answer received so far, so that an answer cut off by the deadline is recorded too."""

    def __init__(self, started_at: int) -> None:
        self._started_at = started_at
        self._begun = time.monotonic()
        self.request_headers: Headers = ()
        self.peer: str | None = None
        """The remote address, or the proxy; None until a connection exists."""
        self.complete = False
        self._status: int | None = None
        self._reason = ""
        self._headers: Headers = ()
        self._declared: int | None = None
        self._inflate: Any = None
        self._body = bytearray()
        self._truncated = False

    def connected(self, peer: str | None) -> None:
        self.peer = peer

    @property
    def wants_body(self) -> bool:
        self.complete = self._status in (204, 304)
        return not self.complete

    def take_head(self, response: httpx.Response) -> None:
        self._status = response.status_code
        self._reason = decode_header(response.extensions.get("reason_phrase", b"")) or _standard_reason(
            self._status
        )
        self._headers = tuple(
            (decode_header(name), decode_header(value)) for name, value in response.headers.raw
        )
        length = ", ".join(self._header("content-length"))
        coding = ", ".join(self._header("content-encoding")).strip().lower()
        if coding in ("gzip", "x-gzip", "deflate"):
            self._inflate = zlib.decompressobj(wbits=47)
        elif length.isascii() and length.isdigit() and len(length) < 19:
            self._declared = int(length)

    def take(self, chunk: bytes) -> bool:
        """Keep a part of the body. Return False once the limit is reached."""
        room = BODY_LIMIT + 1 - len(self._body)
        if self._inflate is not None:
            try:
                # Limited, because a small answer can inflate to gigabytes.
                chunk = bytes(self._inflate.decompress(chunk, room))
            except zlib.error:
                self._inflate = None
        self._body += chunk[:room]
        if self._inflate is not None and self._inflate.unused_data:
            self._truncated = True  # zlib would accumulate the bytes after the compressed body
            return False
        if len(self._body) <= BODY_LIMIT:
            return True
        del self._body[BODY_LIMIT:]
        self._truncated = True
        return False

    def cut(self) -> None:
        """Mark the body as truncated: the answer exceeded the limit on the wire."""
        self._truncated = True

    @property
    def acknowledged(self) -> bool:
        """Whether the receiver acknowledged with a 2xx status. Call it only after a complete exchange."""
        return self._status is not None and 200 <= self._status <= 299

    def describe_timeout(self, timeout_ms: int, receiver: str) -> str:
        seconds = f"{timeout_ms / 1000:g} s"
        if self.peer is None:
            return f"no connection to {receiver} within {seconds}"
        if self._status is None:
            return f"no answer within {seconds}"
        return f"the answer began ({self._status}) but did not end within {seconds}"

    def judged(self, judge: Judge | None, answerer: str, *, may_stop: bool) -> Answer:
        """Return the answer as the destination judges it. Call it only after a complete exchange.

        Without a judge, every 2xx acknowledges and no answer is permanent.
        """
        assert self._status is not None
        objection = judge.objection(self._status, bytes(self._body)) if judge else None
        if objection is None and (judge or self.acknowledged):
            return self.answer(Outcome.DELIVERED, None)
        reason = (
            f"{answerer} {objection}"
            if objection and self.acknowledged
            else self.describe_rejection(answerer)
        )
        if judge is not None and judge.is_permanent(self._status):
            said = " ".join(bytes(self._body).decode(errors="replace").split())[:200]
            reason = f"{reason}: {said}" if said else reason
            return self.answer(Outcome.REJECTED, f"{reason}; not retried: permanent", permanent=True)
        if may_stop and not self.acknowledged and (stop := stop_of(self._status, self._headers)):
            return self.answer(Outcome.REJECTED, f"{reason}; not retried: stopped by {stop}", permanent=True)
        return self.answer(Outcome.REJECTED, reason)

    def answer(self, outcome: Outcome, error: str | None, *, permanent: bool = False) -> Answer:
        # `started_at` may come from the database server's clock, so only the duration is measured here.
        duration_ms = round((time.monotonic() - self._begun) * 1000)
        ended_at = self._started_at + duration_ms
        return Answer(
            outcome=outcome,
            ended_at=ended_at,
            duration_ms=duration_ms,
            status_code=self._status,
            reason=self._reason or None,
            error=storable(error) if error else None,
            remote_address=self.peer,
            request_headers=self.request_headers,
            response_headers=_capped(self._headers),
            response_body=bytes(self._body),
            response_length=len(self._body) if self.complete else self._declared,
            response_truncated=self._truncated,
            permanent=permanent,
            retry_after_ms=None if outcome is Outcome.DELIVERED else self._retry_after(ended_at),
        )

    def _header(self, wanted: str) -> list[str]:
        return [value for name, value in self._headers if name.lower() == wanted]

    def _retry_after(self, now: int) -> int | None:
        """Return the longest valid `Retry-After`: retrying too early is worse than too late."""
        asked = (parse_retry_after(value, now) for value in self._header("retry-after"))
        return max((wait for wait in asked if wait is not None), default=None)

    def describe_rejection(self, answerer: str) -> str:
        assert self._status is not None
        if 300 <= self._status <= 399:
            target = mask_location("".join(self._header("location")[:1]))
            points = f"; this one points to {target[:200]}" if target else ""
            return f"Tocsin does not follow redirects{points}"
        return f"{answerer} answered {self._status} {self._reason}".rstrip()


def _capped(headers: Headers) -> Headers:
    kept: list[tuple[str, str]] = []
    room = BODY_LIMIT
    for name, value in headers:
        room -= len(name) + len(value)
        if room < 0:
            break
        kept.append((name, value))
    return tuple(kept)


def _standard_reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
