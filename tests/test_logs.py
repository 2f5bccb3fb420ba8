"""The log: a line an event, nothing in it that a terminal acts on, no secrets."""

import fcntl
import logging
import os
import re
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui import logs
from tui.domain.text import is_control
from tui.store.errors import CannotOpen

LOG = logging.getLogger("tui.delivery.dispatcher")


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Loggers belong to the process: what a test sets up is taken down again."""
    logger, raising = logging.getLogger("tui"), logging.raiseExceptions
    before = logger.level, logger.propagate, [*logger.handlers]
    yield
    for handler in [*logger.handlers]:
        if handler not in before[2]:
            logger.removeHandler(handler)
            handler.close()
    logger.level, logger.propagate, logging.raiseExceptions = *before[:2], raising


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "tocsin.log"


def test_a_line_says_when_how_bad_where_and_what(path: Path) -> None:
    logs.set_up(path, to_stderr=False)
    LOG.error("delivery permanently failed alert=%s", "alert-1")
    line = path.read_text(encoding="utf-8")
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(stamp + " ERROR dispatcher: delivery permanently failed alert=alert-1\n", line)


def test_only_its_owner_may_read_it(path: Path) -> None:
    logs.set_up(path, to_stderr=False)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_pipe_or_a_socket_is_refused_as_a_log(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for name in ("pipe", "socket"):
            with pytest.raises(CannotOpen, match=f"{name}: it is not a regular file; choose another"):
                logs.set_up(tmp_path / name, to_stderr=False)


def test_a_log_to_dev_null_leaves_its_permissions_alone() -> None:
    before = os.stat("/dev/null").st_mode
    logs.set_up(Path("/dev/null"), to_stderr=False)
    LOG.info("nothing is kept")
    assert os.stat("/dev/null").st_mode == before


def test_a_service_logs_to_stderr_as_well(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(path, to_stderr=True)
    LOG.info("hello")
    assert capsys.readouterr().err == path.read_text(encoding="utf-8")


def test_setting_up_again_does_not_double_the_lines(path: Path) -> None:
    for _ in range(2):
        logs.set_up(path, to_stderr=False)
    LOG.info("once")
    assert path.read_text(encoding="utf-8").count("once") == 1


def test_a_traceback_is_folded_into_its_line(path: Path) -> None:
    logs.set_up(path, to_stderr=False)
    try:
        raise RuntimeError("a bug at https://hooks.example.com/services/T0KENinTHEurl")
    except RuntimeError:
        LOG.exception("sending failed inside Tocsin")
    (line,) = path.read_text(encoding="utf-8").splitlines()
    assert "sending failed inside Tocsin | Traceback" in line
    assert "RuntimeError: a bug at https://hooks.example.com/…Eurl" in line


@given(st.text())
def test_whatever_is_logged_is_one_line_of_visible_characters(text: str) -> None:
    record = logging.LogRecord("tui.x", logging.INFO, "", 0, "%s", (text,), None)
    assert not any(is_control(character) for character in logs.OneLine().format(record))


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("to https://hooks.example.com/services/T0KEN/abcd!", "to https://hooks.example.com/…bcd!"),
        ("HTTPS://hooks.example.com/services/T0KEN/abcd", "https://hooks.example.com/…abcd"),
        ("http://soc:hunter2@127.0.0.1:8081/in", "http://127.0.0.1:8081/in"),
        ("http://a/?key=hunter2hunter2 and http://b/?x=hunter2", "http://a/…ter2 and http://b/…"),
        ("http://[::1/hunter2", "http://…"),
        ("no address here", "no address here"),
    ],
)
def test_addresses_are_masked(text: str, redacted: str) -> None:
    assert logs.redact(text) == redacted


def test_a_log_that_has_grown_too_long_is_put_aside(path: Path) -> None:
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(11 * 1024 * 1024)
    logs.set_up(path, to_stderr=False)
    LOG.info("a new leaf")
    assert "a new leaf" in path.read_text(encoding="utf-8")
    assert path.stat().st_size < 1000
    assert path.with_suffix(".log.1").stat().st_size > 10_000_000


def test_a_log_that_grows_too_long_while_it_is_written_is_put_aside(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_ROTATE_AT", 1000)
    logs.set_up(path, to_stderr=False)
    for number in range(100):
        LOG.info("line %d", number)
    assert path.stat().st_size < 1200
    assert path.read_text(encoding="utf-8").endswith("line 99\n")
    assert path.with_suffix(".log.1").stat().st_size > 1000


def test_of_two_who_find_it_too_long_one_puts_it_aside(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_ROTATE_AT", 50)
    logs.set_up(path, to_stderr=False)
    LOG.info("the old leaf, which is all too long")
    mine = threading.Thread(target=LOG.info, args=("mine",))
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        mine.start()
        waits = re.compile(rf"-> FLOCK .*:{path.stat().st_ino} ")
        for _ in range(1000):
            if waits.search(Path("/proc/locks").read_text(encoding="utf-8")):
                break
            mine.join(0.01)
        assert mine.is_alive(), "it waits for who came first"
        path.rename(path.with_suffix(".log.1"))
        path.write_text("theirs\n", encoding="utf-8")
    mine.join()
    assert "the old leaf" in path.with_suffix(".log.1").read_text(encoding="utf-8")
    assert re.fullmatch("theirs\n.* mine\n", path.read_text(encoding="utf-8"))


def test_only_its_owner_may_read_what_is_made_where_it_was_taken_away(path: Path) -> None:
    umask = os.umask(0)
    try:
        logs.set_up(path, to_stderr=False)
        path.rename(path.with_suffix(".log.1"))
        LOG.info("after")
    finally:
        os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_lines_go_on_where_another_tocsin_put_the_log_aside(path: Path) -> None:
    logs.set_up(path, to_stderr=False)
    LOG.info("before")
    path.rename(path.with_suffix(".log.1"))
    LOG.info("after")
    assert "after" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("place", ["", "file/tocsin.log"], ids=["a directory", "below a file"])
def test_a_log_that_cannot_be_written_is_refused_in_words(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotOpen, match=r"cannot write .*; choose another with --log"):
        logs.set_up(tmp_path / place, to_stderr=False)
