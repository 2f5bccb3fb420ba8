"""Opens a text in the person's pager, the app stepping aside meanwhile."""

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
    """Page `text`, which must act on no terminal: a pager may be told to let it."""
    try:
        command = _command()
    except ValueError as problem:
        app.notify(str(problem), severity="error", markup=False)
        return
    with _kept(text) as path:
        try:
            with app.suspend(), _deaf_to_interrupts():
                subprocess.run([*command, str(path)], check=False)  # noqa: S603 - the person's own choice
        except SuspendNotSupported:
            app.notify("This terminal cannot be handed to a pager", severity="error", markup=False)
        except OSError as error:
            problem = f"The pager {command[0]} cannot be started: {error.strerror}"
            app.notify(problem, severity="error", markup=False)


def _command() -> list[str]:
    """The words of $PAGER, else less; raises ValueError with a sentence when there is no such program."""
    wanted = os.environ.get("PAGER", "").strip()
    try:
        words = shlex.split(wanted) or [_LESS]
    except ValueError:
        raise ValueError(f"PAGER is not a command: {wanted!r}") from None
    if shutil.which(words[0]) is None and wanted:
        raise ValueError(f"There is no pager {words[0]!r}: set PAGER to one that is installed")
    if shutil.which(words[0]) is None:
        raise ValueError("There is no pager: install less, or set PAGER to one that is installed")
    if Path(words[0]).name == _LESS:
        words.append("-+F")  # or LESS=-F, which many have, closes a short text before it was seen
    return words


@contextmanager
def _kept(text: str) -> Iterator[Path]:
    """A file with `text` that its owner alone can read, gone afterwards."""
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
    """Ctrl-C belongs to the pager. A function, as what is ignored would be ignored by the pager too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
