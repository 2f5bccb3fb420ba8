"""Tokens are stored as hashes. A revoked one stays and frees its name. The last use of each is stored."""

import contextlib

import pytest

from tests.conftest import NOW, Clock, write
from tests.store.engine.test_database import noticed
from tui.domain.errors import Invalid
from tui.domain.secret import Secret
from tui.domain.signature import Scheme
from tui.domain.token import Token, digest_of
from tui.store import tokens
from tui.store.engine.database import Store
from tui.store.tables.rows import fetch

VALUE = "tcs_4OHi4-Tl5ufo6err7O3u7_Dx8vP09fb3-Pn6-_z9_v8"

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def add(store: Store, name: str = "ci", value: str = VALUE, **settings) -> Token:
    return write(store, tokens.add, Token(name, digest_of(value), **settings))


def stored(store: Store) -> list[Token]:
    return store.read(tokens.every_token).result()


def test_a_token_comes_back_as_it_was_added(store: Store) -> None:
    added = add(store, "Zürich – CI", rate=2.5, expires_at=NOW + 1)
    assert (added.created_at, added.last_used_at, added.revoked_at) == (NOW, None, None)
    signed = add(store, "github", verify=Scheme.GITHUB, secret=Secret(SECRET), value="other")
    assert stored(store) == [signed, added]


@pytest.mark.parametrize("reference", ["GitHub", f" {SECRET}"], ids=["by name", "by its secret"])
def test_the_secret_of_a_revoked_sender_is_deleted(store: Store, reference: str) -> None:
    add(store, "github", verify=Scheme.STANDARD, secret=Secret(SECRET))
    revoked = write(store, tokens.revoke, reference)
    assert (revoked.verify, revoked.secret, stored(store)) == (Scheme.STANDARD, None, [revoked])
    with pytest.raises(Invalid, match="there is no token") as caught:
        write(store, tokens.revoke, SECRET)
    assert SECRET not in str(caught.value)


def test_the_token_itself_is_not_in_the_database(store: Store) -> None:
    add(store)
    rows = store.read(fetch, "SELECT * FROM token").result()
    assert VALUE not in str(rows)
    assert digest_of(VALUE) in str(rows)


@pytest.mark.parametrize("name", ["straße", "STRASSE"])
def test_a_name_in_use_is_refused_in_any_case(store: Store, name: str) -> None:
    add(store, "Straße")
    with pytest.raises(Invalid, match="there is already a token called") as caught:
        add(store, name, "other")
    assert caught.value.field == "name"
    assert len(stored(store)) == 1


@pytest.mark.parametrize("reference", ["CI ", VALUE], ids=["by name", "by value"])
def test_a_revoked_token_stays_and_frees_its_name(store: Store, clock: Clock, reference: str) -> None:
    add(store)
    clock.advance(5)

    revoked = write(store, tokens.revoke, reference)
    again = add(store, value="other")

    assert revoked.revoked_at == NOW + 5
    assert stored(store) == [again, revoked]


@pytest.mark.parametrize("reference", ["ci", "other", VALUE])
def test_an_unknown_token_cannot_be_revoked(store: Store, reference: str) -> None:
    add(store)
    write(store, tokens.revoke, "ci")
    with pytest.raises(Invalid, match="there is no token") as caught:
        write(store, tokens.revoke, reference)
    assert VALUE not in str(caught.value)


def test_the_latest_use_is_kept_in_any_order(store: Store) -> None:
    one, other, unused = (add(store, name, name) for name in ("a", "b", "c"))
    write(store, tokens.record_uses, {one.id: NOW + 7, other.id: NOW})
    write(store, tokens.record_uses, {one.id: NOW + 5, other.id: NOW + 9})
    assert [token.last_used_at for token in stored(store)] == [NOW + 7, NOW + 9, None]
    assert unused.last_used_at is None


def test_others_notice_a_revocation(store: Store) -> None:
    add(store)
    with contextlib.closing(store.watch()) as notice:
        write(store, tokens.revoke, "ci")
        assert any(noticed(notice))
