"""`tocsin token`: who may send alerts over HTTP."""

import re

import pytest

from tests.commands.conftest import Tocsin, complaint

TOKEN = re.compile(r"tcs_[A-Za-z0-9_-]{43}")
KEYS = {"name", "state", "verify", "ratePerSecond", "createdAt", "expiresAt", "lastUsedAt", "revokedAt"}


def test_a_token_is_shown_once_alone_on_stdout(tocsin: Tocsin) -> None:
    done = tocsin("token", "add", "grafana")
    assert TOKEN.fullmatch(done.stdout.strip())
    assert "added grafana; the token is shown only now" in done.stderr
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


def test_a_sender_that_signs_gets_a_secret_shown_once_and_the_url(tocsin: Tocsin) -> None:
    done = tocsin("token", "add", "Git Hub", "--verify", "github")
    secret = done.stdout.strip()
    assert re.fullmatch("whsec_[A-Za-z0-9+/]{43}=", secret)
    assert "added Git Hub. The secret is shown only now. Let the sender post to /alerts?sender=Git%20Hub" in (
        done.stderr
    )
    given = tocsin("token", "add", "b", "--verify", "standard", "--secret", "-", input=f"{secret}\n")
    assert given.stdout == "added b\n"
    named = tocsin.json("token", "add", "c", "--verify", "github", "--secret", "env:NOT_SET")
    assert (named["verify"], "token" in named, "generatedSecret" in named) == ("github", False, False)
    shown = tocsin("token", "list").stdout
    assert re.findall(r"active +(\w+)", shown) == ["standard", "github", "github"]
    elsewhere = given.stderr + shown + tocsin("token", "list", "--json").stdout
    assert tocsin("token", "revoke", secret).returncode == 0
    assert secret not in elsewhere + tocsin.log.read_text()


def test_the_first_says_that_a_token_is_asked_for_from_now_on(tocsin: Tocsin) -> None:
    said = [tocsin("token", "add", name).stderr for name in ("a", "b")]
    assert ["every endpoint of this database requires a token" in words for words in said] == [True, False]


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
    assert heading.split() == ["NAME", "STATE", "VERIFIES", "RATE", "ADDED", "EXPIRES", "LAST", "USED"]
    assert first.split()[:4] == ["a", "active", "token", "5/s"]
    assert first.split()[-2:] == ["never", "never"]


def test_revoking_the_last_token_says_that_no_sender_is_allowed(tocsin: Tocsin) -> None:
    for name in ("a", "b"):
        tocsin("token", "add", name)
    said = [tocsin("token", "revoke", name).stderr for name in ("a", "b")]
    assert ["no active token is left" in words for words in said] == [False, True]


def test_a_token_found_somewhere_is_revoked_without_knowing_its_name(tocsin: Tocsin) -> None:
    token = tocsin.json("token", "add", "ci")["token"]
    assert tocsin("token", "revoke", token).stdout == "revoked ci\n"
    assert token not in complaint(tocsin("token", "revoke", token), 1)
    refusal = "there is no token called 'x'; `tocsin token list` lists them"
    assert complaint(tocsin("token", "revoke", "x"), 1) == refusal


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["add", " "], "enter a name for the token"),
        (["add", "ci"], "there is already a token called 'ci'"),
        (["add", "x", "--rate", "fast"], "requests per second"),
        (["add", "x", "--secret", "whsec_x"], "--secret needs --verify"),
        (["add", "x", "--verify", "github", "--secret", "short"], "at least 16 characters"),
        (
            ["add", "x", "--verify", "standard", "--secret", "It's a Secret to Everybody"],
            "must start with whsec_",
        ),
        (["add", "whsec_x"], "looks like a secret"),
        (["add", "x", "--expires", "never"], "--expires requires a time span like 30m, 2h or 7d"),
    ],
)
def test_what_is_refused(tocsin: Tocsin, given: list[str], words: str) -> None:
    tocsin("token", "add", "ci")
    assert words in complaint(tocsin("token", *given), 2)
    assert len(tocsin.json("token", "list")) == 1
