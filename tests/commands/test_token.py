"""`tocsin token`: who may send alerts over HTTP."""

import re

import pytest

from tests.commands.conftest import Tocsin, complaint

TOKEN = re.compile(r"tcs_[A-Za-z0-9_-]{43}")
KEYS = {"name", "state", "ratePerSecond", "createdAt", "expiresAt", "lastUsedAt", "revokedAt"}


def test_a_token_is_shown_once_alone_on_stdout(tocsin: Tocsin) -> None:
    done = tocsin("token", "add", "grafana")
    assert TOKEN.fullmatch(done.stdout.strip())
    assert "added grafana; the token is shown this once" in done.stderr
    elsewhere = "".join(
        ran.stdout + ran.stderr
        for ran in (
            tocsin("token", "list"),
            tocsin("token", "list", "--json"),
            tocsin("token", "revoke", "grafana"),
            tocsin("token", "list", "--all", "--json"),
        )
    )
    kept = tocsin.database.read_bytes() + tocsin.log.read_bytes()
    assert done.stdout.strip() not in elsewhere
    assert done.stdout.strip().encode() not in kept


def test_the_first_says_that_a_token_is_asked_for_from_now_on(tocsin: Tocsin) -> None:
    said = [tocsin("token", "add", name).stderr for name in ("a", "b")]
    assert ["every endpoint on this database asks for a token" in words for words in said] == [True, False]


def test_two_are_not_alike(tocsin: Tocsin) -> None:
    values = {tocsin.json("token", "add", name)["token"] for name in ("a", "b")}
    assert len(values) == 2


def test_a_rate_and_an_expiry(tocsin: Tocsin) -> None:
    added = tocsin.json("token", "add", "ci", "--rate", "0.5", "--expires", "30d")
    assert set(added) == KEYS | {"token"}
    assert (added["state"], added["ratePerSecond"], added["lastUsedAt"]) == ("active", 0.5, None)
    assert added["expiresAt"] > added["createdAt"]


def test_the_list_shows_those_that_let_somebody_in_and_on_request_all(tocsin: Tocsin) -> None:
    for name in ("b", "a", "gone"):
        tocsin("token", "add", name, "--rate", "5")
    assert tocsin.json("token", "revoke", "GONE")["state"] == "revoked"

    assert [row["name"] for row in tocsin.json("token", "list")] == ["a", "b"]
    assert set(tocsin.json("token", "list")[0]) == KEYS
    assert [row["name"] for row in tocsin.json("token", "list", "--all")] == ["a", "b", "gone"]
    heading, first, _ = tocsin("token", "list").stdout.splitlines()
    assert heading.split() == ["NAME", "STATE", "RATE", "ADDED", "EXPIRES", "LAST", "USED"]
    assert first.split()[:3] == ["a", "active", "5/s"]
    assert first.split()[-2:] == ["never", "never"]


def test_revoking_the_last_says_that_nobody_gets_in(tocsin: Tocsin) -> None:
    for name in ("a", "b"):
        tocsin("token", "add", name)
    said = [tocsin("token", "revoke", name).stderr for name in ("a", "b")]
    assert ["no token is left" in words for words in said] == [False, True]


def test_a_token_found_somewhere_is_revoked_without_knowing_its_name(tocsin: Tocsin) -> None:
    token = tocsin.json("token", "add", "ci")["token"]
    assert tocsin("token", "revoke", token).stdout == "revoked ci\n"
    assert token not in complaint(tocsin("token", "revoke", token), 1)
    refusal = "there is no token called 'x'; `tocsin token list` shows them"
    assert complaint(tocsin("token", "revoke", "x"), 1) == refusal


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["add", " "], "give the token a name"),
        (["add", "ci"], "there is already a token called 'ci'"),
        (["add", "x", "--rate", "fast"], "requests a second"),
        (["add", "x", "--expires", "never"], "--expires takes a time span like 30m, 2h or 7d"),
    ],
)
def test_what_is_refused(tocsin: Tocsin, given: list[str], words: str) -> None:
    tocsin("token", "add", "ci")
    assert words in complaint(tocsin("token", *given), 2)
    assert len(tocsin.json("token", "list")) == 1
