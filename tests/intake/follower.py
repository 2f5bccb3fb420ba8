"""A file followed as `tocsin watch` does, with a list as the store, and what happens to files."""

from collections.abc import Callable
from pathlib import Path

from tests.conftest import Clock
from tui.intake.following import SETTLED, Chunk, FollowedFile
from tui.intake.lost import Lost
from tui.store.following import Place


class Reader:
    """Follow a file as `tocsin watch` does, with a list as the store."""

    def __init__(self, path: Path, *, from_start: bool = True, rotated_to: tuple[Path, ...] = ()) -> None:
        self.path = path
        self.file: FollowedFile | None = None
        self.lost: list[Lost] = []
        self._rotated_to = rotated_to
        self.lines: list[bytes | None] = []
        self.notes: list[str] = []
        self.place: Place | None = None
        self._from_start = from_start
        self.clock = Clock(0)
        self.restart()

    def look(self) -> Chunk | None:
        assert self.file is not None
        chunk = self.file.read()
        if chunk is not None:
            self.lines += [line.raw for line in chunk.lines]
            self.notes += chunk.notes
            self.lost += chunk.lost
            self.place = chunk.place
        return chunk

    def catch_up(self) -> list[bytes | None]:
        """Return every line so far, reading until a rotated file counts as complete."""
        for _ in range(4 * SETTLED):
            self.look()
        return self.lines

    def restart(self) -> None:
        """Restart as after kill -9: only the stored place is left."""
        self.close()
        self.file = FollowedFile(
            self.path,
            self.place,
            from_start=self._from_start,
            rotated_to=self._rotated_to,
            ticks=lambda: self.clock() / 1000,
        )

    def close(self) -> None:
        if self.file is not None:
            self.file.close()


Follow = Callable[..., Reader]


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def rotate(path: Path) -> None:
    """Rotate as logrotate does: .1 becomes .2, the file becomes .1."""
    for number in (3, 2, 1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.rename(path.with_name(f"{path.name}.{number + 1}"))
    path.rename(path.with_name(f"{path.name}.1"))
