"""Where log lines go: one line an event, nothing in it that a terminal acts on, no secrets."""

import contextlib
import fcntl
import io
import logging
import logging.handlers
import os
import re
import sys
import time
from pathlib import Path

from tui.domain.secret import mask_url
from tui.domain.text import visible
from tui.store.errors import CannotOpen
from tui.store.private import close_to_others, make_directory, refuse_planted_link

_ROTATE_AT = 10 * 1024 * 1024
_URL = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)


class OneLine(logging.Formatter):
    """`2026-01-31T09:30:00.000Z ERROR dispatcher: …`; URLs masked, tracebacks folded into the line."""

    converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if record.exc_info:
            text += " | " + self.formatException(record.exc_info)
        stamp = f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z"
        part = record.name.rpartition(".")[2]
        return f"{stamp} {record.levelname} {part}: {visible(redact(text))}"


def redact(text: str) -> str:
    """`text` with every URL in it masked: webhook URLs often hold a token."""
    return _URL.sub(lambda match: _mask(match[0]), text)


def told_of(error: BaseException) -> str:
    """What a crash says of itself: the first line, URLs masked. Below it a database quotes whole rows."""
    return redact(str(error).partition("\n")[0])


def _mask(url: str) -> str:
    try:
        return mask_url(url)
    except ValueError:
        return "http://…"


class _File(logging.handlers.WatchedFileHandler):
    """The log's file, put aside when it is large; opened anew where another program has done so."""

    def _open(self) -> io.TextIOWrapper:
        # As `set_up` does it: where the file was taken away we are the one that makes it.
        return open(self.baseFilename, "a", encoding="utf-8", opener=_open_privately)

    def emit(self, record: logging.LogRecord) -> None:
        _put_aside_if_large(Path(self.baseFilename))
        super().emit(record)


def _open_privately(path: str, flags: int) -> int:
    refuse_planted_link(Path(path))
    return os.open(path, flags, 0o600)


def _put_aside_if_large(path: Path) -> None:
    with contextlib.suppress(OSError):  # what cannot be put aside goes on growing
        if path.stat().st_size <= _ROTATE_AT:
            return
        with path.open("rb") as file:
            # Of several that find it large one puts it aside: the next would put the new one in its place.
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                path.replace(path.with_suffix(path.suffix + ".1"))


def set_up(path: Path, *, to_stderr: bool) -> None:
    """Write the log to `path`, readable by its owner alone, and for a service to stderr as well.

    Raises CannotOpen when the file cannot be written.
    """
    try:
        make_directory(path.parent)
        refuse_planted_link(path)
        _put_aside_if_large(path)
        file = _File(path)
        close_to_others(path)
    except OSError as error:
        raise CannotOpen(
            f"cannot write the log {path}: {error.strerror}; choose another with --log"
        ) from None
    handlers: list[logging.Handler] = [file]
    if to_stderr:
        handlers.append(logging.StreamHandler(sys.stderr))
    logger = logging.getLogger("tui")
    for handler in (*logger.handlers,):
        logger.removeHandler(handler)
        handler.close()
    for handler in handlers:
        handler.setFormatter(OneLine())
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logging.raiseExceptions = False  # a full disk must not print into the screen
