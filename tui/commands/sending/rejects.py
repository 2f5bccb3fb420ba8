"""`--reject FILE`: a file for lines that are not valid alerts, to be fixed and sent again."""

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
    help="Append invalid lines to this file, unchanged.",
)


class Rejects:
    """The file that invalid lines are appended to. Created with mode 0600: alerts may be confidential.

    Raises Invalid if the file cannot be written or is one of `sources`.
    """

    def __init__(self, path: Path | None, sources: Iterable[Path] = ()) -> None:
        self.path = path
        if path is None:
            return
        try:
            self.keep([])
            if any(path.samefile(source) for source in sources if source.exists()):
                raise Invalid(
                    "reject",
                    f"cannot write rejected lines to {path}: it is an input; give --reject another file",
                )
        except OSError as error:
            raise Invalid(
                "reject", f"cannot write {path}: {error.strerror}; give --reject another file"
            ) from None

    def keep(self, lines: Iterable[bytes | None]) -> int:
        """Append the lines and return how many; None stands for a line too long to keep.

        Raises OSError, and then no line was appended.
        """
        if self.path is None:
            return 0
        kept = [raw + b"\n" for raw in lines if raw is not None]
        refuse_planted_link(self.path)
        # Opened each time, so that it may be moved while we run.
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
        # A full disk stores a part of the line: remove it, or the next line would continue it.
        with contextlib.suppress(OSError):  # a pipe or a terminal cannot be truncated
            os.ftruncate(descriptor, before)
        raise
