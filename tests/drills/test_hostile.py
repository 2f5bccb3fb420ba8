"""Hostile text from alerts, receivers and files is inert wherever it is shown on a real terminal."""

import fcntl
import json
import os
import pty
import re
import socket
import struct
import sys
import termios
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.commands import warm
from tests.conftest import write
from tests.drills.installation import ROOT, Installation
from tests.drills.terminal import CONTROL, Terminal
from tests.hostile import EVERYTHING, INVISIBLE, MARKUP, SEQUENCES, SURROGATE
from tui.domain.destination import Destination
from tui.domain.secret import Secret, format_secret
from tui.domain.text import storable, visible
from tui.domain.token import Token, digest_of
from tui.store import destinations, tokens
from tui.store.engine.database import Store
from tui.store.engine.sqlite import Sqlite

ONE_LINE = "".join(EVERYTHING)
HEADER = "".join(t for t in EVERYTHING if t.isascii() and not set(t) & set("\r\n\0"))
SHOWN = tuple(visible(storable(text)) for text in EVERYTHING)
NAMES = {
    "refuses": f"{MARKUP[1]}{SEQUENCES[3]}",
    "takes": f"{MARKUP[2]} {INVISIBLE[0]}",
    "babbles": f"{MARKUP[0]} {SEQUENCES[0]}",
}
"""Of destinations, by path. The command line refuses such names; a database may hold them."""

# What Textual itself sends to a terminal, and nothing else may.
_OURS = re.compile(
    r"\x1b\[[\d;]*m"  # colours
    r"|\x1b\[\d+;\d+H|\x1b\[[JK]"  # the cursor
    r"|\x1b\[\?\d+[hl]|\x1b\[\?\d+\$p|\x1b\[[<>]\d*u"  # modes
    r"|\x1b\]22;(?:default|pointer|text)\x07"  # the mouse's pointer
    r"|\x1b\]52;c;[A-Za-z0-9+/=]+\x07"  # what was copied
)
# Of what no database can hold, U+FFFD is stored; anywhere else the app's last gate has put it.
_GATED = re.compile("(?<!in4)(?<!sg1)\ufffd")


def assert_nothing_acts(written: str) -> None:
    """Check that the output contains no control sequence except those of Tocsin."""
    for text in EVERYTHING:
        for sequence in CONTROL.findall(text):
            assert sequence not in written, (sequence, text)
    assert {found[0] for found in CONTROL.finditer(written) if not _OURS.fullmatch(found[0])} == set()
    rest = CONTROL.sub("", written)
    kinds = ("Cc", "Cf", "Cs", "Zl", "Zp")
    assert {character for character in rest if unicodedata.category(character) in kinds} <= set("\r\n")


def assert_made_visible(written: str) -> None:
    """Check that the text was made visible on input, so that the app's last filter found nothing."""
    assert _GATED.search(CONTROL.sub("", written)) is None


class Stranger:
    """A receiver with a hostile answer for each path, written byte by byte, as no HTTP library would."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as request:
                path = request.readline().split()[1:2]
                length = 0
                while (line := request.readline()).strip():
                    name, _, value = line.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                request.read(length)
                connection.sendall(_ANSWERS[path[0]] if path else b"")


def _answer(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


_ANSWERS = {
    b"/refuses": _answer(
        f"500 {HEADER}",
        json.dumps({text: [text] for text in EVERYTHING}, ensure_ascii=False).encode(),
        f"X-Said: {HEADER}",
        "Content-Type: application/json",
    ),
    b"/takes": _answer("200 OK", "\n".join(EVERYTHING).encode(), "Content-Type: text/plain; charset=utf-8"),
    b"/babbles": b"HTTP/1.1 200 \x1b]0;owned\x07\r\n\x1b[5;9;53mhd1\x9b: \x00\r\n\r\n",
}


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    stranger = Stranger()
    yield stranger
    stranger.close()


@pytest.fixture
def terminal(installation: Installation) -> Iterator[Terminal]:
    """The app, with all deliveries ended, and with foreign lines in the log."""
    with installation.log.open("a", encoding="utf-8") as log:
        log.writelines(f"2026-01-31T09:30:00.000Z ERROR dispatcher: lg{t!s}\n" for t in ONE_LINE.split("\r"))
    terminal = Terminal([sys.executable, "-m", "tui"], installation.environment)
    yield terminal
    terminal.close()


@pytest.fixture
def engine() -> str:
    """SQLite only: the display does not depend on the engine."""
    return "sqlite"


@pytest.fixture(autouse=True)
def stored(installation: Installation, stranger: Stranger) -> None:
    """Store destinations with hostile names, and an alert for each text, hostile in every field."""
    installation.environment |= {
        "LANG": "C.UTF-8",
        "COLORTERM": "truecolor",
        "TEXTUAL_ANIMATIONS": "none",
        "TOCSIN_RETRY_DELAYS": "0.01",
    }
    with closing(Store(Sqlite(Path(installation.database)))) as store:
        for path, name in NAMES.items():
            write(store, destinations.add, Destination(name=name, url=f"{stranger.url}/{path}"))
    alerts = [_alert(number, text) for number, text in enumerate((*EVERYTHING, SURROGATE))]
    installation.run("send", "-", input="\n".join(json.dumps(alert) for alert in alerts))


def _alert(number: int, text: str) -> dict[str, object]:
    return {
        "alertId": f"[@click=app.quit]{number}[/nope]",
        "id": text,
        "title": text,
        "name": text,
        "severity": "HIGH",
        "description": ONE_LINE,
        "runbook": f"{text}\n{text}",
        "tags": [text],
        "version": text,
        "link": f"https://example.com/{text}",
        "alertContext": {text: {text: [text]}},
    }


ENTER, ESCAPE, PALETTE, TO_THE_START = "\r", "\x1b", "\x10", "\x15"


def test_the_app_shows_hostile_text_inert_everywhere(terminal: Terminal) -> None:
    look_at_alerts(terminal)
    look_at_destinations(terminal)
    look_at_the_log_and_activity(terminal)
    assert_made_visible(terminal.text)
    look_at_fields(terminal)
    click_on_everything(terminal)
    terminal.press("q")
    assert terminal.exit_code() == 0
    assert_nothing_acts(terminal.text)
    terminal.assert_restored()


def look_at_alerts(terminal: Terminal) -> None:
    """Look at each alert in the list and details. Scroll, resend and copy one of them."""
    refuses = visible(NAMES["refuses"])
    terminal.sees("Alerts · 26", f"{2 * len(SHOWN) + 2} failed", *(text[:20] for text in SHOWN))
    for key, text in (("j", SHOWN[-1]), ("j", SHOWN[-2]), ("G", SHOWN[0])):
        terminal.press(key)
        terminal.sees(f"{text} · Rule match")
    terminal.click(150, 40)
    # Line by line: of two pages that are painted at once, the first is never seen.
    terminal.press_until_told("j", "X-Said")
    terminal.press_until_told("j", f"https://example.com/{SHOWN[0]}")
    terminal.press("r")
    terminal.was_told(f"Resending to {refuses}")
    terminal.press("y")
    terminal.sees("payload")
    terminal.press("p")
    terminal.was_told("Copied")


def look_at_destinations(terminal: Terminal) -> None:
    """Look at the list, messages, a question, and the answer to a test."""
    refuses = visible(NAMES["refuses"])
    terminal.press("2")
    terminal.sees("Destinations · 3", *(visible(name)[:16] for name in NAMES.values()))
    terminal.press("p")
    terminal.was_told(f"{refuses} is paused")
    terminal.sees("‖ paused")
    terminal.press("p")
    terminal.was_told(f"{refuses} is active again")
    terminal.press("d")
    terminal.sees(f"Delete {refuses}")
    terminal.press("n")
    terminal.misses("Delete ")
    terminal.press("t")
    terminal.sees("Not delivered")
    terminal.press(ENTER)
    terminal.sees("esc back")
    terminal.press(ESCAPE)
    terminal.misses("esc back")


def look_at_the_log_and_activity(terminal: Terminal) -> None:
    terminal.press("3")
    terminal.sees("Log · ", "permanently failed")
    terminal.press("g")
    terminal.sees(f"lg{visible(MARKUP[0])}")
    terminal.press("f")
    terminal.sees("warnings and errors")
    terminal.press("4")
    terminal.sees("LAST 24 HOURS", *(visible(name) for name in NAMES.values()))
    terminal.press("?")
    terminal.sees("Keys of this screen")
    terminal.press(ESCAPE)
    terminal.misses("Keys of this screen")


def look_at_fields(terminal: Terminal) -> None:
    """Paste hostile text into fields. Only the last filter stops it there."""
    terminal.press("2e")
    terminal.sees("Display name", "mk")
    terminal.press(ESCAPE)
    terminal.sees("Destinations · 3")
    for screen, title, empty_field, nothing in (
        ("1", "Alerts · 27", "severity:>=high", "No alerts match"),
        ("3", "Log · ", "text to search for", "No lines match"),
    ):
        terminal.press(screen)
        terminal.sees(title)
        terminal.press("/")
        terminal.sees(empty_field)
        terminal.paste(SEQUENCES[3] + INVISIBLE[0])
        terminal.sees(nothing)
        terminal.press(f"{TO_THE_START}{ENTER}")
        terminal.misses(nothing)
    terminal.press(PALETTE)
    terminal.sees("Search for commands")
    terminal.paste(ONE_LINE)
    terminal.sees("No matches found")
    terminal.press(ESCAPE)
    terminal.misses("No matches found")


def click_on_everything(terminal: Terminal) -> None:
    terminal.press("1")
    terminal.sees("Alerts · 27")
    for row in range(2, terminal.height, 2):
        terminal.click(30, row)
        terminal.click(130, row)
    terminal.press("2")
    terminal.sees("Destinations · 3")


# --- commands


COMMANDS = (
    ("alert", "list", "--limit", "100"),
    ("alert", "show", "[@click=app.quit]0[/nope]"),
    ("alert", "show", f"[@click=app.quit]{len(EVERYTHING) - 1}[/nope]"),
    ("alert", "show", SEQUENCES[0]),
    ("destination", "list"),
    ("destination", "show", NAMES["refuses"]),
    ("destination", "show", NAMES["takes"]),
    ("destination", "show", SEQUENCES[2]),
    ("alert", "list", "--search", f"{MARKUP[0]}{SEQUENCES[4]}"),
    ("alert", "list", "--state", SEQUENCES[5]),
    (SEQUENCES[3],),
    ("destination", "rotate", NAMES["takes"]),
    ("destination", "rotate", NAMES["takes"]),
    ("destination", "rotate", NAMES["refuses"]),
    ("destination", "test", NAMES["refuses"]),
    ("destination", "test", NAMES["babbles"]),
    ("destination", "edit", NAMES["takes"], "--timeout", SEQUENCES[0]),
    ("destination", "edit", NAMES["takes"], "--name", ONE_LINE.replace("\0", "")),
    ("destination", "pause", NAMES["takes"]),
    ("destination", "resume", NAMES["takes"]),
    ("destination", "add", "x", f"http://127.0.0.1/{SEQUENCES[9]}"),
    ("alert", "resend", "--failed", "--to", NAMES["refuses"], "--limit", "3"),
    ("alert", "cancel", "[@click=app.quit]0[/nope]"),
    ("token", "list"),
    ("token", "add", SEQUENCES[0]),
    ("token", "revoke", f"{MARKUP[0]}{SEQUENCES[0]}"),
    ("db", "check"),
    ("db", "prune", "--older-than", SEQUENCES[3]),
    ("db", "prune", "--older-than", "1d", "--state", SEQUENCES[3]),
    ("db", "backup", f"hostile/{SEQUENCES[3]}"),
    ("--db", f"hostile/{SEQUENCES[4]}.db", "alert", "list"),
    ("--db", f"hostile/{SEQUENCES[4]}.db", "db", "migrate"),
    ("--db", f"hostile/{SEQUENCES[4]}.db", "db", "check"),
    ("--db", f"hostile/{SEQUENCES[4]}.db", "dispatch", "--drain"),
    ("--db", "hostile", "db", "check"),
    ("--log", f"{SEQUENCES[4]}/x/\x9b", "--db", "hostile", "alert", "list"),
    ("--config", SEQUENCES[2], "alert", "list"),
    ("--config", "hostile.toml", "alert", "list"),
    ("receive", "--host", SEQUENCES[6]),
    ("receive", "--secret", f"file:{SEQUENCES[6]}"),
    ("send", SEQUENCES[5]),
    ("send", "hostile.jsonl"),
    ("send", "hostile.jsonl", "--wait", "--to", NAMES["takes"]),
    ("send", "hostile.jsonl", "--to", SEQUENCES[0]),
    ("send", "hostile.jsonl", "--format", SEQUENCES[0]),
    ("send", "--title", "x", "--wait", SEQUENCES[0]),
    ("send", "--title", "x", "--context", SEQUENCES[0]),
    ("watch", f"hostile/{SEQUENCES[0]}", "--to", SEQUENCES[1].replace("\0", "")),
    ("destination", "delete", NAMES["babbles"], "--yes"),
)

AS_JSON = (
    ("alert", "show", "[@click=app.quit]0[/nope]"),
    ("alert", "show", f"[@click=app.quit]{len(EVERYTHING) - 1}[/nope]"),
    ("alert", "list", "--limit", "100"),
    ("destination", "list"),
    ("destination", "show", NAMES["takes"]),
    ("destination", "test", NAMES["refuses"]),
    ("destination", "rotate", NAMES["takes"]),
    ("token", "list"),
    ("send", "hostile.jsonl"),
    ("send", "hostile.jsonl", "--wait", "--to", NAMES["takes"]),
    ("send", "bad.jsonl"),
)


@pytest.fixture
def files(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hostile files in the working directory: alerts, invalid alerts and a configuration."""
    directory = installation.directory
    (directory / "hostile").mkdir()
    alerts = [_alert(100 + number, text) for number, text in enumerate(EVERYTHING)]
    (directory / "hostile.jsonl").write_text("".join(f"{json.dumps(alert)}\n" for alert in alerts))
    bad = [
        {"title": "x", key: text} for key in ("severity", "type", "createdAt", "tags") for text in EVERYTHING
    ]
    bad += [{text: 1} for text in EVERYTHING] + [
        {"title": "x", "destinations": [text]} for text in EVERYTHING
    ]
    lines = [json.dumps(each) for each in bad] + [text.replace("\r", "") for text in EVERYTHING]
    (directory / "bad.jsonl").write_text("\n".join(lines), encoding="utf-8")
    keys = "\n".join(f"{json.dumps(text)} = 1" for text in EVERYTHING)
    (directory / "hostile.toml").write_text(keys, encoding="utf-8")
    with closing(Store(Sqlite(Path(installation.database)))) as store:
        write(store, tokens.add, Token(f"{MARKUP[0]}{SEQUENCES[0]}{INVISIBLE[0]}", digest_of("x")))
        for each in store.read(destinations.all_destinations).result():
            if each.name == NAMES["takes"]:
                write(store, destinations.edit, replace(each, secret=Secret(format_secret(b"k" * 32))))
    monkeypatch.chdir(directory)
    monkeypatch.setattr("tests.drills.terminal.ROOT", directory)
    monkeypatch.setattr("tests.drills.installation.ROOT", directory)
    installation.environment["PYTHONPATH"] = str(ROOT)


def on_terminal(installation: Installation, *command: str) -> str:
    """Return all that a command writes to a terminal."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    process = warm.start(command, (slave,) * 3, env=installation.environment, cwd=installation.directory)
    os.close(slave)
    written = b""
    with suppress(OSError):  # EIO: the command has ended
        while some := os.read(master, 65536):
            written += some
    os.close(master)
    process.join()
    return written.decode()


@pytest.mark.usefixtures("files")
def test_commands_print_hostile_text_inert(installation: Installation) -> None:
    installation.run("dispatch", "--drain")
    for command in COMMANDS:
        written = on_terminal(installation, *command)
        assert_nothing_acts(written)
        piped = installation.ask(*command)
        assert "\x1b" not in piped.stdout + piped.stderr
        assert_nothing_acts(piped.stdout + piped.stderr)
        for said in (written, piped.stderr):
            assert "Traceback" not in said, command
            assert "this is a bug" not in said, (command, said)
            assert "No such command" not in said or command[0] == SEQUENCES[3], said
    listed = installation.run("alert", "list", "--limit", "100")
    assert not [text for text in SHOWN if text not in listed]


@pytest.mark.usefixtures("files")
def test_json_output_is_escaped_and_lossless(installation: Installation) -> None:
    printed = installation.run("alert", "list", "--limit", "100", "--json")
    assert {alert["title"] for alert in json.loads(printed)} >= {storable(text) for text in EVERYTHING}
    for command in AS_JSON:
        piped = installation.ask(*command, "--json")
        assert_nothing_acts(piped.stdout + piped.stderr)
        assert json.loads(piped.stdout) is not None
        assert_nothing_acts(on_terminal(installation, *command, "--json"))


@pytest.mark.usefixtures("files")
def test_watch_reports_hostile_names_inert(installation: Installation) -> None:
    command = [sys.executable, "-m", "tui", "watch", "--from-start", "bad.jsonl", "hostile.jsonl"]
    with closing(Terminal(command, installation.environment, (400, 200))) as terminal:
        terminal.was_told(f"{len(EVERYTHING)} stored, 0 bad")
        terminal.press("\x03")
        assert terminal.exit_code() == 0
        assert_nothing_acts(terminal.text)


def test_the_demo_prints_hostile_text_inert(installation: Installation) -> None:
    assert_nothing_acts(installation.run("demo"))


def test_the_receiver_prints_hostile_text_inert(installation: Installation) -> None:
    command = [sys.executable, "-m", "tui", "receive", "--port", "0"]
    with closing(Terminal(command, installation.environment, (400, 200))) as terminal:
        terminal.was_told("Ctrl-C to stop")
        port = int(re.findall(r"http://127.0.0.1:(\d+)", terminal.text)[0])
        body = "\n".join(EVERYTHING).encode()
        length = f"Content-Length: {len(body)}\r\n\r\n".encode()
        with socket.create_connection(("127.0.0.1", port)) as connection:
            head = f"POST /{MARKUP[0]}%1b]0;owned%07 HTTP/1.1\r\nHost: x\r\nX-Said: {MARKUP[1]}\x9b5;9m\r\n"
            connection.sendall(head.encode("latin-1") + length + body)
            assert connection.recv(64).startswith(b"HTTP/1.1 200")
        for text in (MARKUP[1], *MARKUP, visible(SEQUENCES[1])):
            terminal.was_told(text)
        terminal.press("\x03")
        assert terminal.exit_code() == 0
        assert_nothing_acts(terminal.text)
