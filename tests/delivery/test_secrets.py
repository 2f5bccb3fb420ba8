"""Secrets are resolved when a request is sent. Errors name a secret but never show its value."""

import base64
from pathlib import Path

import pytest

from tui.delivery.secrets import SecretUnavailable, reveal
from tui.domain.secret import Secret


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    return path


def refusal(reference: str) -> str:
    with pytest.raises(SecretUnavailable) as caught:
        reveal(Secret(reference))
    return str(caught.value)


def test_a_secret_that_is_no_reference_is_its_value():
    assert reveal(Secret("Bearer abc")) == "Bearer abc"


def test_a_reference_is_resolved_each_time(monkeypatch, file):
    for value in ("first", "second"):
        monkeypatch.setenv("TOKEN", value)
        file.write_text(f"{value}\n")

        assert reveal(Secret("env:TOKEN")) == reveal(Secret(f"file:{file}")) == value


def test_a_reference_after_a_scheme_keeps_the_scheme(monkeypatch, file):
    monkeypatch.setenv("PASSWORD", "pässword")
    file.write_text("t0ken\n")

    assert reveal(Secret(f"Bearer file:{file}")) == "Bearer t0ken"
    assert reveal(Secret("Basic soc:env:PASSWORD")) == (
        "Basic " + base64.b64encode("soc:pässword".encode()).decode()
    )
    assert refusal("Bearer env:NO_SUCH_VARIABLE") == "the environment variable NO_SUCH_VARIABLE is not set"


def test_a_tilde_in_a_path_is_expanded(monkeypatch, file):
    monkeypatch.setenv("HOME", str(file.parent))
    file.write_text("value")

    assert reveal(Secret("file:~/secret")) == "value"


def test_an_unset_variable_is_named(monkeypatch):
    monkeypatch.delenv("TOKEN", raising=False)

    assert refusal("env:TOKEN") == "the environment variable TOKEN is not set"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("/nowhere/token", "No such file or directory"),
        ("/", "it is not a regular file"),
        ("~nobody-by-this-name/token", "the path is not valid"),
        ("to\0ken", "the path is not valid"),
    ],
)
def test_an_unreadable_file_is_named_with_the_reason(name, why):
    assert refusal(f"file:{name}") == f"cannot read the file {name}: {why}"


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o444])
def test_a_world_readable_file_is_refused(file, mode):
    file.write_text("hunter2")
    file.chmod(mode)

    assert refusal(f"file:{file}") == (
        f"every user on this machine can read the file {file}; restrict it with chmod 600"
    )


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o440, 0o660])
def test_a_group_readable_file_is_accepted(file, mode):
    file.write_text("value")
    file.chmod(mode)

    assert reveal(Secret(f"file:{file}")) == "value"


def test_a_binary_file_is_refused_without_showing_it(file):
    file.write_bytes(b"\xff\xfehunter2")

    assert refusal(f"file:{file}") == f"cannot read the file {file}: it is not text"


@pytest.mark.parametrize("value", ["hunter2\r\nX-Admin: yes", "hunter2\nX", "huntér2", "hunter2\x7f"])
def test_a_value_not_allowed_in_headers_is_refused_without_showing_it(monkeypatch, file, value):
    file.write_text(value)
    monkeypatch.setenv("TOKEN", value)

    for reference in (f"file:{file}", "env:TOKEN"):
        assert refusal(reference) == f"the value of {reference} contains a character not allowed in headers"
    assert "hunter" not in refusal(f"file:{file}")
    with pytest.raises(SecretUnavailable, match="••••••"):
        reveal(Secret(value))
