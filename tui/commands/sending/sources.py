"""Where `tocsin watch` keeps the position of each file: the names under which positions are stored."""

import socket
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.intake.following import FollowedFile
    from tui.store.engine.database import Store
    from tui.store.following import Place


class Sources:
    """The names under which positions are stored."""

    def __init__(self, store: "Store", name: str | None, *, on_sqlite: bool) -> None:
        self._store = store
        # An SQLite database is used by one machine, so the path is enough, whatever the host name.
        self._only_one = on_sqlite and not name
        self._name = name or ("" if on_sqlite else _machine())

    def of(self, path: Path | str) -> str:
        return f"{self._name}:{path}" if self._name else str(path)

    def place_of(self, path: Path | str) -> "Place | None":
        from tui.store import following

        return self._store.read(following.place_of, self.of(path)).result()

    def follow(
        self, path: Path, directories: "list[Path]", *, from_start: bool
    ) -> "tuple[FollowedFile, Place | None]":
        """Return the file at its place, and the place that is stored under its source.

        A file without a place continues at one that was stored under another name, if it is the same file.
        The other row stays: another machine may own it.
        """
        from tui.intake.following import FollowedFile

        stored = self.place_of(path)
        file = FollowedFile(path, stored, from_start=from_start, rotated_to=directories)
        if stored is None and (place := self._place_elsewhere(path, file)) is not None:
            file.close()
            file = FollowedFile(path, place, from_start=from_start, rotated_to=directories)
        return file, stored

    def _place_elsewhere(self, path: Path, file: "FollowedFile") -> "Place | None":
        from tui.store import following

        own = self._store.read(following.place_of, f"{socket.gethostname()}:{path}").result()
        if own is not None:  # of an older version
            return own
        places = self._store.read(following.places_elsewhere, str(path)).result()
        same = next((place for place in places if file.is_place_of(place)), None)
        return same or (places[0] if places and self._only_one else None)


def _machine() -> str:
    """Return the name of this machine: its ID, which a change of host name does not affect."""
    try:
        machine_id = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        machine_id = ""
    return machine_id if len(machine_id) == 32 else socket.gethostname()
