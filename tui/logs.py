"""Where log lines go: one line an event, nothing in it that a terminal acts on, no secrets."""

import logging
import logging.handlers
import os
import re
import sys
import time
from pathlib import Path

from tui.domain.errors import Invalid
from tui.domain.secret import mask_url
from tui.domain.text import visible

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


def _mask(url: str) -> str:
    try:
        return mask_url(url)
    except ValueError:
        return "http://…"


def set_up(path: Path, *, to_stderr: bool) -> None:
    """Write the log to `path`, readable by its owner alone, and for a service to stderr as well.

    Raises Invalid (`log`) when the file cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600))
        if path.stat().st_size > _ROTATE_AT:
            path.replace(path.with_suffix(path.suffix + ".1"))
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600))
    except OSError as error:
        raise Invalid(
            "log", f"the log {path} cannot be written: {error.strerror}; choose another with --log"
        ) from None
    handlers: list[logging.Handler] = [
        # Reopens the file when another Tocsin has moved it away.
        logging.handlers.WatchedFileHandler(path, encoding="utf-8")
    ]
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
