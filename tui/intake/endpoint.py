"""The HTTP endpoint: receives alerts, and acknowledges them only after they are stored."""

import asyncio
import contextlib
import hashlib
import io
import logging
import secrets
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tui.domain.alert import Alert
from tui.domain.errors import Invalid
from tui.domain.repeats import DEFAULT_REVIVE_MS
from tui.domain.text import visible
from tui.domain.token import Token
from tui.intake import cloudevents
from tui.intake.access import Access, SignedRequest
from tui.intake.answers import RETRY_S, Answered, Json, refusal, refused
from tui.intake.bodies import Bodies
from tui.intake.browsers import check_not_a_page
from tui.intake.documents import read_items
from tui.intake.dry_run import FROM_KEY, GENERATED, DryRun, answer, is_asked
from tui.intake.formats import (
    AUTO,
    Formats,
    Reading,
    Skipped,
    built_in,
    format_named,
    ids_of_tools,
    read,
)
from tui.intake.group_commit import GroupCommit
from tui.intake.handshakes import Handshakes
from tui.intake.openapi import document
from tui.intake.repeats import Repeats
from tui.serving import Refusals
from tui.store.engine.database import Store
from tui.store.errors import DiskFull, StoreUnavailable
from tui.store.outbox import Group, Receipt, Rejected, Sent
from tui.store.reading import listing, queries

log = logging.getLogger(__name__)

MOST_ALERTS = 20_000
"""Limit per request. A body could hold millions of tiny ones."""
QUEUE_LIMIT = 1_000_000
"""With this many pending deliveries, the endpoint refuses new alerts."""
_LARGE = 16 * 1024
_LOOK_S = 5.0
"""How often the length of the queue is checked."""
_GIVE_UP_AT_4XX = ("Alertmanager/", "Grafana")
_TYPES = (
    "application/json",
    "application/x-ndjson",
    "application/jsonl",
    "application/json-lines",
    "text/json",
)
_LOOSE_TYPES = ("", "application/octet-stream")
_ENCODINGS = ("identity", "gzip", "x-gzip", "")
_IN_URL = "tocsin.given_in_url"
_KEY_HEADERS = ("idempotency-key", "webhook-id", "x-github-delivery")
"""Headers that name one request, so that it is recognized when it is sent again. The first one counts."""


@dataclass
class Endpoint:
    """Answers requests. Calls `nudge` from the server's event loop after each commit."""

    store: Store
    clock: Callable[[], int]
    access: Access
    nudge: Callable[[], object] = lambda: None
    hosts: Collection[str] = ()
    """Host names that clients use for it, besides addresses and `localhost`. Lower case."""
    link_template: str = ""
    formats: Formats = field(default_factory=built_in)
    refusals: Refusals = field(default_factory=Refusals)
    repeats: Repeats = field(default_factory=Repeats)
    revive_after_ms: int | None = DEFAULT_REVIVE_MS
    queue_limit: int = QUEUE_LIMIT
    new_id: Callable[[], str] = lambda: secrets.token_hex(16)
    bodies: Bodies = field(default_factory=Bodies)
    handshakes: Handshakes = field(default_factory=Handshakes)
    _commits: GroupCommit = field(init=False)
    _looked: float = field(init=False, default=float("-inf"))
    _queue_full: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._commits = GroupCommit(self.store, self.nudge, self.revive_after_ms)

    def app(self) -> Starlette:
        app = Starlette(
            routes=[
                Route("/alerts", self.post_alerts, methods=["POST"]),
                Route("/alerts/", self.post_alerts, methods=["POST"]),
                Route("/alerts", self.shake_hands, methods=["GET", "OPTIONS"]),
                Route("/alerts/", self.shake_hands, methods=["GET", "OPTIONS"]),
                Route("/healthz", self.health, methods=["GET"]),
                Route("/openapi.json", self.openapi, methods=["GET"]),
            ],
            middleware=[Middleware(_Guarded, self)],
            exception_handlers={404: _not_found, 405: _not_allowed},
        )
        # `curl -f` takes a redirect for success, and behind a TLS proxy the Location would be plain http.
        app.router.redirect_slashes = False
        return app

    async def post_alerts(self, request: Request) -> Response:
        signed = await self._identify(request)
        if signed is None and (answer := self.handshakes.answer_before_body(request)):
            return answer
        _check_type(request)
        await self._look_at_queue()
        async with self.bodies.read(request, signed and signed.check.update) as body:
            if signed:
                self._admit(request, signed.proven())
            if answer := await self.handshakes.answer(request, body):
                return answer
            async with self.bodies.turn(len(body)):
                return await self._store(body, request)

    async def shake_hands(self, request: Request) -> Response:
        """Answer a handshake without a body. Raises HTTPException (405) for any other request."""
        answer = self.handshakes.answer_before_body(request)
        if answer is None:
            raise HTTPException(405, headers={"Allow": "POST"})
        if signed := await self._identify(request):
            self._admit(request, signed.proven())
        return answer

    async def _identify(self, request: Request) -> SignedRequest | None:
        """Admit a request by its token. Return one that has yet to be proven by its signature."""
        if sender := request.query_params.get("sender"):
            return await self.access.verify(sender, lambda name: request.headers.get(name, ""))
        self._admit(request, await self.access.identify(_credentials(request)))
        return None

    def _admit(self, request: Request, token: Token | None) -> None:
        """Admit the request of a sender that has proven who it is. Raises Answered (401, 429)."""
        request.state.token = token
        self.access.admit(token)

    async def _store(self, body: bytes, request: Request) -> Response:
        if is_asked(request.query_params.get("dryRun")):
            return Json(await asyncio.to_thread(self._explain, body, request), 200)
        # Parsing a large body takes a while; a thread keeps the loop free for other requests.
        large = len(body) > _LARGE
        readings = await asyncio.to_thread(self._read, body, request) if large else self._read(body, request)
        alerts = [
            (reading.place, reading.result) for reading in readings if isinstance(reading.result, Alert)
        ]
        group = Group([alert for _, alert in alerts], ids_of_tools(readings))
        try:
            stored = await self._commits.submit(group)
        except DiskFull as error:
            raise Answered(429, str(error), retry_s=RETRY_S) from None
        except StoreUnavailable as error:
            raise Answered(503, str(error), retry_s=RETRY_S) from None
        if isinstance(stored, Rejected):
            raise refused((alerts[place][0], error) for place, error in stored.errors.items())
        self.repeats.count(_sender(request), stored)
        for reading in readings:
            if isinstance(reading.result, Skipped):
                log.info("skipped, %s: %s", reading.format, visible(reading.result.reason))
        receipts = iter(stored)
        return Json(
            [
                {"item": reading.place, "skipped": reading.result.reason}
                if isinstance(reading.result, Skipped)
                else receipt_json(next(receipts))
                for reading in readings
            ],
            202,
        )

    async def health(self, request: Request) -> Response:  # noqa: ARG002
        """Answer whether the database can be read, and so probably written."""
        try:
            await asyncio.wrap_future(self.store.read(listing.newest_key))
        except StoreUnavailable:  # its message is only for authorized senders
            raise Answered(503, "the database does not answer", retry_s=RETRY_S) from None
        return JSONResponse({"status": "ok"})

    async def openapi(self, request: Request) -> Response:  # noqa: ARG002
        return JSONResponse(document([AUTO, *self.formats], needs_token=self.access.asks))

    def _explain(self, body: bytes, request: Request) -> list[dict[str, Any]]:
        """Return what storing the alerts in a body would do. Raises Answered as storing them would."""
        why = GENERATED if _key(request) is None else FROM_KEY
        run = DryRun(self.store, self.formats, self._ids(request), self.revive_after_ms, why)
        documents: list[object] = []
        readings = self._read(body, request, run.id, documents)
        return answer(run, documents, readings)

    def _ids(self, request: Request) -> Callable[[], str]:
        """Return what makes the IDs of alerts that have none."""
        key, numbers = _key(request), count()
        return self.new_id if key is None else lambda: _id_for(key, next(numbers))

    def _read(
        self,
        body: bytes,
        request: Request,
        new_id: Callable[[], str] | None = None,
        documents: list[object] | None = None,
    ) -> list[Reading]:
        """Return the readings of all items in a body. Raises Answered (413, 422) if one is not valid.

        The document of each reading is added to `documents`.
        """
        new_id = new_id or self._ids(request)
        try:
            format = format_named(request.query_params.get("format", AUTO), self.formats)
        except Invalid as error:
            raise Answered(422, error.message) from None
        if cloudevents.in_binary_mode(request.headers):
            items = [cloudevents.structured(request.headers, body)]
        else:
            items = []
            for batch in read_items(io.BytesIO(body), strict=True):
                items += batch  # each costs time: stop at the limit, not after the last
                if len(items) > MOST_ALERTS:
                    raise _too_many()
        readings: list[Reading] = []
        for item in items:
            if item.error is not None:
                readings.append(Reading(item.place, Invalid("json", item.error), ""))
                continue
            readings += read(
                item.value,
                format,
                self.formats,
                now=self.clock(),
                new_id=new_id,
                link_template=self.link_template,
                place=item.place,
            )
            if documents is not None:
                documents += [item.value] * (len(readings) - len(documents))
            if len(readings) > MOST_ALERTS:
                raise _too_many()
        errors = [
            (reading.place, reading.result) for reading in readings if isinstance(reading.result, Invalid)
        ]
        if errors:
            raise refusal(422, errors)
        return readings

    async def _look_at_queue(self) -> None:
        """Raise Answered (429) while too many deliveries are pending.

        Checked only every few seconds, so the queue can exceed the limit a little.
        """
        now = time.monotonic()
        if now - self._looked >= _LOOK_S or self._queue_full:
            self._looked = now
            with contextlib.suppress(StoreUnavailable):  # storing the alerts will report it
                self._queue_full = await asyncio.wrap_future(
                    self.store.read(queries.wait_at_least, self.queue_limit)
                )
        if self._queue_full:
            raise Answered(
                429,
                f"{self.queue_limit} deliveries are pending already; retry when some are delivered",
                retry_s=RETRY_S,
            )


def _too_many() -> Answered:
    return Answered(413, f"the request has more than {MOST_ALERTS} alerts; send it in parts")


def _check_type(request: Request) -> None:
    """Raise Answered (415) unless the body may be JSON, plain or compressed with gzip.

    Plain text is accepted only from SNS: web pages can send plain text without a preflight. A type that does
    not say JSON is accepted from programs, which label JSON so, and never from a browser.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    from_sns = kind == "text/plain" and "x-amz-sns-message-type" in request.headers
    loose = kind in _LOOSE_TYPES and not any(name.startswith("sec-fetch-") for name in request.headers)
    if not (kind in _TYPES or kind.endswith("+json") or from_sns or loose):
        raise Answered(415, f"alerts are JSON; send Content-Type: application/json, not {kind or 'none'}")
    if request.headers.get("content-encoding", "identity").strip().lower() not in _ENCODINGS:
        raise Answered(415, "the Content-Encoding is not supported; send gzip, or the body uncompressed")


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    def sent(deliveries: Iterable[Sent]) -> list[dict[str, Any]]:
        return [
            {"id": webhook_id, "destination": destination.name, "destinationId": destination.id}
            for _, webhook_id, destination in deliveries
        ]

    return {
        "alertId": receipt.alert_id,
        "repeated": receipt.repeated,
        "notRouted": receipt.not_routed,
        "deliveries": sent(receipt.deliveries),
        "revived": sent(receipt.revived),
        "folded": [
            {"destination": destination.name, "destinationId": destination.id, "into": into}
            for destination, into in receipt.folded
        ],
    }


def _key(request: Request) -> str | None:
    """Return what names this request among those of its token. Raises Answered (422) for a bad key."""
    token: Token | None = request.state.token
    # Of a signed request, no other header counts: whoever captured it could send it again under another key.
    for name in (token.verify.key_header,) if token and token.verify else _KEY_HEADERS:
        key = request.headers.get(name)
        if key is None:
            continue
        if not 1 <= len(key) <= 255:
            raise Answered(422, f"{name.title()} must have 1 to 255 characters")
        # The key belongs to its token: one sender cannot swallow another's alert by using the same key.
        return key if token is None else f"{key} of token {token.id}"
    return None


def _id_for(idempotency_key: str, index: int) -> str:
    """Derive an alert id from an idempotency key, so that a request sent again is recognized."""
    return hashlib.sha256(f"{index} {idempotency_key}".encode()).hexdigest()[:32]


class _Guarded:
    """Middleware for every route: refuses web pages, answers errors, and logs them."""

    def __init__(self, app: ASGIApp, endpoint: Endpoint) -> None:
        self._app = app
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _take_token_out(scope)
        request = Request(scope, receive)
        try:
            check_not_a_page(request.headers, scope["http_version"], self._endpoint.hosts)
            await self._app(scope, receive, send)
            return
        except Answered as end:
            answer = end
            if end.status == 429 and _gives_up_at_4xx(request):
                end.turn_into(503)
            self._endpoint.refusals.tell(_sender(request), end.status, str(end))
        except Exception:
            log.exception("internal error while answering %s", request.url.path)
            answer = Answered(500, "internal error, see Tocsin's log; the alerts may not be stored")
        await answer.response(scope, receive, send)


def _take_token_out(scope: Scope) -> None:
    """Move `?token=` out of the URL before anything can log or repeat the URL."""
    query = scope["query_string"]
    if b"token" not in query and b"%" not in query:  # a name may be percent-encoded
        return
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, errors="surrogatepass")
    given = [value for name, value in pairs if name == "token"]
    if given:
        rest = [(name, value) for name, value in pairs if name != "token"]
        scope["query_string"] = urlencode(rest, errors="surrogatepass").encode()
        scope[_IN_URL] = given[-1]


def _credentials(request: Request) -> str:
    """Return the Authorization header. Without one, the token of the URL takes its place."""
    header = request.headers.get("authorization", "")
    given = request.scope.get(_IN_URL)
    return header if header or not given else f"Bearer {given}"


def _gives_up_at_4xx(request: Request) -> bool:
    """Whether this sender treats any 4xx as a permanent failure and retries only after a 5xx."""
    agent = request.headers.get("user-agent", "")
    return agent.startswith(_GIVE_UP_AT_4XX) or "x-amz-sns-message-type" in request.headers


def _sender(request: Request) -> str:
    """Describe the sender, for the log."""
    address = request.client.host if request.client else "a connection"
    token: Token | None = getattr(request.state, "token", None)
    return f"{address}, token {token.name!r}" if token else address


async def _not_found(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return Answered(404, "not found; send alerts to /alerts").response


async def _not_allowed(request: Request, error: Exception) -> Response:  # noqa: ARG001
    headers = dict(getattr(error, "headers", None) or {})
    return Answered(405, "method not allowed; send alerts with POST", headers=headers).response
