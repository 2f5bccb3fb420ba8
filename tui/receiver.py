"""The built-in receiver, for `tocsin receive` and the demo. It answers each path as configured."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tui.domain.alert import decode_json
from tui.domain.text import storable, visible, visible_lines
from tui.serving.limits import Seen
from tui.serving.vendors import VENDORS, Reply

if TYPE_CHECKING:
    from tui.delivery.verification import Verifier

BODY_LIMIT = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How requests to one path are answered."""

    status: int | None = None
    """None: 200, or the status of the vendor."""
    body: str | None = None
    """None: `success`, or the body of the vendor."""
    delay_s: float = 0.0
    fail_first: int = 0
    """Answer this many requests with 503 first, or as a vendor that limits the rate."""
    fail_every: int = 0
    """Answer all but every nth request the same way; 0 disables this."""
    retry_after: int | None = None
    """Seconds to send as `Retry-After` with every answer that is not 2xx."""
    vendor: str = ""
    """Check requests like this vendor of `serving.vendors`, and answer as it does."""

    def fails(self, count: int) -> bool:
        """Return whether request number `count` fails; the first is 1."""
        return count <= self.fail_first or bool(self.fail_every and count % self.fail_every)

    def answer(self, usual: Reply) -> Reply:
        """Return the `usual` answer with the status and the body that were set."""
        if self.status is None and self.body is None:
            return usual
        status = usual.status if self.status is None else self.status
        # The vendor's body belongs to the vendor's status.
        body = usual.body if self.status in (None, usual.status) else ""
        return Reply(status, body if self.body is None else self.body, usual.headers)


@dataclass(frozen=True, slots=True)
class Received:
    """A request and the status of its answer."""

    at: int
    """Milliseconds since 1970, UTC."""
    method: str
    path: str
    """Including the query, as sent."""
    headers: tuple[tuple[str, str], ...]
    body: bytes
    status: int
    verdict: str = ""
    """The result of the signature check; empty without one."""

    def header(self, name: str) -> str:
        """Return the value of a header, whose name may be in any case; "" if it is missing."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


def build_app(
    behaviours: Mapping[str, Behaviour],
    on_request: Callable[[Received], None],
    verifier: "Verifier | None" = None,
) -> Starlette:
    """Return the receiver as an ASGI app that reports each request to `on_request`.

    `behaviours` are by path. The longest matching path applies; "/" matches all. With a verifier, a request
    without a valid signature is answered 401, with the reason.
    """
    by_path = {path.rstrip("/"): behaviour for path, behaviour in behaviours.items()}
    return Starlette(routes=[Route("/{path:path}", _Endpoint(by_path, on_request, verifier))])


@dataclass(slots=True)
class _Endpoint:
    """Handles every method itself, so that a GET that is answered 405 is also shown."""

    behaviours: Mapping[str, Behaviour]
    on_request: Callable[[Received], None]
    verifier: "Verifier | None"
    counts: Counter[str] = field(default_factory=Counter)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        at = time.time_ns() // 1_000_000
        with contextlib.suppress(ClientDisconnect):
            body = await _read(request)
            verdict = self._verdict(request, body, at)
            behaviour, checked, reply = self._decide(request, body, verdict)
            verdict = "; ".join(filter(None, (verdict, checked)))
            path = b"?".join(filter(None, (scope["raw_path"], scope["query_string"]))).decode("latin-1")
            headers = tuple(request.headers.items())
            self.on_request(
                Received(at, request.method, path, headers, body[:BODY_LIMIT], reply.status, verdict)
            )
            await asyncio.sleep(behaviour.delay_s)
            response = PlainTextResponse("" if reply.status in (204, 304) else reply.body, reply.status)
            if reply.status >= 300 and behaviour.retry_after is not None:
                response.headers["Retry-After"] = str(behaviour.retry_after)
            response.headers.update(dict(reply.headers))
            await response(scope, receive, send)

    def _verdict(self, request: Request, body: bytes, at: int) -> str:
        if self.verifier is None:
            return ""
        return visible(self.verifier.verdict(lambda name: request.headers.get(name, ""), body, at // 1000))

    def _decide(self, request: Request, body: bytes, verdict: str) -> tuple[Behaviour, str, Reply]:
        """Return the behaviour of the path, the vendor's verdict and the answer."""
        if request.method != "POST":
            return Behaviour(), "", Reply(405, "send alerts with POST", (("Allow", "POST"),))
        if len(body) > BODY_LIMIT:
            return Behaviour(), "", Reply(413, f"the body may have at most {BODY_LIMIT} bytes")
        path: str = request.scope["path"].rstrip("/")
        while path and path not in self.behaviours:
            path = path.rpartition("/")[0]
        behaviour = self.behaviours.get(path, Behaviour())
        if verdict and not verdict.startswith("signed"):
            return behaviour, "", Reply(401, verdict)
        self.counts[path] += 1
        fails = behaviour.fails(self.counts[path])
        if behaviour.vendor:
            return behaviour, *_as_vendor(behaviour, request, body, fails=fails)
        if fails:
            return behaviour, "", Reply(503, "not yet")
        return behaviour, "", behaviour.answer(Reply(behaviour.status or 200, "success"))


def _as_vendor(behaviour: Behaviour, request: Request, body: bytes, *, fails: bool) -> tuple[str, Reply]:
    """Return a verdict and the vendor's answer."""
    vendor = VENDORS[behaviour.vendor]
    if fails:
        return f"{behaviour.vendor} limits the rate", vendor.limit(behaviour.retry_after or 1)
    try:
        decoded = json.loads(body)
    except (ValueError, RecursionError):
        return f"{behaviour.vendor}: the body is not JSON", vendor.refuse("invalid JSON")
    seen = Seen(request.url.path, request.url.query, dict(request.headers), decoded, len(body))
    wrong = list(vendor.check(seen))
    if wrong:
        return f"{behaviour.vendor} rejects it: {visible('; '.join(wrong))}", vendor.refuse(wrong[0])
    usual = vendor.accept(seen)
    reply = behaviour.answer(vendor.limit(behaviour.retry_after or 1) if behaviour.status == 429 else usual)
    changed = "" if reply.status == usual.status else f"; the answer is set to {reply.status}"
    return f"{behaviour.vendor} accepts it{changed}", reply


async def _read(request: Request) -> bytes:
    """Return the body. Reading stops just past the limit."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            break
    return bytes(body)


def describe(received: Received) -> list[str]:
    """Return the lines that show a request: summary, signature check, webhook-id, body. Inert."""
    when = datetime.fromtimestamp(received.at / 1000)  # in the reader's time zone
    lines = [visible(f"{when:%H:%M:%S}  {received.method} {received.path}  {received.status}")]
    if received.verdict:
        lines.append(received.verdict)
    if webhook_id := received.header("webhook-id"):
        lines.append(visible(f"webhook-id: {webhook_id}"))
    text = received.body.decode(errors="replace")
    with contextlib.suppress(ValueError, RecursionError):
        text = json.dumps(decode_json(text), indent=2, ensure_ascii=False)
    return lines + visible_lines(storable(text)).split("\n") if text else lines
