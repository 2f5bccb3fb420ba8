"""The entry point: every error is one line with an exit code, and help is fast."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import pytest

from tests.commands.conftest import PATIENCE_S, TOCSIN, Tocsin, complaint
from tests.conftest import alert
from tui.cli import cli, main

HEAVY = ("peewee", "httpx", "httptools", "starlette", "uvicorn", "textual", "rich")
COMMANDS = (
    "demo",
    "send",
    "route",
    "watch",
    "dispatch",
    "receive",
    "destination",
    "alert",
    "status",
    "shape",
    "token",
    "db",
)


@pytest.fixture
def tocsin(tmp_path: Path) -> Tocsin:
    return Tocsin(tmp_path)


def test_read_only_is_for_the_app_alone(tocsin: Tocsin) -> None:
    done = tocsin("--read-only", "alert", "list")
    assert "--read-only is for the app, not for a command" in complaint(done, 2)
    done = tocsin("--read-only", "--listen", "127.0.0.1:0")
    assert "--read-only cannot receive alerts; leave out --listen" in complaint(done, 2)


def loaded(tocsin: Tocsin, *args: str, modules: Sequence[str]) -> tuple[list[str], str]:
    """Run a command; return its lines and which of the modules it has imported."""
    probe = (
        f"import atexit, sys; from tui.cli import main; sys.argv = ['tocsin', *{args!r}];"
        f"atexit.register(lambda: print([m for m in {modules!r} if m in sys.modules])); main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], env=tocsin.environment, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    *lines, found = done.stdout.splitlines()
    return lines, found


def test_help_names_every_command_without_loading_what_they_need(tocsin: Tocsin) -> None:
    help, found = loaded(tocsin, "--help", modules=HEAVY)
    assert found == "[]"
    commands = help[help.index("Commands:") + 1 :]
    assert tuple(line.split()[0] for line in commands[: commands.index("")]) == COMMANDS


def test_send_to_sqlite_loads_no_driver_of_postgresql(tocsin: Tocsin) -> None:
    assert (
        loaded(tocsin, "send", "--title", "x", modules=("sqlite3", "psycopg", "asyncio"))[1] == "['sqlite3']"
    )


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)], ids=" ".join)
def test_h_is_help(tocsin: Tocsin, command: tuple[str, ...]) -> None:
    done = tocsin(*command, "-h")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(" ".join(["Usage: tocsin", *command]))


def test_version_is_printed(tocsin: Tocsin) -> None:
    assert tocsin("--version").stdout.startswith("tocsin, version ")


def test_an_unknown_command_is_wrong_use(tocsin: Tocsin) -> None:
    assert complaint(tocsin("sned"), 2) == "No such command 'sned'; did you mean send?"
    assert complaint(tocsin("zzz"), 2) == "No such command 'zzz'; see `tocsin --help`"


def test_an_unknown_option_is_wrong_use(tocsin: Tocsin) -> None:
    assert complaint(tocsin("send", "--titel", "x"), 2) == "No such option '--titel'; did you mean --title?"
    assert complaint(tocsin("send", "--zzz"), 2) == "No such option '--zzz'; see `tocsin send --help`"


@pytest.mark.parametrize("option", ["--db", "--config", "--log"])
def test_a_global_option_after_the_command_is_refused_with_its_place(tocsin: Tocsin, option: str) -> None:
    said = complaint(tocsin("alert", "list", option, "x"), 2)
    assert said == f"{option} comes before the command: tocsin {option} … alert list"


@pytest.mark.parametrize("group", ["", "destination", "alert", "shape", "token", "db"])
def test_the_list_of_commands_cuts_no_summary(tocsin: Tocsin, group: str) -> None:
    _, commands = tocsin(*group.split(), "--help").stdout.split("Commands:")
    assert "..." not in commands


def words_of(command: click.Command, name: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """A command line for every argument and every option that takes a value, with `given` as its value."""
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            yield (*name, GIVEN)
        elif not parameter.is_flag:  # pyright: ignore[reportAttributeAccessIssue]
            yield (*name, parameter.opts[0], GIVEN)
    if isinstance(command, click.Group):
        for verb in command.list_commands(click.Context(command)):
            below = command.get_command(click.Context(command), verb)
            assert below is not None
            yield from words_of(below, (*name, verb))


GIVEN = "\udcff\udcfe"
"""Two bytes that are no UTF-8, as Python hands them over."""


@pytest.mark.parametrize("words", list(words_of(cli)), ids=lambda words: " ".join(words[:-1]))
def test_an_argument_that_is_not_utf_8_is_a_usage_error(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tocsin", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr() == ("", f"tocsin: argument {len(words)} is not UTF-8 text\n")


@pytest.mark.parametrize(
    ("words", "env", "where"),
    [
        ([b"--db", b"/tmp/\xff.db", b"db", b"check"], {}, "argument 2"),
        ([b"alert", b"show", b"\xc3\x28abcdefg"], {}, "argument 3"),
        ([b"send"], {"TOCSIN_SEND_TITLE": b"\xff"}, "TOCSIN_SEND_TITLE"),
    ],
    ids=["an option", "an argument", "a variable"],
)
def test_bytes_that_are_not_text_come_to_the_same(
    tocsin: Tocsin, words: list[bytes], env: dict[str, Any], where: str
) -> None:
    assert complaint(tocsin(*words, env=env), 2) == f"{where} is not UTF-8 text"  # type: ignore[arg-type]


BROKEN = "[keys\n"


@pytest.mark.parametrize(
    "args", [("--help",), ("--version",), ("send", "--help"), ("alert", "list", "-h")], ids=" ".join
)
def test_a_broken_configuration_hides_no_help(tocsin: Tocsin, tmp_path: Path, args: tuple[str, ...]) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text(BROKEN)
    done = tocsin(*args, env={"TOCSIN_CONFIG": str(broken), "TOCSIN_RETRY_DELAYS": "x"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "is not valid TOML" in complaint(tocsin("alert", "list", env={"TOCSIN_CONFIG": str(broken)}), 2)


def test_bad_keys_stop_only_the_app(tocsin: Tocsin, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[keys]\n"alerts.resnd" = "x"\n')
    tocsin.environment["TOCSIN_CONFIG"] = str(config)
    tocsin.add()
    assert tocsin("alert", "list").returncode == 0
    ours, theirs = pty.openpty()
    with tocsin.start(stdin=theirs, stdout=theirs) as process:
        _, said = process.communicate(timeout=PATIENCE_S)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 3
    assert said == (
        "tocsin: [keys] in the configuration: there is no action 'alerts.resnd';"
        " did you mean alerts.resend or alerts.resend-all or alerts.route?\n"
    )


def test_a_flag_goes_before_the_environment(tocsin: Tocsin, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    assert tocsin("--db", str(other), "db", "migrate").stdout.startswith(f"{other}: applied")
    assert not tocsin.database.exists()


@pytest.mark.parametrize("more", [[], ["--json"]], ids=["for people", "as JSON"])
def test_a_reader_may_close_stdout_early(tocsin: Tocsin, more: list[str]) -> None:
    tocsin.submit(*(alert() for _ in range(3)))
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*TOCSIN, "alert", "list", *more],
        env=tocsin.environment,
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=PATIENCE_S,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_output_that_cannot_be_written_is_an_error(tocsin: Tocsin) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*TOCSIN, "--help"], env=tocsin.environment, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1
    assert done.stderr == b"tocsin: cannot write the output: No space left on device\n"


@pytest.mark.parametrize("more", [[], ["--json"]], ids=["for people", "as JSON"])
def test_a_closed_stdout_is_not_an_error(tocsin: Tocsin, more: list[str]) -> None:
    tocsin.submit(alert())
    line = ["sh", "-c", 'exec "$@" >&-', "sh", *TOCSIN, "alert", "list", *more]
    done = subprocess.run(line, env=tocsin.environment, stderr=subprocess.PIPE, timeout=PATIENCE_S)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_character_that_cannot_be_encoded_is_escaped(tocsin: Tocsin) -> None:
    tocsin.submit(alert(title="日本 ✓"))
    latin = {"PYTHONIOENCODING": "latin-1"}
    done = tocsin("alert", "list", env=latin)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u65e5\\u672c \\u2713" in done.stdout
    assert tocsin.json("alert", "list", env=latin)[0]["title"] == "日本 ✓"
