"""Secrets are read when a request is sent; what cannot be had is said, and never shown."""

from pathlib import Path

import pytest

from tui.delivery.secrets import SecretUnavailable, reveal
from tui.domain.secret import Secret


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "secret"


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
        ("~nobody-by-this-name/token", "there can be no such file"),
        ("to\0ken", "there can be no such file"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(name, why):
    assert refusal(f"file:{name}") == f"the file {name} cannot be read: {why}"


def test_a_file_that_is_not_text_is_refused_unseen(file):
    file.write_bytes(b"\xff\xfehunter2")

    assert refusal(f"file:{file}") == f"the file {file} cannot be read: it is not text"


@pytest.mark.parametrize("value", ["hunter2\r\nX-Admin: yes", "hunter2\nX", "huntér2", "hunter2\x7f"])
def test_a_value_that_would_break_out_of_its_header_is_refused_unseen(monkeypatch, file, value):
    file.write_text(value)
    monkeypatch.setenv("TOKEN", value)

    for reference in (f"file:{file}", "env:TOKEN"):
        assert refusal(reference) == f"the value of {reference} has a character that a header cannot carry"
    assert "hunter" not in refusal(f"file:{file}")
    with pytest.raises(SecretUnavailable, match="••••••"):
        reveal(Secret(value))
