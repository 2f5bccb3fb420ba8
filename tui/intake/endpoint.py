"""The HTTP endpoint: receives alerts, and acknowledges them only after they are stored."""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tui.domain.alert import Alert
from tui.domain.errors import Invalid
from tui.domain.repeats import DEFAULT_REVIVE_MS
from tui.domain.text import visible
from tui.domain.token import Token
from tui.intake import cloudevents
from tui.intake.access import Access, SignedRequest
from tui.intake.answers import RETRY_S, Answered, Json, refusal, refused
from tui.intake.bodies import Bodies, is_light
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
from tui.intake.guard import Guarded, not_allowed, not_found, sender_of
from tui.intake.handshakes import Handshakes
from tui.intake.json_text import JSON
from tui.intake.openapi import document
from tui.intake.repeats import Repeats
from tui.intake.requests import check_type, credentials, id_for, key_of
from tui.intake.room import UNPROVEN, Sender
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
            middleware=[Middleware(Guarded, self.hosts, self.refusals)],
            exception_handlers={404: not_found, 405: not_allowed},
        )
        # `curl -f` takes a redirect for success, and behind a TLS proxy the Location would be plain http.
        app.router.redirect_slashes = False
        return app

    async def post_alerts(self, request: Request) -> Response:
        signed = await self._identify(request)
        if signed is None and (answer := self.handshakes.answer_before_body(request)):
            return answer
        check_type(request)
        await self._look_at_queue()
        reading = self.bodies.read(request, _sender(request, signed), signed and signed.check.update)
        async with reading as body:
            if signed:
                self._admit(request, signed.proven())
            if answer := await self.handshakes.answer(request, body):
                return answer
            async with self.bodies.alone(_sender(request), len(body)):
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
        self._admit(request, await self.access.identify(credentials(request)))
        return None

    def _admit(self, request: Request, token: Token | None) -> None:
        """Admit the request of a sender that has proven who it is. Raises Answered (401, 429)."""
        request.state.token = token
        self.access.admit(token)

    async def _store(self, body: bytes, request: Request) -> Response:
        if is_asked(request.query_params.get("dryRun")):
            return Json(await asyncio.to_thread(self._explain, body, request), 200)
        readings = await self._readings(body, request)
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
        self.repeats.count(sender_of(request), stored)
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

    async def _readings(self, body: bytes, request: Request) -> list[Reading]:
        if is_light(body):
            return self._read(body, request)
        # Parsing takes a while; a thread keeps the loop free for other requests.
        async with self.bodies.turn(_sender(request)):
            return await asyncio.to_thread(self._read, body, request)

    def _explain(self, body: bytes, request: Request) -> list[dict[str, Any]]:
        """Return what storing the alerts in a body would do. Raises Answered as storing them would."""
        why = GENERATED if key_of(request) is None else FROM_KEY
        run = DryRun(self.store, self.formats, self._ids(request), self.revive_after_ms, why)
        documents: list[JSON] = []
        readings = self._read(body, request, run.id, documents)
        return answer(run, documents, readings)

    def _ids(self, request: Request) -> Callable[[], str]:
        """Return what makes the IDs of alerts that have none."""
        key, numbers = key_of(request), count()
        return self.new_id if key is None else lambda: id_for(key, next(numbers))

    def _read(
        self,
        body: bytes,
        request: Request,
        new_id: Callable[[], str] | None = None,
        documents: list[JSON] | None = None,
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
            items = iter([cloudevents.structured(request.headers, body)])
        else:
            items = items_in(body)
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
                    new_id=new_id,
                    link_template=self.link_template,
                    place=item.place,
                )
            readings += found
            if documents is not None:
                documents += [item.value] * len(found)
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


def _sender(request: Request, signed: SignedRequest | None = None) -> Sender:
    """Return whose memory and turns a request takes. Anybody can send what is signed and not yet proven."""
    token: Token | None = None if signed else request.state.token
    return UNPROVEN if signed else token.id if token else None
