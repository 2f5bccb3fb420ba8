"""What strangers write is text: in every place where it is shown, on a real terminal, byte by byte."""

import base64
import json
import re
import socket
import sys
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import write
from tests.drills.installation import Installation
from tests.drills.terminal import CONTROL, Terminal
from tests.hostile import EVERYTHING, INVISIBLE, MARKUP, SEQUENCES, SURROGATE
from tui.domain.destination import Destination
from tui.domain.text import visible
from tui.store import destinations
from tui.store.database import Store
from tui.store.sqlite import Sqlite

ONE_LINE = "".join(EVERYTHING)
HEADER = "".join(t for t in EVERYTHING if t.isascii() and not set(t) & set("\r\n\0"))
NAMES = {
    "refuses": f"{MARKUP[1]} {SEQUENCES[0]}",
    "takes": f"{MARKUP[2]} {INVISIBLE[0]}",
    "babbles": f"{MARKUP[0]} {SEQUENCES[3]}",
}
"""Of destinations, by what is behind their paths. The command line refuses such names; a database may hold them."""

# What Textual itself sends to a terminal, and nothing else may.
_OURS = re.compile(
    r"\x1b\[[\d;:]*m|\x1b\[\d*;?\d*H|\x1b\[\?\d+(;\d+)?[hl]|\x1b\[\?\d+\$p|\x1b\[[<>=]\d*u|\x1b\[\?u|\x1b\[\d*[JKX]|\x1b\[\d+(;\d+)*t|\x1b\[c|\x1b\[6n"
)


def assert_inert(written: str, *, copied: tuple[str, ...] = ()) -> None:
    """Nothing in it acts on a terminal but what is ours; `copied` went to the clipboard."""
    for text in EVERYTHING:
        for sequence in CONTROL.findall(text):
            assert sequence not in written, (sequence, text)
    controls = {found[0] for found in CONTROL.finditer(written)}
    clipboard = {f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\a" for text in copied}
    strange = {control for control in controls if not _OURS.fullmatch(control)} - clipboard
    assert strange == set()
    rest = CONTROL.sub("", written)
    acting = {c for c in rest if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in "\r\n"}
    assert acting == set()


class Stranger:
    """A receiver that answers each path in its own hostile way, byte by byte: no HTTP library would."""

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
def engine() -> str:
    """What is shown does not depend on the engine."""
    return "sqlite"


@pytest.fixture(autouse=True)
def stored(installation: Installation, stranger: Stranger) -> None:
    """Destinations with hostile names, and an alert for each text, hostile in every field."""
    installation.environment |= {"LANG": "C.UTF-8", "COLORTERM": "truecolor", "TOCSIN_RETRY_DELAYS": "0.01"}
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
