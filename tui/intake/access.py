"""Who may send: the tokens an endpoint knows, how fast each may send, and when each was last used."""

import asyncio
import base64
import contextlib
import hmac
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from tui.domain.pacing import Pace
from tui.domain.token import Standing, Token, digest_of
from tui.intake.answers import Answered
from tui.serving.refusals import milliseconds
from tui.store import tokens
from tui.store.engine.database import SILENCE_S, ChangeNotice, Store
from tui.store.errors import StoreUnavailable

_LOOK_MS = 500
"""How long a token that was revoked may still let somebody in."""
_RECORD_MS = 60_000
"""How often uses are written down: what is stored of a token's last use is off by no more."""
_BURST_MS = 1000
"""A second's worth of requests may come at once."""
_CONFIGURED, _NOBODY = 0, -1
"""Beside the ids of tokens, which begin with 1."""


@dataclass
class Access:
    """Knows the tokens by heart, and reads them again when the database says that something changed.

    Belongs to the loop of one server. Reads the database as it is made: raises StoreUnavailable.
    """

    store: Store
    notice: ChangeNotice
    """Watching the store since before this was made."""
    clock: Callable[[], int]
    configured: str | None = None
    """One more token, which is not stored."""
    beyond: bool = False
    """Whether other machines reach the endpoint; then there is always a token asked for."""
    rate: float | None = None
    """Requests per second of each token that has no rate of its own; None is no limit."""
    ticks: Callable[[], int] = milliseconds
    _tokens: list[Token] = field(init=False, repr=False)
    _stale: bool = field(init=False, default=False)
    _looked: int = field(init=False)
    _paces: dict[int, Pace] = field(init=False, default_factory=dict[int, Pace])
    _uses: dict[int, int] = field(init=False, default_factory=dict[int, int])
    _recorded: float = field(init=False, default=-math.inf)

    def __post_init__(self) -> None:
        self._looked = self.ticks()
        self._tokens = self.store.read(tokens.every_token).result()

    @property
    def asks(self) -> bool:
        """Whether a token is asked for. Once there was one it is, also when the last one is revoked."""
        return self.beyond or self.configured is not None or bool(self._tokens)

    @property
    def standings(self) -> set[Standing]:
        """How the tokens stand, the configured one too."""
        now = self.clock()
        stored = {token.standing(now) for token in self._tokens}
        return stored if self.configured is None else stored | {Standing.ACTIVE}

    async def identify(self, authorization: str) -> Token | None:
        """Whose token that is; None while none is asked for. Raises Answered (401)."""
        await self._look()
        if not self.asks:
            return None
        token = self._token_in(authorization)
        if token is None:
            what = "this is no token of this endpoint" if authorization else "a token is needed"
            raise _unauthorized(f"{what}; send Authorization: Bearer TOKEN")
        return token

    def admit(self, token: Token | None) -> None:
        """Let one request in. Raises Answered (401, 429)."""
        if token is None:
            self._take_turn(_NOBODY, self.rate)
            return
        now = self.clock()
        standing = token.standing(now)
        if standing is not Standing.ACTIVE:
            ended = "has expired" if standing is Standing.EXPIRED else "was revoked"
            raise _unauthorized(f"this token {ended}")
        self._take_turn(token.id, self.rate if token.rate is None else token.rate)
        if token.id != _CONFIGURED:
            self._note_use(token.id, now)

    def record(self) -> None:
        """Write down the uses of the last minute; for when the endpoint ends, and never to hold that up."""
        if self._uses:
            with contextlib.suppress(StoreUnavailable, TimeoutError):
                self.store.write(tokens.record_uses, self._uses).result(SILENCE_S)

    def _token_in(self, authorization: str) -> Token | None:
        given = _given(authorization)
        if given is None:
            return None
        digest, found = digest_of(given), None
        known = self._tokens
        if self.configured is not None:
            known = [Token("of the configuration", digest_of(self.configured), id=_CONFIGURED), *known]
        for token in known:  # every one, so that the time this takes tells nothing
            if hmac.compare_digest(digest, token.digest):
                found = token
        return found

    async def _look(self) -> None:
        """Now and then: whether the tokens are still what they were. The notice costs no query."""
        now = self.ticks()
        if now - self._looked < _LOOK_MS:
            return
        self._looked = now
        if not (self.notice.changed() or self._stale):
            return
        self._stale = False
        try:
            self._tokens = await asyncio.wrap_future(self.store.read(tokens.every_token))
        except StoreUnavailable:
            self._stale = True  # those we know until it answers; meanwhile it stores nothing either

    def _take_turn(self, sender: int, rate: float | None) -> None:
        if rate is None:
            return
        now = self.ticks()
        pace = self._paces.get(sender) or Pace(rate, 0, _BURST_MS)
        if not pace.allowance(now):
            raise Answered(
                429,
                f"at most {rate:g} requests a second are taken from here",
                retry_s=max(1, math.ceil((pace.opens_at - now) / 1000)),
            )
        self._paces[sender] = pace.after(1, now)

    def _note_use(self, token_id: int, now: int) -> None:
        self._uses[token_id] = now
        if self.ticks() - self._recorded >= _RECORD_MS:
            self._recorded = self.ticks()
            uses, self._uses = self._uses, {}
            self.store.write(tokens.record_uses, uses)


def _given(authorization: str) -> str | None:
    """The token in an Authorization header. As a password, under any user name, it comes from SNS.

    SNS knows no other way than user:password in the URL (RFC 7617), and uses it when it is asked to.
    """
    scheme, _, given = authorization.partition(" ")
    match scheme.lower():
        case "bearer":
            return given.strip()
        case "basic":
            try:
                _, colon, password = base64.b64decode(given.strip(), validate=True).decode().partition(":")
            except ValueError:
                return None
            return password if colon else None
        case _:
            return None


def _unauthorized(words: str) -> Answered:
    return Answered(401, words, headers={"WWW-Authenticate": 'Bearer, Basic realm="Tocsin"'})
