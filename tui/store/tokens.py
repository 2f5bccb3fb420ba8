"""Add, revoke and list the tokens of the HTTP endpoint, and record when they were last used."""

# pyright: reportUnknownMemberType=false

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import peewee

from tui.domain.errors import Invalid, Unknown
from tui.domain.secret import PREFIX as SECRET_PREFIX
from tui.domain.secret import Secret
from tui.domain.signature import Scheme
from tui.domain.token import PREFIX, Token, digest_of
from tui.store.engine.database import Transaction
from tui.store.tables.rows import fetch, update_many

_COLUMNS = "name, digest, rate, expires_at, created_at, last_used_at, revoked_at, id, verify, secret"


def every_token(db: peewee.Database) -> list[Token]:
    """Return all tokens by name, then revoked ones, last revoked first."""
    order = "revoked_at IS NOT NULL, revoked_at DESC, name_folded, id"
    query = f"SELECT {_COLUMNS} FROM token ORDER BY {order}"
    return [_to_token(row) for row in fetch(db, query)]


def add(tx: Transaction, token: Token) -> Token:
    """Store a new token and return it with its id and `created_at`. Raises Invalid (`name`) if taken."""
    values = (token.name, token.name.casefold(), token.digest, token.rate, token.expires_at, tx.now)
    values += (token.verify, token.secret.value if token.secret else None)
    query = (
        "INSERT INTO token (name, name_folded, digest, rate, expires_at, created_at, verify, secret)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name_folded) WHERE revoked_at IS NULL DO NOTHING"
        " RETURNING id"
    )
    for (key,) in fetch(tx.db, query, values):
        return replace(token, id=key, created_at=tx.now)
    raise Invalid(
        "name", f"there is already a token called {token.name!r}; choose another name, or revoke that one"
    )


def revoke(tx: Transaction, reference: str) -> Token:
    """Revoke a token, given its name (ignoring case), the token itself, or the secret of a signed sender.

    The secret is deleted. Raises Unknown if there is none; the message does not repeat a secret.
    """
    given = reference.strip()
    if given.startswith(PREFIX):
        column, value = "digest", digest_of(given)
    elif given.startswith(SECRET_PREFIX):
        column, value = "secret", given
    else:
        column, value = "name_folded", given.casefold()
    query = (
        f"UPDATE token SET revoked_at = ?, secret = NULL WHERE {column} = ? AND revoked_at IS NULL"
        f" RETURNING {_COLUMNS}"
    )
    for row in fetch(tx.db, query, (tx.now, value)):
        return _to_token(row)
    which = f"called {given!r}" if column == "name_folded" else "with this value"
    raise Unknown("name", f"there is no token {which}; `tocsin token list` lists them")


def record_uses(tx: Transaction, uses: Mapping[int, int]) -> None:
    """Record when tokens were last used (ms since 1970, by token id). Earlier times change nothing."""
    changes = "last_used_at = step.used_at"
    where = "token.id = step.id AND coalesce(token.last_used_at, 0) < step.used_at"
    update_many(tx.db, "token", changes, ("id", "used_at"), list(uses.items()), where=where)


def _to_token(row: Sequence[Any]) -> Token:
    *plain, verify, secret = row
    token = Token(*plain)
    return replace(token, verify=Scheme(verify), secret=secret and Secret(secret)) if verify else token
