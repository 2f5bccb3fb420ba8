"""Secrets are read when a request is sent; what cannot be had is said, and never shown."""

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


def test_a_value_is_its_own():
    assert reveal(Secret("Bearer abc")) == "Bearer abc"


def test_a_reference_is_read_anew_each_time(monkeypatch, file):
    for value in ("first", "second"):
        monkeypatch.setenv("TOKEN", value)
        file.write_text(f"{value}\n")

        assert reveal(Secret("env:TOKEN")) == reveal(Secret(f"file:{file}")) == value


def test_a_reference_behind_a_scheme_is_read_and_the_scheme_stays(monkeypatch, file):
    monkeypatch.setenv("PASSWORD", "pässword")
    file.write_text("t0ken\n")

    assert reveal(Secret(f"Bearer file:{file}")) == "Bearer t0ken"
    assert reveal(Secret("Basic soc:env:PASSWORD")) == (
        "Basic " + base64.b64encode("soc:pässword".encode()).decode()
    )
    assert refusal("Bearer env:NO_SUCH_VARIABLE") == "the environment variable NO_SUCH_VARIABLE is not set"


def test_a_file_may_lie_at_home(monkeypatch, file):
    monkeypatch.setenv("HOME", str(file.parent))
    file.write_text("value")

    assert reveal(Secret("file:~/secret")) == "value"


def test_a_variable_that_is_not_set_is_named(monkeypatch):
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
def test_a_file_that_cannot_be_read_is_named_with_the_reason(name, why):
    assert refusal(f"file:{name}") == f"cannot read the file {name}: {why}"


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o444])
def test_a_file_that_everybody_can_read_is_refused_unread(file, mode):
    file.write_text("hunter2")
    file.chmod(mode)

    assert refusal(f"file:{file}") == (
        f"every user on this machine can read the file {file}; restrict it with chmod 600"
    )


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o440, 0o660])
def test_its_group_may_read_a_file(file, mode):
    file.write_text("value")
    file.chmod(mode)

    assert reveal(Secret(f"file:{file}")) == "value"


def test_a_file_that_is_not_text_is_refused_unseen(file):
    file.write_bytes(b"\xff\xfehunter2")

    assert refusal(f"file:{file}") == f"cannot read the file {file}: it is not text"


@pytest.mark.parametrize("value", ["hunter2\r\nX-Admin: yes", "hunter2\nX", "huntér2", "hunter2\x7f"])
def test_a_value_that_would_break_out_of_its_header_is_refused_unseen(monkeypatch, file, value):
    file.write_text(value)
    monkeypatch.setenv("TOKEN", value)

    for reference in (f"file:{file}", "env:TOKEN"):
        assert refusal(reference) == f"the value of {reference} contains a character not allowed in headers"
    assert "hunter" not in refusal(f"file:{file}")
    with pytest.raises(SecretUnavailable, match="••••••"):
        reveal(Secret(value))
