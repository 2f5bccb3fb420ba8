"""`--listen`: who may open the HTTP endpoint, where, and what is said of it."""

import socket

import pytest

from tests.commands.conftest import Tocsin
from tui.config import parse_address
from tui.domain.errors import Invalid


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
    with pytest.raises(Invalid, match=r"--listen takes an address and a port"):
        parse_address(given)


def test_beyond_this_machine_only_with_a_token(tocsin: Tocsin) -> None:
    done = tocsin("dispatch", "--listen", "0.0.0.0:0")
    assert done.returncode == 3
    assert "whoever reaches 0.0.0.0 could send alerts; set TOCSIN_LISTEN_TOKEN" in done.stderr


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("short", "the token of the endpoint has 5 characters; it needs 16 or more"),
        ("env:NO_SUCH_VARIABLE", "the environment variable NO_SUCH_VARIABLE is not set"),
        ("file:/nowhere/token", "the file /nowhere/token cannot be read"),
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
        done = tocsin("dispatch", "--listen", f"127.0.0.1:{port}")
    assert done.returncode == 3
    assert f"port {port} is in use; choose another with --listen" in done.stderr


def test_draining_and_listening_exclude_each_other(tocsin: Tocsin) -> None:
    assert tocsin("dispatch", "--drain", "--listen", "127.0.0.1:0").returncode == 2
