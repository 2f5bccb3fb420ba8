"""The log: one line per event, without control characters and without secrets."""

import contextlib
import errno
import fcntl
import io
import logging
import logging.handlers
import os
import re
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tui.domain.secret import mask_url
from tui.domain.text import visible
from tui.store.errors import CannotOpen
from tui.store.private import close_to_others, make_directory, refuse_foreign_file, refuse_planted_link

_ROTATE_AT = 10 * 1024 * 1024
_URL = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)


class OneLine(logging.Formatter):
    """Formats `2026-01-31T09:30:00.000Z ERROR dispatcher: …` with URLs masked and tracebacks on the line."""

    converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        # A service writes each record twice, to the file and to stderr: it is formatted once.
        line: str | None = getattr(record, "line", None)
        if line is None:
            line = record.line = self._format(record)
        return line

    def _format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if record.exc_info:
            text += " | " + self.formatException(record.exc_info)
        stamp = f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z"
        part = record.name.rpartition(".")[2]
        return f"{stamp} {record.levelname} {part}: {visible(redact(text))}"


def redact(text: str) -> str:
    """Return `text` with every URL masked: webhook URLs often contain a token."""
    return _URL.sub(lambda match: _mask(match[0]), text)


def first_line(error: BaseException) -> str:
    """Return an error's first line with URLs masked. Further lines of database errors quote whole rows."""
    return redact(str(error).partition("\n")[0])


def _mask(url: str) -> str:
    try:
        return mask_url(url)
    except ValueError:
        return "http://…"


class _File(logging.handlers.WatchedFileHandler):
    """The log file. It is rotated when it is large, and reopened when another program has rotated it."""

    def _open(self) -> io.TextIOWrapper:
        # The same checks as in `set_up`: if the file was removed, this creates it.
        return open(self.baseFilename, "a", encoding="utf-8", opener=_open_privately)

    def reopenIfNeeded(self) -> None:
        # Before each record. One `stat` tells that the file is still ours and not too large.
        with contextlib.suppress(OSError):
            found = os.stat(self.baseFilename)
            if (found.st_dev, found.st_ino) == (self.dev, self.ino) and found.st_size <= _ROTATE_AT:
                return
        _rotate_if_large(Path(self.baseFilename))
        super().reopenIfNeeded()


def _open_privately(path: str, flags: int) -> int:
    _refuse(Path(path))
    return os.open(path, flags, 0o600)


def _refuse(path: Path) -> None:
    """Raise OSError if `path` is no file for a log: a pipe that nobody reads would block for ever."""
    refuse_planted_link(path)
    refuse_foreign_file(path)
    with contextlib.suppress(FileNotFoundError):
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) and not any(os.path.samestat(found, one) for one in _outputs()):
            raise OSError(errno.EINVAL, "it is not a regular file")


def _outputs() -> Iterator[os.stat_result]:
    """What a log may go to beside files: /dev/null, and what our output goes to, as /dev/stdout."""
    yield os.stat(os.devnull)
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            yield os.fstat(descriptor)


def _rotate_if_large(path: Path) -> None:
    with contextlib.suppress(OSError):  # if rotation fails, the file keeps growing
        if path.stat().st_size <= _ROTATE_AT:
            return
        with path.open("rb") as file:
            # If several processes see the file is too large, only one rotates it; a second would rotate the
            # new file.
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                path.replace(path.with_suffix(path.suffix + ".1"))


def set_up(path: Path, *, to_stderr: bool) -> None:
    """Write the log to `path`, readable only by its owner. For a service, also write it to stderr.

    Raises CannotOpen if the file cannot be written.
    """
    try:
        make_directory(path.parent)
        _refuse(path)
        _rotate_if_large(path)
        file = _File(path)
        if path.is_file():
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
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # no line shows them
