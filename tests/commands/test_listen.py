"""`--listen`: who may open the HTTP endpoint, where, and what is said of it."""

import signal
import socket
import time
from collections.abc import Callable

import httpx
import pytest

from tests.commands.conftest import PATIENCE_S, Tocsin, complaint
from tests.conftest import write
from tui.config import parse_address
from tui.domain.errors import Invalid
from tui.domain.token import Token, digest_of
from tui.store import tokens
from tui.store.engine.database import Store
from tui.store.engine.sqlite import Sqlite


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("127.0.0.1:8808", ("127.0.0.1", 8808)),
        ("localhost:0", ("127.0.0.1", 0)),
        ("[::1]:8808", ("::1", 8808)),
        ("0.0.0.0:65535", ("0.0.0.0", 65535)),
    ],
)
def test_an_address(given: str, address: tuple[str, int]) -> None:
    assert parse_address(given) == address


@pytest.mark.parametrize(
    "given", ["8808", "127.0.0.1", "host:80", "127.0.0.1:", "127.0.0.1:65536", "1:2:3", ":80"]
)
def test_what_is_no_address(given: str) -> None:
    with pytest.raises(Invalid, match=r"--listen must be an address and a port"):
        parse_address(given)


@pytest.mark.parametrize("made", [[], [("add", "ci"), ("revoke", "ci")]], ids=["none", "one revoked"])
def test_beyond_this_machine_only_with_a_token(tocsin: Tocsin, made: list[tuple[str, ...]]) -> None:
    for command in made:
        tocsin("token", *command)
    refusal = complaint(tocsin("dispatch", "--listen", "0.0.0.0:0"), 3)  # and no word of delivering
    assert (
        "anyone who can connect to 0.0.0.0 could send alerts; add a token with `tocsin token add NAME`"
        in refusal
    )


def test_an_expired_token_does_not_keep_the_dispatcher_from_starting(tocsin: Tocsin) -> None:
    """Who may send is one thing; a dispatcher has deliveries to make."""
    with Store(Sqlite(tocsin.database)) as store:
        write(store, tokens.add, Token("ci", digest_of("x"), expires_at=1))
    with tocsin.start("dispatch", "--listen", "0.0.0.0:0") as running:
        assert running.stderr is not None
        said = []
        while "receiving alerts at" not in (line := running.stderr.readline()):
            said.append(line)
        running.send_signal(signal.SIGTERM)
        assert running.wait(PATIENCE_S) == 0
    assert "every token has expired or was revoked" in "".join(said)


def test_a_token_made_and_revoked_while_it_runs(tocsin: Tocsin) -> None:
    with tocsin.start("dispatch", "--listen", "127.0.0.1:0") as running:
        assert running.stderr is not None
        while "receiving alerts at" not in (line := running.stderr.readline()):
            pass
        url = line.split()[-1]
        before = httpx.post(url, json={"title": "x"}).status_code
        token = tocsin.json("token", "add", "ci")["token"]
        shown = {"Authorization": f"Bearer {token}"}
        until(lambda: httpx.post(url, json={"title": "x"}).status_code == 401)
        with_it = httpx.post(url, json={"title": "x"}, headers=shown).status_code
        tocsin("token", "revoke", "ci")
        until(lambda: httpx.post(url, json={"title": "x"}, headers=shown).status_code == 401)
        running.send_signal(signal.SIGTERM)
        _, said = running.communicate(timeout=PATIENCE_S)
    assert (before, with_it, running.returncode) == (202, 202, 0)
    [kept] = tocsin.json("token", "list", "--all")
    assert kept["lastUsedAt"] is not None
    assert "127.0.0.1, token 'ci': 401, this token was revoked" in said
    assert token not in said + tocsin.log.read_text()


def until(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("short", "the endpoint's token has 5 characters but needs at least 16"),
        ("env:NO_SUCH_VARIABLE", "the environment variable NO_SUCH_VARIABLE is not set"),
        ("file:/nowhere/token", "cannot read the file /nowhere/token"),
    ],
)
def test_a_token_that_is_none(tocsin: Tocsin, token: str, words: str) -> None:
    done = tocsin("dispatch", "--listen", "127.0.0.1:0", env={"TOCSIN_LISTEN_TOKEN": token})
    assert done.returncode == 3
    assert words in done.stderr
    assert "short" not in done.stderr


def test_a_port_in_use(tocsin: Tocsin) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refusal = complaint(tocsin("dispatch", "--listen", f"127.0.0.1:{port}"), 3)
    assert refusal == f"port {port} is in use; choose another with --listen"


def test_draining_and_listening_exclude_each_other(tocsin: Tocsin) -> None:
    assert tocsin("dispatch", "--drain", "--listen", "127.0.0.1:0").returncode == 2
