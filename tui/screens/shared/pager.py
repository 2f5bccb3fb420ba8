"""Open a text in the user's pager, with the app suspended meanwhile."""

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

_LESS = "less"


def show(app: App[Any], text: str) -> None:
    """Show `text` in a pager. It must hold no control sequences: some pagers pass them on to the terminal."""
    try:
        command = _command()
    except ValueError as problem:
        app.notify(str(problem), severity="error", markup=False)
        return
    with _kept(text) as path:
        try:
            with app.suspend(), _deaf_to_interrupts():
                subprocess.run([*command, str(path)], check=False)  # noqa: S603 - the user's own choice
        except SuspendNotSupported:
            app.notify("Cannot open a pager in this terminal", severity="error", markup=False)
        except OSError as error:
            problem = f"Cannot start the pager {command[0]}: {error.strerror}"
            app.notify(problem, severity="error", markup=False)


def _command() -> list[str]:
    """Return the command in $PAGER, else less. Raises ValueError if there is no such program."""
    wanted = os.environ.get("PAGER", "").strip()
    try:
        words = shlex.split(wanted) or [_LESS]
    except ValueError:
        raise ValueError(f"PAGER is not a valid command: {wanted!r}") from None
    if shutil.which(words[0]) is None and wanted:
        raise ValueError(f"Pager {words[0]!r} not found. Set PAGER to an installed program")
    if shutil.which(words[0]) is None:
        raise ValueError("No pager found. Install less, or set PAGER to an installed program")
    if Path(words[0]).name == _LESS:
        words.append("-+F")  # else LESS=-F, which is common, closes a short text at once
    return words


@contextmanager
def _kept(text: str) -> Iterator[Path]:
    """A temporary file with `text`, readable by its owner only."""
    handle, name = tempfile.mkstemp(prefix="tocsin-", suffix=".txt")
    path = Path(name)
    try:
        with open(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Leave Ctrl-C to the pager. Not SIG_IGN: the pager would inherit that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
