"""A terminal with a program: what the program writes, and what is visible."""

import codecs
import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence

from tests.drills.installation import ROOT, eventually
from tests.drills.receiver import PATIENCE_S

_MOST_PRESSES = 300
CONTROL = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC: clipboard, window title, links
    r"|\x1b[PX^_][^\x1b]*\x1b\\"  # DCS, SOS, PM, APC
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, the cursor, modes
    r"|\x1b[^\[\]PX^_]"
)
_MOVE = re.compile(r"\x1b\[(\d*);?(\d*)H")


class Terminal:
    """A terminal with cells of one column, which is enough for Textual."""

    def __init__(
        self, argv: Sequence[str], environment: Mapping[str, str], size: tuple[int, int] = (200, 50)
    ) -> None:
        self.width, self.height = size
        self.written = b""
        self._canvas = _Canvas(*size)
        self._master, slave = pty.openpty()
        self._name = os.ttyname(slave)
        self._before = termios.tcgetattr(slave)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", self.height, self.width, 0, 0))
        self.process = subprocess.Popen(
            argv,
            env=environment,
            cwd=ROOT,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_take_the_terminal,
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    # --- what a person does

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def paste(self, text: str) -> None:
        self.press(f"\x1b[200~{text}\x1b[201~")

    def click(self, column: int, row: int) -> None:
        self.press(f"\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m")

    # --- what a person sees

    @property
    def text(self) -> str:
        """Return all that was written. Fail if it is not UTF-8.

        While the app runs, the last character may be half read.
        """
        has_ended = not self._reader.is_alive()
        return codecs.getincrementaldecoder("utf-8")().decode(self.written, final=has_ended)

    @property
    def screen(self) -> list[str]:
        return self._canvas.lines

    def sees(self, *texts: str) -> None:
        eventually(
            lambda: not _missing(texts, self.screen),
            lambda: f"no {_missing(texts, self.screen)} in\n" + "\n".join(self.screen),
        )

    def misses(self, text: str) -> None:
        eventually(
            lambda: _missing([text], self.screen), lambda: f"still {text!r} in\n" + "\n".join(self.screen)
        )

    def was_told(self, text: str) -> None:
        """Wait until a text was written anywhere on the screen, however briefly."""
        eventually(lambda: self.has_told(text), lambda: f"no {text!r}, but\n" + "\n".join(self.screen))

    def has_told(self, text: str) -> bool:
        return text in self._canvas.told

    def press_until_told(self, key: str, text: str) -> None:
        """Press a key once per frame until a text was shown."""
        for _ in range(_MOST_PRESSES):
            if self.has_told(text):
                return
            seen = self.screen
            self.press(key)
            eventually(lambda: self.screen != seen, lambda: f"{text!r} did not come")  # noqa: B023
        raise AssertionError(f"{text!r} did not come after {_MOST_PRESSES} keys:\n" + "\n".join(self.screen))

    # --- its end

    def exit_code(self) -> int:
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code

    def assert_restored(self) -> None:
        """Check that the terminal is restored to its state before the program."""
        slave = os.open(self._name, os.O_RDWR | os.O_NOCTTY)
        assert termios.tcgetattr(slave) == self._before
        os.close(slave)
        for mode in ("1049", "1000", "1003", "1006", "2004"):  # the other screen, the mouse, pasting
            assert self.text.rfind(f"\x1b[?{mode}h") <= self.text.rfind(f"\x1b[?{mode}l"), mode
        assert self.text.rfind("\x1b[?25l") <= self.text.rfind("\x1b[?25h"), "the cursor is seen again"

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE_S)
        self._reader.join()
        os.close(self._master)

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # EIO: who wrote has gone
            while part := os.read(self._master, 65536):
                self.written += part
                self._canvas.take(part)


def _take_the_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _missing(texts: Sequence[str], screen: Sequence[str]) -> list[str]:
    seen = "\n".join(screen)
    return [text for text in texts if text not in seen]


class _Canvas:
    """The visible screen, and all text ever written to it, without control sequences."""

    def __init__(self, width: int, height: int) -> None:
        self.told = ""
        self._size = width, height
        self._cells = _blank(width, height)
        self._row = self._column = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""

    @property
    def lines(self) -> list[str]:
        return ["".join(line).rstrip() for line in self._cells]

    def take(self, written: bytes) -> None:
        text = self._rest + self._decoder.decode(written)
        last = text.rfind("\x1b")
        whole = len(text) if last < 0 or CONTROL.match(text, last) else last
        text, self._rest = text[:whole], text[whole:]
        place = 0
        for match in CONTROL.finditer(text):
            self._write(text[place : match.start()])
            self._steer(match[0])
            place = match.end()
        self._write(text[place:])

    def _write(self, text: str) -> None:
        width, height = self._size
        self.told += text
        for character in text:
            if character == "\n":
                self._row += 1
            elif character == "\r":
                self._column = 0
            else:
                if self._row < height and self._column < width:
                    self._cells[self._row][self._column] = character
                self._column += 1

    def _steer(self, control: str) -> None:
        if moved := _MOVE.fullmatch(control):
            self._row, self._column = int(moved[1] or 1) - 1, int(moved[2] or 1) - 1
        elif control in ("\x1b[?1049h", "\x1b[2J"):
            self._cells = _blank(*self._size)


def _blank(width: int, height: int) -> list[list[str]]:
    return [[" "] * width for _ in range(height)]
