"""`--reject FILE`: where the lines go of which no alert can be made, to be mended and sent again."""

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from tui.domain.errors import Invalid
from tui.store.private import refuse_planted_link

reject_option: Callable[..., Any] = click.option(
    "--reject",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Add bad lines to this file, as they came.",
)


class Rejects:
    """Appended to, line by line; a new file is readable by its owner alone: alerts may tell much.

    Raises Invalid, before anything is read, where the file cannot be written or is one of those read.
    """

    def __init__(self, path: Path | None, sources: Iterable[Path] = ()) -> None:
        self.path = path
        if path is None:
            return
        try:
            self.keep([])
            if any(path.samefile(source) for source in sources if source.exists()):
                raise Invalid(
                    "reject", f"{path} is what the alerts are read from; --reject takes another file"
                )
        except OSError as error:
            raise Invalid("reject", f"{path} cannot be written: {error.strerror}") from None

    def keep(self, lines: Iterable[bytes | None]) -> int:
        """How many were kept: of a line that was too long there is nothing. All of them, or OSError."""
        if self.path is None:
            return 0
        kept = [raw + b"\n" for raw in lines if raw is not None]
        refuse_planted_link(self.path)
        # Opened each time, so that it can be moved away meanwhile.
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _append(descriptor, b"".join(kept))
        finally:
            os.close(descriptor)
        return len(kept)


def _append(descriptor: int, data: bytes) -> None:
    before = os.fstat(descriptor).st_size
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError:
        # A disk that is full takes a part: what is added once there is room is no end of that line.
        with contextlib.suppress(OSError):  # a pipe or a terminal keeps what it was given
            os.ftruncate(descriptor, before)
        raise
