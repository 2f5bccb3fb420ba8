"""The HTTP endpoint: receives alerts, and acknowledges them only after they are stored."""

import asyncio
import contextlib
import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tui.domain.alert import Alert
from tui.domain.errors import Conflict, Invalid
from tui.domain.repeats import DEFAULT_REVIVE_MS
from tui.domain.text import visible
from tui.domain.token import Token
from tui.intake import cloudevents
from tui.intake.access import Access
from tui.intake.answers import RETRY_S, Answered, Json, refusal
from tui.intake.bodies import Bodies, is_light
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
from tui.intake.guard import IN_URL, Guarded, not_allowed, not_found, sender_of
from tui.intake.openapi import document
from tui.intake.repeats import Repeats
from tui.intake.strict import items_in
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
_MOST_ERRORS = 1000
"""With this many errors, the rest of a request is not read: it is refused anyway."""
_LOOK_S = 5.0
"""How often the length of the queue is checked."""
TYPES = (
    "application/json",
    "application/x-ndjson",
    "application/jsonl",
    "application/json-lines",
    "text/json",
)
_LOOSE_TYPES = ("", "application/octet-stream")
_ENCODINGS = ("identity", "gzip", "x-gzip", "")
KEY_HEADERS = ("idempotency-key", "webhook-id", "x-github-delivery")
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
                Route("/healthz", self.health, methods=["GET"]),
                Route("/openapi.json", self.openapi, methods=["GET"]),
            ],
            middleware=[Middleware(Guarded, self.hosts, self.refusals)],
            exception_handlers={404: not_found, 405: not_allowed},
        )
        # `curl -f` takes a redirect for success, and behind a TLS proxy the Location would be plain http.
        app.router.redirect_slashes = False
        return app

    async def post_alerts(self, request: Request) -> Response:
        token = request.state.token = await self.access.identify(_credentials(request))
        self.access.admit(token)
        _check_type(request)
        await self._look_at_queue()
        sender = token.id if token else None
        async with self.bodies.read(request, sender) as body, self.bodies.alone(sender, len(body)):
            return await self._store(body, request)

    async def _store(self, body: bytes, request: Request) -> Response:
        readings = await self._readings(body, request)
        alerts = [
            (reading.place, reading.result) for reading in readings if isinstance(reading.result, Alert)
        ]
        group = Group([alert for _, alert in alerts], ids_of_tools(readings))
        try:
            answer = await self._commits.submit(group)
        except DiskFull as error:
            raise Answered(429, str(error), retry_s=RETRY_S) from None
        except StoreUnavailable as error:
            raise Answered(503, str(error), retry_s=RETRY_S) from None
        if isinstance(answer, Rejected):
            errors = [(alerts[place][0], error) for place, error in answer.errors.items()]
            conflict = all(isinstance(error, Conflict) for _, error in errors)
            raise refusal(409 if conflict else 422, errors)
        self.repeats.count(sender_of(request), answer)
        for reading in readings:
            if isinstance(reading.result, Skipped):  # may hold the link that confirms a subscription
                log.info("skipped, %s: %s", reading.format, visible(reading.result.reason))
        receipts = iter(answer)
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

    async def _readings(self, body: bytes, request: Request) -> list[Reading]:
        if is_light(body):
            return self._read(body, request)
        # Parsing takes a while; a thread keeps the loop free for other requests.
        token: Token | None = request.state.token
        async with self.bodies.turn(token.id if token else None):
            return await asyncio.to_thread(self._read, body, request)

    def _read(self, body: bytes, request: Request) -> list[Reading]:
        """Return the readings of all items in a body. Raises Answered (413, 422) if one is not valid."""
        key = _key(request)
        try:
            format = format_named(request.query_params.get("format", AUTO), self.formats)
        except Invalid as error:
            raise Answered(422, error.message) from None
        if cloudevents.in_binary_mode(request.headers):
            items = iter([cloudevents.structured(request.headers, body)])
        else:
            items = items_in(body)
        numbers = count()
        readings: list[Reading] = []
        errors: list[tuple[str, Invalid]] = []
        for item in items:
            if isinstance(item.value, list) and len(item.value) > MOST_ALERTS:
                raise _too_many()
            if item.error is not None:
                found = [Reading(item.place, Invalid("json", item.error), "")]
            else:
                found = read(
                    item.value,
                    format,
                    self.formats,
                    now=self.clock(),
                    new_id=self.new_id if key is None else lambda: _id_for(key, next(numbers)),
                    link_template=self.link_template,
                    place=item.place,
                )
            readings += found
            errors += [(one.place, one.result) for one in found if isinstance(one.result, Invalid)]
            if len(readings) > MOST_ALERTS:
                raise _too_many()
            if len(errors) >= _MOST_ERRORS:
                break
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
    if not (kind in TYPES or kind.endswith("+json") or from_sns or loose):
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
    for name in KEY_HEADERS:
        key = request.headers.get(name)
        if key is None:
            continue
        if not 1 <= len(key) <= 255:
            raise Answered(422, f"{name.title()} must have 1 to 255 characters")
        # The key belongs to its token: one sender cannot swallow another's alert by using the same key.
        token: Token | None = request.state.token
        return key if token is None else f"{key} of token {token.id}"
    return None


def _id_for(idempotency_key: str, index: int) -> str:
    """Derive an alert id from an idempotency key, so that a request sent again is recognized."""
    return hashlib.sha256(f"{index} {idempotency_key}".encode()).hexdigest()[:32]


def _credentials(request: Request) -> str:
    """Return the Authorization header. Without one, the token of the URL takes its place."""
    header = request.headers.get("authorization", "")
    given = request.scope.get(IN_URL)
    return header if header or not given else f"Bearer {given}"
