"""Access control of the HTTP endpoint: tokens, the rate limit of each, and when each was last used."""

import asyncio
import base64
import contextlib
import hmac
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from tui.delivery.secrets import SecretUnavailable, reveal
from tui.domain.errors import Invalid
from tui.domain.pacing import Pace
from tui.domain.signature import Check, NotSigned, check
from tui.domain.token import Standing, Token, digest_of
from tui.intake.answers import RETRY_S, Answered
from tui.serving.refusals import milliseconds
from tui.store import tokens
from tui.store.engine.database import SILENCE_S, ChangeNotice, Store
from tui.store.errors import StoreUnavailable

_LOOK_MS = 500
"""How long a revoked token may still be accepted."""
_RECORD_MS = 60_000
"""How often last uses are stored. The stored time is off by at most this much."""
_BURST_MS = 1000
"""One second's worth of requests may arrive in a burst."""
_CONFIGURED, _NOBODY = 0, -1
"""Ids that no stored token has: those begin with 1."""


@dataclass
class Access:
    """An in-memory copy of the tokens, read again when the database reports a change.

    Belongs to one server's event loop. Creating it reads the database: raises StoreUnavailable.
    """

    store: Store
    notice: ChangeNotice
    """A watch on the store, opened before this object is created."""
    clock: Callable[[], int]
    configured: str | None = None
    """One more token, from the configuration. It is not stored."""
    beyond: bool = False
    """Whether other machines can reach the endpoint. If so, a token is always required."""
    rate: float | None = None
    """Requests per second for each token without its own rate. None: no limit."""
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
        """Whether a token is required. Once one exists it stays required, even after the last is revoked."""
        return self.beyond or self.configured is not None or bool(self._tokens)

    @property
    def standings(self) -> set[Standing]:
        """The standings of all tokens, including the configured one."""
        now = self.clock()
        stored = {token.standing(now) for token in self._tokens}
        return stored if self.configured is None else stored | {Standing.ACTIVE}

    async def identify(self, authorization: str) -> Token | None:
        """Return the token that this header holds, or None if no token is required. Raises Answered (401)."""
        await self._look()
        if not self.asks:
            return None
        token = self._token_in(authorization)
        if token is None:
            what = "the token is not valid" if authorization else "a token is required"
            raise _unauthorized(f"{what}; send Authorization: Bearer TOKEN")
        return token

    async def verify(self, sender: str, header: Callable[[str], str]) -> "SignedRequest":
        """Return the request of a sender that signs, to be proven by its body.

        A named sender must always sign, even where no token is required. Raises Answered (401, 503).
        """
        await self._look()
        named = [
            token for token in self._tokens if token.verify and token.name.casefold() == sender.casefold()
        ]
        if not named:
            raise _unauthorized("the URL names a sender for which no token verifies signatures")
        token = named[0]  # active ones come first
        if token.secret is None or token.verify is None:
            raise _unauthorized("the token of this sender was revoked")
        try:
            return SignedRequest(
                token, check(token.verify, reveal(token.secret), header, self.clock() // 1000)
            )
        except NotSigned as error:
            raise _not_signed(token, error) from None
        except (SecretUnavailable, Invalid) as error:
            raise Answered(
                503,
                "the secret of this sender cannot be read; the log of Tocsin says why",
                retry_s=RETRY_S,
                log=f"the secret of sender {token.name!r} cannot be used: {error}",
            ) from None

    def admit(self, token: Token | None) -> None:
        """Admit one request. Raises Answered (401, 429)."""
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
        """Store the uses of the last minute. Called at shutdown; gives up rather than delay it."""
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
        for token in known:  # compare with all of them, so that the time taken reveals nothing
            if hmac.compare_digest(digest, token.digest):
                found = token
        return found

    async def _look(self) -> None:
        """Read the tokens again if they changed. Checks every `_LOOK_MS`; the notice costs no query."""
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
            self._stale = True  # keep the known tokens; an unavailable database stores no alerts either

    def _take_turn(self, sender: int, rate: float | None) -> None:
        if rate is None:
            return
        now = self.ticks()
        pace = self._paces.get(sender) or Pace(rate, 0, _BURST_MS)
        if not pace.allowance(now):
            raise Answered(
                429,
                f"the rate limit is {rate:g} requests per second",
                retry_s=max(1, math.ceil((pace.opens_at - now) / 1000)),
            )
        self._paces[sender] = pace.after(1, now)

    def _note_use(self, token_id: int, now: int) -> None:
        self._uses[token_id] = now
        if self.ticks() - self._recorded >= _RECORD_MS:
            self._recorded = self.ticks()
            uses, self._uses = self._uses, {}
            self.store.write(tokens.record_uses, uses)


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request in the name of `token`, not yet proven."""

    token: Token
    check: Check

    def proven(self) -> Token:
        """Return the token once the whole body was given to `check`. Raises Answered (401)."""
        try:
            self.check.finish()
        except NotSigned as error:
            raise _not_signed(self.token, error) from None
        return self.token


def _given(authorization: str) -> str | None:
    """Return the token in an Authorization header: Bearer, or the password of Basic with any user name.

    Basic is for SNS, which supports only user:password in the URL (RFC 7617).
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


def _not_signed(token: Token, error: NotSigned) -> Answered:
    return _unauthorized(f"sender {token.name!r}: {error}")


def _unauthorized(words: str) -> Answered:
    return Answered(401, words, headers={"WWW-Authenticate": 'Bearer, Basic realm="Tocsin"'})
